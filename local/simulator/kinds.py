"""What can happen to a parcel: each kind of life as a short story told with a `Trip`, and how often it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.simulator.places import District, abroad, at_home
from local.simulator.trips import DELIVERY, OFFICE, TOUR_START, Trip

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


def plain(trip: Trip) -> None:
    trip.carry()
    trip.tour()
    trip.sign()


def locker(trip: Trip) -> None:
    trip.carry()
    trip.tour()
    trip.leave_in_locker()
    trip.pass_hours(0.5, 26)
    trip.pick_up()


def overdue_pickup(trip: Trip) -> None:
    """Forgotten in the locker: picked up at last, or sent back."""
    trip.carry()
    trip.tour()
    trip.leave_in_locker()
    trip.pass_hours(48, 80)
    trip.await_hours(DELIVERY)
    trip.write("overdue_pickup", "205", trip.station_near)
    if trip.rng.random() < 0.7:
        trip.pass_hours(2, 40)
        trip.pick_up()
    else:
        trip.pass_hours(24, 48)
        _return(trip)


def second_attempt(trip: Trip) -> None:
    trip.carry()
    trip.tour()
    trip.ring()
    if trip.rng.random() < 0.5:
        trip.write("failed", "204", trip.station_near)
    else:
        trip.write("unreachable", "206", trip.station_near)
    _next_morning(trip)
    trip.tour()
    trip.sign(after_exception=True)


def overdue_delivery(trip: Trip) -> None:
    trip.carry()
    trip.tour()
    trip.pass_hours(72, 80)
    trip.await_hours(OFFICE)
    trip.write("overdue_delivery", "201", trip.station_near)
    _next_morning(trip)
    trip.tour()
    trip.sign(after_exception=True)


def refused(trip: Trip) -> None:
    trip.carry()
    trip.tour()
    trip.ring()
    trip.write("refused", "203", trip.station_near)
    trip.pass_hours(4, 30)
    _return(trip, "refused_end" if trip.rng.random() < 0.25 else "returned")


def stranded(trip: Trip) -> None:
    trip.carry()
    trip.pass_hours(20, 40)
    trip.await_hours(OFFICE)
    trip.write("stranded", "208", trip.station_near)
    trip.pass_hours(24, 72)
    trip.tour()
    trip.sign(after_exception=True)


def silent(trip: Trip) -> None:
    """Days without a scan at a hub, then found."""
    hub = trip.to_hub()
    trip.pass_hours(72, 120)
    trip.await_hours(OFFICE)
    trip.write("silent", "202", hub)
    trip.pass_hours(20, 60)
    trip.write("resumed", "1002", hub)
    trip.go_on(hub, trip.origin, trip.destination, trip.station_near)
    trip.tour()
    trip.sign(after_exception=True)


def lost(trip: Trip) -> None:
    hub = trip.to_hub()
    trip.pass_hours(90, 120)
    trip.await_hours(OFFICE)
    trip.write("silent", "202", hub)
    trip.pass_hours(80, 120)
    trip.await_hours(OFFICE)
    trip.write("lost", "2", hub)


def readdressed(trip: Trip) -> None:
    """The address changes on the way, and the parcel travels once more."""
    trip.carry()
    trip.pass_hours(0.5, 4)
    former, trip.destination = trip.destination, pick_destination(trip.rng)
    former_station, trip.station_near = trip.station_near, trip.station(trip.destination)
    trip.write("readdressed", "1003", former_station, trip.station_near)
    trip.haul(former_station, former, trip.destination, trip.station_near)
    trip.tour()
    trip.sign()


def forwarded(trip: Trip) -> None:
    """The address lies outside the courier's area: another courier takes over, and tells of the signature or not."""
    trip.carry()
    if trip.rng.random() < 0.5:
        trip.pass_hours(1, 4)
        trip.await_hours(OFFICE)
        trip.write("out_of_area", "207", trip.station_near)
    trip.pass_hours(2, 12)
    trip.await_hours(OFFICE)
    trip.write("forwarded", "7", trip.station_near)
    if trip.rng.random() < 0.4:
        _next_morning(trip)
        trip.await_hours(TOUR_START)
        trip.sign()


def cancelled(trip: Trip) -> None:
    trip.order()
    if trip.rng.random() < 0.4:
        trip.pass_hours(1, 4)
        trip.collect()
    trip.pass_hours(1, 8)
    trip.write("cancel_asked", "210", trip.sender)
    trip.pass_hours(0.5, 12)
    trip.write("cancelled", "401", trip.sender)


def collected_late(trip: Trip) -> None:
    """Ordered, and then nobody comes for days."""
    trip.order()
    trip.pass_hours(30, 80)
    trip.collect()
    trip.haul(trip.sender, trip.origin, trip.destination, trip.station_near)
    trip.tour()
    trip.sign()


def damaged(trip: Trip) -> None:
    hub = trip.to_hub()
    trip.pass_hours(0.5, 3)
    trip.write("damaged", "209", hub)
    trip.pass_hours(10, 30)
    trip.write("repacked", "1002", hub)
    trip.go_on(hub, trip.origin, trip.destination, trip.station_near)
    trip.tour()
    trip.sign()


def disputed(trip: Trip) -> None:
    """Signed for, then not: the state goes from 3 back to 2, and to 3 again."""
    plain(trip)
    trip.pass_hours(5, 30)
    trip.await_hours(OFFICE)
    trip.write("disputed", "2", trip.station_near)
    trip.pass_hours(12, 48)
    trip.await_hours(OFFICE)
    trip.write("settled", "3", trip.station_near)


def imported(trip: Trip) -> None:
    """From abroad through a Chinese port and on as any other parcel."""
    port = _port(trip.rng)
    origin, trip.origin = trip.rng.choice(abroad()), port
    trip.sender = trip.station(origin)
    trip.collect()
    trip.fly(trip.sender, origin, trip.border(port), port)
    _clear(trip, port)
    trip.haul(trip.station(port), port, trip.destination, trip.station_near)
    trip.tour()
    if trip.rng.random() < 0.3:
        trip.leave_in_locker()
        trip.pass_hours(0.5, 26)
        trip.pick_up()
    else:
        trip.sign()


def exported(trip: Trip) -> None:
    """Out through a Chinese port; events abroad show the hour of the place they happened in, as couriers do."""
    port, trip.destination = _port(trip.rng), trip.rng.choice(abroad())
    quay, trip.station_near = trip.station(port), trip.station(trip.destination)
    trip.collect()
    trip.haul(trip.sender, trip.origin, port, quay)
    _clear(trip, port)
    trip.fly(trip.border(port), port, trip.station_near, trip.destination)
    trip.pass_hours(2, 12)
    trip.write("customs_abroad", "8", trip.station_near)
    trip.pass_hours(8, 40)
    trip.write("station_in", "0", trip.station_near)
    trip.tour()
    trip.sign()


ODDS: Final[dict[Callable[[Trip], None], float]] = {
    plain: 44,
    locker: 26,
    second_attempt: 7,
    refused: 3,
    overdue_pickup: 3,
    collected_late: 3,
    stranded: 2.5,
    cancelled: 2,
    readdressed: 2,
    forwarded: 2,
    silent: 1.5,
    disputed: 1.5,
    damaged: 1,
    overdue_delivery: 1,
    lost: 0.5,
}
"""How often each kind happens, in percent."""

ODDS_ABROAD: Final[dict[Callable[[Trip], None], float]] = {imported: 45, exported: 35, plain: 15, locker: 5}
"""The same for couriers that cross borders."""


def pick_kind(rng: random.Random, odds: dict[Callable[[Trip], None], float]) -> Callable[[Trip], None]:
    return rng.choices(list(odds), weights=list(odds.values()))[0]


def pick_origin(rng: random.Random) -> District:
    """Where shops are: much comes from few places."""
    return rng.choices(at_home(), weights=[district.sends for district in at_home()])[0]


def pick_destination(rng: random.Random) -> District:
    return rng.choice(at_home())


def _port(rng: random.Random) -> District:
    ports = ("上海市", "广州市", "深圳市", "杭州市", "北京市")
    return rng.choice([district for district in at_home() if district.is_hub and district.city in ports])


def _clear(trip: Trip, port: District) -> None:
    border = trip.border(port)
    trip.pass_hours(1, 6)
    trip.write("customs_wait", "10", border)
    trip.pass_hours(4, 24)
    trip.await_hours(OFFICE)
    trip.write("customs_in", "11", border)
    if trip.rng.random() < 0.06:
        trip.pass_hours(2, 24)
        trip.await_hours(OFFICE)
        trip.write("customs_issue", "13", border)
        trip.pass_hours(24, 96)
    trip.pass_hours(3, 30)
    trip.await_hours(OFFICE)
    trip.write("customs_done", "12", border)


def _next_morning(trip: Trip) -> None:
    trip.pass_hours(10, 13)
    trip.await_hours((5.0, 9.0))


def _return(trip: Trip, end: str = "returned") -> None:
    trip.go_back()
    trip.await_hours(DELIVERY)
    trip.write(end, "14" if end == "refused_end" else "4", trip.sender)
