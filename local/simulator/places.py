"""Where parcels come from, pass and go: a small table of real cities, so that a journey's places, codes and distances agree.

District codes and names follow GB/T 2260, in the 12-digit form that Kuaidi100 uses (`CN370105000000`). Coordinates are of the
district's seat, good enough to tell near from far and to be drawn on a map.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_EARTH_RADIUS_KM: Final = 6371.0


@dataclass(frozen=True, slots=True)
class Area:
    """What the vendor says of the place of an event. Everything but the location is null when it could not be parsed."""

    code: str | None = None
    name: str | None = None
    pinyin: str | None = None
    center: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class District:
    """One row of the table. A place abroad has no code: the vendor parses Chinese regions only."""

    code: str
    province: str
    city: str
    name: str
    lng: float
    lat: float
    city_lng: float
    city_lat: float
    pinyin: str
    city_pinyin: str
    city_en: str
    name_en: str
    sends: int
    is_hub: bool

    @property
    def is_abroad(self) -> bool:
        return not self.code

    @property
    def location(self) -> str:
        return f"{self.city},{self.name}"

    def area(self) -> Area:
        if self.is_abroad:
            return Area(location=self.location)
        return Area(
            code=f"CN{self.code}000000",
            name=f"{self.province},{self._city_in_area},{self.name}",
            pinyin=self.pinyin,
            center=f"{self.lng:.6f},{self.lat:.6f}",
            location=self.location,
        )

    def city_area(self) -> Area:
        """The same place, parsed no finer than the city; a hub's name often tells no more."""
        digits = 2 if self._is_municipality else 4
        return Area(
            code="CN" + self.code[:digits].ljust(12, "0"),
            name=self.province if self._is_municipality else f"{self.province},{self.city}",
            pinyin=self.city_pinyin,
            center=f"{self.city_lng:.6f},{self.city_lat:.6f}",
            location=self.location,
        )

    def distance_to(self, other: District) -> float:
        """Great-circle distance in kilometres."""
        lat, other_lat = math.radians(self.lat), math.radians(other.lat)
        half = (
            math.sin((other_lat - lat) / 2) ** 2
            + math.cos(lat) * math.cos(other_lat) * math.sin(math.radians(other.lng - self.lng) / 2) ** 2
        )
        return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(half))

    @property
    def _is_municipality(self) -> bool:
        return self.city == self.province + "市"

    @property
    def _city_in_area(self) -> str:
        return self.province if self._is_municipality else self.city


@cache
def districts() -> tuple[District, ...]:
    path = Path(__file__).with_name("data") / "places.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            District(
                code=row["code"],
                province=row["province"],
                city=row["city"],
                name=row["district"],
                lng=float(row["lng"]),
                lat=float(row["lat"]),
                city_lng=float(row["city_lng"]),
                city_lat=float(row["city_lat"]),
                pinyin=row["district_pinyin"],
                city_pinyin=row["city_pinyin"],
                city_en=row["city_en"],
                name_en=row["district_en"],
                sends=int(row["sends"]),
                is_hub=row["hub"] == "1",
            )
            for row in csv.DictReader(file)
        )


@cache
def at_home() -> tuple[District, ...]:
    return tuple(district for district in districts() if not district.is_abroad)


@cache
def abroad() -> tuple[District, ...]:
    return tuple(district for district in districts() if district.is_abroad)


@cache
def hub_of(district: District) -> District:
    """The sorting hub that serves a district: its own city's, or else the nearest."""
    hubs = [other for other in at_home() if other.is_hub]
    own = [hub for hub in hubs if hub.city == district.city]
    return own[0] if own else min(hubs, key=district.distance_to)


@cache
def hubs_between(origin: District, destination: District) -> tuple[District, ...]:
    """The hubs that a parcel passes: one or two, and a third on the way when it goes far across the country."""
    first, last = hub_of(origin), hub_of(destination)
    if first == last:
        return (first,)
    direct = first.distance_to(last)
    candidates = [
        hub
        for hub in at_home()
        if hub.is_hub and hub.distance_to(first) > 300 and hub.distance_to(last) > 300
    ]

    def detour(hub: District) -> float:
        return first.distance_to(hub) + hub.distance_to(last)

    middle = min(candidates, key=detour, default=None)
    if direct < 1100 or middle is None or detour(middle) > 1.2 * direct:
        return (first, last)
    return (first, middle, last)
