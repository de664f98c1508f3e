"""The lease under random schedules (see `schedules`): 10,000 in all, and broken leases that have to be caught by them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.schedules import RIGHT_TAIL, Outcome, Plan, SteppingStore, run
from waybill import lease
from waybill.errors import OutcomeUnknown, StoreUnavailable
from waybill.lookup import Found

if TYPE_CHECKING:
    from waybill.lease import Lease, Rules

ANYTHING = Plan()
WRONG_TAILS = ("1111", "2222", "3333", "4444", "5555", "6666")
PHONES = Plan(courier="shunfeng", tails=(*WRONG_TAILS, RIGHT_TAIL), callers=9)
UNBROKEN = replace(PHONES, crash=0, write_trouble=0)
CALM = Plan(crash=0, skew=0, pause=0, write_trouble=0, failures=0, callers=12, spread=(0, 0.01, 0.2, 3))
EXACT = Plan(skew=0, pause=0)
CHUNK = 500


@pytest.mark.parametrize("first", range(0, 5000, CHUNK))
def test_no_schedule_asks_about_a_number_within_the_lock(first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = run(seed, ANYTHING)
        assert not outcome.locked(), f"seed {seed}: {outcome.calls}"


@pytest.mark.parametrize("first", range(0, 2000, CHUNK))
def test_with_agreeing_clocks_calls_are_a_whole_gap_apart(first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = run(seed, EXACT)
        assert not outcome.locked(within=EXACT.rules.gap), f"seed {seed}: {outcome.calls}"
        assert not outcome.overlapping(), f"seed {seed}: {outcome.calls}"


@pytest.mark.parametrize("first", range(0, 2000, CHUNK))
def test_a_wrong_tail_never_sees_the_parcel(first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = run(seed, PHONES)
        assert not outcome.locked(), f"seed {seed}: {outcome.calls}"
        assert not leaks(outcome), f"seed {seed}"
        wrong = {call.tail for call in outcome.calls if call.tail != RIGHT_TAIL}
        # Who is killed between the courier's refusal and the write of it takes what it learned along.
        assert len(wrong) <= 3 + outcome.killed, f"seed {seed}: {wrong}"


@pytest.mark.parametrize("first", range(0, 1000, CHUNK))
def test_three_wrong_tails_a_day_reach_the_upstream_and_no_trouble_is_blamed_on_readers(first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = run(seed, UNBROKEN)
        assert len({call.tail for call in outcome.calls if call.tail != RIGHT_TAIL}) <= 3, f"seed {seed}"
        assert not any(isinstance(answer, StoreUnavailable) for _, answer in outcome.answers), f"seed {seed}"
        assert len(outcome.answers) == UNBROKEN.callers


@pytest.mark.parametrize("first", range(0, 1000, CHUNK))
def test_readers_of_a_cold_number_share_one_call_and_get_one_answer(first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = run(seed, CALM)
        assert len(outcome.calls) == 1, f"seed {seed}"
        parcels = {answer.parcel for _, answer in outcome.answers if isinstance(answer, Found)}
        assert len(outcome.answers) == CALM.callers
        assert len(parcels) == 1, f"seed {seed}: {outcome.answers}"


def leaks(outcome: Outcome) -> bool:
    return any(
        isinstance(answer, Found) and answer.parcel.events and wanted.tail != RIGHT_TAIL
        for wanted, answer in outcome.answers
    )


class BlindStore(SteppingStore):
    """A store whose lease is written without its condition."""

    def swap_lease(
        self, courier: str, number: str, wanted: Lease, standing: Lease | None
    ) -> tuple[bool, Lease | None]:
        return super().swap_lease(courier, number, wanted, standing or self.leases.get((courier, number)))


def caught(plan: Plan, store: type[SteppingStore] = SteppingStore, within: float | None = None) -> bool:
    return any(run(seed, plan, store).locked(within or plan.rules.gap) for seed in range(2000))


def test_a_lease_without_its_condition_is_caught() -> None:
    assert caught(ANYTHING, BlindStore, within=1800)


def test_a_gap_that_is_too_short_is_caught() -> None:
    assert caught(replace(ANYTHING, rules=replace(ANYTHING.rules, gap=1700)), within=1800)


def test_a_slot_that_forgets_the_time_the_call_takes_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    intact = lease.take

    def forgetful(standing: Lease | None, holder: str, now: float, rules: Rules) -> Lease | None:
        taken = intact(standing, holder, now, rules)
        return replace(taken, next_allowed_at=now + rules.gap - rules.deadline) if taken else None

    monkeypatch.setattr(lease, "take", forgetful)
    assert caught(EXACT)


def test_a_slot_that_is_given_back_after_a_lost_answer_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    intact = lease.settle

    def generous(taken: Lease, error: Exception | None, now: float, rules: Rules) -> Lease:
        settled = intact(taken, error, now, rules)  # type: ignore[arg-type] # handed through
        return replace(settled, next_allowed_at=now) if isinstance(error, OutcomeUnknown) else settled

    monkeypatch.setattr(lease, "settle", generous)
    assert caught(ANYTHING, within=1800)
