"""The index of what is due, and the brake, on moto and on the emulator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.store.conftest import client_of, new_table
from waybill.brake import Brake
from waybill.brakes import Brakes
from waybill.due import Due, DueIndex

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_800_000_000.0
SHARD = "DUE#03"


class Parcels:
    """A table with parcels that wait in one shard."""

    def __init__(self, dynamodb: DynamoDBClient) -> None:
        self.client = dynamodb
        self.table = new_table(dynamodb, "TrackingTable")
        self.index = DueIndex(dynamodb, self.table)

    def put(self, number: str, due_at: float | None, shard: str = SHARD) -> None:
        item = {"pk": {"S": f"PARCEL#yuantong#{number}"}, "sk": {"S": "PARCEL"}}
        if due_at is not None:
            item |= {"due_shard": {"S": shard}, "due_at": {"N": repr(due_at)}}
        self.client.put_item(TableName=self.table, Item=item)

    def due(self, page: int = 100) -> list[tuple[str, float]]:
        return [(each.pk.split("#")[2], each.due_at) for each in self.index.waiting(SHARD, NOW, page)]


@pytest.fixture
def parcels(dynamodb: DynamoDBClient) -> Parcels:
    return Parcels(dynamodb)


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_what_is_due_comes_oldest_first_however_it_is_paged(parcels: Parcels, page: int) -> None:
    parcels.put("YT3", NOW)
    parcels.put("YT1", NOW - 100.5)
    parcels.put("YT2", NOW - 7.25)
    parcels.put("LATER", NOW + 0.001)
    parcels.put("OVER", None)
    parcels.put("ELSEWHERE", NOW - 1, "DUE#04")
    assert parcels.due(page) == [("YT1", NOW - 100.5), ("YT2", NOW - 7.25), ("YT3", NOW)]


def test_a_claim_moves_a_parcel_and_nothing_else_of_it(parcels: Parcels) -> None:
    parcels.put("YT1", NOW - 5)
    (due,) = parcels.index.waiting(SHARD, NOW, 10)
    assert parcels.index.claim(due, NOW + 1200)
    assert parcels.due() == []
    assert list(parcels.index.waiting(SHARD, NOW + 1200, 10)) == [
        Due("PARCEL#yuantong#YT1", "PARCEL", NOW + 1200)
    ]


def test_a_parcel_that_was_rescheduled_or_ended_since_it_was_read_is_left_alone(parcels: Parcels) -> None:
    for number in ("SOONER", "OVER", "GONE"):
        parcels.put(number, NOW - 5)
    read = {each.pk.split("#")[2]: each for each in parcels.index.waiting(SHARD, NOW, 10)}
    parcels.put("SOONER", NOW - 1)
    parcels.put("OVER", None)
    parcels.client.delete_item(
        TableName=parcels.table, Key={"pk": {"S": "PARCEL#yuantong#GONE"}, "sk": {"S": "PARCEL"}}
    )
    assert not any(parcels.index.claim(due, NOW + 1200) for due in read.values())
    assert parcels.due() == [("SOONER", NOW - 1)]
    assert "Item" not in parcels.client.get_item(
        TableName=parcels.table, Key={"pk": {"S": "PARCEL#yuantong#GONE"}, "sk": {"S": "PARCEL"}}
    ), "a claim makes no parcel of nothing"


def test_a_time_of_any_precision_can_be_claimed(parcels: Parcels) -> None:
    parcels.put("YT1", 1_799_999_999.1234567)
    (due,) = parcels.index.waiting(SHARD, NOW, 10)
    assert parcels.index.claim(due, NOW + 1200)


def test_of_many_that_claim_a_parcel_at_once_one_gets_it(emulator: str) -> None:
    parcels = Parcels(client_of(emulator))
    parcels.put("YT1", NOW - 5)
    (due,) = parcels.index.waiting(SHARD, NOW, 10)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda each: parcels.index.claim(due, NOW + 1200 + each), range(16)))
    assert sum(got) == 1


# ---- The brake


@pytest.fixture
def brakes(dynamodb: DynamoDBClient) -> Brakes:
    return Brakes(dynamodb, new_table(dynamodb, "CacheTable"))


def test_nothing_counted_brakes_nothing(brakes: Brakes) -> None:
    assert brakes.judge() == Brake()


def test_batches_add_up_until_there_is_enough_to_judge_by(brakes: Brakes) -> None:
    brakes.count(2, 2, NOW)
    assert brakes.judge() == Brake(calls=2, faults=2)
    brakes.count(6, 4, NOW)
    assert brakes.judge() == Brake(most=4)
    assert brakes.judge() == Brake(most=4), "what was judged is not judged again"
    brakes.count(4, 3, NOW)
    assert brakes.judge() == Brake(most=2)
    brakes.count(2, 0, NOW)
    assert brakes.judge() == Brake(most=4)


def test_a_brake_is_let_go_by_calls_that_succeed(brakes: Brakes) -> None:
    brakes.count(1200, 700, NOW)
    assert brakes.judge() == Brake(most=600)
    brakes.count(600, 1, NOW)
    assert brakes.judge() == Brake()
    assert brakes.judge() == Brake()


def test_what_is_counted_while_a_run_judges_is_kept_for_the_next(brakes: Brakes) -> None:
    brakes.count(10, 10, NOW)
    seen = Brake(calls=10, faults=10)
    brakes.count(4, 4, NOW)
    brakes._settle(seen, seen.judged())  # noqa: SLF001 - the step between reading and writing
    brakes.count(1, 1, NOW)
    assert brakes.judge() == Brake(most=2)


def test_two_runs_that_judge_the_same_calls_count_them_off_once(brakes: Brakes) -> None:
    brakes.count(10, 10, NOW)
    seen = Brake(calls=10, faults=10)
    for _ in range(2):
        brakes._settle(seen, seen.judged())  # noqa: SLF001 - as two runs at once
    assert brakes.judge() == Brake(most=5)
