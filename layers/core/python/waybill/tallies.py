"""Calls as the ledger sums them up: how many were made and how many are charged, by whom, of which courier, why, with what result.

Sums are tables from texts to a count. Their packed form is small: 500 members with 20 couriers each take a quarter of what an item
may have. Pure.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from waybill.outcomes import NoResult, NotSent, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Keys = TypeVar("Keys", bound="tuple[str, ...]")

_NO_FAILURE: Final = frozenset({"200", NoResult.outcome, OutcomeUnknown.outcome})
"""That a courier has no trace of a number yet is an answer, too."""


class Line(NamedTuple):
    """What calls are told apart by; `member` is "" for the schedule."""

    member: str
    courier: str
    cause: str
    outcome: str


class Count(NamedTuple):
    """Calls that were made, and how many of them the vendor charges."""

    calls: int = 0
    billed: int = 0

    def plus(self, other: Count) -> Count:
        return Count(self.calls + other.calls, self.billed + other.billed)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger."""

    line: Line
    billed: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One of China's days: `hours` is by member and hour (`00` to `23`)."""

    lines: Mapping[Line, Count] = field(default_factory=dict)
    hours: Mapping[tuple[str, str], Count] = field(default_factory=dict)


def tally(entries: Iterable[Entry]) -> dict[Line, Count]:
    """The sums of rows. A call that was never sent is none."""
    return together(
        {entry.line: Count(1, int(entry.billed))}
        for entry in entries
        if entry.line.outcome != NotSent.outcome
    )


def together(tables: Iterable[Mapping[Keys, Count]]) -> dict[Keys, Count]:
    sums: dict[Keys, Count] = {}
    for table in tables:
        for keys, count in table.items():
            sums[keys] = sums.get(keys, Count()).plus(count)
    return sums


def day_of(hours: Mapping[str, Mapping[Line, Count]]) -> Day:
    """A day of its hours, which are named `00` to `23`."""
    return Day(
        together(hours.values()),
        together(
            {(line.member, hour): count} for hour, lines in hours.items() for line, count in lines.items()
        ),
    )


def narrowed(day: Day, member: str) -> Day:
    """What a member has of a day."""
    return Day(
        {line: count for line, count in day.lines.items() if line.member == member},
        {keys: count for keys, count in day.hours.items() if keys[0] == member},
    )


def unknown(lines: Mapping[Line, Count]) -> int:
    """Calls of which nobody knows what they came to."""
    return sum(count.calls for line, count in lines.items() if line.outcome == OutcomeUnknown.outcome)


def failed(lines: Mapping[Line, Count]) -> int:
    return sum(count.calls for line, count in lines.items() if line.outcome not in _NO_FAILURE)


def packed(table: Mapping[Keys, Count]) -> bytes:
    """A table, small; the same for the same table."""
    tree: dict[str, Any] = {}
    for keys, count in table.items():
        branch = tree
        for key in keys[:-1]:
            branch = branch.setdefault(key, {})
        branch[keys[-1]] = count
    text = json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return zlib.compress(text.encode(), 9)


def unpacked(data: bytes) -> dict[tuple[str, ...], Count]:
    table: dict[tuple[str, ...], Count] = {}
    branches: list[tuple[tuple[str, ...], Any]] = [((), json.loads(zlib.decompress(data)))]
    while branches:
        keys, value = branches.pop()
        if isinstance(value, list):
            table[keys] = Count(*value)
        else:
            branches.extend(((*keys, key), under) for key, under in value.items())
    return table


def lines_of(data: bytes) -> dict[Line, Count]:
    return {Line(*keys): count for keys, count in unpacked(data).items()}


def hours_of(data: bytes) -> dict[tuple[str, str], Count]:
    return {(member, hour): count for (member, hour), count in unpacked(data).items()}
