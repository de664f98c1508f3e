"""What is to be told is born in the transaction of what it tells of: it is in the outbox if and only if that is written."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.followed import DAY, HOUR, LINK, NINE, Followed, known, line, parcel
from tests.store.conftest import new_table
from waybill import notifications, outbox
from waybill.budgets import Budget
from waybill.circuit import Circuit
from waybill.outboxes import Outbox
from waybill.parcels import BIRTHS
from waybill.shipments import Registration, Shipment, Standing
from waybill.slots import Slots
from waybill.spending import Spending

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.notifications import Notification

COLLECTED, ARRIVED = line("103", NINE - 2 * HOUR), line("1002", NINE - HOUR)
SHOWN = Standing("in_transit", as_of=NINE)


@pytest.fixture
def followed(dynamodb: DynamoDBClient) -> Followed:
    return Followed(dynamodb, new_table(dynamodb, "TrackingTable"))


def born(followed: Followed) -> dict[str, Any]:
    """What is in the outbox: messages by the sort keys of their items, the oldest first."""
    waiting = Outbox(followed.dynamodb, followed.table)
    keys = [key for _, key in waiting.waiting(followed.courier.time, 100)]
    return {each.key[1]: json.loads(each.message) for each in waiting.read(keys)}


def texts(told: dict[str, Any]) -> list[str]:
    return sorted(each["data"]["event"]["text"] for each in told.values())


def test_each_milestone_of_an_answer_is_told_with_the_line_that_tells_of_it(followed: Followed) -> None:
    followed.register()
    followed.following.follow(known(NINE, COLLECTED, ARRIVED))
    told = {sk: each for sk, each in born(followed).items() if sk.startswith("MILESTONE#")}
    seen = followed.parcels.read(LINK).parcel
    assert told == {
        f"MILESTONE#{each.status}": notifications.of_milestone(parcel(COLLECTED, ARRIVED), each, NINE)
        for each in seen.milestones
    }
    followed.following.follow(known(NINE, COLLECTED, ARRIVED))
    assert len(born(followed)) == len(told) + 1, "and the notice of the first sight"


def test_a_milestone_that_an_older_answer_bears_has_its_line_too(followed: Followed) -> None:
    followed.register()
    followed.following.follow(known(NINE, line("1002", NINE - HOUR, "arrived")))
    followed.following.follow(known(NINE - 60, line("103", NINE - 2 * HOUR, "collected")))
    milestones = {sk: each for sk, each in born(followed).items() if sk.startswith("MILESTONE#")}
    assert all(each["data"]["event"] for each in milestones.values())


def test_of_more_births_than_a_transaction_holds_each_has_its_line(followed: Followed) -> None:
    followed.register()
    count = BIRTHS + 30
    lines = [
        line(("5", "206")[each % 2], NINE - 60 * (count - each), f"line {each:03}") for each in range(count)
    ]
    followed.following.follow(known(NINE, *lines))
    told = {sk: each for sk, each in born(followed).items() if sk.startswith("MILESTONE#")}
    assert texts(told) == [each.text for each in lines]


def test_what_is_not_written_is_not_told(followed: Followed) -> None:
    followed.register()
    seen = followed.parcels.read(LINK)
    assert seen.tracked is not None
    followed.look()
    before = born(followed)
    later = replace(seen.tracked, stalled=True)
    assert followed.parcels.write(seen, later, None, (), now=NINE) is None
    assert born(followed) == before


def test_that_a_parcel_has_stalled_is_told_each_time_it_does_and_once(followed: Followed) -> None:
    followed.register()
    gone = line("1002", NINE - 12 * DAY, "gone")
    followed.following.follow(known(NINE, gone))
    first = {f"STALLED#{round(NINE)}": notifications.of_stall(parcel(gone), NINE)}
    assert stalls(followed) == first
    followed.courier.time += HOUR
    followed.following.follow(known(NINE + HOUR, gone))
    assert stalls(followed) == first, "it is so still"
    followed.following.follow(known(NINE + HOUR + 1, gone, line("1002", NINE + HOUR, "moves")))
    assert stalls(followed) == first
    followed.courier.time += 13 * DAY
    followed.look()
    assert followed.row().stalled
    assert len(stalls(followed)) == 2, "found by a look without an answer"


def stalls(followed: Followed) -> dict[str, Notification]:
    return {sk: each for sk, each in born(followed).items() if sk.startswith("STALLED#")}


def test_nobody_is_told_of_a_parcel_that_nobody_waits_for(followed: Followed) -> None:
    ship = followed.register()
    followed.complete(ship)
    followed.courier.time += HOUR
    followed.following.follow(known(NINE, line("1002", NINE - 12 * DAY)))
    seen = followed.parcels.read(LINK)
    assert seen.tracked is not None
    ended = replace(seen.tracked, stalled=True, next_at=None, due_at=None, reason="expired")
    assert followed.parcels.write(
        replace(seen, tracked=replace(seen.tracked, stalled=False)), ended, now=NINE
    )
    assert stalls(followed) == {}


# ---- The first sight


def ship_of(**fields: Any) -> Shipment:
    usual = Shipment("acme", "1001", LINK.courier, LINK.number, Registration(), NINE, NINE)
    return replace(usual, **fields)


def notices(followed: Followed) -> dict[str, Any]:
    return {sk: each for sk, each in born(followed).items() if sk.startswith(outbox.NOTICE)}


SIGHT = {
    "NOTICE#acme#1001": {"kind": "backfill", "courier": LINK.courier, "number": LINK.number, "member": "acme", "order_id": "1001"}
}  # what the fan-out is told # fmt: skip


def test_a_registration_that_shows_something_at_once_has_the_newest_told(followed: Followed) -> None:
    assert followed.watches.create(ship_of(standing=SHOWN)) is None
    assert notices(followed) == SIGHT


@pytest.mark.parametrize("fields", [{}, {"standing": SHOWN, "completed_at": NINE}])
def test_a_registration_that_shows_nothing_or_is_completed_tells_nothing(
    followed: Followed, fields: dict[str, Any]
) -> None:
    assert followed.watches.create(ship_of(**fields)) is None
    assert notices(followed) == {}


def test_the_first_sight_of_a_parcel_is_told_once(followed: Followed) -> None:
    ship = ship_of()
    assert followed.watches.create(ship) is None
    reflection = followed.reflection
    reflection.reflect([ship], known(NINE, COLLECTED), SHOWN)
    assert notices(followed) == SIGHT
    waiting = Outbox(followed.dynamodb, followed.table)
    for each in waiting.read(key for _, key in waiting.waiting(NINE, 10)):
        waiting.sent(each)
    reflection.reflect(
        [followed.ship(ship)], known(NINE, ARRIVED), replace(SHOWN, status="delivered", as_of=NINE + 1)
    )
    assert followed.ship(ship).standing.status == "delivered"
    assert notices(followed) == {}


def test_a_completed_shipment_that_first_shows_something_tells_nothing(followed: Followed) -> None:
    ship = ship_of()
    assert followed.watches.create(ship) is None
    followed.complete(ship)
    followed.reflection.reflect([followed.ship(ship)], known(NINE, COLLECTED), SHOWN)
    assert followed.ship(ship).standing == SHOWN
    assert notices(followed) == {}


# ---- Money and the circuit


def test_a_budget_that_runs_out_is_told_at_both_marks_and_once(followed: Followed) -> None:
    budget = Budget("acme", "day", 10)
    for _ in range(2):
        Spending(followed.dynamodb, followed.table, lambda *_: None).warn(budget, 10, NINE)
    assert born(followed) == {
        "WARNED#080": notifications.of_budget(budget, 80, NINE),
        "WARNED#100": notifications.of_budget(budget, 100, NINE),
    }


def test_a_circuit_is_told_of_by_who_opened_it_and_each_time(followed: Followed) -> None:
    spending = Spending(followed.dynamodb, followed.table, lambda *_: None)
    cache = new_table(followed.dynamodb, "CacheTable")
    slots = Slots(followed.dynamodb, cache, followed.table, spending, time.sleep)
    opened = Circuit.opened("601", "first", NINE - 0.5)
    assert slots.open_circuit(opened)
    assert not slots.open_circuit(Circuit.opened("503", "second", NINE))
    assert born(followed) == {"NOTICE#opened": notifications.of_circuit(opened)}
    assert slots.close_circuit("first")
    assert slots.open_circuit(Circuit.opened("503", "second", NINE))
    keys = [key[0] for _, key in Outbox(followed.dynamodb, followed.table).waiting(NINE, 10)]
    assert keys == [f"CIRCUIT#{round((NINE - 0.5) * 1000)}", f"CIRCUIT#{round(NINE * 1000)}"]
