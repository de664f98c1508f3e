"""How many calls a worker makes at once, and when it begins no more, however much it reads and writes beside them.

::

    open -- calls, as many at once as there are lanes -- closed -- those under way end, and are written down -- time-out

A worker takes more messages than it may make calls, so that reading and writing one parcel lies in the time of others' calls.
"""

from __future__ import annotations

import contextlib
from threading import Semaphore, local
from typing import TYPE_CHECKING, Final

from waybill.errors import OutOfTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAST_SECONDS: Final = 25.0
"""What the last call takes at most: the 20 s of a lookup, and what is written after it."""


class Lanes:
    """`count` lanes for any number of threads. `monotonic` tells wall seconds; closed until `open` is called."""

    def __init__(self, count: int, monotonic: Callable[[], float]) -> None:
        self._free = Semaphore(count)
        self._own = local()
        self._monotonic = monotonic
        self._until = monotonic()

    def open(self, seconds: float) -> None:
        """A worker begins that is killed after so many wall seconds."""
        self._until = self._monotonic() + seconds - LAST_SECONDS

    def demand_time(self) -> float:
        """Wall seconds in which a call may still begin.

        Raises:
            OutOfTime: there are none.
        """
        left = self._until - self._monotonic()
        if left <= 0:
            raise OutOfTime("This worker has no time for another call. The message comes back.")
        return left

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """A lane for this thread, as soon as one is free, until it leaves it or the block ends.

        Raises:
            OutOfTime: none was, while a call could still begin.
        """
        if not self._free.acquire(timeout=self.demand_time()):
            raise OutOfTime("Other calls took all the time of this worker. The message comes back.")
        self._own.taken = True
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """The call of this thread is over: what is left to be written needs no lane. Nothing to do where it has none."""
        if getattr(self._own, "taken", False):
            self._own.taken = False
            self._free.release()
