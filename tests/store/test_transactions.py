"""What DynamoDB cancels for a moment's sake is tried again, and never taken for a condition that does not hold."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from tests.tables import create_table
from waybill.budgets import Budget
from waybill.calls import Call
from waybill.errors import StoreUnavailable
from waybill.lease import Rules, take
from waybill.slots import Slots
from waybill.spending import Spending
from waybill.table import CONFLICTS, transacted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PASSING = ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"]
NOW = 1_800_000_000.0


class Body:
    """The raw answer that botocore reads from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]


@dataclass
class Cancelling:
    """Answers for DynamoDB that a transaction is cancelled, for the given reason, so many times; the rest goes to DynamoDB."""

    code: str
    left: int
    counter: int | None = None
    """The shard of the last counter that was asked for."""

    def __call__(self, request: Any, **_: object) -> AWSResponse | None:
        if not self.left:
            return None
        self.left -= 1
        items = json.loads(request.body)["TransactItems"]
        for each in items:
            pk = each.get("Update", {}).get("Key", {}).get("pk", {}).get("S", "")
            self.counter = int(pk.rpartition("#")[2]) if pk.startswith("BUDGET#") else self.counter
        reasons = [{"Code": "None"}] * (len(items) - 1) + [{"Code": self.code, "Message": "later"}]
        content = {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
            "CancellationReasons": reasons,
        }
        raw: Any = Body(json.dumps(content).encode())
        headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, 400, headers, raw)


def cancelling(dynamodb: DynamoDBClient, code: str, times: int) -> Any:
    made: Any = Cancelling(code, times)
    dynamodb.meta.events.register_first("before-send.dynamodb.TransactWriteItems", made)
    return made


def put(table: str, key: str) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": table,
            "Item": {"pk": {"S": key}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


@pytest.fixture
def dynamodb(emulator: str) -> DynamoDBClient:
    """On the emulator alone: moto answers before anybody else can."""
    return boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=emulator,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def new_table(dynamodb: DynamoDBClient, logical_id: str) -> str:
    return create_table(dynamodb, logical_id, f"{logical_id}-{uuid.uuid4().hex[:8]}")


@pytest.mark.parametrize("code", PASSING)
def test_a_transaction_that_is_cancelled_for_the_moment_is_written_after_a_pause(
    dynamodb: DynamoDBClient, code: str
) -> None:
    table, pauses = new_table(dynamodb, "CacheTable"), list[float]()
    cancelled = cancelling(dynamodb, code, 3)
    assert transacted(dynamodb, [put(table, "a"), put(table, "b")], pauses.append)
    assert (cancelled.left, len(pauses)) == (0, 3)
    assert dynamodb.scan(TableName=table)["Count"] == 2
    assert not transacted(dynamodb, [put(table, "a")], pauses.append), "the condition does not hold"


@pytest.mark.parametrize("code", PASSING)
def test_one_that_is_cancelled_for_ever_is_no_refusal(dynamodb: DynamoDBClient, code: str) -> None:
    table = new_table(dynamodb, "CacheTable")
    cancelling(dynamodb, code, CONFLICTS)
    with pytest.raises(StoreUnavailable):
        transacted(dynamodb, [put(table, "a")], lambda _: None)


@pytest.mark.parametrize("code", PASSING)
def test_a_slot_is_taken_though_the_table_is_throttled_and_not_without_a_pause(
    dynamodb: DynamoDBClient, code: str
) -> None:
    tracking, pauses = new_table(dynamodb, "TrackingTable"), list[float]()
    spending = Spending(dynamodb, tracking, lambda *_: None)
    slots = Slots(dynamodb, new_table(dynamodb, "CacheTable"), tracking, spending, pauses.append)
    wanted = take(None, "flight", NOW, Rules())
    assert wanted is not None
    cancelling(dynamodb, code, 3)
    slot, _ = slots.take(wanted, None, Call("yuantong", "YT1", "", "schedule", NOW, wanted.sequence))
    assert slot is not None
    assert slot.lease == slots.lease("yuantong", "YT1")
    assert len(pauses) == 3


@pytest.mark.parametrize("code", PASSING)
def test_a_budget_whose_counter_is_busy_is_taken_from_at_another(dynamodb: DynamoDBClient, code: str) -> None:
    tracking = new_table(dynamodb, "TrackingTable")
    spending = Spending(dynamodb, tracking, lambda *_: None)
    slots = Slots(dynamodb, new_table(dynamodb, "CacheTable"), tracking, spending, lambda _: None)
    wanted = take(None, "flight", NOW, Rules())
    assert wanted is not None
    call = Call("yuantong", "YT1", "", "schedule", NOW, wanted.sequence)
    cancelled = cancelling(dynamodb, code, 1)
    slot, _ = slots.take(wanted, None, call, (Budget("", "day", 1000),))
    assert slot is not None
    assert cancelled.counter not in {None, slot.shards[0][1]}
