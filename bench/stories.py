"""Journeys to replay: the simulator's, drawn by seed, or those of a file; and what the courier answers at any time of one. Pure."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from local.simulator.history import Journey, JourneyEvent, local_time
from local.simulator.journeys import natural
from local.simulator.places import Area as Place
from waybill import statuses
from waybill.errors import DAY, HOUR
from waybill.merge import merge
from waybill.model import Answer, Area, Event, Parcel, event_id

if TYPE_CHECKING:
    from pathlib import Path

    from local.simulator.history import SeenEvent
    from waybill.model import Status

WATCHED: Final[tuple[Status, ...]] = ("out_for_delivery", "available_for_pickup", "delivered", "exception")
"""The statuses whose delays are measured."""

EPOCH: Final = 1_772_323_200.0
"""2026-03-01 00:00 UTC; the simulator's journeys of a bench begin within `SPREAD` from here."""
SPREAD: Final = 60 * DAY

COURIERS: Final = {
    "yuantong": 20, "zhongtong": 22, "shunfeng": 14, "shentong": 12, "yunda": 12, "jtexpress": 8, "jd": 7, "ems": 3, "dhl": 2,
}  # a table # fmt: skip
"""Couriers by how many of a hundred parcels they carry."""

REGISTERED: Final = (-2 * HOUR, 6 * HOUR)
"""Parcels are registered around their first line: evenly, from and to, in seconds after it."""
WATCHED_AFTER: Final = 3 * DAY
"""How long after its last line a journey that has no end is still watched, by every policy."""


@dataclass(frozen=True, slots=True)
class Story:
    """One parcel as it is replayed: what the courier answers from each moment of `changes` on, and what there is to see.

    `news` are the moments at which there is something new to see of the watched kinds, or an end.
    """

    courier: str
    number: str
    registered_at: float
    until: float
    changes: tuple[float, ...]
    answers: tuple[Answer, ...]
    news: tuple[float, ...]

    def answer_at(self, at: float) -> int:
        """The index of the answer shown at this time; -1 while there is no trace."""
        return bisect_right(self.changes, at) - 1


def drawn(count: int, seed: int) -> list[Story]:
    """That many of the simulator's journeys."""
    rng = random.Random(f"{seed}/bench")
    stories = []
    for index in range(count):
        courier = rng.choices(list(COURIERS), weights=list(COURIERS.values()))[0]
        number = f"{seed:03}{index:09}"
        start = float(int(EPOCH + rng.uniform(0, SPREAD)))
        hour = 9 + 11 * rng.random()
        start += (hour - local_time(start).hour) % 24 * HOUR
        journey = natural(seed, courier, number, start)
        stories.append(_story(courier, number, journey, rng.uniform(*REGISTERED)))
    return stories


def read(path: Path, seed: int) -> list[Story]:
    """The journeys of a file: JSON lines of `{courier, number, events: [{at, status_code, text}]}`, `at` in ISO 8601 with its zone.

    Raises:
        ValueError: a line is not such a journey; the message names line and field.
    """
    rng = random.Random(f"{seed}/bench")
    stories = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if line.strip():
            try:
                stories.append(_read(line, rng))
            except (ValueError, OverflowError) as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
    return stories


def _read(line: str, rng: random.Random) -> Story:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("a journey is an object of courier, number and events")  # noqa: TRY004 - what is wrong is the file
    events = data.get("events")
    if not isinstance(events, list) or not events:
        raise ValueError("events: a list of one event at least")
    journey = Journey(
        tuple(sorted((_told(each, index) for index, each in enumerate(events)), key=lambda told: told.at))
    )
    courier, number = _text(data, "courier"), _text(data, "number")
    return _story(courier, number, journey, rng.uniform(*REGISTERED))


def _told(event: object, index: int) -> JourneyEvent:
    where = f"events[{index}]."
    if not isinstance(event, dict):
        raise ValueError(f"{where.rstrip('.')}: an object of at, status_code and text")  # noqa: TRY004 - as above
    text = event.get("text") or ""
    if not isinstance(text, str):
        raise ValueError(f"{where}text: a text")  # noqa: TRY004 - as above
    return JourneyEvent(
        _epoch(_text(event, "at", where), where), _text(event, "status_code", where), text, text, Place()
    )


def _text(data: dict[str, Any], name: str, where: str = "") -> str:
    """A field as text; a code may be a number, too."""
    value = data.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}{name}: a text that is not empty")
    return value.strip()


def _epoch(text: str, where: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{where}at: a time in ISO 8601, such as 2026-03-01T09:12:00+08:00") from error
    if time.tzinfo is None:
        raise ValueError(f"{where}at: a time needs its zone, such as +08:00")
    return time.timestamp()


def _story(courier: str, number: str, journey: Journey, registered: float) -> Story:
    moments = sorted({event.at for event in journey.events} | {each.at for each in journey.revisions})
    lines: dict[SeenEvent, Event] = {}
    answers = []
    for moment in moments:
        seen = journey.seen_at(moment)
        events = tuple(lines.setdefault(each, _event(each)) for each in seen)
        answers.append(_answer(courier, number, events))
    first, last = moments[0], journey.events[-1].at
    news = _news(Parcel(courier, number), moments, answers)
    return Story(
        courier, number, first + registered, last + WATCHED_AFTER, tuple(moments), tuple(answers), news
    )


def _news(parcel: Parcel, moments: list[float], answers: list[Answer]) -> tuple[float, ...]:
    """When who looks all the time sees something of the watched kinds, or the end."""
    news = []
    for moment, answer in zip(moments, answers, strict=True):
        ended = parcel.terminal
        parcel, born = merge(parcel, answer)
        if any(each.status in WATCHED for each in born) or (parcel.terminal and not ended):
            news.append(moment)
    return tuple(news)


def _answer(courier: str, number: str, events: tuple[Event, ...]) -> Answer:
    code, _ = statuses.resolve(events[0].code or "0")
    return Answer(
        Parcel(
            courier,
            number,
            code.status,
            code.substatus,
            terminal=code.terminal,
            state=code.code,
            events=events,
        )
    )


def _event(seen: SeenEvent) -> Event:
    code, _ = statuses.resolve(seen.status_code)
    time = local_time(seen.at).isoformat(timespec="seconds")
    area = Area(seen.place.code, seen.place.name) if seen.place.code else None
    return Event(
        event_id(time, seen.text, seen.status_code), time, "assumed", seen.text, seen.status_code,
        code.status, code.substatus, seen.place.location, area,
    )  # in the order of the fields # fmt: skip
