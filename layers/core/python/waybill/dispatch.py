"""Send what is due on its way to the workers, the oldest first: parcels, deliveries and letters, then what was left unpublished.

::

    due --claim: due_at moves on by CLAIM--> claimed --send--> queue --> worker sets the next check
     ^                                          |                            |
     '------- nobody did, whoever died: CLAIM is over, it is due again ------'

Claimed first and sent then, so that a crash anywhere costs one CLAIM of delay, and nothing is lost. Only what is due is read. What
is claimed is always sent, or given back. Each of the three has its share of the time, after which it begins nothing new, and a
fault of one leaves the others theirs. While the circuit is open, one parcel goes when a probe may be made; while the brake is on,
as many as it lets; neither stops what is to be told.

A run that has parcels left when its time alone is over hands each shard to a run of its own, a part, and does the shards itself
that nobody takes. Parts and runs may overlap: whoever claims a parcel first sends it. What a failed part has left is due still.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Final

from waybill import messages
from waybill.due import Due
from waybill.errors import MINUTE, QueueUnavailable, StoreUnavailable, TopicUnavailable, WaybillError
from waybill.messages import LATER_SHARDS, Delivery, Letter
from waybill.queues import BATCH
from waybill.tracked import SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from waybill.brake import Brake
    from waybill.circuit import Circuit
    from waybill.due import DueIndex
    from waybill.publishing import Publishing
    from waybill.queues import Queue

CLAIM: Final = 20 * MINUTE
"""How long a parcel is left to its worker: longer than a message takes to be tried five times."""
UNPUBLISHED_FOR: Final = 10 * MINUTE
"""How long what was born is left to the table's stream."""
WALL_SECONDS: Final = 10.0
"""Both last at least so long in wall time, so that a fast clock leaves the others the time that their processor needs."""
AT_ONCE: Final = 100
REPUBLISHED: Final = 2000
"""So many are published in one run, at most."""
ALONE: Final = 0.2
"""The share of its time after which a run hands over the parcels that are left, so that a few take no other process."""
PARCELS: Final = 0.6
LATER: Final = 0.65
OUTBOX: Final = 0.7
"""The share of its time after which a run begins nothing new of the kind. A topic that is away takes 7 s to be found out,
so it comes last."""
PART: Final = 0.9
"""The same of a part, which does nothing else."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did: how long the oldest parcel had been due (seconds, 0 for none), how many were sent, what went wrong first.

    `parts` are the shards that were handed over, `again` counts deliveries and letters, `republished` what the stream had left, and
    `outbox_lag` is the age of the oldest that is unpublished (seconds, 0 for none).
    """

    lag: float = 0.0
    sent: int = 0
    circuit_open: bool = False
    most: int | None = None
    parts: int = 0
    again: int = 0
    outbox_lag: float = 0.0
    republished: int = 0
    fault: WaybillError | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """How many of a kind were sent, how long the oldest had waited, what kept the others, and whether the time was over before."""

    count: int = 0
    lag: float = 0.0
    fault: WaybillError | None = None
    more: bool = False


def nobody(_shard: str) -> bool:
    """Takes no shard."""
    return False


@dataclass(frozen=True, slots=True)
class Dispatch:
    """`claim` and `left` are in seconds of service time (see `patience`); `threads` do the claiming and sending, ten each.

    `left` is for how long what was born is left to the table's stream.
    """

    index: DueIndex
    queue: Queue
    webhooks: Queue
    mail: Queue
    publishing: Publishing
    brake: Callable[[], Brake]
    circuit: Callable[[], Circuit | None]
    now: Callable[[], float]
    claim: float
    left: float
    threads: Executor

    def __call__(self, remaining: Callable[[], float], hand_over: Callable[[str], bool] = nobody) -> Run:
        """Send what is due; `remaining` tells how many wall seconds the run still has. Nothing is lost by a fault.

        `hand_over` has a part begin for a shard; False where none does.
        """
        until = shares(remaining)
        now = self.now()
        circuit: Circuit | None = None
        most: int | None = None
        parts = 0
        try:
            circuit, most = self.circuit(), self.brake().most
            if circuit:
                most = 1 if now >= circuit.probe_at else 0
            parcels, parts = self._parcels(now, until, most, hand_over)
        except StoreUnavailable as error:
            parcels = Sent(fault=error)
        later = self._send([f"LATER#{shard:02}" for shard in range(LATER_SHARDS)], now, until(LATER))
        outbox = self._publish(now, until(OUTBOX))
        return Run(
            lag=parcels.lag,
            sent=parcels.count,
            circuit_open=circuit is not None,
            most=most,
            parts=parts,
            again=later.count,
            outbox_lag=outbox.lag,
            republished=outbox.count,
            fault=parcels.fault or later.fault or outbox.fault,
        )

    def part(self, shards: Sequence[str], remaining: Callable[[], float]) -> Sent:
        """Send the parcels that are due in these shards, for another run, which has judged the brake."""
        until = shares(remaining)
        try:
            if self.circuit():
                return Sent()
        except StoreUnavailable as error:
            return Sent(fault=error)
        return self._send(shards, self.now(), until(PART))

    def _parcels(
        self,
        now: float,
        until: Callable[[float], Callable[[], bool]],
        most: int | None,
        hand_over: Callable[[str], bool],
    ) -> tuple[Sent, int]:
        """What was sent by this run, and to how many shards' parts the rest was left."""
        shards = [f"DUE#{shard:02}" for shard in range(SHARDS)]
        if most is not None:
            return self._send(shards, now, until(PARCELS), most), 0
        first = self._send(shards, now, until(ALONE))
        if not first.more:
            return first, 0
        left = [shard for shard in shards if not hand_over(shard)]
        rest = self._send(left, now, until(PARCELS))
        return replace(rest, count=first.count + rest.count, lag=first.lag), len(shards) - len(left)

    def _send(
        self,
        shards: Sequence[str],
        now: float,
        goes_on: Callable[[], bool],
        most: int | None = None,
    ) -> Sent:
        """Send what is due in these shards, `most` of it."""
        page = AT_ONCE if most is None else max(1, min(AT_ONCE, most))
        sent, lag = 0, 0.0
        fault: WaybillError | None = None
        try:
            waiting = self._waiting(shards, now, page)
            oldest = next(waiting, None)
            if oldest:
                lag, waiting = now - oldest.due_at, chain([oldest], waiting)
            while fault is None and (most is None or sent < most):
                if not goes_on():
                    return Sent(sent, lag, more=next(waiting, None) is not None)
                some = list(islice(waiting, AT_ONCE if most is None else min(AT_ONCE, most - sent)))
                if not some:
                    break
                tens = [some[first : first + BATCH] for first in range(0, len(some), BATCH)]
                for count, error in self.threads.map(self._claim_and_send, tens):
                    sent, fault = sent + count, fault or error
        except StoreUnavailable as error:
            fault = error
        return Sent(sent, lag, fault)

    def _waiting(self, shards: Sequence[str], now: float, page: int) -> Iterator[Due]:
        """What is due in all of them, the oldest first; of each shard, pages are read as they are needed."""
        return heapq.merge(
            *(self.index.waiting(shard, now, page) for shard in shards), key=lambda due: due.due_at
        )

    def _claim_and_send(self, some: list[Due]) -> tuple[int, WaybillError | None]:
        """How many were sent, and what kept the others."""
        until = round(self.now() + self.claim, 3)
        claimed: list[Due] = []
        fault: WaybillError | None = None
        for due in some:
            try:
                if self.index.claim(due, until):
                    claimed.append(due)
            except StoreUnavailable as error:
                fault = error
                break
        count = 0
        for queue in (self.queue, self.webhooks, self.mail):
            mine = [due for due in claimed if self._queue_of(due) is queue]
            left = queue.send([_body(due) for due in mine])
            if left:
                fault = QueueUnavailable(
                    f"{len(left)} of {len(mine)} messages could not be sent to their queue."
                )
                for place in left:
                    self._give_back(mine[place], until)
            count += len(mine) - len(left)
        return count, fault

    def _queue_of(self, due: Due) -> Queue:
        match messages.of_key(due.pk, due.sk):
            case Delivery():
                return self.webhooks
            case Letter():
                return self.mail
        return self.queue

    def _give_back(self, due: Due, until: float) -> None:
        """Have it due again when it was, for the next run. Where that fails, its claim ends by itself."""
        try:
            self.index.claim(Due(due.pk, due.sk, until), due.due_at)
        except StoreUnavailable:
            return

    def _publish(self, now: float, goes_on: Callable[[], bool]) -> Sent:
        """Publish what the table's stream should have had published long ago."""
        count, lag = 0, 0.0
        fault: WaybillError | None = None
        try:
            waiting = self.publishing.outbox.waiting(now, AT_ONCE)
            oldest = next(waiting, None)
            if oldest:
                lag, waiting = now - oldest[0], chain([oldest], waiting)
            old = (key for _, key in takewhile(lambda each: each[0] <= now - self.left, waiting))
            while count < REPUBLISHED and goes_on():
                some = list(islice(old, AT_ONCE))
                if not some:
                    break
                done = self.publishing(some)
                count += done.sent
                if done.left:
                    fault = fault or TopicUnavailable(
                        f"{len(done.left)} of {len(some)} notifications could not be published."
                    )
                    if not done.sent:
                        break  # the topic is away; what cannot be published alone holds up nothing behind it
        except StoreUnavailable as error:
            fault = error
        return Sent(count, lag, fault)


def shares(remaining: Callable[[], float]) -> Callable[[float], Callable[[], bool]]:
    """Of the time that remains now: what tells whether a share of it is not over yet."""
    whole = remaining()
    return lambda share: lambda: remaining() > (1 - share) * whole


def patience(least: float, second: float) -> float:
    """`least` seconds of service time, or more where a wall second is so many (`second`) of them that it would be too short."""
    return max(least, WALL_SECONDS * second)


def _body(due: Due) -> str:
    match messages.of_key(due.pk, due.sk):
        case Delivery() as delivery:
            return messages.write_delivery(delivery)
        case Letter() as letter:
            return messages.write_letter(letter)
        case link:
            return messages.write(link)
