"""`doctor`: is all well with a deployment, or the local stack, and if not, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cli import checks
from cli.exits import Partly
from cli.frame import command
from cli.screen import STYLES, clean, table

if TYPE_CHECKING:
    import typer

    from cli.checks import Check
    from cli.frame import Session


def add_to(app: typer.Typer) -> None:
    command(app)(doctor)


def doctor(session: Session) -> None:
    """Check that the API is there, the token, the clock, Kuaidi100's side, queues, budgets and deliveries.

    A line each: ok, warn or fail, and what to do. Exit code 4 if something fails.
    """
    found = checks.examined(session)
    failed = [each for each in found if each.state == "fail"]
    session.screen.show(
        {"ok": not failed, "checks": [each.view() for each in found]},
        table(("", "CHECK", "WHAT WAS FOUND, AND WHAT TO DO"), [_row(each) for each in found]),
    )
    if failed:
        raise Partly(f"{len(failed)} of {len(found)} checks failed.")


def _row(check: Check) -> tuple[Text, str, str]:
    text = f"{check.found} {check.advice}".strip()
    return Text(check.state, style=STYLES[check.state]), check.name, clean(text).replace("\n", " ")
