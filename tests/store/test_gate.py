"""The gate before slow endpoints: few at a time, more for who answers, one probe after a time-out, and no place is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.store.conftest import client_of, new_table
from waybill.gate import FEWEST, HELD, MOST, STEADY, Full, Gates, Place

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_700_000_000.25
HOOK = "whk_1"


@pytest.fixture
def gates(dynamodb: DynamoDBClient) -> Gates:
    return Gates(dynamodb, new_table(dynamodb, "CacheTable"))


def enter(gates: Gates, now: float = NOW, webhook: str = HOOK) -> Place:
    place = gates.enter(webhook, now)
    assert isinstance(place, Place)
    return place


def timed_out(gates: Gates, now: float) -> float:
    """A try that times out; until when the gate is shut then."""
    gates.leave(enter(gates, now), now, timed_out=True)
    full = gates.enter(HOOK, now)
    assert isinstance(full, Full)
    return full.shut_until


def test_two_try_at_a_time_and_a_third_finds_no_place(gates: Gates) -> None:
    places = [enter(gates) for _ in range(FEWEST)]
    assert {place.number for place in places} == {0, 1}
    assert gates.enter(HOOK, NOW) == Full()
    assert isinstance(gates.enter("whk_2", NOW), Place), "each webhook has a gate of its own"
    gates.leave(places[1], NOW, timed_out=None)
    assert enter(gates).number == places[1].number


def test_each_answer_makes_room_for_one_more_up_to_a_number(gates: Gates) -> None:
    def room() -> int:
        held = []
        while isinstance(place := gates.enter(HOOK, NOW), Place):
            held.append(place)
        for place in held:
            gates.leave(place, NOW, timed_out=None)
        return len(held)

    for answers in range(3):
        assert room() == FEWEST + answers
        gates.leave(enter(gates), NOW, timed_out=False)
    for _ in range(MOST):
        gates.leave(enter(gates), NOW, timed_out=False)
    assert room() == MOST
    until = timed_out(gates, NOW)
    gates.leave(enter(gates, until), until, timed_out=False)
    assert room() == FEWEST + 1, "one that answers again begins again"


def test_threads_that_meet_never_share_a_place(emulator: str) -> None:
    client = client_of(emulator)
    gates = Gates(client, new_table(client, "CacheTable"))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda each: gates.enter(HOOK, NOW + each / 1000), range(16)))
    places = [each.number for each in found if isinstance(each, Place)]
    assert sorted(each for each in places if each is not None) == list(range(FEWEST))


def test_a_place_whose_holder_died_is_free_after_its_time(gates: Gates) -> None:
    dead = enter(gates), enter(gates)
    assert isinstance(gates.enter(HOOK, NOW + HELD - 1), Full)
    place = enter(gates, NOW + HELD + 1)
    gates.leave(dead[0], NOW + HELD + 2, timed_out=None)
    other = enter(gates, NOW + HELD + 3)
    assert {place.number, other.number} == {0, 1}
    assert isinstance(gates.enter(HOOK, NOW + HELD + 4), Full), "who comes late gives no other's place back"


def test_a_time_out_shuts_the_gate_ever_longer_and_opens_it_for_one_probe(gates: Gates) -> None:
    now, shut = NOW, []
    for _ in range(4):
        until = timed_out(gates, now)
        shut.append(until - now)
        assert gates.enter(HOOK, until - 0.5) == Full(until)
        now = until
    assert shut == pytest.approx([5, 10, 20, 40])
    probe = enter(gates, now)
    assert probe.timeouts == 4
    assert isinstance(gates.enter(HOOK, now), Full), "one probe at a time"
    gates.leave(probe, now, timed_out=False)
    assert len({enter(gates, now).number for _ in range(FEWEST)}) == FEWEST, "an answer opens it"


def test_two_that_time_out_together_shut_the_gate_once(gates: Gates) -> None:
    places = [enter(gates), enter(gates)]
    for place in places:
        gates.leave(place, NOW + 15, timed_out=True)
    assert gates.enter(HOOK, NOW + 15) == Full(NOW + 20)
    assert enter(gates, NOW + 20).timeouts == 1


def test_a_quick_webhook_that_times_out_shuts_the_gate_as_well(gates: Gates) -> None:
    for _ in range(3):
        gates.leave(Place(HOOK), NOW, timed_out=True)
    assert gates.enter(HOOK, NOW) == Full(NOW + 5)


def test_for_a_while_after_a_time_out_a_webhook_is_not_steady(gates: Gates) -> None:
    assert enter(gates).steady(NOW)
    gates.leave(Place(HOOK), NOW + 1, timed_out=True)
    probe = enter(gates, NOW + 6)
    gates.leave(probe, NOW + 6, timed_out=False)
    place = enter(gates, NOW + STEADY)
    assert not probe.steady(NOW + 6)
    assert not place.steady(NOW + STEADY), "an answer in between changes nothing"
    assert place.steady(NOW + 1 + STEADY)


def test_a_place_that_nobody_used_changes_nothing_else(gates: Gates) -> None:
    until = timed_out(gates, NOW)
    gates.leave(enter(gates, until), until, timed_out=None)
    assert enter(gates, until).timeouts == 1
