"""The life of every parcel: the same for the same seed, courier, number and start, and like a real one.

Pure: no clock, no I/O. The first query of a number fixes its start with `start_of`; from then on `natural` tells its life, and
`Journey.seen_at` what of it can be seen. A benchmark may call both without any server.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from local.simulator import kinds
from local.simulator.history import Journey, JourneyEvent, Revision, SeenEvent, local_time
from local.simulator.texts import AFTERTHOUGHTS, Voice
from local.simulator.trips import COLLECTION, DAY, HOUR, Trip, hour_of_day, is_open
from waybill import couriers

__all__ = ["Journey", "JourneyEvent", "Revision", "SeenEvent", "local_time", "natural", "start_of"]

_DOMESTIC_CATEGORY: Final = "国内运输商"
_DOMESTIC_ALL_THE_SAME: Final = frozenset({"shunfeng", "ems", "youzhengguonei"})
"""Listed as international by the vendor, and yet most of their parcels never leave the country."""

_EDITION: Final = 14
"""Reshuffles everything. Chosen so that the example of the vendor's page, under the default seed, is an interesting one."""

NEVER_FOUND: Final = 0.01
NOT_YET_FOUND: Final = 0.04
AGES: Final = ((0.35, 0.05, 1.2), (0.45, 1.2, 4.0), (0.20, 4.0, 12.0))
"""How old parcels are when first asked for: (share, from, to) in days."""


def start_of(seed: int, courier: str, number: str, now: float) -> float:
    """When the journey of a number first asked for at `now` begins, in epoch seconds.

    One in a hundred begins only weeks later (a wrong number, it seems), three more within two days, all others have begun: the
    parcel is somewhere between just collected and delivered days ago.
    """
    rng = random.Random(f"{seed}/{_EDITION}/age/{courier}/{number}")
    luck = rng.random()
    if luck < NEVER_FOUND:
        return _daytime(rng, now + rng.uniform(25, 35) * DAY, later=True)
    if luck < NOT_YET_FOUND:
        return _daytime(rng, now + rng.uniform(2, 40) * HOUR, later=True)
    _, youngest, oldest = rng.choices(AGES, weights=[age[0] for age in AGES])[0]
    return _daytime(rng, now - rng.uniform(youngest, oldest) * DAY, later=False)


def natural(seed: int, courier: str, number: str, start: float) -> Journey:
    """The life of a parcel whose first line is written at `start`."""
    rng = random.Random(f"{seed}/{_EDITION}/life/{courier}/{number}")
    trip = Trip(rng, Voice.of(courier), kinds.pick_origin(rng), kinds.pick_destination(rng), start)
    kinds.pick_kind(rng, kinds.ODDS_ABROAD if _crosses_borders(courier) else kinds.ODDS)(trip)
    events = trip.events
    revisions = [*_swap(rng, events), *_reword(rng, events), *_drop(rng, events)]
    return Journey(tuple(events), tuple(sorted(revisions, key=lambda revision: revision.at)))


def _daytime(rng: random.Random, at: float, *, later: bool) -> float:
    """The moment itself if couriers collect at that hour, else one of the nearest such hours before or after it."""
    if not is_open(at, COLLECTION):
        opens, closes = COLLECTION
        if later:
            at += ((opens - hour_of_day(at)) % 24 + rng.uniform(0, 3)) * HOUR
        else:
            at -= ((hour_of_day(at) - closes) % 24 + rng.uniform(0.01, 3)) * HOUR
    return float(int(at))


def _crosses_borders(code: str) -> bool:
    courier = couriers.find(code)
    return bool(courier and courier.category != _DOMESTIC_CATEGORY and code not in _DOMESTIC_ALL_THE_SAME)


def _swap(rng: random.Random, events: list[JourneyEvent]) -> list[Revision]:
    """Some parcels are scanned in and out within a second; of those, half change the order of the two lines later on."""
    pairs = [
        index
        for index in range(1, len(events) - 1)
        if events[index].status_code in {"0", "1001", "1002"}
        and events[index + 1].status_code in {"1002", "5"}
        and events[index].place.location == events[index + 1].place.location
    ]
    if not pairs or rng.random() > 0.15:
        return []
    first = rng.choice(pairs)
    events[first] = replace(events[first], at=events[first + 1].at)
    if rng.random() < 0.5:
        return []
    at = events[first].at + rng.uniform(1, 10) * HOUR
    return [Revision(at, first, events[first + 1]), Revision(at, first + 1, events[first])]


def _reword(rng: random.Random, events: list[JourneyEvent]) -> list[Revision]:
    if rng.random() > 0.15:
        return []
    index = rng.randrange(len(events))
    event, more = events[index], rng.choice(AFTERTHOUGHTS)
    later = replace(event, text_zh=event.text_zh + more.zh, text_en=event.text_en + more.en)
    return [Revision(event.at + rng.uniform(2, 12) * HOUR, index, later)]


def _drop(rng: random.Random, events: list[JourneyEvent]) -> list[Revision]:
    if len(events) < 6 or rng.random() > 0.05:
        return []
    return [Revision(events[4].at + rng.uniform(1, 6) * HOUR, rng.randrange(2), None)]
