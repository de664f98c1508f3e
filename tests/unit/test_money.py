"""Billing, budgets and the circuit: what is charged, how far a limit reaches, and when a probe may go."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.rules import Bill
from tests.doubles import MemorySlots
from tests.unit.scenes import GAP, NUMBER, Scene
from waybill import budgets
from waybill.billing import UNCHARGED
from waybill.budgets import SHARDS, Budget, Limits
from waybill.circuit import Circuit
from waybill.errors import BudgetExhausted, CircuitOpen, StoreUnavailable, UpstreamUnavailable
from waybill.outcomes import BadSignature, NoResult, NotSent, OutcomeUnknown, QuotaExhausted, UpstreamError

if TYPE_CHECKING:
    from waybill.calls import Call
    from waybill.lease import Lease
    from waybill.slots import Slot

NOON = datetime.fromisoformat("2026-11-22T12:00:00+08:00").timestamp()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["200", "500", "408", "501", "unknown", "601"]),
            st.sampled_from([1860.0, 86_400.0, 10 * 86_400.0, 41 * 86_400.0]),
        ),
        max_size=40,
    )
)
def test_a_number_is_charged_as_the_vendor_charges_it(calls: list[tuple[str, float]]) -> None:
    bill, charges, at, billed = Bill(), UNCHARGED, NOON, 0
    for outcome, later in calls:
        at += later
        bill.answered(("yuantong", "YT1"), at, outcome)
        charges, charged = charges.after(outcome, at)
        billed += charged
        assert billed == len(bill.charges)


@given(st.integers(0, 10_000))
def test_the_allotments_of_all_shards_are_the_limit_or_what_callers_leave(limit: int) -> None:
    budget = Budget("", "day", limit)
    for_callers, for_schedule = (
        [budget.allotment(shard, scheduled=scheduled) for shard in range(SHARDS)]
        for scheduled in (False, True)
    )
    assert sum(for_callers) == limit
    assert sum(for_schedule) == limit * 9 // 10
    assert all(less <= more for less, more in zip(for_schedule, for_callers, strict=True))


def test_days_and_months_of_budgets_are_those_of_china() -> None:
    day, month = Budget("", "day", 1), Budget("member", "month", 1)
    late = datetime.fromisoformat("2026-11-30T16:30:00+00:00").timestamp()
    assert (day.name(NOON), month.name(NOON)) == ("2026-11-22#", "2026-11#member")
    assert (day.name(late), month.name(late)) == ("2026-12-01#", "2026-12#member")
    assert day.resets_at(NOON) == NOON + 12 * 3600
    assert month.resets_at(NOON) == datetime.fromisoformat("2026-12-01T00:00:00+08:00").timestamp()
    assert month.resets_at(late) == datetime.fromisoformat("2027-01-01T00:00:00+08:00").timestamp()


def test_the_schedule_is_held_to_everybodys_budgets_and_a_member_to_its_own_too() -> None:
    limits = Limits(day=100, member_day=10, member_month=50)
    assert budgets.of("", limits) == (Budget("", "day", 100),)
    assert budgets.of("m", limits) == (
        Budget("", "day", 100),
        Budget("m", "day", 10),
        Budget("m", "month", 50),
    )
    assert budgets.of("m", limits, (20, 0)) == (Budget("", "day", 100), Budget("m", "day", 20))


def test_the_wait_for_a_probe_doubles_to_half_an_hour() -> None:
    circuit = Circuit.opened("601", "first", NOON)
    waits = [circuit.probe_at - NOON]
    for _ in range(7):
        at = circuit.probe_at
        circuit = circuit.probed("next", at)
        waits.append(circuit.probe_at - at)
    assert waits == [60, 120, 240, 480, 960, 1800, 1800, 1800]


def test_a_budget_that_is_used_up_leaves_what_is_known_and_says_so() -> None:
    scene = Scene(budgets=(Budget("member", "day", 1),))
    first = scene.ask()
    scene.time += GAP + 1
    later = scene.ask()
    assert (later.source, later.reason) == ("stale", "budget_exhausted")
    assert later.parcel == first.parcel
    with pytest.raises(BudgetExhausted) as caught:
        scene.ask("zhongtong", "1234")
    assert caught.value.retry_after is not None
    assert len(scene.queries) == 1


@pytest.mark.parametrize("refusal", [QuotaExhausted(), BadSignature()])
def test_while_the_circuit_is_open_one_probe_at_a_time_asks_until_one_is_answered(
    refusal: UpstreamError,
) -> None:
    scene = Scene(says=[refusal])
    with pytest.raises(UpstreamUnavailable):
        scene.ask()
    assert [circuit.code for circuit in scene.circuits] == [refusal.outcome]
    asked = 1
    for wait in (60, 120, 240):
        with pytest.raises(CircuitOpen) as caught:
            scene.ask("yunda")
        assert caught.value.retry_after == pytest.approx(wait, abs=1)
        assert len(scene.queries) == asked
        scene.time += wait
        scene.says = [refusal]
        with pytest.raises(UpstreamUnavailable):
            scene.ask(["shentong", "jtexpress", "ems"][asked - 1])
        asked += 1
        assert len(scene.queries) == asked
    scene.time += 480
    scene.says = [NoResult()]
    assert scene.ask("yunda").source == "live"
    assert scene.slots.opened is None
    assert scene.ask("jd").source == "live"
    assert len(scene.circuits) == 1


def test_a_probe_that_finds_the_circuit_closed_is_a_call_like_any_other() -> None:
    scene = Scene(says=[QuotaExhausted()])
    with pytest.raises(UpstreamUnavailable):
        scene.ask()
    scene.time += 60
    seen = scene.slots.opened
    closing = MemorySlots(scene.slots.leases, scene.slots.rows)
    closing.circuit = lambda: seen  # type: ignore[method-assign] # as it was when the caller looked
    scene.slots = closing
    assert scene.ask("yunda").source == "live"


def test_the_circuit_opens_though_nothing_else_can_be_written() -> None:
    class Away(MemorySlots):
        def settle(self, slot: Slot, lease: Lease, call: Call) -> None:  # noqa: ARG002 - as the slots'
            raise StoreUnavailable("away", retry_after=1)

    scene = Scene(says=[QuotaExhausted()], slots=Away())
    with pytest.raises(UpstreamUnavailable):
        scene.ask()
    assert scene.slots.opened is not None


def test_neither_a_lost_probe_nor_a_straggler_closes_the_circuit() -> None:
    scene = Scene(says=[QuotaExhausted(), OutcomeUnknown()])
    with pytest.raises(UpstreamUnavailable):
        scene.ask()
    scene.time += 60
    with pytest.raises(Exception, match="lost"):
        scene.ask("yunda")
    assert scene.slots.opened is not None
    assert not scene.slots.close_circuit("flight-1")


def test_while_the_circuit_is_open_what_is_known_is_served_and_says_so() -> None:
    scene = Scene()
    scene.ask()
    scene.says = [QuotaExhausted()]
    with pytest.raises(UpstreamUnavailable):
        scene.ask("yunda")
    scene.time += 59
    assert scene.ask().source == "cache"
    scene.slots.opened = Circuit.opened("601", "again", scene.time + GAP)
    scene.time += GAP
    found = scene.ask()
    assert (found.source, found.reason) == ("stale", "circuit_open")


def test_the_ledger_has_every_call_with_its_cause_and_whether_it_is_billed() -> None:
    scene = Scene(says=[None, NotSent(), None, OutcomeUnknown()])
    scene.ask(cause="parcel")
    for _ in range(3):
        scene.time += 2 * GAP
        scene.ask(cause="schedule")
    rows = [
        (row.member, row.cause, row.outcome, row.billed)
        for _, row in sorted(scene.slots.rows.items(), key=lambda each: each[1].at)
    ]
    assert rows == [
        ("member", "parcel", "200", True),
        ("", "schedule", "not_sent", False),
        ("", "schedule", "200", False),
        ("", "schedule", "unknown", False),
    ]
    assert {key[:2] for key in scene.slots.rows} == {("yuantong", NUMBER)}


def test_an_answer_is_merged_into_what_is_known_with_its_milestones() -> None:
    scene = Scene()
    scene.ask()
    (known,) = scene.known
    assert known.parcel is not None
    assert [each.status for each in known.parcel.milestones] == ["in_transit"]
