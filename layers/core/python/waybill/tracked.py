"""A followed parcel as the schedule sees it: when it is looked at next and why, and what it was at the last look. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from waybill.model import PENDING

if TYPE_CHECKING:
    from waybill.model import Parcel, Status
    from waybill.shipments import Link, Shipment

FIRST_LOOK: Final = "first_look"
"""The reason of a parcel that was put on the schedule and not looked at since."""
SHARDS: Final = 16
"""In so many parts lie the parcels that wait for their time: each takes a thousand writes a second."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The small row of a parcel. Times are epoch seconds of service time; `revision` counts every write.

    `next_at` is when the schedule wants to look again, None when that is over or paused; `due_at` is when the dispatcher hands it
    out, later while it is on its way already. `reason` is a word of `reasons`: of REASONS while there is a next look, else of ENDS
    or PAUSES. `checked_at` is when the last answer was fetched, by the call `sequence` of its lease, or the courier asked in vain;
    `misses` counts answers in a row that had no trace, `failures` calls in a row that came to no answer, `looks` all answers since
    it was registered. An end forgets `registered_at`, so that who registers the parcel again begins anew.
    """

    link: Link
    revision: int = 0
    registered_at: float | None = None
    checked_at: float | None = None
    misses: int = 0
    failures: int = 0
    looks: int = 0
    sequence: int = 0
    next_at: float | None = None
    due_at: float | None = None
    reason: str = FIRST_LOOK
    stalled: bool = False
    status: Status = PENDING
    terminal: bool = False
    phone_bound: bool = False
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that is kept of one parcel: its row if it is followed, its merged history, and whoever watches it.

    `born` are the keys of its births. A history that was restored to an earlier moment may not know all of them.
    """

    parcel: Parcel
    tracked: Tracked | None = None
    watches: tuple[Shipment, ...] = field(default=())
    born: frozenset[str] = frozenset()

    @property
    def waiting(self) -> list[Shipment]:
        """The shipments whose members still follow the parcel."""
        return [ship for ship in self.watches if ship.completed_at is None]


def parcel_key(link: Link) -> str:
    """The partition that has everything of a parcel: `PARCEL#<courier>#<number>`."""
    return f"PARCEL#{link.courier}#{link.number}"


def shard_of(link: Link) -> str:
    """The part of the due index that a parcel waits in: `DUE#07`."""
    return f"DUE#{hashlib.sha256(f'{link.courier}#{link.number}'.encode()).digest()[0] % SHARDS:02}"
