"""`shipments`: registered parcels of orders, into Waybill and out of it."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

import typer
from rich.text import Text

from cli import importing, pictures, rows, sheet
from cli.exits import Misuse
from cli.frame import command, group
from cli.screen import clean, facts, in_json, moment
from waybill import numbers
from waybill.errors import InvalidField
from waybill.shipments import ORDER_ID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from cli.frame import Session

app = group("Registered parcels of your orders.")
importing.add_to(app)

LARGEST_PAGE = 100
Order = Annotated[str, typer.Argument(metavar="ORDER", help="Your own id of the order.")]
Number = Annotated[
    str | None, typer.Option("--number", help="The tracking number, where the order has several parcels.")
]
Courier = Annotated[str | None, typer.Option("--courier", help="The courier's code.")]
Status = Annotated[str | None, typer.Option(help="Of this status, as in_transit.")]
Tag = Annotated[str | None, typer.Option(help="With this tag.")]
Attention = Annotated[
    bool | None, typer.Option("--attention/--no-attention", help="That somebody should look at, or not.")
]
Since = Annotated[str | None, typer.Option(help="Changed since, as 2026-01-31T09:00:00Z.")]


@command(app, "list")
def list_(
    session: Session,
    status: Status = None,
    courier: Courier = None,
    tag: Tag = None,
    attention: Attention = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 50,
) -> None:
    """Show shipments, the newest first."""
    query = _filters(status, courier, tag, attention, since)
    found: list[Any] = []
    for page in session.api.pages("/v1/shipments", "shipments", {**query, "limit": min(limit, LARGEST_PAGE)}):
        found += page
        if len(found) >= limit:
            break
    session.screen.show({"shipments": found[:limit]}, pictures.shipments(found[:limit]))


@command(app)
def get(session: Session, order: Order, number: Number = None, courier: Courier = None) -> None:
    """Show one shipment with its parcel."""
    found = session.api.get(_path(order), _which(number, courier))
    session.screen.show(found, pictures.parcel(found))


@command(app)
def export(
    session: Session,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")
    ] = None,
    form: Annotated[
        Literal["csv", "jsonl"], typer.Option("--format", help="With --json always jsonl.")
    ] = "csv",
    status: Status = None,
    courier: Courier = None,
    tag: Tag = None,
    attention: Attention = None,
    since: Since = None,
) -> None:
    """Write all shipments as CSV, which import takes again, or as one line of JSON each."""
    pages = session.api.pages(
        "/v1/shipments",
        "shipments",
        {**_filters(status, courier, tag, attention, since), "limit": LARGEST_PAGE},
    )
    as_csv = form == "csv" and not session.screen.json
    count = phones = hidden = 0
    with _target(output) as target:
        seen = target.isatty()
        if as_csv:
            target.write(_csv_line(rows.EXPORTED))
        for page in pages:
            for each in page:
                if as_csv:
                    cells = rows.cells(each)
                    target.write(_csv_line([clean(cell) for cell in cells] if seen else cells))
                else:
                    target.write(f"{in_json(each)}\n")
                count += 1
                phones += each["phone_given"]
                hidden += rows.is_hidden(each)
            target.flush()
    session.screen.say(f"{count} shipments.")
    if as_csv and phones:
        session.screen.say(
            f"{phones} of them have a phone, of which nothing is shown: write it into the column phone before they are imported.",
            "yellow",
        )
    if as_csv and hidden:
        session.screen.say(
            f"{hidden} of them have an e-mail address, which this token may not see (scope pii): the column email is empty.",
            "yellow",
        )


@command(app)
def share(
    session: Session,
    order: Order,
    days: Annotated[int | None, typer.Option(min=1, max=365, help="Until the link ends.")] = None,
    number: Number = None,
    courier: Courier = None,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="End all links of the shipment.")] = False,
) -> None:
    """Make a link to the parcel's page that anybody may open, or end all such links."""
    path, which = f"{_path(order)}/share", _which(number, courier)
    if revoke:
        if days is not None:
            raise Misuse("--days and --revoke say opposite things.", "Say one of them.")
        session.api.send("DELETE", path, query=which)
        session.screen.show({"order_id": order, "revoked": True})
        session.screen.say(f"No link to {order} works any more.")
        return
    made = session.api.send("POST", path, {} if days is None else {"days": days}, query=which)
    session.screen.show(made, Text(made["url"]), facts([("ends", moment(made["expires_at"]))]))


def _filters(
    status: str | None, courier: str | None, tag: str | None, attention: bool | None, since: str | None
) -> dict[str, Any]:
    return {
        "status": status,
        "courier": courier,
        "tag": tag,
        "attention": None if attention is None else str(attention).lower(),
        "updated_since": since,
    }


def _path(order: str) -> str:
    if not re.fullmatch(ORDER_ID, order):
        raise Misuse(
            f"{order!r} can be no order's id.",
            "It has 1 to 64 letters, digits and . _ : @ + -, beginning with a letter or a digit.",
        )
    return f"/v1/shipments/{quote(order, safe='')}"


def _which(number: str | None, courier: str | None) -> dict[str, str | None]:
    try:
        return {"tracking_number": number and numbers.normalise(number), "courier": courier}
    except InvalidField as error:
        raise Misuse(error.message, "Write it as the courier does.") from error


def _csv_line(cells: list[str]) -> str:
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerow(map(sheet.guarded, cells))
    return made.getvalue()


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that is there only once it is whole."""
    if output is None:
        yield sys.stdout
        return
    if output.is_dir():
        raise Misuse(f"{output} is a folder.", "Name a file in it.")
    part = output.with_name(f"{output.name}.part")
    try:
        # Who is where is nobody else's to read.
        part.unlink(missing_ok=True)
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline=""
        ) as target:
            try:
                yield target
            except BaseException:
                part.unlink()
                raise
        part.replace(output)
    except OSError as error:
        raise Misuse(f"{output} cannot be written ({error.strerror}).", "Name another file.") from error
