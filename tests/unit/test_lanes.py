"""A worker makes so many calls at once and no more, and begins none that its time would not suffice for."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from waybill.errors import OutOfTime
from waybill.lanes import LAST_SECONDS, Lanes


class Wall:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_no_more_calls_than_lanes_are_under_way_whatever_wants_one() -> None:
    lanes, lock = Lanes(3, time.monotonic), Lock()
    lanes.open(LAST_SECONDS + 60)
    together, under_way, most = Barrier(3), 0, 0

    def call(_: int) -> None:
        nonlocal under_way, most
        with lanes.one():
            with lock:
                under_way += 1
                most = max(most, under_way)
            together.wait(30)
            with lock:
                under_way -= 1

    with ThreadPoolExecutor(9) as threads:
        list(threads.map(call, range(9)))
    assert most == 3


def test_a_worker_that_was_not_told_its_time_begins_nothing() -> None:
    with pytest.raises(OutOfTime):
        Lanes(10, Wall()).demand_time()


def test_a_call_begins_only_while_there_is_time_for_its_end() -> None:
    wall = Wall()
    lanes = Lanes(1, wall)
    lanes.open(LAST_SECONDS + 14)
    wall.at += 13.9
    with lanes.one():
        pass
    wall.at += 0.1
    with pytest.raises(OutOfTime), lanes.one():
        pass
    lanes.open(LAST_SECONDS + 14)
    with lanes.one():
        pass


def test_who_waits_for_a_lane_gives_up_when_no_call_may_begin_any_more() -> None:
    lanes, held, done = Lanes(1, time.monotonic), Event(), Event()
    lanes.open(LAST_SECONDS + 0.2)

    def hold() -> None:
        with lanes.one():
            held.set()
            done.wait(30)

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(hold)
        assert held.wait(30)
        with pytest.raises(OutOfTime), lanes.one():
            pass
        done.set()
        holding.result(30)


def test_a_call_that_fails_leaves_its_lane() -> None:
    lanes = Lanes(1, time.monotonic)
    lanes.open(LAST_SECONDS + 60)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), lanes.one():
            raise ZeroDivisionError
    with lanes.one():
        pass


def test_a_lane_that_was_left_is_free_for_others_and_is_not_given_back_twice() -> None:
    lanes = Lanes(1, time.monotonic)
    lanes.open(LAST_SECONDS + 0.2)
    with lanes.one(), ThreadPoolExecutor(1) as threads:
        lanes.leave()
        lanes.leave()
        held = lanes.one()
        threads.submit(held.__enter__).result(30)
        lanes.leave()
        with pytest.raises(OutOfTime), lanes.one():
            pass
