"""What a shipment is: a member's word that a parcel belongs to an order, and copies of where the parcel is, for lists. Pure.

A parcel may have shipments of several orders and members, and an order several parcels.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from waybill import statuses
from waybill.model import PENDING, Parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from waybill.model import Lang, Status

ORDER_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}$"
TAG: Final = r"^[^\x00-\x20\x7f-\xa0\s#](?:[^\x00-\x1f#]{0,30}[^\x00-\x20\x7f-\xa0\s#])?$"
EMAIL: Final = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
RESERVED_ORDER_ID: Final = "batch"
"""What `/v1/shipments/{order_id}` could not tell from another path."""
FORWARDED: Final = "handed_to_other_carrier"
"""The substatus of a parcel that another courier carries on (the vendor's state 7)."""
NEED_ATTENTION: Final = frozenset({"exception", "failed_attempt", "returning"})
"""Statuses in which somebody should look at a parcel."""
STALLED: Final = "stalled"
"""Why somebody should look at a parcel of any other status: it has been quiet for far longer than others like it."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another parcel of the same order: where a forwarded one goes on, or where it came from."""

    courier: str
    number: str


@dataclass(frozen=True, slots=True)
class Registration:
    """What the member said of a shipment, and may change. `tail` is the phone's last four digits, never shown again.

    `notify` is `{email, events, lang}` or None.
    """

    tail: str | None = None
    origin: str = ""
    to: str = ""
    origin_country: str | None = None
    destination_country: str | None = None
    lang: Lang = "zh"
    notify: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """The same for the same content."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the parcel is, as of an answer fetched `as_of` (0 before any). `code` is the vendor's, which names the status.

    `attention` is why somebody should look at the parcel: a status out of `NEED_ATTENTION`, or `STALLED`.
    """

    status: Status = PENDING
    substatus: str | None = None
    code: str | None = None
    terminal: bool = False
    attention: str | None = None
    as_of: float = 0.0

    @classmethod
    def of(cls, parcel: Parcel, fetched_at: float, *, stalled: bool = False) -> Standing:
        quiet = STALLED if stalled else None
        attention = parcel.status if parcel.status in NEED_ATTENTION else quiet
        code = statuses.code_of(parcel) or None
        return cls(parcel.status, parcel.substatus, code, parcel.terminal, attention, fetched_at)

    def same_as(self, other: Standing) -> bool:
        """Whether both say the same, whenever they were fetched."""
        return replace(self, as_of=0.0) == replace(other, as_of=0.0)


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel of a member's order. Times are epoch seconds of service time; `revision` counts every write.

    `armed`: the parcel was put on the schedule for it; what was registered before there was a schedule is so at its next look.
    `share_generation` counts how often its links were revoked.
    `overseen`: where it needs attention, an operator finds it among those of all members; what needed it before there was such an
    index is so at its parcel's next answer.
    """

    member: str
    order_id: str
    courier: str
    number: str
    registration: Registration
    created_at: float
    updated_at: float
    standing: Standing = Standing()
    digest: str = ""
    completed_at: float | None = None
    predecessor: Link | None = None
    successor: Link | None = None
    revision: int = 1
    armed: bool = True
    share_generation: int = 0
    overseen: bool = True

    @property
    def id(self) -> str:
        """Names the shipment among all, and tells nothing of it."""
        key = json.dumps([self.member, self.order_id, self.courier, self.number])
        return f"shp_{hashlib.sha256(key.encode()).hexdigest()[:20]}"

    @property
    def link(self) -> Link:
        return Link(self.courier, self.number)

    @property
    def over(self) -> bool:
        """Whether nothing more is expected: the parcel has arrived or come back, or the member is done with it."""
        return self.standing.terminal or self.completed_at is not None

    def same_content(self, registration: Registration) -> bool:
        """Whether a repeated registration says what was said at first, or what holds now."""
        return registration.digest() in {self.digest, self.registration.digest()}


def current(shipments: Iterable[Shipment]) -> Shipment | None:
    """The one that an order is asked for: the latest registered that is not over, else the latest."""
    return max(shipments, key=lambda each: (not each.over, each.created_at, each.id), default=None)
