"""How parcels and shipments look at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from cli.api import duration
from cli.screen import STYLES, clean, facts, moment, table

if TYPE_CHECKING:
    from rich.console import RenderableType


def parcel(body: Any) -> RenderableType:
    """A parcel, or a shipment with its parcel."""
    known = body if "events" in body else body.get("parcel")
    parts: list[RenderableType] = [_title(body), facts(_facts(body, known))]
    if problem := body.get("problem"):
        parts.append(Text(clean(problem["message"]), style="yellow"))
    if known and known["events"]:
        parts.append(
            table(
                ("TIME", "STATUS", "PLACE", "WHAT"),
                [
                    (moment(event["time"]), event["status"] or "", event["location"] or "", event["text"])
                    for event in known["events"]
                ],
            )
        )
    return Group(*parts)


def line(body: Any) -> str:
    """The newest of it in one line."""
    known = body if "events" in body else body.get("parcel")
    newest = (known["events"] or [None])[0] if known else None
    what = (moment(newest["time"]), newest["location"] or "", newest["text"]) if newest else ("-", "", "")
    return "  ".join(clean(each).replace("\n", " ") for each in (what[0], body["status"], *what[1:]) if each)


def shipments(rows: list[Any]) -> RenderableType:
    return table(
        ("ORDER", "COURIER", "NUMBER", "STATUS", "ATTENTION", "UPDATED"),
        [
            (
                each["order_id"],
                each["courier"]["code"],
                each["tracking_number"],
                Text(clean(each["status_name"]), style=STYLES.get(each["status"], "")),
                each["attention"] or "",
                moment(each["updated_at"]),
            )
            for each in rows
        ],
    )


def _title(body: Any) -> Text:
    number = body.get("number") or body["tracking_number"]
    return Text.assemble(
        (clean(body["status_name"]), f"bold {STYLES.get(body['status'], '')}".strip()),
        "  ",
        (f"{clean(body['courier']['name'])} {clean(number)}", "bold"),
    )


def _facts(body: Any, known: Any) -> list[tuple[str, object]]:
    said: list[tuple[str, object]] = []
    if "order_id" in body:
        said += [
            ("order", body["order_id"]),
            ("attention", body["attention"]),
            ("tags", ", ".join(body["tags"])),
        ]
        if check := body.get("next_check"):
            said.append(("next check", f"{moment(check['at'])}  {clean(check['text'])}"))
    if known:
        fresh = known["freshness"]
        age = f"{fresh['source']}, {duration(fresh['age_seconds'])} old"
        said.append(("answer", f"{age}, because {fresh['reason']}" if fresh["reason"] else age))
        if eta := known.get("eta"):
            said.append(("expected", eta["arrives_at"] or eta["remaining_time"]))
    return said
