"""`dlq`: what failed for good, and back to work with it once the reason is mended."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Misuse, Partly
from cli.frame import command, group
from cli.screen import facts, moment, table

if TYPE_CHECKING:
    from cli.frame import Session

app = group("Messages that failed for good. Needs a token with the scope admin.")
OPERATIONS = "/v1/operations"
PAGE = 1000
"""As many as the API moves by one request; fewer, when its time is up."""


@command(app, "list")
def list_(
    session: Session,
    queue: Annotated[
        str | None, typer.Argument(help="Show this queue's messages.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many messages at most.")] = 20,
) -> None:
    """Show how many messages failed in each queue, or those of one queue."""
    if queue is None:
        queues = session.api.get(OPERATIONS)["queues"]
        rows = [(each["queue"], each["waiting"], each["in_flight"], each["failed"]) for each in queues]
        session.screen.show({"queues": queues}, table(("QUEUE", "WAITING", "AT WORK", "FAILED"), rows))
        return
    found = session.api.get(f"{OPERATIONS}/queues/{_name(queue)}/failed", {"limit": limit})
    messages = [
        (each["id"], moment(each["failed_at"]), json.dumps(each["body"], ensure_ascii=False))
        for each in found["messages"]
    ]
    session.screen.show(found, table(("ID", "FAILED", "BODY"), messages))
    if found["more"]:
        session.screen.say("There are more of them.")


@command(app)
def redrive(
    session: Session,
    queue: Annotated[str, typer.Argument(help="As `waybill dlq list` names it.")],
    limit: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="At most so many; all without it.")
    ] = None,
) -> None:
    """Send a queue's failed messages back to it."""
    path = f"{OPERATIONS}/queues/{_name(queue)}/redrive"
    moved = kept = 0
    while (limit is None or moved < limit) and not kept:
        page = PAGE if limit is None else min(PAGE, limit - moved)
        said = session.api.send("POST", path, {"limit": page})
        if not said["moved"] and not said["kept"]:
            break
        moved, kept = moved + said["moved"], said["kept"]
        if moved > PAGE:
            session.screen.say(f"{moved} are moved.")
    session.screen.show({"moved": moved, "kept": kept}, facts([("moved", str(moved)), ("kept", str(kept))]))
    if kept:
        raise Partly(f"{kept} messages could not be moved, and stay where they are.", "Try again.")


def _name(queue: str) -> str:
    if not re.fullmatch(r"[a-z][a-z-]{0,39}", queue):
        raise Misuse(f"{queue!r} is no queue's name.", "`waybill dlq list` shows them.")
    return queue
