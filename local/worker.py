"""One process of a function: it asks for an event, gets one at a time, and answers; as with Lambda's Runtime API.

    starting --asks--> idle --is given an event--> busy --answers, and asks again--> idle

It is gone when its process ends: by itself, at the time-out, or because the source changed.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.process import Child

INIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered, or what is said in its place."""

    body: bytes
    failed: bool = False

    @classmethod
    def failure(cls, kind: str, message: str) -> Answer:
        return cls(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)


@dataclass(slots=True)
class Invocation:
    """An event on its way through a process."""

    request_id: str
    event: bytes
    arn: str
    trace: str
    # Seconds that it has, if those are less than the function's.
    limit: float | None = None
    arrived: float = field(default_factory=time.monotonic)
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Worker:
    """A process and the port at which it, and only it, asks for events."""

    def __init__(self, port: int, source: object, timeout: float, gone: Callable[[Worker], Any]) -> None:
        self.port = port
        self.source = source
        self.idle_since = 0.0
        self.started = False
        self.stale = False
        self.timeout = timeout
        self._gone = gone
        self._child: Child | None = None
        self._ask: asyncio.Future[Invocation | None] | None = None
        self._current: Invocation | None = None
        self._failure: Answer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        return self._ask is not None and not self._ask.done()

    @property
    def failure(self) -> Answer | None:
        """Why it ended before it ever asked for an event."""
        return self._failure

    def run(self, child: Child) -> None:
        self._child = child
        self._timer = asyncio.get_running_loop().call_later(INIT_SECONDS, self._expire, INIT_SECONDS)
        self._watch = asyncio.create_task(self._until_gone(child))

    async def next_event(self) -> Invocation | None:
        """The process asks for an event. None when it is to end instead."""
        self._stop_timer()
        self.started = True
        self.idle_since = time.monotonic()
        self._ask = asyncio.get_running_loop().create_future()
        return await self._ask

    def give(self, invocation: Invocation) -> None:
        """Hand an event to this idle process, which has the function's time-out to answer it."""
        if self._ask is None:
            raise RuntimeError("only an idle worker takes an event")
        self._current = invocation
        limit = min(self.timeout, invocation.limit or self.timeout)
        self._timer = asyncio.get_running_loop().call_later(limit, self._expire, limit)
        self._ask.set_result(invocation)
        self._ask = None

    def answered(self, request_id: str, answer: Answer) -> bool:
        """The process answers. False when it is not busy with that request."""
        if self._current is None or self._current.request_id != request_id:
            return False
        self._stop_timer()
        self._current.resolve(answer)
        self._current = None
        return True

    def failed_to_start(self, payload: bytes) -> None:
        self._failure = Answer(payload, failed=True)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    async def stop(self) -> None:
        self.kill()
        if self._watch is not None:
            await self._watch

    def _expire(self, seconds: float) -> None:
        if self._current is not None:
            message = f"{self._current.request_id} Task timed out after {seconds:.2f} seconds"
            self._current.resolve(Answer.failure("Sandbox.Timedout", message))
        elif not self.started:
            self._failure = Answer.failure(
                "Sandbox.Timedout", f"The function was not ready after {seconds:.2f} seconds"
            )
        self.kill()

    async def _until_gone(self, child: Child) -> None:
        status = await child.wait()
        child.kill()  # whatever it has started itself
        self._stop_timer()
        if self._failure is None:
            self._failure = Answer.failure(
                "Runtime.ExitError", f"Runtime exited with status {status}; see {child.log.name}"
            )
        if self._current is not None:
            self._current.resolve(self._failure)
            self._current = None
        if self._ask is not None:
            self._ask.set_result(None)
            self._ask = None
        self._gone(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
