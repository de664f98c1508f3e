"""How a parcel moves: collected by day, hauled at night, taken round in the morning; slower at weekends, longer when far.

A `Trip` is a pencil that walks along the route and writes the lines of the history. What happens on the way (a locker, a
refusal, customs) is told in `kinds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from local.simulator.history import JourneyEvent, local_time
from local.simulator.places import Area, District, hubs_between
from local.simulator.texts import BRANCHES, LOCKERS, PROXIES, Voice, Words

if TYPE_CHECKING:
    import random

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

COLLECTION: Final = (9.0, 20.0)
EVENING_RUN: Final = (16.0, 23.0)
LINE_HAUL: Final = (20.0, 30.0)
MORNING_RUN: Final = (1.0, 8.0)
TOUR_START: Final = (8.0, 15.0)
DELIVERY: Final = (8.0, 20.0)
PICKUP: Final = (8.0, 22.0)
OFFICE: Final = (9.0, 18.0)
"""Hours of the day, local time; over 24 means after midnight."""

SPEEDS: Final = {"shunfeng": 110.0, "jd": 85.0, "ems": 70.0}
"""Kilometres an hour door to door, by style; SF flies. The rest go by lorry."""
_LORRY: Final = 62.0
_AIRLINER: Final = 650.0


def hour_of_day(at: float) -> float:
    moment = local_time(at)
    return moment.hour + moment.minute / 60 + moment.second / 3600


def is_open(at: float, hours: tuple[float, float]) -> bool:
    opens, closes = hours
    hour = hour_of_day(at)
    return opens <= hour < closes or opens <= hour + 24 < closes


@dataclass(frozen=True, slots=True)
class Stop:
    name: Words
    city: Words
    area: Area


class Trip:
    """One parcel under way: where it is, what time it is, and the lines written so far."""

    def __init__(
        self, rng: random.Random, voice: Voice, origin: District, destination: District, start: float
    ) -> None:
        self.rng = rng
        self.voice = voice
        self.origin = origin
        self.destination = destination
        self.at = start
        self.events: list[JourneyEvent] = []
        self.sender = self.station(origin)
        self.station_near = self.station(destination)
        self.locker = rng.choice(LOCKERS)
        self._picked_up_code = "103" if rng.random() < 0.6 else "1"

    # Places

    def station(self, district: District) -> Stop:
        name = self.voice.station(district, self.rng.choice(BRANCHES))
        return Stop(name, Words(district.city, district.city_en), district.area())

    def hub(self, district: District) -> Stop:
        area = district.city_area() if self.rng.random() < 0.4 else district.area()
        return Stop(self.voice.hub(district), Words(district.city, district.city_en), area)

    def border(self, district: District) -> Stop:
        city = Words(district.city, district.city_en)
        return Stop(city, city, district.area())

    # Time

    def pass_hours(self, low: float, high: float) -> None:
        """Let time go by; everything takes half as long again at weekends."""
        slower = 1.5 if local_time(self.at).weekday() >= 5 else 1.0
        self.at += self.rng.uniform(low, high) * HOUR * slower

    def await_hours(self, hours: tuple[float, float]) -> None:
        """Stay if it is such an hour of the day, else wait until soon after the next opening."""
        if is_open(self.at, hours):
            return
        opens, closes = hours
        self.at += ((opens - hour_of_day(self.at)) % 24) * HOUR
        self.at += self.rng.uniform(0, min(1.5, (closes - opens) / 2)) * HOUR

    # Writing

    def write(
        self, step: str, code: str, stop: Stop, onward: Stop | None = None, spot: Words | None = None
    ) -> None:
        """Put down a line. As with the vendor, the region of some cannot be parsed: lockers, and now and then any."""
        text = self.voice.say(
            step,
            here=stop.name,
            next=onward.name if onward else stop.name,
            spot=spot or self.locker,
            city=stop.city,
        )
        unparsed = step.startswith("locker") or self.rng.random() < 0.06
        place = Area(location=stop.area.location) if unparsed else stop.area
        self.at = float(int(self.at))
        self.events.append(JourneyEvent(self.at, code, text.zh, text.en, place))

    # Moving

    def order(self) -> None:
        self.write("ordered", "101", self.sender)
        if self.rng.random() < 0.5:
            self.pass_hours(0.1, 0.6)
            self.write("awaiting", "102", self.sender)

    def collect(self) -> None:
        self.await_hours(COLLECTION)
        self.write("collected", self._picked_up_code, self.sender)

    def carry(self) -> None:
        """From the sender's hands to the station near the recipient."""
        if self.rng.random() < 0.35:
            self.order()
            self.pass_hours(1, 5)
        self.collect()
        self.haul(self.sender, self.origin, self.destination, self.station_near)

    def haul(self, first: Stop, origin: District, destination: District, last: Stop) -> None:
        """From station to station through the hubs between them."""
        hubs = hubs_between(origin, destination)
        self._depart(first, hub := self.hub(hubs[0]), "left", EVENING_RUN)
        self._drive(origin.distance_to(hubs[0]))
        self.write("hub_in", "1001" if hubs[0].city == destination.city else "1002", hub)
        self.go_on(hub, origin, destination, last)

    def go_on(self, hub: Stop, origin: District, destination: District, last: Stop) -> None:
        """From the first hub between two districts through the others to the last station."""
        first, *others = hubs_between(origin, destination)
        for here, there in pairwise((first, *others)):
            onward = self.hub(there)
            self._depart(hub, onward, "hub_out", LINE_HAUL)
            self._drive(here.distance_to(there))
            self.write("hub_in", "1001" if there.city == destination.city else "1002", onward)
            hub = onward
        self._depart(hub, last, "hub_out", MORNING_RUN)
        self._drive((others or [first])[-1].distance_to(destination))
        self.write("station_in", "0", last)

    def to_hub(self) -> Stop:
        """From the sender's hands to the first hub, and no further."""
        self.collect()
        district = hubs_between(self.origin, self.destination)[0]
        hub = self.hub(district)
        self._depart(self.sender, hub, "left", EVENING_RUN)
        self._drive(self.origin.distance_to(district))
        self.write("hub_in", "1002", hub)
        return hub

    def fly(self, here: Stop, origin: District, there: Stop, destination: District) -> None:
        self.pass_hours(4, 20)
        self.write("flown", "1002", here, there)
        self.at += origin.distance_to(destination) / _AIRLINER * HOUR
        self.pass_hours(3, 12)
        self.write("landed", "1002", there)

    def go_back(self) -> None:
        """The way home, told in few words: each station sends the parcel on towards the sender."""
        stops = [self.station_near, *map(self.hub, hubs_between(self.destination, self.origin)), self.sender]
        for here, there in pairwise(stops):
            self.pass_hours(3, 9)
            self.await_hours(LINE_HAUL)
            self.write("returning", "6", here, there)
            self._drive(self.origin.distance_to(self.destination) / len(stops))

    def _depart(self, here: Stop, there: Stop, step: str, hours: tuple[float, float]) -> None:
        self.pass_hours(0.8, 3.5)
        self.await_hours(hours)
        self.write(step, "1002", here, there)

    def _drive(self, kilometres: float) -> None:
        self.at += kilometres / SPEEDS.get(self.voice.style, _LORRY) * HOUR
        self.pass_hours(0.3, 1.2)

    # The last mile

    def tour(self) -> None:
        """Out for delivery, in the morning mostly; a weekend may put it off by a day."""
        self.pass_hours(0.2, 1.5)
        if local_time(self.at).weekday() >= 5 and self.rng.random() < 0.25:
            self.at += DAY
        self.await_hours(TOUR_START)
        self.write("dispatch", "5", self.station_near)

    def ring(self) -> None:
        """Time until the courier stands at the door, before the evening of the same day."""
        left = DELIVERY[1] - 0.1 - hour_of_day(self.at)
        self.at += self.rng.uniform(0.5, min(6.0, left)) * HOUR

    def sign(self, *, after_exception: bool = False) -> None:
        self.ring()
        luck = self.rng.random()
        if after_exception:
            self.write("signed_late", "302", self.station_near)
        elif luck < 0.55:
            self.write("signed", "301", self.station_near)
        elif luck < 0.85:
            self.write("proxy", "303", self.station_near, spot=self.rng.choice(PROXIES))
        else:
            self.write("door", "3", self.station_near)

    def leave_in_locker(self) -> None:
        self.ring()
        self.write("locker_in", "501", self.station_near)

    def pick_up(self) -> None:
        self.await_hours(PICKUP)
        self.write("locker_out", "304", self.station_near)
