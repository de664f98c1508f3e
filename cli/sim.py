"""`sim`: holds the strings of the simulated Kuaidi100 of the local stack."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

import typer

from cli import connection
from cli.exits import Misuse, Partly
from cli.frame import command, group
from cli.screen import facts, table
from waybill import numbers
from waybill.errors import InvalidField

if TYPE_CHECKING:
    from cli.api import Api
    from cli.frame import Session

app = group("Drive the simulated Kuaidi100 of the local stack.")
Simulator = Annotated[
    str | None,
    typer.Option(
        "--simulator",
        envvar="WAYBILL_SIMULATOR",
        show_envvar=True,
        help=f"Its address; without it, the local stack's, or {connection.DEFAULT_SIMULATOR}.",
    ),
]
Clear = Annotated[bool, typer.Option("--clear", help="Empty the list.")]


@command(app)
def calls(session: Session, simulator: Simulator = None, *, clear: Clear = False) -> None:
    """Show what it was asked."""
    api = _simulator(session, simulator)
    if clear:
        _cleared(session, api, "/_sim/calls")
        return
    found = api.get("/_sim/calls")
    rows = [(_time(each["at"]), each["courier"], each["number"], each["code"]) for each in found]
    session.screen.show(found, table(("SIMULATED TIME", "COURIER", "NUMBER", "CODE"), rows))


@command(app)
def violations(session: Session, simulator: Simulator = None) -> None:
    """Show what broke a rule of Kuaidi100; exit code 4 if anything did."""
    found = _simulator(session, simulator).get("/_sim/violations")
    rows = [
        (each["rule"], each["courier"], each["number"], _time(each["first_at"]), _time(each["second_at"]))
        for each in found
    ]
    session.screen.show(found, table(("RULE", "COURIER", "NUMBER", "FIRST", "SECOND"), rows))
    if found:
        raise Partly(f"{len(found)} calls broke a rule.", "Kuaidi100 would have locked these numbers.")


@command(app)
def bill(session: Session, simulator: Simulator = None, *, clear: Clear = False) -> None:
    """Show what would be charged."""
    api = _simulator(session, simulator)
    if clear:
        _cleared(session, api, "/_sim/bill")
        return
    found = api.get("/_sim/bill")
    rows = [[str(value) for value in each.values()] for each in found["charges"]]
    headings = [name.upper() for name in found["charges"][0]] if found["charges"] else ("CHARGES",)
    session.screen.show(found, table(headings, rows), facts([("total", str(found["total"]))]))


@command(app)
def journey(
    session: Session,
    courier: Annotated[str, typer.Argument(help="The courier's code.")],
    number: Annotated[str, typer.Argument(help="The tracking number.")],
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            "-e",
            metavar="'SECONDS CODE TEXT'",
            help="What happens so many seconds from now, as '-60 301 已签收'; may be repeated.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="The whole script as JSON, {events, phone, shows_cached}; - is standard input."),
    ] = None,
    simulator: Simulator = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Forget the script.")] = False,
) -> None:
    """Write what a parcel does, or show what is written."""
    try:
        path = f"/_sim/journeys/{quote(courier, safe='')}/{numbers.normalise(number)}"
    except InvalidField as error:
        raise Misuse(error.message) from error
    api = _simulator(session, simulator)
    if clear:
        _cleared(session, api, path)
        return
    if file is not None and event:
        raise Misuse("--file and --event both say what happens.", "Say one of them.")
    script = _script(file) if file else {"events": [_event(text) for text in event]} if event else None
    said = api.get(path) if script is None else api.send("PUT", path, script)
    rows = [(f"{each['at']:+.0f} s", each["status_code"], each["text"]) for each in said["events"]]
    session.screen.show(said, table(("FROM NOW", "CODE", "TEXT"), rows))


@command(app)
def fault(
    session: Session,
    code: Annotated[str | None, typer.Option(help="Kuaidi100's code, as 501.")] = None,
    kind: Annotated[
        Literal["timeout", "reset", "html", "truncated", "slow", "wrong_charset", "wrong_clock", "huge"]
        | None,
        typer.Option(help="How the answer goes wrong."),
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0, max=1, help="The share of queries.")] = None,
    next_: Annotated[int | None, typer.Option("--next", min=1, help="The next so many.")] = None,
    number: Annotated[str | None, typer.Option(help="Of this tracking number only.")] = None,
    simulator: Simulator = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="End all faults.")] = False,
) -> None:
    """Make it fail, or show how it is to fail."""
    api = _simulator(session, simulator)
    if clear:
        _cleared(session, api, "/_sim/faults")
        return
    order = {"code": code, "kind": kind, "rate": rate, "next": next_, "number": number}
    order = {name: value for name, value in order.items() if value is not None}
    said = api.send("PUT", "/_sim/faults", order) if order else api.get("/_sim/faults")
    rows = [[each.get(name) or "" for name in ("code", "kind", "rate", "next", "number")] for each in said]
    session.screen.show(said, table(("CODE", "KIND", "RATE", "NEXT", "NUMBER"), rows))


@command(app)
def clock(
    session: Session,
    advance: Annotated[
        float | None, typer.Option(min=0, help="Put the simulator alone so many seconds ahead.")
    ] = None,
    simulator: Simulator = None,
) -> None:
    """Show simulated time and its speed."""
    api = _simulator(session, simulator)
    said = api.get("/_sim/clock") if advance is None else api.send("PUT", "/_sim/clock", {"advance": advance})
    session.screen.show(said, facts([("now", _time(said["now"])), ("speed", f"{said['speed']:g}")]))


def _simulator(session: Session, given: str | None) -> Api:
    at = given or (session.stack and session.stack.simulator) or connection.DEFAULT_SIMULATOR
    return session.open_client(connection.checked_url(at, "The simulator's address"))


def _cleared(session: Session, api: Api, path: str) -> None:
    api.send("DELETE", path)
    session.screen.show({"cleared": True})


def _event(text: str) -> dict[str, Any]:
    words = text.split(maxsplit=2)
    try:
        at = float(words[0]) if len(words) == 3 else math.nan
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise Misuse(
            f"{text!r} is no event.", "Say seconds from now, Kuaidi100's code and a text: '-60 301 已签收'."
        )
    return {"at": at, "status_code": words[1], "text": words[2]}


def _script(file: Path) -> Any:
    try:
        return json.loads(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misuse(f"{file} cannot be read as JSON ({error}).") from error


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%S")
