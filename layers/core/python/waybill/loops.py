"""One event loop in a thread of its own, on which the calls of all other threads run, each with one deadline over all it does.

Nothing runs there between calls, so a container may be frozen then.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from concurrent.futures import Future

T = TypeVar("T")

LOOKUPS: Final = 32
"""Threads for what blocks, which are names that are looked up: one that nobody answers holds its thread longer than its call."""


class Loop:
    """Runs until it is closed; any number of threads may use it at once."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(LOOKUPS, thread_name_prefix=name))
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def start(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """The call's future; it raises CancelledError when the loop is closed before the call has ended."""
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Cancel the calls in flight, run `last`, and end the thread."""
        self.start(self._end(last)).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self, last: Callable[[], Awaitable[None]]) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await last()
