"""Copies of where a parcel is, in the shipments of whoever watches it and may see it: what lists show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from waybill import freshness
from waybill.errors import StoreUnavailable
from waybill.freshness import Ask
from waybill.shipments import STALLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from waybill.freshness import Known
    from waybill.shipments import Shipment, Standing
    from waybill.watches import Watches

WATCHERS: Final = 100
"""So many shipments of one parcel are brought up to date with an answer; any others when their members look."""


@dataclass(frozen=True, slots=True)
class Reflection:
    """Writes an answer through to the shipments of its parcel; the same answer twice changes nothing.

    `tail_hash` is the keyed hash of a courier's, number's and phone tail.
    """

    watches: Watches
    tail_hash: Callable[[str, str, str], str]
    now: Callable[[], float]
    on_loss: Callable[[StoreUnavailable], None]

    def reflect(self, ships: Iterable[Shipment], known: Known, standing: Standing) -> None:
        """Show the watchers of a parcel where it is, as far as they may see it.

        Raises:
            StoreUnavailable: some copies are behind. They are mended when this is done again, or their members look.
        """
        for ship in list(ships)[:WATCHERS]:
            if sees(ship, known, self.tail_hash):
                self.watches.change(ship, lambda stands: self._newer(stands, standing))

    def attend(self, ships: Iterable[Shipment], known: Known, standing: Standing) -> None:
        """Show whether the parcel needs attention to those of its watchers who see it as it stands, and nothing later.

        Raises:
            StoreUnavailable: as `reflect`.
        """

        def attended(stands: Shipment) -> Shipment | None:
            seen = replace(stands.standing, attention=standing.attention)
            if seen == stands.standing or seen.as_of > standing.as_of or not seen.same_as(standing):
                return None
            return replace(stands, standing=seen, updated_at=self.now())

        for ship in list(ships)[:WATCHERS]:
            if sees(ship, known, self.tail_hash):
                self.watches.change(ship, attended)

    def show(self, ship: Shipment, standing: Standing) -> Shipment:
        """The shipment with what its member has just been told, also where that cannot be written: the answer is there.

        Whether the parcel has stalled is not told from an answer, so that word stays while the status does.
        """

        def newer(stands: Shipment) -> Shipment | None:
            if stands.standing.attention == STALLED and standing.same_as(
                replace(stands.standing, attention=None)
            ):
                return None
            return self._newer(stands, standing)

        try:
            return self.watches.change(ship, newer) or ship
        except StoreUnavailable as error:
            self.on_loss(error)
            return newer(ship) or ship

    def arm(self, ship: Shipment) -> Shipment:
        """The shipment with its parcel on the schedule, where it was registered before there was one."""
        if ship.armed or ship.completed_at is not None:
            return ship
        try:
            return (
                self.watches.change(
                    ship,
                    lambda stands: (
                        None if stands.armed else replace(stands, armed=True, updated_at=self.now())
                    ),
                )
                or ship
            )
        except StoreUnavailable as error:
            self.on_loss(error)
            return ship

    def _newer(self, stands: Shipment, standing: Standing) -> Shipment | None:
        if stands.standing.as_of >= standing.as_of:
            return None
        if stands.standing.same_as(standing):
            return None if stands.overseen else replace(stands, standing=standing)
        return replace(stands, standing=standing, updated_at=self.now())


def sees(ship: Shipment, known: Known, tail_hash: Callable[[str, str, str], str]) -> bool:
    """A parcel bound to a phone shows itself only where the member has shown the right tail, among few."""
    if not known.phone_bound:
        return True
    tail = ship.registration.tail
    if tail is None:
        return False
    ask = Ask(ship.member, tail_hash(ship.courier, ship.number, tail), phone_bound=True)
    verdict = known.tails.get(ask.tail or "")
    return verdict is not None and verdict.verdict == "verified" and freshness.presented(known, ask)
