"""`usage`: calls to Kuaidi100 and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from cli.frame import command
from cli.screen import facts, moment, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cli.frame import Session


def add_to(app: typer.Typer) -> None:
    command(app)(usage)


def usage(
    session: Session,
    month: Annotated[str | None, typer.Option(help="As 2026-11; without it, the running one.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day, as 2026-11-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    member: Annotated[str | None, typer.Option(help="One member's; needs the scope admin.")] = None,
) -> None:
    """Show calls to Kuaidi100, what is charged, budgets and a forecast. Days are China's."""
    said = session.api.get("/v1/usage", {"month": month, "from": first, "to": last, "member": member})
    session.screen.show(said, _picture(said))


def _picture(said: Any) -> RenderableType:
    total, expected = said["total"], said["forecast"]
    parts: list[RenderableType] = [
        Text(f"{said['period']['from']} to {said['period']['to']}", style="bold"),
        facts(
            [
                ("calls", str(total["calls"])),
                ("charged", str(total["billed"])),
                ("failed", str(total["failed"])),
                ("outcome unknown", str(total["unknown"])),
                ("expected today", f"{expected['day']['calls']} calls, {expected['day']['billed']} charged"),
                (
                    "expected this month",
                    f"{expected['month']['calls']} calls, {expected['month']['billed']} charged",
                ),
            ]
        ),
    ]
    for name in ("courier", "cause", "outcome", "member"):
        if counted := said[f"by_{name}"]:
            rows = [(each[name] or "the schedule", each["calls"], each["billed"]) for each in counted]
            parts.append(table((name.upper(), "CALLS", "CHARGED"), rows))
    if said["budgets"]:
        budgets = [
            (
                each["member"] or "all",
                each["period"],
                each["limit"],
                each["used"],
                Text(
                    str(each["left"]),
                    style="red" if each["exhausted"] else "yellow" if each["warned"] else "",
                ),
                moment(each["resets_at"]),
            )
            for each in said["budgets"]
        ]
        parts.append(table(("BUDGET OF", "PER", "LIMIT", "USED", "LEFT", "BEGINS ANEW"), budgets))
    return Group(*parts)
