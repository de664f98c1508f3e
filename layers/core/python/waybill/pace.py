"""How soon a parcel's next line comes, by leg, hours since the last line, hour of the day and day of the week. Pure.

A next line is a move, to another leg, or news. The rate of either, per hour, is a product, ``pace(leg, age) * share * rhythm(leg,
hour) * weekend``, from the tables below, times factors that stays have taught. Nothing learned leaves the tables as they are.

::

    factor of a cell = (lines seen in it + TRUST) / (lines the other factors led to expect in it + TRUST)

So a cell that has been seen little stays near 1, and one seen much follows what happens: a gamma prior on a Poisson rate. Cells are
rows (ages, moves or news, days, hours of either) rather than their product, so a few dozen parcels teach something, and an item
stays small.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Self

from waybill.errors import DAY, HOUR
from waybill.merge import fresh_lines, oldest_first
from waybill.model import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waybill.model import Event, Parcel

# Ninths of the full rate at each hour of the local day, 0 to 23.
COLLECTION: Final = "000000014899999999975210"
ROAD: Final = "988888765445555666788999"
ALWAYS: Final = "999999999999999999999999"
TOUR: Final = "000000138999876665321000"
DOOR: Final = "000000126899998999987642"
COUNTER: Final = "100000136788998889998631"
OFFICE: Final = "000000126999999999642100"

# fmt: off
PACES: Final = {
    #               <0.5h    <1h    <2h    <4h    <8h   <16h   <32h   <64h  <128h  <256h     on
    "ordered":     ( 0.20,  0.20,  0.20,  0.25,  0.20,  0.15,  0.10,  0.05,  0.02,  0.01, 0.003),
    "collected":   ( 0.02,  0.10,  0.20,  0.25,  0.25,  0.20,  0.10,  0.05,  0.02,  0.01, 0.003),
    "hub":         ( 0.05,  0.15,  0.20,  0.20,  0.20,  0.15,  0.10,  0.05,  0.02,  0.01, 0.003),
    "road":        ( 0.05,  0.15,  0.20,  0.20,  0.15,  0.10,  0.08,  0.05,  0.02,  0.01, 0.003),
    "far_hub":     ( 0.05,  0.15,  0.20,  0.20,  0.20,  0.15,  0.10,  0.05,  0.02,  0.01, 0.003),
    "far_road":    ( 0.05,  0.15,  0.20,  0.20,  0.15,  0.10,  0.08,  0.05,  0.02,  0.01, 0.003),
    "customs":     ( 0.02,  0.05,  0.10,  0.10,  0.10,  0.10,  0.08,  0.05,  0.02,  0.01, 0.003),
    "city":        ( 0.10,  0.20,  0.25,  0.25,  0.25,  0.20,  0.10,  0.05,  0.02,  0.01, 0.003),
    "last_road":   ( 0.10,  0.30,  0.40,  0.40,  0.30,  0.20,  0.10,  0.05,  0.02,  0.01, 0.003),
    "station":     ( 0.20,  0.60,  0.80,  0.60,  0.50,  0.50,  0.30,  0.10,  0.03,  0.01, 0.003),
    "transit":     ( 0.15,  0.30,  0.40,  0.35,  0.30,  0.25,  0.15,  0.08,  0.03,  0.01, 0.003),
    "transit_2":   ( 0.15,  0.30,  0.40,  0.35,  0.30,  0.25,  0.15,  0.08,  0.03,  0.01, 0.003),
    "transit_3":   ( 0.15,  0.30,  0.40,  0.35,  0.30,  0.25,  0.15,  0.08,  0.03,  0.01, 0.003),
    "far_transit": ( 0.15,  0.30,  0.40,  0.35,  0.30,  0.25,  0.15,  0.08,  0.03,  0.01, 0.003),
    "redirected":  ( 0.02,  0.10,  0.20,  0.20,  0.20,  0.15,  0.10,  0.05,  0.02,  0.01, 0.003),
    "handed_over": ( 0.01,  0.01,  0.02,  0.03,  0.05,  0.05,  0.05,  0.02, 0.005, 0.002, 0.001),
    "on_tour":     ( 0.10,  0.25,  0.30,  0.35,  0.40,  0.30,  0.15,  0.08,  0.03,  0.01, 0.003),
    "at_counter":  ( 0.10,  0.12,  0.12,  0.12,  0.12,  0.12,  0.10,  0.05,  0.03,  0.01, 0.003),
    "failed":      ( 0.02,  0.03,  0.05,  0.08,  0.10,  0.40,  0.30,  0.10,  0.03,  0.01, 0.003),
    "problem":     ( 0.02,  0.03,  0.05,  0.08,  0.08,  0.08,  0.08,  0.05,  0.02,  0.01, 0.003),
    "returning":   ( 0.02,  0.05,  0.10,  0.10,  0.10,  0.10,  0.08,  0.05,  0.02,  0.01, 0.003),
    "cancelling":  ( 0.02,  0.05,  0.10,  0.10,  0.10,  0.10,  0.08,  0.05,  0.02,  0.01, 0.003),
}
"""Lines per hour in each leg at the full rate, by the hours since the last line."""
# fmt: on

AGES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Where one column of `PACES` ends and the next begins."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of a journey, from one line to the next.

    `onward` says in hundredths which legs the next lines begin; what is left to a hundred is news, for which somebody waits.
    `moves` and `news` are the rhythms of both.
    """

    reason: str
    moves: str
    news: str
    onward: Mapping[str, int]


# fmt: off
LEGS: Final = {
    #                  reason              moves       news     onward
    "ordered":     Leg("collection_due",   COLLECTION, TOUR,    {"ordered": 25, "collected": 70}),
    "collected":   Leg("under_way",        ROAD,       TOUR,    {"road": 75, "hub": 15, "city": 5, "transit": 5}),
    "hub":         Leg("under_way",        ROAD,       TOUR,    {"road": 75, "hub": 5, "city": 5, "transit": 10}),
    "road":        Leg("under_way",        ALWAYS,     TOUR,    {"hub": 45, "city": 25, "transit": 25, "road": 3}),
    "far_hub":     Leg("under_way",        ROAD,       TOUR,    {"far_road": 75, "far_hub": 5, "city": 5, "transit": 10}),
    "far_road":    Leg("under_way",        ALWAYS,     TOUR,    {"far_hub": 35, "city": 25, "transit": 25, "far_road": 3}),
    "customs":     Leg("in_customs",       OFFICE,     OFFICE,  {"customs": 65, "hub": 10, "road": 15, "transit": 8}),
    "city":        Leg("near_recipient",   ROAD,       TOUR,    {"last_road": 55, "city": 5, "station": 30}),
    "last_road":   Leg("near_recipient",   ALWAYS,     TOUR,    {"station": 75, "city": 5, "last_road": 5}),
    "station":     Leg("tour_due",         ROAD,       TOUR,    {"road": 10, "station": 5}),
    "transit":     Leg("under_way",        ROAD,       TOUR,    {"transit_2": 50, "road": 25, "city": 10}),
    "transit_2":   Leg("under_way",        ROAD,       TOUR,    {"transit_3": 30, "road": 15, "city": 10}),
    "transit_3":   Leg("near_recipient",   ROAD,       TOUR,    {"far_transit": 25, "road": 15, "city": 10}),
    "far_transit": Leg("near_recipient",   ROAD,       TOUR,    {"far_transit": 25, "road": 15, "city": 10}),
    "redirected":  Leg("under_way",        ROAD,       TOUR,    {"road": 70, "transit": 20}),
    "handed_over": Leg("with_another",     ROAD,       DOOR,    {"road": 20, "station": 20}),
    "on_tour":     Leg("on_tour",          ROAD,       DOOR,    {"station": 2}),
    "at_counter":  Leg("waits_for_pickup", ROAD,       COUNTER, {"returning": 2}),
    "failed":      Leg("attempt_failed",   ROAD,       TOUR,    {"station": 5, "returning": 5}),
    "problem":     Leg("problem",          ROAD,       TOUR,    {"road": 15, "station": 10, "returning": 25}),
    "returning":   Leg("returning",        ROAD,       DOOR,    {"returning": 75}),
    "cancelling":  Leg("cancelling",       OFFICE,     OFFICE,  {}),
}
# fmt: on

RARE: Final = 0.3
"""Ninths of the full rate at hours in which the rhythms have none: what is rare can still be learned."""

WEEKEND: Final = 0.75
"""The rate on Saturdays and Sundays."""

TRUST: Final = 5.0
"""How many lines of a cell weigh as much as the table."""

FLOOR: Final = 0.1
"""Learning never makes a rate slower than this part of the table: else what was not seen for a while would not be looked for."""

STEP: Final = HOUR / 4

FAIR: Final = (4 * HOUR, 1.5, 0.95)
"""A journey may cost a call every so often, and so many more for its beginning and end; so much of that is spent."""
PURSE: Final = 50.0
"""Journeys that cost twice what is fair, until a call is e times as dear."""
DEARNESS: Final = (0.7, 3.0)
"""Within these bounds calls become cheaper and dearer."""

DEPARTED: Final = re.compile(
    "离开|发往|发出|发车|装车|封车|起飞|运往|开往|前往|下一站|\\b(left|sent|departed|departure|outbound|on its way)\\b",
    re.IGNORECASE,
)
"""How couriers word that a parcel has left a place; all else is an arrival."""

FAR: Final = 2
"""So many lines of the road make a parcel well under way."""

_BY_STATUS: Final = {
    "info_received": "ordered",
    "out_for_delivery": "on_tour",
    "available_for_pickup": "at_counter",
    "failed_attempt": "failed",
    "exception": "problem",
    "returning": "returning",
    "cancelled": "cancelling",
}
_BY_SUBSTATUS: Final = {
    "picked_up": "collected",
    "line_haul": "hub",
    "arrived_destination_city": "city",
    "redirected_address": "redirected",
    "handed_to_other_carrier": "handed_over",
    "customs": "customs",
    "customs_pending": "customs",
    "customs_in_progress": "customs",
    "customs_cleared": "customs",
}
_TRANSIT: Final = ("transit", "transit_2", "transit_3", "far_transit")
_KIND: Final = len(AGES) + 1
_DAY: Final = _KIND + 2
_HOUR: Final = _DAY + 7
_CELLS: Final = _HOUR + 2 * 24


@dataclass(frozen=True, slots=True)
class Stay:
    """A leg from its line to the next one, in epoch seconds; `offset` is the place's zone; `then` the next leg, None for news."""

    leg: str
    began: float
    ended: float
    offset: float
    then: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """What the stays in one leg have taught: lines seen and expected by cell, and how many of them led to which leg."""

    seen: tuple[float, ...] = (0.0,) * _CELLS
    expected: tuple[float, ...] = (0.0,) * _CELLS
    onward: Mapping[str, float] = field(default_factory=dict)

    def factors(self) -> list[float]:
        return [
            (seen + TRUST) / (expected + TRUST)
            for seen, expected in zip(self.seen, self.expected, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Learned:
    """What one courier's journeys have taught, by leg, on top of what all couriers' have (`common`).

    `overspent` is what journeys that are over have cost more than is fair, in journeys; all couriers share one purse.
    """

    tallies: Mapping[str, Tally] = field(default_factory=dict)
    common: Learned | None = None
    overspent: float = 0.0

    @property
    def dearness(self) -> float:
        """How much dearer than its price a call is, for journeys to cost what is fair."""
        return math.exp((self.common or self).overspent / PURSE)

    def over(self, calls: int, lasted: float) -> Learned:
        """With one more journey at its end: what it cost, and its seconds from registration until the end was seen."""
        every, more, part = FAIR
        fair = (lasted / every + more) * part
        cheapest, dearest = (PURSE * math.log(each) for each in DEARNESS)
        overspent = min(max(self.overspent + calls / fair - 1, cheapest), dearest)
        return replace(self, overspent=overspent)

    def after(self, stay: Stay) -> Learned:
        """With one more stay."""
        tally = self.tallies.get(stay.leg, Tally())
        rate = Rate(stay.leg, self)
        own = tally.factors()
        seen, expected = list(tally.seen), list(tally.expected)
        at, last = stay.began, min(stay.ended, stay.began + 30 * DAY)
        while at < last:
            width = min(STEP, last - at)
            middle = at + width / 2
            cells = _cells(middle, middle - stay.began, stay.offset)
            for kind, lines in enumerate(rate.at(middle, middle - stay.began, stay.offset)):
                for cell in _of_kind(cells, kind):
                    expected[cell] += lines * width / HOUR / own[cell]
            at += width
        ended = _cells(stay.ended, stay.ended - stay.began, stay.offset)
        for cell in _of_kind(ended, int(stay.then is None)):
            seen[cell] += 1
        onward = dict(tally.onward)
        if stay.then:
            onward[stay.then] = onward.get(stay.then, 0.0) + 1
        changed = Tally(tuple(seen), tuple(expected), onward)
        return replace(self, tallies={**self.tallies, stay.leg: changed})

    def to_dict(self) -> dict[str, Any]:
        """A few hundred bytes a leg; what was overspent beside the legs, under `journeys`."""
        legs: dict[str, Any] = {
            leg: {
                "seen": [round(each, 1) for each in tally.seen],
                "expected": [round(each, 2) for each in tally.expected],
                "onward": dict(tally.onward),
            }
            for leg, tally in self.tallies.items()
        }
        return {**legs, "journeys": {"overspent": round(self.overspent, 3)}} if self.overspent else legs

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` made this of; legs that are not in the table any more are forgotten."""
        return cls(
            {
                leg: Tally(
                    tuple(map(float, each["seen"])),
                    tuple(map(float, each["expected"])),
                    {then: float(count) for then, count in each["onward"].items() if then in LEGS},
                )
                for leg, each in data.items()
                if leg in LEGS and len(each["seen"]) == len(each["expected"]) == _CELLS
            },
            overspent=float(data.get("journeys", {}).get("overspent", 0.0)),
        )


class Rate:
    """The rate of next lines in one leg, with what was learned of it; `onward` says which legs the moves lead to."""

    __slots__ = ("_factors", "_paces", "_shares", "leg", "onward")

    def __init__(self, leg: str, learned: Learned) -> None:
        self.leg = LEGS[leg]
        self._paces = PACES[leg]
        self.onward: Mapping[str, float] = self.leg.onward
        factors = [1.0] * _CELLS
        for each in (learned.common, learned):
            tally = each.tallies.get(leg) if each else None
            if tally:
                factors = [mine * more for mine, more in zip(factors, tally.factors(), strict=True)]
                self.onward = _mixed(self.onward, tally.onward)
        self._factors = factors
        moves = sum(self.leg.onward.values()) / 100
        self._shares = (moves, 1 - moves)

    def at(self, moment: float, age: float, offset: float) -> tuple[float, float]:
        """Moves and news per hour at `moment`, `age` seconds after the last line."""
        by_age, by_day, by_hour = _cells(moment, age, offset)
        factors, leg, hour = self._factors, self.leg, by_hour - _HOUR
        full = self._paces[by_age] * _WEEK[by_day - _DAY]
        taught = factors[by_age] * factors[by_day]
        move = max(taught * factors[_KIND] * factors[by_hour], FLOOR)
        new = max(taught * factors[_KIND + 1] * factors[by_hour + 24], FLOOR)
        moves, news = self._shares
        return full * moves * _LEVELS[leg.moves][hour] * move, full * news * _LEVELS[leg.news][hour] * new

    def quiet(self, since: float, until: float, offset: float) -> float:
        """How likely nothing is heard from `since`, when a line came, to `until`: 1 to 0."""
        lines, at = 0.0, since
        while at < until:
            width = min(STEP * (1 if at - since < DAY else 4), until - at)
            lines += sum(self.at(at + width / 2, at + width / 2 - since, offset)) * width / HOUR
            at += width
        return math.exp(-lines)


def _mixed(usual: Mapping[str, float], seen: Mapping[str, float]) -> Mapping[str, float]:
    """Shares of the next legs: as usual, and as seen."""
    scale = TRUST / (sum(usual.values()) or 1.0)
    mixed = {leg: scale * usual.get(leg, 0.0) + seen.get(leg, 0.0) for leg in {**usual, **seen}}
    return mixed if any(mixed.values()) else usual


_LEVELS: Final = {
    rhythm: tuple(max(int(digit), RARE) / 9 for digit in rhythm)
    for rhythm in (COLLECTION, ROAD, ALWAYS, TOUR, DOOR, COUNTER, OFFICE)
}
_WEEK: Final = (1.0,) * 5 + (WEEKEND,) * 2


def _cells(moment: float, age: float, offset: float) -> tuple[int, int, int]:
    """By age, day of the week and hour of moves; the hour of news lies 24 cells on."""
    local = moment + offset
    return (
        bisect_right(AGES, age / HOUR),
        _DAY + (int(local // DAY) + 3) % 7,  # the epoch began on a Thursday
        _HOUR + int(local // HOUR) % 24,
    )


def _of_kind(cells: tuple[int, int, int], kind: int) -> tuple[int, int, int, int]:
    """The cells in which a move (0) or news (1) counts."""
    by_age, by_day, by_hour = cells
    return by_age, by_day, _KIND + kind, by_hour + 24 * kind


def leg_of(lines: list[Event]) -> str:
    """The leg that begins with the newest of these lines (oldest first).

    A line of the road after the recipient's city was reached belongs to the last stretch; a plain "in transit" is the station's
    then, and before that perhaps; and after some stretches of road a parcel is nearer to its end.
    """
    newest = lines[-1]
    status, substatus = newest.status or "in_transit", newest.substatus or ""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    leg = _BY_SUBSTATUS.get(substatus, "transit")
    if leg not in {"hub", "transit"}:
        return leg
    departed = bool(DEPARTED.search(newest.text))
    if any(line.substatus == "arrived_destination_city" for line in lines):
        return "station" if leg == "transit" and not departed else "last_road"
    nth = sum(line.substatus in {None, "line_haul"} and line.status == "in_transit" for line in lines)
    if leg == "hub" or departed:
        leg = "road" if departed else "hub"
        return f"far_{leg}" if nth > FAR else leg
    return _TRANSIT[min(max(nth, 1), len(_TRANSIT)) - 1]


def stays(before: Parcel, after: Parcel, offset: float) -> list[Stay]:
    """The stays that ended with the lines that `after` has and `before` had not."""
    fresh = {id(line) for line in fresh_lines(before, after)}
    lines = oldest_first(after.events)
    return [
        Stay(
            leg_of(lines[: index + 1]),
            instant(first),
            instant(second),
            offset,
            None if is_news(first, second) else leg_of(lines[: index + 2]),
        )
        for index, (first, second) in enumerate(pairwise(lines))
        if id(second) in fresh and first.status not in {"delivered", "returned"}
    ]


def is_news(before: Event, after: Event) -> bool:
    """Whether somebody waits for the second line: it tells another status than the first, and not just that the parcel moves on."""
    if after.status in {None, "in_transit", "info_received", "returning"}:
        return False
    return (after.status, after.substatus) != (before.status, before.substatus)
