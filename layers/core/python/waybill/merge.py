"""What an answer makes of a parcel, and the milestones that are born of it. Pure; query and refresh both merge here.

The parcel becomes what the courier says now; its milestones are what it ever said. So lines may be reworded, change places or
vanish, and the status may go back, and yet nothing is told twice and nothing told is taken back::

    told      5 ---- 204 ---- 5 ---- 301         lines, by vendor code
    runs      [out]  [failed] [out]  [delivered]
    born      out 1, failed 1, out 2, delivered  one milestone per run, each born when it is first seen

A run is a stretch of lines that tell the same. It is an occurrence that is known already if one of its lines is the known one, if
that one's time falls into it, or if the known line is gone and this one stands near by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from waybill.errors import HOUR
from waybill.model import PENDING, Answer, Event, Milestone, Parcel, Status, instant

if TYPE_CHECKING:
    from collections.abc import Iterable

REPEATABLE: Final = frozenset({"out_for_delivery", "available_for_pickup", "failed_attempt", "exception"})
"""What may happen to a parcel more than once and is news each time. All else is told once."""

NEAR: Final = 3 * HOUR
"""A line that is gone and a new one of the same kind are one occurrence within this time: its time was corrected."""

Kind = tuple[Status, str | None]


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring lines that tell the same, oldest first."""

    kind: Kind
    lines: tuple[Event, ...]

    @property
    def start(self) -> float:
        return instant(self.lines[0])

    @property
    def end(self) -> float:
        return instant(self.lines[-1])

    def tells(self, known: Milestone) -> bool:
        return self.start <= _at(known) <= self.end or any(known.event_id == line.id for line in self.lines)

    def milestone(self, occurrence: int) -> Milestone:
        status, substatus = self.kind
        first = self.lines[0]
        return Milestone(status, first.time or "", first.id, substatus, occurrence)


def merge(parcel: Parcel, answer: Answer) -> tuple[Parcel, tuple[Milestone, ...]]:
    """The parcel after this answer, and the milestones born of it, oldest first.

    The same answer again changes nothing. An answer that only repeats lines of the parcel and ends before its newest came late: it
    changes the parcel no more, though a milestone may still be in it. What is told may have milestones of its own whose lines are
    gone: of these too such are born as the parcel does not know.
    """
    told = answer.parcel
    runs = _runs(told)
    _, gone = _paired(told.milestones, runs)
    born = _births(parcel.milestones, sorted((*runs, *map(_run_of, gone)), key=lambda run: run.start))
    known = (*parcel.milestones, *born)
    if _came_late(parcel, told):
        return replace(parcel, milestones=known), born
    eta = told.eta or (None if told.terminal else parcel.eta)
    return replace(told, route=told.route or parcel.route, eta=eta, milestones=known), born


def fresh_lines(parcel: Parcel, after: Parcel) -> tuple[Event, ...]:
    """The lines of `after` that `parcel` did not have, oldest first; a reworded line is not one."""
    had = {_place(event) for event in parcel.events}
    return tuple(event for event in oldest_first(after.events) if _place(event) not in had)


def oldest_first(events: Iterable[Event]) -> list[Event]:
    """Newest first turned round; events without a time are left out."""
    return sorted((event for event in reversed(tuple(events)) if event.time), key=instant)


def _runs(told: Parcel) -> list[_Run]:
    lines = oldest_first(told.events)
    if lines and lines[-1].status is None and told.status != PENDING:
        # Where the newest line has no code of its own, the answer's state is about it.
        lines[-1] = replace(lines[-1], status=told.status, substatus=told.substatus)
    return [
        _Run(kind, tuple(group))
        for kind, group in groupby((line for line in lines if line.status), key=_kind)
    ]


def _births(known: tuple[Milestone, ...], runs: list[_Run]) -> tuple[Milestone, ...]:
    born: list[Milestone] = []
    counts: dict[str, int] = {}
    for each in known:
        counts[each.status] = max(counts.get(each.status, 0), each.occurrence)
    for run in _paired(known, runs)[0]:
        status = run.kind[0]
        same_second = any((each.status, each.substatus) == run.kind and run.tells(each) for each in born)
        if status not in counts or (status in REPEATABLE and not same_second):
            counts[status] = counts.get(status, 0) + 1
            born.append(run.milestone(counts[status]))
    return tuple(born)


def _paired(known: tuple[Milestone, ...], runs: list[_Run]) -> tuple[list[_Run], list[Milestone]]:
    """What has no counterpart: the runs that no known milestone tells of, oldest first, and the milestones that are in no run."""
    gone = list(known)
    unknown: list[_Run] = []
    for run in runs:
        same = [each for each in known if (each.status, each.substatus) == run.kind and run.tells(each)]
        gone = [each for each in gone if each not in same]
        if not same:
            unknown.append(run)
    fresh = []
    for run in unknown:
        near = [
            each
            for each in gone
            if (each.status, each.substatus) == run.kind and abs(_at(each) - run.start) <= NEAR
        ]
        if near:
            gone.remove(min(near, key=lambda each: abs(_at(each) - run.start)))
        else:
            fresh.append(run)
    return fresh, gone


def _run_of(milestone: Milestone) -> _Run:
    """The run that a milestone was born of, as far as it remembers."""
    status, substatus = milestone.status, milestone.substatus
    line = Event(milestone.event_id, milestone.occurred_at, "given", "", None, status, substatus)
    return _Run((status, substatus), (line,))


def _came_late(parcel: Parcel, told: Parcel) -> bool:
    if not told.events:
        return True
    had = {_place(event) for event in parcel.events}
    return (
        bool(had)
        and max(map(instant, told.events)) < max(map(instant, parcel.events))
        and all(_place(event) in had for event in told.events)
    )


def _kind(line: Event) -> Kind:
    return line.status or PENDING, line.substatus if line.status == "exception" else None


def _place(event: Event) -> tuple[str | None, str | None]:
    """What a line keeps when it is reworded."""
    return event.time, event.code


def _at(milestone: Milestone) -> float:
    return datetime.fromisoformat(milestone.occurred_at).timestamp()
