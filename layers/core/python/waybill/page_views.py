"""What a parcel's page shows: everything that its template needs, and nothing of the member or of who gets the parcel. Pure.

Shown are the courier and the tracking number, the parcel's way and when it was looked at last. Texts are masked since before they
were stored. The order's id is not shown: it is the member's own word, and may be anything, an address of somebody included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Final, Literal

from waybill import couriers, page_words, route_map, statuses, views
from waybill.model import PENDING, Parcel

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from waybill.model import Event, Lang, Status
    from waybill.route_map import RouteMap
    from waybill.shipments import Shipment
    from waybill.tracked import Dossier

LINES: Final = 60
CHARACTERS: Final = 12_000
"""So much of the timeline is shown, the newest first: with its frame and files the page stays below 100 KB."""
TONES: Final[dict[Status, str]] = {
    "pending": "wait",
    "info_received": "wait",
    "in_transit": "move",
    "out_for_delivery": "near",
    "available_for_pickup": "pickup",
    "failed_attempt": "trouble",
    "exception": "trouble",
    "returning": "back",
    "delivered": "done",
    "returned": "back",
    "cancelled": "wait",
}
"""Which colours a status has."""
_PLAIN: Final = ("collected", "in_transit", "out_for_delivery", "delivered")
_SAYS_NOTHING: Final = frozenset({None, "line_haul"})
"""Substatuses that tell a reader no more than the status."""
_WAYS: Final[dict[Status, tuple[tuple[str, ...], int]]] = {
    "pending": (_PLAIN, -1),
    "info_received": (("announced", *_PLAIN[1:]), 0),
    "in_transit": (_PLAIN, 1),
    "out_for_delivery": (_PLAIN, 2),
    "available_for_pickup": (("collected", "in_transit", "pickup", "delivered"), 2),
    "failed_attempt": (("collected", "in_transit", "attempted", "delivered"), 2),
    "exception": (("collected", "problem", "out_for_delivery", "delivered"), 1),
    "returning": (("collected", "in_transit", "returning", "returned"), 2),
    "delivered": (_PLAIN, 3),
    "returned": (("collected", "in_transit", "returning", "returned"), 3),
    "cancelled": (("announced", "cancelled"), 1),
}
"""The steps on the way to each status, and which of them it is; an end that is no delivery takes a place of its own."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as the parcel's zone has it: `iso` for machines, the others for readers."""

    iso: str
    day: str
    short_day: str
    clock: str
    zone: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `day` is "" where the courier's time could not be read."""

    text: str
    place: str
    when: Moment | None
    tone: str


@dataclass(frozen=True, slots=True)
class Step:
    """`state`: `done`, `now`, `stuck` (now, and something is wrong) or `todo`."""

    label: str
    state: Literal["done", "now", "stuck", "todo"]
    when: Moment | None


@dataclass(frozen=True, slots=True)
class PageView:
    courier: str
    number: str
    status: Status
    tone: str
    headline: str
    detail: str
    sentence: str
    final: bool
    eta: Moment | None
    latest: Line | None
    place: str
    steps: tuple[Step, ...]
    days: tuple[tuple[str, tuple[Line, ...]], ...]
    earlier: int
    text_lang: str
    route: RouteMap | None
    checked: int | None
    """Seconds since the courier was asked last, in steps as coarse as their words."""
    assumed: bool


def visible(ship: Shipment, dossier: Dossier) -> Parcel:
    """The parcel as the member of the shipment may see it: of one that a phone protects nothing before theirs was found right."""
    row, courier = dossier.tracked, couriers.find(ship.courier)
    bound = (row is not None and row.phone_bound) or (courier is not None and courier.requires_phone)
    # Before its first look nobody knows whether a phone protects it, and an older history may still be there.
    unsure = bound or row is None or row.checked_at is None
    if (unsure and not ship.standing.as_of) or (bound and ship.registration.tail is None):
        return Parcel(ship.courier, ship.number)
    return dossier.parcel


def status(ship: Shipment, dossier: Dossier) -> Status:
    """Where lists know more than the history, as right after registering, they lead."""
    parcel = visible(ship, dossier)
    return parcel.status if _known(parcel) else ship.standing.status


def page(ship: Shipment, dossier: Dossier, lang: Lang, now: float) -> PageView:
    """What is shown at `now`, in service time."""
    parcel, here = visible(ship, dossier), datetime.fromtimestamp(now, UTC)
    known, stands = _known(parcel), status(ship, dossier)
    courier = couriers.find(ship.courier)
    headline = statuses.status_name(stands, lang)
    detail = views.status_name(parcel, lang) if known and parcel.substatus not in _SAYS_NOTHING else ""
    shown = _shown(parcel.events)
    lines = [_line(event, here, lang) for event in shown]
    drawn = route_map.draw(parcel)
    return PageView(
        courier=courier.name(lang) if courier else ship.courier,
        number=ship.number,
        status=stands,
        tone=TONES[stands],
        headline=headline,
        detail="" if detail == headline else detail,
        sentence=page_words.choose(page_words.SENTENCES[stands], lang),
        final=parcel.terminal if known else ship.standing.terminal,
        eta=_eta(parcel, here, lang),
        latest=lines[0] if lines else None,
        place=_last_place(parcel.events) if drawn is None else "",
        steps=_steps(parcel, stands, here, lang),
        days=tuple(
            (day, tuple(group))
            for day, group in groupby(lines, lambda line: line.when.day if line.when else "")
        ),
        earlier=len(parcel.events) - len(shown),
        text_lang=page_words.WORDS[parcel.lang]["html_lang"],
        route=drawn,
        checked=_checked(ship, dossier, now),
        assumed=any(event.zone == "assumed" and event.time for event in shown),
    )


def _known(parcel: Parcel) -> bool:
    return bool(parcel.state or parcel.events)


def _shown(events: Sequence[Event]) -> list[Event]:
    sizes = accumulate(len(event.text) for event in events[:LINES])
    return [event for event, size in zip(events, sizes, strict=False) if size <= CHARACTERS]


def _line(event: Event, here: datetime, lang: Lang) -> Line:
    place = (event.area and route_map.precise(event.area)) or event.location or ""
    tone = TONES[event.status] if event.status else "move"
    return Line(event.text, place, _moment(event.time, here, lang), tone)


def _last_place(events: Iterable[Event]) -> str:
    return next((route_map.precise(each.area) for each in events if each.area and each.area.name), "")


def _moment(time: str | None, here: datetime, lang: Lang) -> Moment | None:
    if not time:
        return None
    try:
        when = datetime.fromisoformat(time)
    except ValueError:
        return None
    return Moment(
        iso=when.isoformat(timespec="seconds"),
        day=page_words.day(when, here, lang),
        short_day=page_words.short_day(when, lang),
        clock=f"{when:%H:%M}",
        zone=page_words.zone(when) if when.tzinfo else "",
    )


def _eta(parcel: Parcel, here: datetime, lang: Lang) -> Moment | None:
    """The vendor's forecast, while it lies ahead."""
    moment = None if parcel.terminal or not parcel.eta else _moment(parcel.eta.arrives_at, here, lang)
    if moment is None or not moment.zone or datetime.fromisoformat(moment.iso) < here:
        return None
    return moment


def _checked(ship: Shipment, dossier: Dossier, now: float) -> int | None:
    at = dossier.tracked.checked_at if dossier.tracked else None
    at = at or ship.standing.as_of
    if not at:
        return None
    age = max(0, int(now - at))
    step = next(each for each in (86_400, 3_600, 60, 1) if age >= each or each == 1)
    return age // step * step if step > 1 else 0


def _steps(parcel: Parcel, status: Status, here: datetime, lang: Lang) -> tuple[Step, ...]:
    first = _firsts(parcel.events)
    names, at = _way(parcel, status, first)

    def step(place: int, name: str) -> Step:
        state: Literal["done", "now", "stuck", "todo"]
        if place == at:
            state = (
                "stuck"
                if TONES[status] == "trouble"
                else "done"
                if parcel.terminal and status != PENDING
                else "now"
            )
        else:
            state = "done" if place < at else "todo"
        when = _moment(first.get(name), here, lang) if state != "todo" else None
        return Step(page_words.choose(page_words.STEPS[name], lang), state, when)

    return tuple(step(place, name) for place, name in enumerate(names))


def _way(parcel: Parcel, status: Status, reached: Container[str]) -> tuple[tuple[str, ...], int]:
    """The names of the steps, and the place of the present one: -1 before the first."""
    if status == "in_transit" and parcel.substatus == "picked_up":
        return _PLAIN, 0
    if status == "exception" and "out_for_delivery" in reached:
        return ("collected", "in_transit", "problem", "delivered"), 2
    if status == "cancelled" and "collected" in reached:
        return ("collected", "cancelled"), 1
    return _WAYS[status]


def _firsts(events: Iterable[Event]) -> dict[str, str]:
    """When each step was reached for the first time."""
    found: dict[str, str] = {}
    for event in events:  # the newest first, so that the earliest stays
        if event.time is None or event.status is None:
            continue
        for name in _REACHED.get(event.status, ()):
            if name != "collected" or event.substatus == "picked_up":
                found[name] = event.time
    return found


_REACHED: Final[dict[Status, tuple[str, ...]]] = {
    "info_received": ("announced",),
    "in_transit": ("collected", "in_transit"),
    "out_for_delivery": ("out_for_delivery",),
    "available_for_pickup": ("pickup",),
    "failed_attempt": ("attempted",),
    "exception": ("problem",),
    "returning": ("returning",),
    "delivered": ("delivered",),
    "returned": ("returned",),
    "cancelled": ("cancelled",),
}
"""The steps that an event of a status tells of."""
