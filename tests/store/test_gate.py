"""The gate before slow endpoints: one at a time, more for who answers, one probe after a time-out, and no place is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests import delivered
from tests.kills import lose_an_answer
from tests.store.conftest import client_of, new_table
from waybill.gate import HELD, MOST, STEADY, STUCK, Full, Gates, Place
from waybill.retries import DEADLINE

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
    return full.until


def answer(gates: Gates, times: int = 1, now: float = NOW) -> None:
    """As many quick tries, one after the other."""
    for _ in range(times):
        gates.leave(enter(gates, now), now, timed_out=False)


def room(gates: Gates, now: float = NOW) -> int:
    return delivered.room(gates, HOOK, now)


def test_one_tries_at_a_time_and_a_second_finds_no_place(gates: Gates) -> None:
    place = enter(gates)
    assert gates.enter(HOOK, NOW) == Full()
    assert isinstance(gates.enter("whk_2", NOW), Place), "each webhook has a gate of its own"
    gates.leave(place, NOW, timed_out=None)
    assert enter(gates).number == place.number


def test_each_answer_makes_room_for_one_more_up_to_a_number(gates: Gates) -> None:
    for answers in range(3):
        assert room(gates) == 1 + answers
        answer(gates)
    answer(gates, MOST)
    assert room(gates) == MOST
    until = timed_out(gates, NOW)
    answer(gates, now=until)
    assert room(gates) == 2, "one that answers again begins again"


def test_nobody_begins_beside_a_try_that_is_stuck(gates: Gates) -> None:
    answer(gates, 3)
    first = enter(gates)
    assert first.number == 0
    beside = enter(gates, NOW + STUCK - 0.1)
    assert room(gates, NOW + STUCK - 0.1) == 2, "but while it may well be answered"
    assert room(gates, NOW + STUCK) == 0
    gates.leave(beside, NOW + STUCK, timed_out=False)
    assert room(gates, NOW + 2 * STUCK - 0.1) == 4, "others are answered, so it does not tell"
    assert room(gates, NOW + 2 * STUCK) == 0
    assert room(gates, NOW + HELD) == 5, "one that died keeps nobody out for long"


@pytest.mark.parametrize("answers", [0, 3])
def test_a_quick_try_that_waits_has_one_beside_it(gates: Gates, answers: int) -> None:
    answer(gates, answers)
    probe = gates.hold(HOOK, NOW)
    assert probe.number == 0
    assert room(gates) == 1
    other = gates.hold(HOOK, NOW)
    assert other == Place(HOOK)
    gates.leave(other, NOW, timed_out=None)
    assert room(gates) == 1, "one that waits as well takes it from nobody"
    assert room(gates, NOW + STUCK) == 0
    gates.leave(probe, NOW + STUCK + 1, timed_out=False)
    assert room(gates, NOW + STUCK + 1) == 3


def test_a_quick_try_that_waits_in_vain_shuts_the_gate_for_all_that_wait(gates: Gates) -> None:
    first, second = gates.hold(HOOK, NOW), gates.hold(HOOK, NOW + 1)
    for place in (first, second):
        gates.leave(place, NOW + 13, timed_out=True)
    assert gates.enter(HOOK, NOW + 14) == Full(NOW + 18)
    assert gates.hold(HOOK, NOW + 14) == Place(HOOK), "one that has waited longer meets it shut"
    probe = enter(gates, NOW + 18)
    assert probe.timeouts == 1
    assert isinstance(gates.enter(HOOK, NOW + 18), Full)


def test_threads_that_meet_never_share_a_place(emulator: str) -> None:
    client = client_of(emulator)
    gates = Gates(client, new_table(client, "CacheTable"))
    answer(gates, 3)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda each: gates.enter(HOOK, NOW + each / 1000), range(16)))
    places = [each.number for each in found if isinstance(each, Place)]
    assert sorted(each for each in places if each is not None) == list(range(4))


def test_a_place_is_had_by_whom_the_answer_was_lost(emulator: str) -> None:
    client = client_of(emulator)
    gates = Gates(client, new_table(client, "CacheTable"))
    lose_an_answer(client, "UpdateItem")
    place = enter(gates)
    assert gates.enter(HOOK, NOW) == Full(), "the same moment makes it nobody else's"
    lose_an_answer(client, "UpdateItem")
    assert gates.enter(HOOK, NOW + 1) == Full()
    gates.leave(place, NOW, timed_out=None)
    assert room(gates) == 1


def test_a_place_whose_holder_died_is_free_after_its_time(gates: Gates) -> None:
    dead = enter(gates)
    assert isinstance(gates.enter(HOOK, NOW + HELD - 1), Full)
    assert enter(gates, NOW + HELD + 1).number == dead.number
    gates.leave(dead, NOW + HELD + 2, timed_out=None)
    assert isinstance(gates.enter(HOOK, NOW + HELD + 3), Full), "who comes late gives no other's place back"


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
    assert gates.enter(HOOK, now + 1) == Full(now + DEADLINE), (
        "one probe at a time, which will time out as well"
    )
    gates.leave(probe, now, timed_out=False)
    assert room(gates, now) == 2, "an answer opens it"


def test_two_that_time_out_together_shut_the_gate_once(gates: Gates) -> None:
    answer(gates)
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
    before = enter(gates)
    gates.leave(before, NOW, timed_out=None)
    assert before.steady(NOW)
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
