"""Send what is due on its way to the workers, the oldest first.

::

    due --claim: due_at moves on by CLAIM--> claimed --send--> queue --> worker sets the next check
     ^                                          |                            |
     '------- nobody did, whoever died: CLAIM is over, it is due again ------'

Claimed first and sent then, so that a crash anywhere costs one CLAIM of delay, and no parcel. Only what is due is read. What is
claimed is always sent, or given back; no more is begun when four fifths of the time are over. While the circuit is open, one parcel
goes when a probe may be made; while the brake is on, as many as it lets.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from waybill import messages
from waybill.due import Due
from waybill.errors import MINUTE, QueueUnavailable, StoreUnavailable, WaybillError
from waybill.queues import BATCH
from waybill.schedule import SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from waybill.brake import Brake
    from waybill.circuit import Circuit
    from waybill.due import DueIndex
    from waybill.queues import Queue

CLAIM: Final = 20 * MINUTE
"""How long a parcel is left to its worker: longer than a message takes to be tried five times."""
CLAIM_WALL_SECONDS: Final = 10.0
"""At least so long in wall time, so that a fast clock leaves a worker the time that its processor needs."""
AT_ONCE: Final = 100
SHARE_OF_TIME: Final = 0.8


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did: how long the oldest parcel had been due (seconds, 0 for none), how many were sent, and what went wrong."""

    lag: float
    sent: int
    circuit_open: bool
    most: int | None
    fault: WaybillError | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """`claim` is in seconds of service time (see `claim_seconds`); `threads` do the claiming and sending, ten parcels each."""

    index: DueIndex
    queue: Queue
    brake: Callable[[], Brake]
    circuit: Callable[[], Circuit | None]
    now: Callable[[], float]
    claim: float
    threads: Executor

    def __call__(self, remaining: Callable[[], float]) -> Run:
        """Send what is due; `remaining` tells how many wall seconds the run still has.

        Raises:
            StoreUnavailable: what is due could not be read; nothing is lost.
        """
        enough = (1 - SHARE_OF_TIME) * remaining()
        now = self.now()
        circuit, most = self.circuit(), self.brake().most
        if circuit:
            most = 1 if now >= circuit.probe_at else 0
        page = AT_ONCE if most is None else max(1, min(AT_ONCE, most))
        waiting = self._waiting(now, page)
        oldest = next(waiting, None)
        lag = now - oldest.due_at if oldest else 0.0
        if oldest:
            waiting = chain([oldest], waiting)
        sent, fault = 0, None
        while fault is None and (most is None or sent < most) and remaining() > enough:
            some = list(islice(waiting, AT_ONCE if most is None else min(AT_ONCE, most - sent)))
            if not some:
                break
            tens = [some[first : first + BATCH] for first in range(0, len(some), BATCH)]
            for count, error in self.threads.map(self._claim_and_send, tens):
                sent, fault = sent + count, fault or error
        return Run(lag, sent, circuit is not None, most, fault)

    def _waiting(self, now: float, page: int) -> Iterator[Due]:
        """What is due in all shards, the oldest first; of each shard, pages are read as they are needed."""
        shards = (f"DUE#{shard:02}" for shard in range(SHARDS))
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
        left = self.queue.send([messages.write(due.link) for due in claimed])
        if left:
            fault = QueueUnavailable(f"{len(left)} of {len(claimed)} parcels could not be sent to the queue.")
            for place in left:
                self._give_back(claimed[place], until)
        return len(claimed) - len(left), fault

    def _give_back(self, due: Due, until: float) -> None:
        """Have it due again when it was, for the next run. Where that fails, its claim ends by itself."""
        try:
            self.index.claim(Due(due.link, until), due.due_at)
        except StoreUnavailable:
            return


def claim_seconds(second: float) -> float:
    """How long a claim lasts, where a wall second is `second` seconds of service time."""
    return max(CLAIM, CLAIM_WALL_SECONDS * second)
