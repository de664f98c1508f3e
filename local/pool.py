"""The processes of one function: few, started when they are needed, replaced when they end or their source changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from local.worker import Answer, Invocation, Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from local.process import Child

# More at once would only share the same processors, and the first would be ready later.
STARTS_AT_ONCE = max(2, os.cpu_count() or 1)
QUEUE_SECONDS = 30
IDLE_SECONDS = 300


class Source:
    """Tells whether anything under some folders changed, by the times of the files. A look takes some 0.2 ms."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def version(self) -> tuple[int, int]:
        stamps = [stamp for folder in self._folders for stamp in _stamps(os.fspath(folder))]
        return len(stamps), max(stamps, default=0)


def _stamps(folder: str) -> list[int]:
    found = []
    # Editors make files and take them away at any moment.
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    found += _stamps(entry.path)
            else:
                found.append(entry.stat().st_mtime_ns)
    return found


class Pool:
    """Takes events in order and gives each to a free process, of which there are at most as many as there are `ports`."""

    def __init__(
        self, timeout: float, source: Source, ports: Sequence[int], start: Callable[[int], Awaitable[Child]]
    ) -> None:
        self._timeout = timeout
        self._source = source
        self._free_ports = list(ports)
        self._start = start
        self._queue: deque[Invocation] = deque()
        self._workers: dict[int, Worker] = {}
        self._leaving: set[Worker] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def invoke(self, invocation: Invocation) -> Answer:
        self._queue.append(invocation)
        self.pump()
        return await invocation.answer

    def warm(self) -> None:
        """Have a process ready before the first event."""
        if not self._workers:
            self._spawn()

    @property
    def starting(self) -> bool:
        return any(not worker.started for worker in self._workers.values())

    def worker(self, port: int) -> Worker | None:
        """The one that asks at `port`, unless it is to end."""
        return self._workers.get(port)

    def pump(self) -> None:
        """Bring events and processes together; called whenever one of either comes in."""
        self._retire()
        self._drop_overdue()
        idle = [worker for worker in self._workers.values() if worker.idle]
        # The one that was busy last is the warmest, and the others can be let go.
        for worker in sorted(idle, key=lambda each: -each.idle_since):
            if not self._queue:
                return
            worker.give(self._queue.popleft())
        starting = sum(not worker.started for worker in self._workers.values())
        while starting < min(len(self._queue), STARTS_AT_ONCE) and self._free_ports:
            self._spawn()
            starting += 1

    async def close(self) -> None:
        self._closed = True
        workers = [*self._workers.values(), *self._leaving]
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*(worker.stop() for worker in workers))
        while self._queue:
            self._queue.popleft().resolve(Answer.failure("Runtime.ExitError", "The local stack is stopping"))

    def _spawn(self) -> None:
        worker = Worker(self._free_ports.pop(), self._source.version(), self._timeout, self._gone)
        self._workers[worker.port] = worker
        task = asyncio.create_task(self._launch(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _launch(self, worker: Worker) -> None:
        worker.run(await self._start(worker.port))
        if worker.stale:
            worker.kill()

    def _gone(self, worker: Worker) -> None:
        self._leaving.discard(worker)
        self._workers.pop(worker.port, None)
        self._free_ports.append(worker.port)
        if self._closed:
            return
        if not worker.started and not worker.stale and worker.failure is not None:
            # It cannot start, so no other would: whoever waits is told why, as Lambda does.
            while self._queue:
                self._queue.popleft().resolve(worker.failure)
        self.pump()

    def _retire(self) -> None:
        version, now = self._source.version(), time.monotonic()
        keep = 1  # of those without work, so that the next event finds one ready
        for worker in list(self._workers.values()):
            changed = worker.source != version
            unused = worker.idle and now - worker.idle_since > IDLE_SECONDS and len(self._workers) > keep
            if (changed or unused) and (worker.idle or not worker.started):
                worker.stale = True
                del self._workers[worker.port]
                self._leaving.add(worker)
                worker.kill()

    def _drop_overdue(self) -> None:
        """The caller of an event that waited this long has gone; running it now would serve nobody."""
        while self._queue and time.monotonic() - self._queue[0].arrived > QUEUE_SECONDS:
            overdue = self._queue.popleft()
            overdue.resolve(
                Answer.failure("TooManyRequestsException", "Rate Exceeded: no process was free in time")
            )
