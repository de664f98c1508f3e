"""What members do with their shipments: register, find, change, complete, forget, and list them.

Nothing here asks Kuaidi100; a shipment shows where its parcel is by copies, which `reflection` brings up to date whenever an
answer came in, for whoever watches the parcel.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from waybill import couriers, watches
from waybill.errors import (
    InvalidField,
    NotForwarded,
    OrderNotFound,
    PhoneRequired,
    ShipmentAmbiguous,
    ShipmentExists,
)
from waybill.shipments import FORWARDED, Link, Registration, Shipment, Standing, current

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.couriers import Courier
    from waybill.freshness import Known
    from waybill.watches import Index, Place, Watches

PAGES_READ: Final = 5
"""A page whose filters no single index answers may read this many times its size; then it ends early and its cursor goes on."""
PAGE_SIZE: Final = 3_000_000
"""A page ends after so many characters of metadata: Lambda answers with 6 MB at most, in which a character may take several."""


@dataclass(frozen=True, slots=True)
class Which:
    """How a member names a shipment: the order, and where it has several parcels, the number, and even the courier."""

    member: str
    order_id: str
    number: str | None = None
    courier: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; None for all. `since` is when a shipment changed last, in epoch seconds."""

    status: str | None = None
    courier: str | None = None
    tag: str | None = None
    attention: bool | None = None
    since: float | None = None

    def index(self) -> tuple[Index, str]:
        """The index that leaves least to read, and what to ask it for."""
        if self.tag is not None:
            return watches.TAGS, self.tag
        if self.attention:
            return watches.ATTENTION, ""
        if self.status is not None:
            return watches.STATUSES, self.status
        if self.courier is not None:
            return watches.COURIERS, self.courier
        return (watches.CHANGES if self.since is not None else watches.MEMBERS), ""

    def digest(self) -> str:
        """The same for the same filters."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]

    def fit(self, ship: Shipment) -> bool:
        return (
            self.status in {None, ship.standing.status}
            and self.courier in {None, ship.courier}
            and (self.tag is None or self.tag in ship.registration.tags)
            and self.attention in {None, ship.standing.attention is not None}
            and (self.since is None or ship.updated_at >= self.since)
        )


@dataclass(frozen=True, slots=True)
class Shipments:
    """`known` is what the cache has of a courier and number; `now` is service time."""

    watches: Watches
    known: Callable[[str, str], Known | None]
    now: Callable[[], float]

    def register(
        self,
        member: str,
        order_id: str,
        courier: Courier,
        number: str,
        registration: Registration,
        *,
        predecessor: Link | None = None,
    ) -> tuple[Shipment, bool]:
        """The shipment, and whether it is new: the same content again is the same shipment.

        Raises:
            PhoneRequired: the courier shows nothing without one.
            ShipmentExists: it stands there with other content.
        """
        _demand_phone(courier, registration)
        now = self.now()
        ship = Shipment(
            member=member,
            order_id=order_id,
            courier=courier.code,
            number=number,
            registration=registration,
            created_at=now,
            updated_at=now,
            standing=self._standing(courier, number),
            digest=registration.digest(),
            predecessor=predecessor,
        )
        stands = self.watches.create(ship)
        if stands is None:
            return ship, True
        if not stands.same_content(registration):
            raise ShipmentExists(
                "This order has this parcel already, with other content. Change it with PATCH /v1/shipments/{order_id}."
            )
        return stands, False

    def _standing(self, courier: Courier, number: str) -> Standing:
        """Where the parcel is known to be already. What a phone number protects is shown only after it was checked."""
        known = None if courier.requires_phone else self.known(courier.code, number)
        if known is None or known.parcel is None or known.phone_bound:
            return Standing()
        return Standing.of(known.parcel, known.fetched_at)

    def find(self, which: Which) -> Shipment:
        """The one that an order is asked for.

        Raises:
            OrderNotFound: the member has no such order, or no such parcel in it.
        """
        ship = current(self._of(which))
        if ship is None:
            raise _not_found(which)
        return ship

    def one(self, which: Which) -> Shipment:
        """The one to be changed.

        Raises:
            OrderNotFound: as `find`.
            ShipmentAmbiguous: the order has several parcels and none was named.
        """
        ships = self._of(which)
        if len(ships) > 1:
            named = ", ".join(sorted({f"{ship.number} ({ship.courier})" for ship in ships})[:10])
            raise ShipmentAmbiguous(
                f"The order has several parcels: {named}. Name one with ?tracking_number=, and &courier= where two share a number."
            )
        # From the table itself: what an index shows may be over, and look like a change that was made already.
        ship = self.watches.get(which.member, which.order_id, ships[0].link) if ships else None
        if ship is None:
            raise _not_found(which)
        return ship

    def _of(self, which: Which) -> list[Shipment]:
        """By number where there is one: an order may have more parcels than are looked at, and a number more orders."""
        if which.number is not None and which.courier is not None:
            ship = self.watches.get(which.member, which.order_id, Link(which.courier, which.number))
            return [ship] if ship else []
        ships = (
            self.watches.of_order(which.member, which.order_id)
            if which.number is None
            else self.watches.of_number(which.member, which.number)
        )
        return [
            ship
            for ship in ships
            if ship.order_id == which.order_id and which.courier in {None, ship.courier}
        ]

    def find_number(self, member: str, number: str) -> Shipment:
        """The latest order with this number.

        Raises:
            OrderNotFound: none of the member's has it.
        """
        ship = current(self.watches.of_number(member, number))
        if ship is None:
            raise OrderNotFound("tracking_number", "None of your orders has a parcel of this number.")
        return ship

    def change(self, which: Which, how: Callable[[Registration], Registration]) -> Shipment:
        """The shipment with its registration as `how` makes it.

        Raises:
            OrderNotFound, ShipmentAmbiguous: as `one`.
            PhoneRequired: as `register`.
        """

        def changed(ship: Shipment) -> Shipment | None:
            registration = how(ship.registration)
            if registration == ship.registration:
                return None
            _demand_phone(couriers.find(ship.courier), registration)
            return replace(ship, registration=registration, updated_at=self.now())

        return self._change(which, changed)

    def complete(self, which: Which) -> Shipment:
        """The shipment, no longer followed. It stays, and can be asked for."""
        return self._change(
            which,
            lambda ship: (
                replace(ship, completed_at=self.now(), updated_at=self.now())
                if ship.completed_at is None
                else None
            ),
        )

    def unshare(self, which: Which) -> None:
        """End all links to the parcel's page that were made of the shipment."""
        self._change(which, lambda ship: replace(ship, share_generation=ship.share_generation + 1))

    def _change(self, which: Which, how: Callable[[Shipment], Shipment | None]) -> Shipment:
        ship = self.watches.change(self.one(which), how)
        if ship is None:
            raise _not_found(which)
        return ship

    def forget(self, which: Which) -> None:
        """Stop following the parcel for this order, and delete what was said of it."""
        if not self.watches.forget(self.one(which)):
            raise _not_found(which)

    def succeed(self, which: Which, courier: Courier, number: str, tail: str | None) -> tuple[Shipment, bool]:
        """The shipment under which another courier carries a forwarded parcel on, linked with it, and whether it is new.

        A new one has the registration of the old; one that is there already keeps its own.

        Raises:
            NotForwarded: the parcel was not handed to another courier, as far as is known.
            InvalidField: a parcel cannot succeed itself.
            PhoneRequired: as `register`.
        """
        old = self.one(which)
        if old.standing.substatus != FORWARDED and old.successor is None:
            raise NotForwarded(
                "This parcel was not handed to another courier as far as is known. Ask for news with POST .../refresh, or "
                "register the other number as one more parcel of the order."
            )
        link = Link(courier.code, number)
        if link == old.link:
            raise InvalidField("tracking_number", "A parcel cannot be its own successor.")
        stands, created = self.watches.get(old.member, old.order_id, link), False
        if stands is None:
            registration = replace(old.registration, tail=tail or old.registration.tail)
            stands, created = self.register(
                old.member, old.order_id, courier, number, registration, predecessor=old.link
            )
        new = self._linked(stands, predecessor=old.link)
        self._linked(old, successor=link)
        return new, created

    def _linked(
        self, ship: Shipment, *, predecessor: Link | None = None, successor: Link | None = None
    ) -> Shipment:
        def changed(stands: Shipment) -> Shipment | None:
            linked = replace(
                stands,
                predecessor=predecessor or stands.predecessor,
                successor=successor or stands.successor,
            )
            return replace(linked, updated_at=self.now()) if linked != stands else None

        return self.watches.change(ship, changed) or ship

    def page(
        self, member: str, filters: Filters, limit: int, after: Place | None
    ) -> tuple[list[Shipment], Place | None]:
        """Up to `limit` shipments, newest first (by `since`: least recently changed first), and where the next page begins.

        A page may be short and yet have a next one: it reads no more than `PAGES_READ` times its size, and answers no more than
        `PAGE_SIZE`.
        """
        index, value = filters.index()
        since = filters.since if index is watches.CHANGES else None
        found: list[Shipment] = []
        size = 0
        for _ in range(PAGES_READ):
            page = self.watches.page(index, member, value, limit=limit + 1, after=after, since=since)
            for place, ship in page.rows:
                if ship is not None and filters.fit(ship):
                    if len(found) == limit or size > PAGE_SIZE:
                        return found, after
                    found.append(ship)
                    size += len(json.dumps(dict(ship.registration.metadata)))
                after = place
            if not page.more:
                return found, None
        return found, after


def _demand_phone(courier: Courier | None, registration: Registration) -> None:
    if courier and courier.requires_phone and registration.tail is None:
        raise PhoneRequired(
            f"{courier.code} shows a parcel only to who knows a phone number of it. Send the sender's or the recipient's."
        )


def _not_found(which: Which) -> OrderNotFound:
    if which.number is None:
        return OrderNotFound("order_id", "You have no such order. Register it with POST /v1/shipments.")
    return OrderNotFound("tracking_number", "You have no such order with a parcel of this number.")
