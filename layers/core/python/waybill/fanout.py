"""Who is told of what happened, and by which ways: a message becomes events of members' feeds, deliveries and letters.

::

    milestone, stall --> who watches the parcel --.
    budget, circuit  --> whom it concerns --------+--> their feeds --> a delivery for each webhook that wants it
    backfill, own    --> one member --------------'               '--> a letter, where a shipment names an address
    replay ----------------------------------------------------------> deliveries again

A member hears of what happens after it began to watch. What happened before is history, of which only the newest is told, as
`backfill`. All of it may be done again: a feed keeps the number of an event that it has, and whoever delivers drops what is
delivered. So a message that failed half-way comes back whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from waybill import freshness, messages, notifications, outbox
from waybill.errors import QueueUnavailable, StoreUnavailable, UpstreamUnavailable
from waybill.feed import Entry
from waybill.freshness import Ask, Guess
from waybill.messages import Delivery, Letter
from waybill.reflection import sees
from waybill.shipments import Link
from waybill.webhooks import wants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from waybill.feed import Feed
    from waybill.freshness import Known
    from waybill.model import Milestone, Parcel
    from waybill.notifications import Notification
    from waybill.parcels import Parcels
    from waybill.queues import ByPace, Queue
    from waybill.shipments import Shipment
    from waybill.tracked import Dossier
    from waybill.webhooks import Webhook, Webhooks

REPLAYED_AT_ONCE: Final = 100
"""Events that one message of a replay goes through; the next goes on."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event that a member hears. `shipment` is whose, where it is about a parcel."""

    member: str
    entry: Entry
    shipment: Shipment | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What a message asks for: events to tell, and messages to send besides, each with its queue."""

    told: tuple[Told, ...] = ()
    messages: tuple[tuple[Queue, str], ...] = ()


Numbered = dict[str, tuple[int, list["Webhook"]]]
"""By the ids of events: their numbers in the member's feed, and the webhooks that want them."""


@dataclass(frozen=True, slots=True)
class Fanout:
    """Over one table and its queues. `letters` is None where the deployment sends no mail.

    `known` is what the cache has of a number, `note_guess` counts a member's try with a phone there, and `tail_hash` is the keyed
    hash of a courier's, number's and phone tail.
    """

    parcels: Parcels
    known: Callable[[str, str], Known | None]
    note_guess: Callable[[str, str, Guess], tuple[Guess, ...]]
    tail_hash: Callable[[str, str, str], str]
    webhooks: Webhooks
    feed: Feed
    deliveries: ByPace
    letters: Queue | None
    again: Queue
    now: Callable[[], float]
    threads: Executor

    def __call__(self, bodies: Sequence[str]) -> list[Exception | None]:
        """What kept each message from being done, or None. One that is no message raises ValueError, and fails alone."""
        tasks = list(self.threads.map(self._attempted, bodies))
        told = [each for task in tasks if isinstance(task, Task) for each in task.told]
        members = list(dict.fromkeys(each.member for each in told))
        numbered = self.threads.map(lambda member: self._appended(member, told), members)
        feeds = dict(zip(members, numbered, strict=True))
        return self._sent([self._addressed(task, feeds) for task in tasks])

    def task(self, body: str) -> Task:
        """What a message asks for.

        Raises:
            ValueError: it is none.
            StoreUnavailable, UpstreamUnavailable: who is concerned could not be read.
        """
        said = json.loads(body)
        match said:
            case {"type": str(type_), "id": str(), "timestamp": str(), "data": dict(data)}:
                if type_.startswith(notifications.PARCEL):
                    return Task(tuple(self._watching(said)))
                return Task(tuple(Told(member, Entry(said)) for member in self._concerned(data)))
            case {"kind": "backfill", "member": str(member), "order_id": str(order_id)}:
                return Task(tuple(self._newest(_link(said), member, order_id)))
            case {"kind": "member", "member": str(member), "notification": dict(event), "webhook": webhook}:
                return Task((Told(member, Entry(_event(event), webhook)),))
            case {"kind": "replay", "member": str(member), "webhook": str(webhook)}:
                return self._replay(member, webhook, said)
        raise ValueError("neither a notification nor a message for one member")

    def _attempted(self, body: str) -> Task | Exception:
        try:
            return self.task(body)
        except (ValueError, KeyError, TypeError, StoreUnavailable, UpstreamUnavailable) as error:
            return error

    def _appended(self, member: str, told: Sequence[Told]) -> Numbered | StoreUnavailable:
        own = [each.entry for each in told if each.member == member]
        entries = sorted(own, key=lambda entry: _when(entry.event))
        try:
            numbers = self.feed.append(member, entries)
            hooks = self.webhooks.all(member)
        except StoreUnavailable as error:
            return error
        return {
            entry.event["id"]: (number, [hook for hook in hooks if _wanted(hook, entry)])
            for entry, number in zip(entries, numbers, strict=True)
        }

    def _addressed(
        self, task: Task | Exception, feeds: Mapping[str, Numbered | StoreUnavailable]
    ) -> list[tuple[Queue, str]] | Exception:
        """What is to be sent for a message, and where to."""
        if isinstance(task, Exception):
            return task
        sent = [*task.messages]
        for told in task.told:
            numbered = feeds[told.member]
            if isinstance(numbered, StoreUnavailable):
                return numbered
            event = told.entry.event
            sequence, hooks = numbered[event["id"]]
            sent += [self._delivery(hook, sequence) for hook in hooks]
            ship = told.shipment
            if ship and self.letters and notifications.mailed(ship.registration.notify, event["type"]):
                letter = Letter(ship.member, ship.order_id, ship.courier, ship.number, sequence)
                sent.append((self.letters, messages.write_letter(letter)))
        return sent

    def _sent(self, work: Sequence[list[tuple[Queue, str]] | Exception]) -> list[Exception | None]:
        """Send all of it; what kept each from being done."""
        faults = [each if isinstance(each, Exception) else None for each in work]
        queues = (self.deliveries.quick, self.deliveries.slow, self.letters, self.again)
        for queue in filter(None, queues):
            outgoing = [
                (place, body)
                for place, each in enumerate(work)
                if not isinstance(each, Exception)
                for to, body in each
                if to is queue
            ]
            for left in queue.send([body for _, body in outgoing]):
                faults[outgoing[left][0]] = QueueUnavailable("What follows of a message could not be sent.")
        return faults

    def _watching(self, event: Notification) -> Iterator[Told]:
        """Who watches the parcel and may see it, each with an event of its own."""
        link = notifications.parcel_of(event)
        dossier = self.parcels.read(link)
        newest = _newest(dossier.parcel)
        for ship in self._audience(link, dossier):
            live = event["type"] == notifications.STALLED_TYPE or _since(ship, event["data"]["occurred_at"])
            if live or newest is None or _tells(event, newest):
                yield Told(
                    ship.member, Entry(notifications.of_shipment(event, ship, backfill=not live)), ship
                )

    def _newest(self, link: Link, member: str, order_id: str) -> Iterator[Told]:
        """The newest that happened before the member began to watch, if nothing has happened since."""
        dossier = self.parcels.read(link)
        newest = _newest(dossier.parcel)
        if newest is None:
            return
        for ship in self._audience(link, dossier):
            if (ship.member, ship.order_id) == (member, order_id) and not _since(ship, newest.occurred_at):
                event = notifications.of_milestone(dossier.parcel, newest, self.now())
                yield Told(member, Entry(notifications.of_shipment(event, ship, backfill=True)), ship)

    def _audience(self, link: Link, dossier: Dossier) -> list[Shipment]:
        waiting = dossier.waiting
        if not waiting or dossier.tracked is None or not dossier.tracked.phone_bound:
            return waiting
        known = self.known(link.courier, link.number)
        seeing = []
        for ship in waiting:
            known = known and self._shown(ship, known)
            if known and sees(ship, known, self.tail_hash):
                seeing.append(ship)
        return seeing

    def _shown(self, ship: Shipment, known: Known) -> Known:
        """What is known, with the shipment's phone among those that its member has tried: who waits to be told asks nothing.

        Not that of a member without tries left. It would not count, and what is known is in one item for all.
        """
        if ship.registration.tail is None:
            return known
        tail = self.tail_hash(ship.courier, ship.number, ship.registration.tail)
        if any((guess.member, guess.tail) == (ship.member, tail) for guess in known.guesses):
            return known
        now = self.now()
        if not freshness.has_tries(known, Ask(ship.member, tail, phone_bound=True), now):
            return known
        guess = Guess(round(now, 3), ship.member, tail)
        return replace(known, guesses=self.note_guess(ship.courier, ship.number, guess))

    def _concerned(self, data: dict[str, Any]) -> Iterable[str]:
        """The member that a budget is of; of what is everybody's, the operators."""
        member = data.get("member")
        return [str(member)] if member else self.webhooks.operators()

    def _replay(self, member: str, webhook: str, said: dict[str, Any]) -> Task:
        hook = self.webhooks.get(member, webhook)
        if hook is None:
            return Task()
        first, last, since, until = int(said["first"]), int(said["last"]), said["since"], said["until"]
        entries = self.feed.read(member, first - 1, REPLAYED_AT_ONCE, last)
        again = tuple(
            self._delivery(hook, entry.sequence, said["series"])
            for entry in entries
            if since <= entry.event["timestamp"] < until and _wanted(hook, entry)
        )
        if not entries or entries[-1].sequence >= last:
            return Task(messages=again)
        following = entries[-1].sequence + 1
        then = outbox.to_replay(member, webhook, said["series"], following, last, since, until)
        return Task(messages=(*again, (self.again, then)))

    def _delivery(self, hook: Webhook, sequence: int, series: str = "") -> tuple[Queue, str]:
        """The message that has an event posted to a webhook, and its queue."""
        delivery = Delivery(hook.member, hook.id, sequence, series)
        return self.deliveries.of(slow=hook.slow), messages.write_delivery(delivery)


def _wanted(hook: Webhook, entry: Entry) -> bool:
    """A paused or disabled one gets it as well: it is kept for when it goes on."""
    return entry.webhook == hook.id if entry.webhook else wants(hook, entry.event)


def _newest(parcel: Parcel) -> Milestone | None:
    """Of two at one time, the one that was born later."""
    return max(reversed(parcel.milestones), key=lambda each: _instant(each.occurred_at), default=None)


def _tells(event: Notification, milestone: Milestone) -> bool:
    data = event["data"]
    return (data["status"], data["occurrence"]) == (milestone.status, milestone.occurrence)


def _since(ship: Shipment, occurred_at: str) -> bool:
    """Whether it happened after the member began to watch. Couriers tell whole seconds."""
    return _instant(occurred_at) >= int(ship.created_at)


def _when(event: Notification) -> tuple[str, float]:
    """When it was learned, and of what one answer told, when it happened: a feed ends with what is so now."""
    occurred_at = event["data"].get("occurred_at")
    return event["timestamp"], _instant(occurred_at) if occurred_at else 0.0


def _instant(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _link(said: dict[str, Any]) -> Link:
    return Link(str(said["courier"]), str(said["number"]))


def _event(said: dict[str, Any]) -> Notification:
    return {"type": said["type"], "id": said["id"], "timestamp": said["timestamp"], "data": said["data"]}
