"""A run of the dispatch that has more to send than one can: its parts, one for each shard, and what passes between them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

from tests.store.conftest import new_world
from tests.store.dispatching import DELIVERY, NOW, World, put_later
from waybill.brake import Brake
from waybill.circuit import Circuit
from waybill.dispatch import Run
from waybill.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = [f"DUE#{shard:02}" for shard in range(16)]


def taking(handed: list[str]) -> Callable[[str], bool]:
    """Takes every shard, and notes it."""

    def take(shard: str) -> bool:
        handed.append(shard)
        return True

    return take


def soon_over() -> Callable[[], float]:
    """What remains to a run whose time alone is over when it begins."""
    remaining = chain([55.0], repeat(40.0))
    return lambda: next(remaining)


def test_what_one_run_cannot_send_goes_to_parts_by_shard_and_each_parcel_goes_once(world: World) -> None:
    numbers = world.put(116)
    put_later(world, (DELIVERY, 0))
    dispatch = world.dispatch()
    handed: list[str] = []
    remaining = chain([55.0, 54.0], repeat(43.9))
    run = dispatch(lambda: next(remaining), taking(handed))
    assert run == Run(lag=600, sent=100, parts=16, again=1), "a whole round, and what is to be told"
    assert handed == EVERY
    parts = [dispatch.part([shard], lambda: 55.0) for shard in handed]
    assert (sum(part.count for part in parts), {part.fault for part in parts}) == (16, {None})
    assert world.sent() == numbers


def test_what_one_run_can_send_alone_takes_no_part_however_long_it_took(world: World) -> None:
    numbers = world.put(12)
    handed: list[str] = []
    remaining = chain([55.0, 54.0], repeat(40.0))
    run = world.dispatch()(lambda: next(remaining), taking(handed))
    assert (run, handed) == (Run(lag=600, sent=12), [])
    assert world.sent() == numbers


def test_a_run_does_the_shards_itself_that_nobody_takes(world: World) -> None:
    numbers = world.put(40)
    run = world.dispatch()(soon_over(), lambda shard: shard == "DUE#03")
    assert run.parts == 1
    assert run.sent + world.dispatch().part(["DUE#03"], lambda: 55.0).count == 40
    assert world.sent() == numbers
    assert world.run() == Run()


def test_neither_brake_nor_circuit_is_passed_by_parts(world: World) -> None:
    world.put(15)
    world.brake = Brake(most=12)
    handed: list[str] = []
    run = world.dispatch()(soon_over(), taking(handed))
    assert (run.sent, run.parts, handed) == (12, 0, [])
    world.circuit = Circuit.opened("601", "holder", NOW - 60)
    assert world.dispatch().part(EVERY, lambda: 55.0).count == 0, "a probe is made by a run"


def test_a_part_begins_nothing_new_when_its_time_is_nearly_over(world: World) -> None:
    world.put(104)
    remaining = chain([50.0, 40.0], repeat(4.9))
    assert world.dispatch().part(EVERY, lambda: next(remaining)).count == 100


def test_a_part_and_the_next_run_at_once_send_each_parcel_once(emulator: str) -> None:
    world = new_world(emulator, ThreadPoolExecutor(10))
    numbers = world.put(60)
    with ThreadPoolExecutor(2) as both:
        part = both.submit(world.dispatch().part, EVERY, lambda: 55.0)
        run = both.submit(world.run)
    assert part.result().count + run.result().sent == 60
    assert world.sent() == numbers
    world.threads.shutdown()


def test_a_part_that_cannot_look_at_the_circuit_fails_and_sends_nothing(world: World) -> None:
    world.put(3)

    def away() -> None:
        raise StoreUnavailable("no")

    part = replace(world.dispatch(), circuit=away).part(["DUE#00"], lambda: 55.0)
    assert (part.count, type(part.fault)) == (0, StoreUnavailable)
    assert world.run().sent == 3
