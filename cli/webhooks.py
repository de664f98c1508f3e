"""`webhooks`: endpoints that are told of events, and what became of each event there."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Misuse
from cli.frame import command, group
from cli.screen import facts, moment, styled, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cli.frame import Session

app = group("Endpoints that are told of events.")
Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, whk_...")]


@command(app, "list")
def list_(session: Session) -> None:
    """Show your webhooks."""
    found = session.api.get("/v1/webhooks")
    rows = [
        (each["id"], styled(each["state"]), ",".join(each["events"]), each["url"], _failing(each))
        for each in found["webhooks"]
    ]
    session.screen.show(found, table(("ID", "STATE", "EVENTS", "URL", "FAILING SINCE"), rows))


@command(app)
def create(
    session: Session,
    endpoint: Annotated[str, typer.Argument(metavar="URL", help="Where to send events.")],
    event: Annotated[
        list[str] | None, typer.Option("--event", "-e", help="A type, as parcel.delivered; all without it.")
    ] = None,
    description: Annotated[str, typer.Option(help="A note of your own.")] = "",
) -> None:
    """Make a webhook. Its secret is shown once, here."""
    body = {"url": endpoint, "events": event or ["*"], "description": description}
    made = session.api.send("POST", "/v1/webhooks", body, key=str(uuid.uuid4()))
    session.screen.show(made, _webhook(made))
    session.screen.say("The secret is not shown again.", "yellow")


@command(app)
def test(session: Session, webhook: Id) -> None:
    """Send it a test event."""
    sent = session.api.send("POST", _path(webhook, "test"))
    session.screen.show(sent, facts([("event", sent["event_id"])]))
    session.screen.say(f"It is on its way: waybill webhooks deliveries {webhook}")


@command(app)
def pause(session: Session, webhook: Id) -> None:
    """Send it nothing, and keep what happens for it."""
    hook = session.api.send("POST", _path(webhook, "pause"))
    session.screen.show(hook, _webhook(hook))


@command(app)
def resume(session: Session, webhook: Id) -> None:
    """Go on, with what was given up meanwhile once more."""
    hook = session.api.send("POST", _path(webhook, "resume"))
    session.screen.show(hook, _webhook(hook))
    session.screen.say(f"{hook['resent']} deliveries are sent again.")
    if hook["more"]:
        session.screen.say("There are more of them: resume it again.", "yellow")


@command(app)
def rotate(session: Session, webhook: Id) -> None:
    """Make a new secret, which is shown once; the old one signs, too, for a day."""
    made = session.api.send("POST", _path(webhook, "secret"), key=str(uuid.uuid4()))
    session.screen.show(made, facts(made.items()))
    session.screen.say("The secret is not shown again.", "yellow")


@command(app)
def deliveries(
    session: Session,
    webhook: Id,
    state: Annotated[str | None, typer.Option(help="waiting, delivered or parked.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
) -> None:
    """Show what became of events there, the newest first."""
    found: list[Any] = []
    query = {"state": state, "limit": min(limit, 100)}
    for page in session.api.pages(_path(webhook, "deliveries"), "deliveries", query):
        found += page
        if len(found) >= limit:
            break
    shown = found[:limit]
    rows = [
        (
            each["sequence"],
            each["type"],
            styled(each["state"]),
            len(each["tries"]),
            _last(each["tries"]),
            moment(each["next_at"]),
            each["event_id"],
        )
        for each in shown
    ]
    headings = ("EVENT", "TYPE", "STATE", "TRIES", "LAST", "NEXT", "ID")
    session.screen.show({"deliveries": shown}, table(headings, rows))


@command(app)
def replay(
    session: Session,
    webhook: Id,
    event: Annotated[str | None, typer.Option(help="One event's id, evt_...")] = None,
    since: Annotated[str | None, typer.Option(help="All from then on, as 2026-01-31T09:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="And before then; without it, until now.")] = None,
) -> None:
    """Send events again."""
    if (event is None) == (since is None) or (event and until):
        raise Misuse("Nothing, or too much, says which events.", "Say --event, or --since and maybe --until.")
    body = {"event_id": event, "since": since, "until": until}
    said = {name: value for name, value in body.items() if value is not None}
    sent = session.api.send("POST", _path(webhook, "replay"), said)
    session.screen.show(sent, facts(sent.items()))


@command(app)
def delete(
    session: Session,
    webhook: Id,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget a webhook and its log."""
    path = _path(webhook)
    if not yes and not typer.confirm(f"Forget {webhook} and what was sent to it?", err=True):
        raise typer.Exit(0)
    session.api.send("DELETE", path)
    session.screen.show({"id": webhook, "deleted": True})
    session.screen.say(f"{webhook} is forgotten.")


def _path(webhook: str, action: str = "") -> str:
    if not re.fullmatch(r"whk_[0-9a-f]{20}", webhook):
        raise Misuse(f"{webhook!r} is no webhook's id.", "`waybill webhooks list` shows yours.")
    return f"/v1/webhooks/{webhook}{action and f'/{action}'}"


def _webhook(hook: Any) -> RenderableType:
    return facts(
        (name, styled(value) if name == "state" else ", ".join(value) if name == "events" else value)
        for name, value in hook.items()
        if name != "operator" or value
    )


def _failing(hook: Any) -> str:
    return moment(hook["failing_since"]) if hook["failing_since"] else ""


def _last(tries: list[Any]) -> str:
    return str(tries[-1]["status"] or tries[-1]["error"]) if tries else "-"
