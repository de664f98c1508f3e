"""What a subject is known by, learned of the items that say whose they are, and what else speaks of it by these names. Pure.

An item that concerns the subject is the subject's to erase. One that only mentions it is what an erasure must not leave behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.holdings import ERASED, words
from waybill.shipments import Link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.holdings import Held, Subject


@dataclass(slots=True)
class Names:
    """Of a subject: none, until items have been shown to `learn` and parcels to `judge`."""

    subject: Subject
    links: set[Link] = field(default_factory=set)
    asked_by_others: set[Link] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    shipments: set[str] = field(default_factory=set)
    webhooks: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    """Whom letters about the subject's shipments go to."""
    addresses_of_others: set[str] = field(default_factory=set)
    erased: set[Link] = field(default_factory=set)
    """Parcels that nobody else has anything of."""

    def learn(self, held: Held) -> None:
        """Take the names from an item of the subject's, or that somebody else asked about a parcel, or has an address, too."""
        if held.kind.name in {"call", "result"} and held.link and self._others(held):
            self.asked_by_others.add(held.link)
        if held.of(self.subject):
            self.links.update(_some(held.link))
            self.events.update(_some(held.event))
            self.shipments.update(_some(held.shipment))
            self.orders.update(_some(held.order_id))
            self.addresses.update(_some(_address(held)))
            if self._of_member:
                self.webhooks.update(_some(held.webhook))
        elif held.kind.name == "shipment":
            self.addresses_of_others.update(_some(_address(held)))

    def judge(self, link: Link, partition: Iterable[Held]) -> bool:
        """Whether nobody but the subject has anything of a parcel, by what its partition holds; remembered in `erased`."""
        others = any(each.kind.owner == "shipment" and not each.of(self.subject) for each in partition)
        alone = not others and link not in self.asked_by_others
        (self.erased.add if alone else self.erased.discard)(link)
        return alone

    def reach(self, held: Held) -> bool:
        """Whether an item concerns the subject, by what it says or by a name."""
        kind = held.kind.name
        if held.of(self.subject):
            return True
        if kind == "answer to a key":
            return not held.texts.isdisjoint(self.shipments | self.webhooks)
        if held.kind.owner == "parcel" or kind == "call":
            return held.link in self.links and (kind != "call" or not self._others(held))
        if held.kind.owner == "shipment" and held.members <= {self.subject.member}:
            return held.event in self.events or held.shipment in self.shipments
        return held.webhook in self.webhooks and not held.members

    def needles(self) -> frozenset[str]:
        """What to look for in items: made once for many."""
        own = {self.subject.member, *self.addresses} if self._of_member else set()
        numbers = {link.number for link in self.erased}
        return frozenset(own.union(numbers, self.events, self.shipments, self.webhooks, self.orders))

    def occur_in(self, held: Held, needles: frozenset[str]) -> bool:
        """Whether an item holds a name of the subject's. What others said is theirs, and so are parcels that they follow."""
        member = self.subject.member
        if held.members and member not in held.members:
            return False
        if not self._of_member and held.order_id not in {None, self.subject.order_id}:
            return False
        hits = set(held.texts & needles)
        if self._of_member and not member.isalnum():
            # A name may have what parts words; so it is looked for in whole texts.
            hits.update(each for each in held.texts if member in each)
        if held.link and held.link not in self.erased:
            hits -= {link.number for link in self.erased}
        return bool(hits)

    def told_in(self, said: Any) -> bool:
        """Whether a message of a queue is about the subject, or about a parcel that went with it.

        What SES tells of a letter has nothing but its address, which may be that of others' shipments, too.
        """
        match said:
            case {"member": str(member)}:
                order = self.subject.order_id
                return member == self.subject.member and (order is None or order in words(said))
            case {"data": {"member": str(member)}}:
                return self._of_member and member == self.subject.member
            case {"data": {"webhook_id": str(webhook)}}:
                return webhook in self.webhooks
            case {"eventType": _}:
                own = _lowered(self.addresses) - _lowered(self.addresses_of_others)
                return not own.isdisjoint(_lowered(words(said)))
        return _link(said) in self.erased

    @property
    def _of_member(self) -> bool:
        return self.subject.order_id is None

    def _others(self, held: Held) -> frozenset[str]:
        return held.members - {self.subject.member, ERASED}


def _link(said: Any) -> Link | None:
    """The parcel of a message to whoever follows it: one to look at, or one that something was learned of."""
    match said:
        case {"courier": str(courier), "number": str(number)} | {
            "data": {"courier": {"code": str(courier)}, "number": str(number)}
        }:
            return Link(courier, number)
    return None


def _address(held: Held) -> str | None:
    """Whom a shipment's letters go to."""
    if held.kind.name != "shipment":
        return None
    notify = held.data["registration"]["notify"]
    return str(notify["email"]) if notify else None


def _lowered(texts: Iterable[str]) -> set[str]:
    return {text.lower() for text in texts}


def _some(name: Any) -> tuple[Any, ...]:
    return () if name is None else (name,)
