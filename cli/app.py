"""The command's root: all groups under one name."""

from __future__ import annotations

import typer

from cli import dlq, doctor, events, shipments, sim, tokens, tracking, usage, webhooks
from cli.exits import CODES

NAME = "waybill"
_ENDS = "  ".join(f"[bold]{code}[/bold] {text}" for code, text in CODES.items())

app = typer.Typer(
    name=NAME,
    help="Shipment tracking over Kuaidi100, by Waybill's API.",
    epilog=f"Exit codes: {_ENDS}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
tracking.add_to(app)
app.add_typer(shipments.app, name="shipments")
app.add_typer(events.app, name="events")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(tokens.app, name="tokens")
app.add_typer(dlq.app, name="dlq")
app.add_typer(sim.app, name="sim")
usage.add_to(app)
doctor.add_to(app)


def main() -> None:
    # The name is fixed, so that completion is the same however the command is called.
    app(prog_name=NAME)
