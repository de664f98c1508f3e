"""The lease under random schedules (see `schedules`): 10,000 in all, and broken leases that have to be caught by them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.schedules import RIGHT_TAIL, Outcome, Plan, SteppingSlots, run
from waybill import lease
from waybill.budgets import Budget
from waybill.errors import BudgetExhausted, StoreUnavailable
from waybill.lookup import Found
from waybill.outcomes import OutcomeUnknown

if TYPE_CHECKING:
    from waybill.calls import Call
    from waybill.circuit import Circuit
    from waybill.lease import Lease, Rules
    from waybill.slots import Slot

ANYTHING = Plan()
WRONG_TAILS = ("1111", "2222", "3333", "4444", "5555", "6666")
PHONES = Plan(courier="shunfeng", tails=(*WRONG_TAILS, RIGHT_TAIL), callers=9)
UNBROKEN = replace(PHONES, crash=0, write_trouble=0)
CALM = Plan(crash=0, skew=0, pause=0, write_trouble=0, failures=0, callers=12, spread=(0, 0.01, 0.2, 3))
EXACT = Plan(skew=0, pause=0)
TROUBLED = Plan(callers=8, failures=0.6)
POOR = Plan(callers=9, budgets=(Budget("", "month", 2),))
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


def test_the_ledger_has_every_call_and_what_came_of_it_unless_its_caller_died() -> None:
    settled = 0
    for seed in range(1000):
        outcome = run(seed, TROUBLED)
        made = [row for row in outcome.rows if row.outcome != "not_sent"]
        assert len(outcome.calls) <= len(made), f"seed {seed}"
        known = Counter(row.outcome for row in made if row.outcome != "unknown")
        came = Counter(call.outcome for call in outcome.calls if "lost" not in call.outcome)
        assert not known - came, f"seed {seed}: {known} {came}"
        unclear = sum(row.outcome == "unknown" for row in made)
        assert len(made) - len(outcome.calls) <= unclear, f"seed {seed}"
        settled += known.total()
    assert settled > 1000


def test_no_budget_is_exceeded_and_what_was_not_sent_is_given_back() -> None:
    refused = 0
    for seed in range(1000):
        outcome = run(seed, POOR)
        made = [row for row in outcome.rows if row.outcome != "not_sent"]
        assert len(outcome.calls) <= outcome.used == len(made) <= 2, f"seed {seed}: {outcome.rows}"
        refused += sum(isinstance(answer, BudgetExhausted) for _, answer in outcome.answers)
    assert refused > 100


class BlindSlots(SteppingSlots):
    """Slots whose lease is written without its condition."""

    def take(
        self,
        wanted: Lease,
        standing: Lease | None,
        call: Call,
        budgets: tuple[Budget, ...] = (),
        probe: tuple[Circuit, Circuit] | None = None,
    ) -> tuple[Slot | None, Lease | None]:
        stands = standing or self.leases.get((call.courier, call.number))
        return super().take(wanted, stands, call, budgets, probe)


def caught(plan: Plan, slots: type[SteppingSlots] = SteppingSlots, within: float | None = None) -> bool:
    return any(run(seed, plan, slots).locked(within or plan.rules.gap) for seed in range(2000))


def test_a_lease_without_its_condition_is_caught() -> None:
    assert caught(ANYTHING, BlindSlots, within=1800)


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
