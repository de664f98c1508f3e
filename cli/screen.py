"""What a command says: its result on standard output, for people or as JSON, and everything else on standard error."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

STYLES: Final = {
    "delivered": "green",
    "out_for_delivery": "cyan",
    "in_transit": "blue",
    "exception": "red",
    "failed_attempt": "red",
    "returning": "yellow",
    "returned": "yellow",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "active": "green",
    "parked": "red",
    "disabled": "red",
    "revoked": "red",
    "paused": "yellow",
}
"""By the words of statuses and states; others stand as they are."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_NOT_A_TERMINAL: Final = 500
"""Columns of what is read by a program: a line is not broken there."""


class _Pipe(Console):
    """Leaves it to the command what happens when nobody reads any more; rich would end with an error."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _NOT_A_TERMINAL
    return _Pipe(stderr=stderr, highlight=False, emoji=False, markup=False, width=width)


@dataclass(frozen=True, slots=True)
class Screen:
    json: bool = False
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    def show(self, value: Any, *picture: RenderableType) -> None:
        """A result: as one line of JSON, or as a picture of it."""
        if self.json:
            self.write(in_json(value))
        else:
            for each in picture:
                self.out.print(each)

    def write(self, line: str) -> None:
        """A line as it is, so that who reads sees it at once."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def say(self, text: str, style: str = "") -> None:
        self.err.print(Text(clean(text), style=style))

    def fail(self, message: str, advice: str) -> None:
        self.err.print(
            Text.assemble((clean(message), "bold red"), *([f"\n{clean(advice)}"] if advice else []))
        )


def in_json(value: Any) -> str:
    """One line of JSON, in which nothing that would steer the terminal stands as it is."""
    text = json.dumps(value, ensure_ascii=False)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def clean(text: object) -> str:
    """A text of somebody else's without what would steer the terminal."""
    return _CONTROL.sub("\ufffd", "" if text is None else str(text))


def styled(word: object) -> Text:
    """A status or state in its colour."""
    return Text(clean(word), style=STYLES.get(str(word), ""))


def moment(text: str | None) -> str:
    """A time of RFC 3339 to the minute, in its own zone."""
    return clean(text)[:16].replace("T", " ") if text else "-"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    made = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Names and values, without those that are empty."""
    made = Table.grid(padding=(0, 2))
    for name, value in pairs:
        if value not in (None, "", []):
            made.add_row(Text(name, style="dim"), value if isinstance(value, Text) else Text(clean(value)))
    return made
