"""What all commands have in common: the options, the session they open, and how they end."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from cli import connection
from cli.api import TRIES, Api
from cli.exits import Failure, Interrupted, Misuse, Unreachable
from cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable

Handler = TypeVar("Handler", bound="Callable[..., None]")
_PANEL: Final = "For every command"
_Json = Annotated[
    bool, typer.Option("--json", help="JSON on standard output, and nothing else.", rich_help_panel=_PANEL)
]
_Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="WAYBILL_URL",
        help="The API's address, without /v1.",
        rich_help_panel=_PANEL,
    ),
]
_TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="File with the token, - for standard input. Without it: WAYBILL_TOKEN, or the local stack's.",
        rich_help_panel=_PANEL,
    ),
]
_COMMON: Final[dict[str, tuple[Any, Any]]] = {
    "as_json": (_Json, False),
    "url": (_Url, connection.DEFAULT_URL),
    "token_file": (_TokenFile, None),
}


@dataclass
class Session:
    """One run of a command. What it opens is closed by `ends`."""

    screen: Screen
    given_url: str
    token_file: Path | None
    ends: ExitStack
    environ: Any = field(default_factory=connection.environment)

    @cached_property
    def url(self) -> str:
        return connection.checked_url(self.given_url, "The address")

    @cached_property
    def token(self) -> str:
        return connection.token(self.url, self.token_file, self.environ)

    @cached_property
    def api(self) -> Api:
        return self.client()

    @cached_property
    def stack(self) -> connection.LocalStack | None:
        """The local stack, where it is what is asked."""
        return connection.local_stack(self.url, self.environ) if connection.is_loopback(self.url) else None

    def client(self, tries: int = TRIES, pause: Callable[[float], None] = time.sleep) -> Api:
        """A client of the API with the token."""
        return self.opened(Api.at(self.url, self.token, self.screen.say, tries, pause))

    def open_client(self, url: str, tries: int = TRIES) -> Api:
        """A client of somebody who asks for no token."""
        return self.opened(Api.at(url, None, self.screen.say, tries))

    def opened(self, api: Api) -> Api:
        self.ends.callback(api.http.close)
        return api


def group(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode="rich")


def command(app: typer.Typer, name: str | None = None) -> Callable[[Handler], Handler]:
    """Adds a function to the commands: its first argument is the session, and the others are what the command takes.

    The options of every command are added to what typer reads of it, so that they may stand behind the command.
    """

    def add(handler: Handler) -> Handler:
        own = list(
            inspect.signature(handler, locals={"Session": Session}, eval_str=True).parameters.values()
        )[1:]
        common = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in _COMMON.items()
        ]

        @functools.wraps(handler)
        def run(*, as_json: bool, url: str, token_file: Path | None, **given: Any) -> None:
            screen = Screen(json=as_json)
            try:
                with ExitStack() as ends:
                    handler(Session(screen, url, token_file, ends), **given)
                sys.stdout.flush()
            except Failure as failure:
                screen.fail(failure.message, failure.advice)
                raise typer.Exit(failure.code) from failure
            except typer.Abort as abort:
                if isinstance(abort.__context__, KeyboardInterrupt):
                    raise typer.Exit(Interrupted.code) from abort
                screen.fail(
                    "There is nobody to answer: the input has ended.",
                    "Give it as an option, or at a terminal.",
                )
                raise typer.Exit(Misuse.code) from abort
            except (KeyError, IndexError, TypeError, AttributeError) as error:
                # Somebody else's JSON, or that of a version to come: both have other fields than are read here.
                if os.environ.get("WAYBILL_DEBUG"):
                    raise
                screen.fail(
                    f"The answer is not as this command knows it ({type(error).__name__}: {error}).",
                    "Is the address right, and are both of one version? WAYBILL_DEBUG=1 shows where it happened.",
                )
                raise typer.Exit(Unreachable.code) from error
            except BrokenPipeError:
                # Whoever reads has seen enough. What Python would still flush at its end goes nowhere.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            except OSError as error:
                screen.fail(f"This machine refuses: {error}.", "Nothing is lost: the same command goes on.")
                raise typer.Exit(Misuse.code) from error

        said = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + common
        vars(run)["__signature__"] = inspect.Signature(said)
        run.__annotations__ = {each.name: each.annotation for each in said}
        app.command(name)(run)
        return handler

    return add
