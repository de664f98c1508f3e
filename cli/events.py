"""`events follow`: what happens, as it happens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Misuse
from cli.frame import command, group
from cli.screen import clean, moment

if TYPE_CHECKING:
    from cli.frame import Session

app = group("What happened to your parcels.")
WAIT = 20
PAUSE = 1.0
"""Seconds after a page without events: where too many wait already, the next one is there at once."""
PAGE = 100


@command(app)
def follow(
    session: Session,
    after: Annotated[
        int | None,
        typer.Option(min=0, help="Number of the last event that you have; without it, all that are kept."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Keeps the number of the last event shown, to go on from there."),
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when there are no more.")] = False,
) -> None:
    """Show events, one line each, and wait for more until Ctrl-C."""
    reached = _reached(file) if after is None and file is not None else after or 0
    while True:
        page = session.api.get(
            "/v1/events", {"after": reached, "wait": None if once else WAIT, "limit": PAGE}
        )
        for event in page["events"]:
            if session.screen.json:
                session.screen.show(event)
            else:
                session.screen.write(_line(event))
            reached = event["sequence"]
            if file is not None:
                _keep(file, reached)
        if not page["events"]:
            if once:
                return
            time.sleep(PAUSE)


def _line(event: Any) -> str:
    """Number, time, type, and whom it is about."""
    data = event["data"] if isinstance(event["data"], dict) else {}
    shipment = data.get("shipment") or {}
    about = [shipment.get("order_id"), data.get("number") or data.get("tracking_number")]
    words = [str(event["sequence"]), moment(event["timestamp"]), event["type"], *filter(None, about)]
    return "  ".join(clean(word).replace("\n", " ") for word in words)


def _reached(file: Path) -> int:
    try:
        text = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{file} cannot be read ({error}).", "Name another file with --file.") from error
    if not text.isdigit():
        raise Misuse(f"{file} does not hold a number.", "Name another file, or say --after.")
    return int(text)


def _keep(file: Path, reached: int) -> None:
    """After the line is out: whoever is killed in between sees the event again."""
    try:
        part = file.with_name(f"{file.name}.part")
        part.write_text(f"{reached}\n", encoding="ascii")
        part.replace(file)
    except (OSError, ValueError) as error:
        raise Misuse(f"{file} cannot be written ({error}).", "Name another file.") from error
