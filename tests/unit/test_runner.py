"""The local stack's parts that need no stack: the pool of a function's processes, the plan of a deployment, options, state."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.pool import Pool, Source
from local.process import Child
from local.runner import Runner
from local.ticker import pause_of, tick
from local.worker import Answer, Invocation
from waybill.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

NOW = 1_700_000_000.0


class FakeChild(Child):
    """A process that does nothing until it is killed."""

    def __init__(self) -> None:
        self.log = Path("fake.log")
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        await self._ended.wait()
        return -9

    def kill(self) -> None:
        self._ended.set()


class Function:
    """A pool whose processes are played by the test."""

    def __init__(self, folder: Path, *, processes: int = 2, timeout: float = 5) -> None:
        self.started: list[int] = []
        self.pool = Pool(timeout, Source([folder]), [9001 + each for each in range(processes)], self._start)

    async def _start(self, port: int) -> Child:
        self.started.append(port)
        return FakeChild()

    def call(self, name: str) -> asyncio.Task[Answer]:
        return asyncio.create_task(self.pool.invoke(Invocation(name, name.encode(), arn="", trace="")))

    async def ask(self, port: int) -> Invocation | None:
        """The process at `port` asks for its next event."""
        worker = self.pool.worker(port)
        assert worker is not None
        asking = asyncio.create_task(worker.next_event())
        await asyncio.sleep(0)
        self.pool.pump()
        return await asking

    def answer(self, port: int, name: str) -> bool:
        worker = self.pool.worker(port)
        return worker is not None and worker.answered(name, Answer(b"answer to " + name.encode()))


def played(scene: Callable[[Function], Awaitable[None]], function: Callable[[], Function]) -> None:
    async def play() -> None:
        made = function()
        try:
            await asyncio.wait_for(scene(made), 10)
        finally:
            await made.pool.close()

    asyncio.run(play())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_events_are_served_in_order_each_process_one_at_a_time(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        calls = [function.call(name) for name in ("a", "b", "c")]
        await settle()
        (port,) = function.started
        for name in ("a", "b", "c"):
            given = await function.ask(port)
            assert given is not None
            assert given.event == name.encode()
            assert not function.answer(port, "another")
            assert function.answer(port, name)
        assert [(await call).body for call in calls] == [b"answer to a", b"answer to b", b"answer to c"]

    played(scene, lambda: Function(tmp_path, processes=1))


def test_processes_are_started_on_demand_and_no_more_than_allowed(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        function.call("a")
        await settle()
        assert len(function.started) == 1
        for name in ("b", "c", "d", "e"):
            function.call(name)
        await settle()
        assert len(function.started) == 2

    played(scene, lambda: Function(tmp_path, processes=2))


def test_a_process_over_its_time_is_killed_answered_for_and_replaced(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        late, next_one = function.call("late"), function.call("next")
        await settle()
        await function.ask(function.started[0])
        answer = await late
        assert answer.failed
        assert json.loads(answer.body) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "late Task timed out after 0.05 seconds",
        }
        await settle()
        assert len(function.started) == 2
        await function.ask(function.started[1])
        assert function.answer(function.started[1], "next")
        assert not (await next_one).failed

    played(scene, lambda: Function(tmp_path, processes=1, timeout=0.05))


def test_a_process_that_dies_fails_its_own_event_only(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        calls = [function.call("a"), function.call("b")]
        await settle()
        port = function.started[0]
        await function.ask(port)
        worker = function.pool.worker(port)
        assert worker is not None
        worker.kill()
        answer = await calls[0]
        assert (answer.failed, json.loads(answer.body)["errorType"]) == (True, "Runtime.ExitError")
        await settle()
        await function.ask(function.started[-1])
        assert function.answer(function.started[-1], "b")
        assert (await calls[1]).body == b"answer to b"

    played(scene, lambda: Function(tmp_path, processes=1))


def test_a_process_that_cannot_start_fails_all_that_wait(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        calls = [function.call(name) for name in ("a", "b", "c")]
        await settle()
        worker = function.pool.worker(function.started[0])
        assert worker is not None
        worker.failed_to_start(b'{"errorType": "ImportError"}')
        worker.kill()
        assert [await call for call in calls] == [Answer(b'{"errorType": "ImportError"}', failed=True)] * 3
        assert len(function.started) == 1

    played(scene, lambda: Function(tmp_path, processes=1))


def test_an_edit_replaces_an_idle_process_before_the_next_event(tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text("1")

    async def scene(function: Function) -> None:
        function.pool.warm()
        await settle()
        asking = asyncio.create_task(function.ask(function.started[0]))
        await settle()
        (tmp_path / "new.py").write_text("2")
        call = function.call("a")
        assert await asking is None  # it is told to end, not given the event
        await settle()
        assert len(function.started) == 2
        await function.ask(function.started[1])
        assert function.answer(function.started[1], "a")
        assert not (await call).failed

    played(scene, lambda: Function(tmp_path))


class Ticked(Runner):
    """A runner whose runs are played by the test. The first one fails."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.running = 0
        self.went_on = asyncio.Event()

    async def invoke(self, name: str, event: Mapping[str, Any]) -> Answer:
        self.running += 1
        assert self.running == 1, "one at a time"
        self.events.append({"name": name, **event})
        await settle()
        if len(self.events) == 3:
            self.went_on.set()
        self.running -= 1
        return Answer(b"{}", failed=len(self.events) == 1)


def test_a_function_of_time_runs_again_and_again_one_run_at_a_time() -> None:
    async def play() -> list[dict[str, Any]]:
        runner = Ticked()
        ticking = asyncio.create_task(
            tick(runner, "waybill-local-Often", 0, Clock(simulated=NOW, speed=0.001))
        )
        waiting = asyncio.create_task(runner.went_on.wait())
        await asyncio.wait({ticking, waiting}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert not ticking.done()
        ticking.cancel()
        return runner.events

    events = asyncio.run(play())
    assert len(events) >= 3
    assert {event["name"] for event in events} == {"waybill-local-Often"}
    assert {event["source"] for event in events} == {"aws.events"}


def test_time_goes_as_fast_as_the_clock_and_no_faster_than_the_machine_likes() -> None:
    assert [pause_of(60, speed) for speed in (0.5, 1, 60, 600, 100_000)] == [120, 60, 1, 0.5, 0.5]
