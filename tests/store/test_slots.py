"""What the lookup needs of its slots: a lease, a ledger, budgets and the circuit, held against every store there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.conftest import client_of, new_table
from tests.store.test_parcels import cancelled
from waybill.billing import Charges
from waybill.budgets import SHARDS, Budget
from waybill.calls import Call
from waybill.circuit import Circuit
from waybill.errors import BudgetExhausted, CircuitOpen
from waybill.lease import Rules, settle, take
from waybill.slots import Slots as StoredSlots
from waybill.spending import Spending

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.flights import Slots
    from waybill.lease import Lease
    from waybill.slots import Slot
    from waybill.slots import Slots as DynamoSlots

NOW = 1_800_000_000.123
KEY = ("yuantong", "YT7450353838751")
DAY_BUDGET = Budget("", "day", 3)


def taken(standing: Lease | None = None, holder: str = "flight", now: float = NOW) -> Lease:
    lease = take(standing, holder, now, Rules())
    assert lease is not None
    return lease


def call_of(lease: Lease, number: str = KEY[1], member: str = "member") -> Call:
    return Call(KEY[0], number, member, "parcel", lease.calls[-1], lease.sequence)


def begin(slots: Slots, number: str, *budgets: Budget, member: str = "member") -> Slot:
    lease = taken(holder=f"flight-{number}")
    slot, _ = slots.take(lease, None, call_of(lease, number, member), budgets)
    assert slot is not None
    return slot


def test_a_lease_is_taken_once_and_read_back_as_written(slots: Slots) -> None:
    assert slots.lease(*KEY) is None
    lease, other = taken(), taken(holder="other")
    slot, _ = slots.take(lease, None, call_of(lease))
    assert slot is not None
    assert slots.lease(*KEY) == lease
    assert slots.take(other, None, call_of(other)) == (None, lease)
    charges = Charges(NOW, NOW + 1, (NOW, NOW + 2))
    settled = replace(settle(lease, None, NOW + 1.5, Rules()), charges=charges)
    slots.settle(slot, settled, replace(slot.call, outcome="200", billed=True))
    assert slots.lease(*KEY) == settled


def test_a_write_that_is_repeated_finds_itself(slots: Slots) -> None:
    lease = taken()
    first, _ = slots.take(lease, None, call_of(lease))
    assert slots.take(lease, None, call_of(lease)) == (first, None)


def test_a_lease_that_moved_on_is_not_settled_by_its_old_holder_but_its_call_is(slots: Slots) -> None:
    old = taken()
    slot, _ = slots.take(old, None, call_of(old))
    assert slot is not None
    newer = taken(old, "next", old.next_allowed_at)
    second, _ = slots.take(newer, old, call_of(newer))
    assert second is not None
    slots.settle(slot, settle(old, None, NOW + 1, Rules()), replace(slot.call, outcome="200"))
    assert slots.lease(*KEY) == newer


def test_of_many_at_once_one_takes_the_slot(emulated_slots: DynamoSlots) -> None:
    def attempt(index: int) -> tuple[Slot | None, Lease | None]:
        lease = taken(holder=f"flight-{index}")
        return emulated_slots.take(lease, None, call_of(lease), (Budget("", "day", 32),))

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(attempt, range(32)))
    (winner,) = [slot for slot, _ in results if slot]
    assert {stands for slot, stands in results if not slot} == {winner.lease}


def test_calls_end_with_the_budget_and_one_that_was_not_sent_is_given_back(slots: Slots) -> None:
    slot, *_ = [begin(slots, f"YT000000000{index}", DAY_BUDGET) for index in range(3)]
    with pytest.raises(BudgetExhausted) as caught:
        begin(slots, "YT0000000009", DAY_BUDGET)
    assert caught.value.retry_after == pytest.approx(DAY_BUDGET.resets_at(NOW) - NOW)
    assert slots.lease(KEY[0], "YT0000000009") is None
    slots.settle(slot, settle(slot.lease, None, NOW, Rules()), replace(slot.call, outcome="not_sent"))
    slots.settle(slot, settle(slot.lease, None, NOW, Rules()), replace(slot.call, outcome="not_sent"))
    begin(slots, "YT0000000009", DAY_BUDGET)
    with pytest.raises(BudgetExhausted):
        begin(slots, "YT0000000008", DAY_BUDGET)


def test_the_schedule_leaves_a_part_of_the_budget_to_callers(slots: Slots) -> None:
    budget = Budget("", "month", 20)
    for index in range(18):
        begin(slots, f"YT00000000{index:02}", budget, member="")
    with pytest.raises(BudgetExhausted):
        begin(slots, "YT0000000090", budget, member="")
    begin(slots, "YT0000000091", budget)
    begin(slots, "YT0000000092", budget)
    with pytest.raises(BudgetExhausted):
        begin(slots, "YT0000000093", budget)


def test_a_lease_that_stands_is_told_before_a_budget_that_is_used_up(slots: Slots) -> None:
    begin(slots, KEY[1], Budget("", "day", 1))
    lease = taken(holder="other")
    slot, stands = slots.take(lease, None, call_of(lease), (Budget("", "day", 1),))
    assert slot is None
    assert stands is not None
    assert stands.holder == f"flight-{KEY[1]}"


def test_budgets_are_not_exceeded_by_many_at_once(emulated_slots: DynamoSlots) -> None:
    budgets = (Budget("", "day", 20), Budget("member", "day", 15))

    def attempt(index: int) -> bool:
        try:
            begin(emulated_slots, f"YT00000000{index:02}", *budgets)
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(40))) == 15


def test_the_circuit_opens_once_and_only_its_prober_closes_it(slots: Slots) -> None:
    assert slots.circuit() is None
    opened = Circuit.opened("601", "first", NOW)
    assert slots.open_circuit(opened)
    assert not slots.open_circuit(Circuit.opened("503", "second", NOW + 1))
    assert slots.circuit() == opened
    probed = opened.probed("prober", NOW + 60)
    lease, late = taken(holder="prober", now=NOW + 60), taken(holder="late", now=NOW + 60)
    slot, _ = slots.take(lease, None, call_of(lease), (), (opened, probed))
    assert slot is not None
    assert slot.probe
    with pytest.raises(CircuitOpen):
        slots.take(late, None, call_of(late, "YT0000000001"), (), (opened, opened.probed("late", NOW + 60)))
    assert slots.lease(KEY[0], "YT0000000001") is None
    assert not slots.close_circuit("first")
    assert slots.circuit() == probed
    assert slots.close_circuit("prober")
    assert slots.circuit() is None


def test_of_many_that_open_the_circuit_at_once_one_did(emulated_slots: DynamoSlots) -> None:
    circuits = [Circuit.opened("601", f"flight-{each}", NOW + each) for each in range(16)]
    with ThreadPoolExecutor(16) as pool:
        opened = list(pool.map(emulated_slots.open_circuit, circuits))
    assert [circuit for circuit, was in zip(circuits, opened, strict=True) if was] == [
        emulated_slots.circuit()
    ]


def test_who_opens_the_circuit_and_meets_another_transaction_tries_again(emulator: str) -> None:
    dynamodb, pauses = client_of(emulator), list[float]()
    tracking = new_table(dynamodb, "TrackingTable")
    spending = Spending(dynamodb, tracking, lambda *_: None)
    slots = StoredSlots(dynamodb, new_table(dynamodb, "CacheTable"), tracking, spending, pauses.append)
    left = [3]

    def conflict(request: Any, **_: Any) -> Any:
        left[0] -= 1
        return cancelled(request, "TransactionConflict", "None") if left[0] >= 0 else None

    dynamodb.meta.events.register("before-send.dynamodb.TransactWriteItems", conflict)
    opened = Circuit.opened("601", "flight", NOW)
    assert slots.open_circuit(opened)
    assert (len(pauses), slots.circuit()) == (3, opened)
    dynamodb.close()


def test_of_a_budget_is_warned_once_at_four_fifths_and_once_at_its_end(dynamodb: DynamoDBClient) -> None:
    said: list[tuple[str, int]] = []
    table, budget = new_table(dynamodb, "TrackingTable"), Budget("member", "day", 10)
    spendings = [
        Spending(dynamodb, table, lambda budget, percent: said.append((budget.scope, percent)))
        for _ in range(2)
    ]
    for count in range(10):
        action: Any = spendings[0].taking(budget, count % SHARDS, NOW, scheduled=False)
        dynamodb.transact_write_items(TransactItems=[action])
        for spending in spendings:
            spending.look(budget, count % SHARDS, NOW)
        assert said == [("member", 80)] * (count >= 7) + [("member", 100)] * (count >= 9)
    spendings[0].look(budget, 0, NOW + 86_400)
    assert len(said) == 2
