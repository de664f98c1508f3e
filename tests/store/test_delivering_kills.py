"""Deliveries of a process that dies between any two steps: what comes back finds them as they should be."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

import pytest

from tests.delivered import DOWN, WELL, notices
from tests.kills import kill_points
from tests.receivers import Reply, answering, first, slow
from waybill.gate import Full, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.delivered import Make, World
    from waybill.messages import Delivery
    from waybill.post import Outcome


def run(world: World, step: Callable[[str], None], delivery: Delivery) -> None:
    def post(url: str, headers: Mapping[str, str], body: bytes, on_waiting: Callable[[], None]) -> Outcome:
        step("before POST")
        outcome = world.poster(url, headers, body, on_waiting)
        step("after POST")
        return outcome

    world.deliver(delivery, post)


def killed(
    make: Callable[[], World], run: Callable[[World, Callable[[str], None], Delivery], None] = run
) -> Iterator[tuple[str, World, Delivery]]:
    made: dict[int, Delivery] = {}

    def new() -> World:
        world = make()
        made[id(world)] = world.event()
        return world

    points = kill_points(
        new,
        lambda world, step: run(world, step, made[id(world)]),
        lambda world: [world.dynamodb, world.sqs],
    )
    for name, world in points:
        yield name, world, made[id(world)]


@pytest.mark.parametrize("slow", [True, False])
def test_a_kill_at_any_point_loses_nothing_and_doubles_nothing_but_in_the_window(
    mocked: Make, *, slow: bool
) -> None:
    windows, points = [], 0
    for name, world, delivery in killed(functools.partial(mocked, answering(WELL), slow=slow)):
        points += 1
        window = bool(world.receiver.requests) and not world.marked()
        windows += [name] if window else []
        for _ in range(3):
            world.settle([delivery])
        assert world.receiver.handled == {world.event_id(delivery): 2 if window else 1}, name
        assert {each.body for each in world.receiver.requests} == {world.receiver.requests[0].body}
        assert world.receiver.unverified == [], name
        progress = world.progress(delivery)
        assert (progress.state, len(progress.tries)) == ("delivered", 1), name
    assert points > 10
    assert len(windows) == 2, windows
    assert windows[0] == "after POST"
    assert windows[1].startswith("before")
    assert windows[1].endswith("UpdateItem")


def test_a_kill_at_any_point_of_a_quick_try_that_waits_doubles_nothing_but_what_was_under_way(
    mocked: Make,
) -> None:
    points, posted = 0, False
    for name, world, delivery in killed(
        functools.partial(mocked, slow(0.2), slow=False, patience=0.02, deadline=5.0)
    ):
        points += 1
        window = posted and not world.marked()
        for _ in range(2):
            world.settle([delivery])
        assert world.receiver.handled[world.event_id(delivery)] in ((1, 2) if window else (1,)), name
        assert world.progress(delivery).state == "delivered", name
        posted |= name == "before POST"
    assert posted
    assert points > 12


def test_a_kill_at_any_point_of_a_failing_try_only_delays_the_delivery(mocked: Make) -> None:
    points = 0
    for name, world, delivery in killed(functools.partial(mocked, first([DOWN], WELL))):
        points += 1
        world.settle([delivery])
        assert world.receiver.handled == {world.event_id(delivery): 1}, name
        progress = world.progress(delivery)
        assert progress.state == "delivered", name
        assert progress.tries[-1].status == 200
        assert world.webhook().failing_since is None
    assert points > 15


def test_a_kill_at_any_point_of_the_last_try_leaves_it_parked(mocked: Make) -> None:
    for name, world, delivery in killed(functools.partial(mocked, answering(Reply(410)))):
        world.settle([delivery])
        assert world.progress(delivery).state == "parked", name
        assert world.webhook().state == "disabled", name
        assert len(notices(world)) == 1, name
        assert world.receiver.handled == {}, name


def test_a_kill_while_a_delivery_is_handed_over_loses_nothing(mocked: Make) -> None:
    """It is not there twice either: what the second message asks for is done."""

    def step_over(world: World, step: Callable[[str], None], delivery: Delivery) -> None:
        del step
        world.deliver(delivery, slow=False)

    handed = 0
    for name, world, delivery in killed(functools.partial(mocked, answering(WELL)), step_over):
        world.deliver(delivery, slow=False)
        handed += (waiting := world.queued()[1])
        assert waiting in (1, 2), name
        for _ in range(waiting):
            world.deliver(delivery)
        assert world.receiver.handled == {world.event_id(delivery): 1}, name
    assert handed > 0


def test_a_kill_while_a_delivery_is_put_off_loses_nothing(mocked: Make) -> None:
    places: list[Place | Full] = []

    def make() -> World:
        world = mocked(answering(WELL))
        places[:] = [world.gates.enter(world.hook.id, time.time())]
        return world

    for name, world, delivery in killed(make):
        assert world.receiver.requests == []
        (place,) = places
        assert isinstance(place, Place)
        world.gates.leave(place, time.time(), timed_out=False)
        world.settle([delivery])
        assert world.receiver.handled == {world.event_id(delivery): 1}, name
