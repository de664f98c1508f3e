"""A parcel's way as a drawing: where its events were, by the coordinates that the courier's answer has. Pure.

No map lies beneath it, so nothing is asked of anybody: meridians and parallels alone give it scale. Degrees become pixels by an
equirectangular projection true to scale at the drawing's middle latitude, good enough for a country and bearable for a continent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from waybill.model import Area, Parcel

WIDTH: Final = 360
LEAST_HEIGHT: Final = 150
MOST_HEIGHT: Final = 280
_SIDE: Final = 34
_TOP: Final = 40
_APART: Final = 0.03
"""Places closer than this share of the whole way are one."""
_LEAST_EXTENT: Final = 0.05
"""Degrees: within one town the drawing does not zoom in further."""
_BEND: Final = 0.12
"""Of a leg's length: there and back again are two lines."""
_STEPS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    lng: float
    lat: float


@dataclass(frozen=True, slots=True)
class Label:
    text: str
    x: float
    y: float
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Stop:
    """A place of the way in pixels; `kind` is `origin`, `via`, `current` or `destination`."""

    x: float
    y: float
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class RouteMap:
    """What there is to draw, in pixels of a box `WIDTH` wide: `travelled` and `ahead` are the d of paths, `ahead` may be empty."""

    height: int
    travelled: str
    ahead: str
    stops: tuple[Stop, ...]
    labels: tuple[Label, ...]
    meridians: tuple[float, ...]
    parallels: tuple[float, ...]


def city(area: Area) -> str:
    """Of `天津,天津,北辰区` the second part: what people call the place on a map."""
    parts = _parts(area)
    return parts[1] if len(parts) > 1 else parts[0] if parts else ""


def precise(area: Area) -> str:
    """Of `浙江,金华市,义乌市` what is told from within the country: `金华市 义乌市`."""
    return " ".join(dict.fromkeys(_parts(area)[-2:]))


def draw(parcel: Parcel) -> RouteMap | None:
    """The way of a parcel; None where fewer than two places are known."""
    been = _distinct(
        [place for event in reversed(parcel.events) if event.area and (place := _place(event.area))]
    )
    destination = parcel.route and parcel.route.destination and _place(parcel.route.destination)
    ahead = destination if destination and been and not parcel.terminal else None
    places = _unwrapped([*been, *([ahead] if ahead else [])])
    span = _span(places)
    if ahead and _near(places[-1], places[-2] if len(places) > 1 else None, span):
        places, ahead = places[:-1], None
    way = _merged(places[:-1] if ahead else places, span)
    if len(way) + bool(ahead) < 2:
        return None
    return _drawn([*way, *places[-1:]] if ahead else way, ahead=ahead is not None)


def _drawn(places: Sequence[Place], *, ahead: bool) -> RouteMap:
    middle = math.cos(math.radians((max(p.lat for p in places) + min(p.lat for p in places)) / 2))
    west, east = min(p.lng for p in places), max(p.lng for p in places)
    south, north = min(p.lat for p in places), max(p.lat for p in places)
    wide, high = max((east - west) * middle, _LEAST_EXTENT), max(north - south, _LEAST_EXTENT)
    scale = min((WIDTH - 2 * _SIDE) / wide, (MOST_HEIGHT - 2 * _TOP) / high)
    height = round(max(LEAST_HEIGHT, high * scale + 2 * _TOP))
    left = (WIDTH - (east - west) * middle * scale) / 2
    top = (height - (north - south) * scale) / 2

    def x(lng: float) -> float:
        return round(left + (lng - west) * middle * scale, 1)

    def y(lat: float) -> float:
        return round(top + (north - lat) * scale, 1)

    points = [(x(p.lng), y(p.lat)) for p in places]
    been = points[:-1] if ahead else points
    last = len(been) - 1
    kinds = ["origin", *["via"] * (last - 1), *(["current"] if last else [])]
    kinds = [*(kinds if last else ["current"]), *(["destination"] if ahead else [])]
    stops = tuple(
        Stop(*point, kind, place.name) for point, kind, place in zip(points, kinds, places, strict=True)
    )
    step = next((each for each in _STEPS if max(wide, high) / each <= 6), _STEPS[-1])
    return RouteMap(
        height=height,
        travelled=_path(been),
        ahead=_path(points[-2:]) if ahead else "",
        stops=stops,
        labels=_labels([stop for stop in stops if stop.kind != "via"], height),
        meridians=tuple(
            x(lng) for lng in _lines(west - left / scale / middle, east, step, WIDTH / scale / middle)
        ),
        parallels=tuple(y(lat) for lat in _lines(south - top / scale, north, step, height / scale)),
    )


def _labels(stops: Sequence[Stop], height: int) -> tuple[Label, ...]:
    """Names beside their places: the upper ones above, the lowest below, none over the edge or with a name twice."""
    lowest = max(stops, key=lambda stop: stop.y)
    labels: dict[str, Label] = {}
    for stop in sorted(stops, key=lambda each: each.y):
        y = stop.y + 25 if stop is lowest else stop.y - 14
        if not stop.name or any(
            abs(y - each.y) < 16 and abs(stop.x - each.x) < 110 for each in labels.values()
        ):
            continue
        anchor: Anchor = "start" if stop.x < 90 else "end" if stop.x > WIDTH - 90 else "middle"
        inset = {"start": -12, "middle": 0, "end": 12}[anchor]
        labels.setdefault(stop.name, Label(stop.name, stop.x + inset, min(y, height - 8), anchor))
    return tuple(labels.values())


def _lines(first: float, last: float, step: float, span: float) -> Iterable[float]:
    """Multiples of `step` over the whole box, which begins at `first` and is `span` wide."""
    count = math.ceil(max(span, last - first) / step) + 1
    begin = math.floor(first / step)
    return [(begin + each) * step for each in range(count + 1)]


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Legs that bend a little to their left, so that a way back does not hide the way there."""
    if not points:
        return ""
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        bend_x, bend_y = (x1 + x2) / 2 + (y2 - y1) * _BEND, (y1 + y2) / 2 - (x2 - x1) * _BEND
        parts.append(f"Q{bend_x:.1f} {bend_y:.1f} {x2:g} {y2:g}")
    return "".join(parts)


def _place(area: Area) -> Place | None:
    if area.lng is None or area.lat is None or not (abs(area.lng) <= 180 and abs(area.lat) <= 85):
        return None
    return Place(city(area), area.lng, area.lat)


def _parts(area: Area) -> list[str]:
    return [part.strip() for part in (area.name or "").split(",") if part.strip()]


def _distinct(places: Iterable[Place]) -> list[Place]:
    found: list[Place] = []
    for place in places:
        if not found or (found[-1].lng, found[-1].lat) != (place.lng, place.lat):
            found.append(place)
    return found


def _unwrapped(places: Sequence[Place]) -> list[Place]:
    """With longitudes that go on where a leg crosses the antimeridian, so that the way is drawn the short way round."""
    found: list[Place] = []
    for place in places:
        lng = place.lng
        if found:
            lng += 360 * round((found[-1].lng - lng) / 360)
        found.append(Place(place.name, lng, place.lat))
    return found


def _span(places: Sequence[Place]) -> float:
    if not places:
        return 0.0
    lngs, lats = [p.lng for p in places], [p.lat for p in places]
    return max(max(lngs) - min(lngs), max(lats) - min(lats), _LEAST_EXTENT)


def _near(one: Place, other: Place | None, span: float) -> bool:
    return other is not None and math.hypot(one.lng - other.lng, one.lat - other.lat) < span * _APART


def _merged(places: Sequence[Place], span: float) -> list[Place]:
    """Without places so close to the one before that their dots would lie on each other; the last one stays."""
    found: list[Place] = []
    for place in places:
        if found and _near(place, found[-1], span):
            if len(found) > 1:
                found[-1] = place
        else:
            found.append(place)
    return found
