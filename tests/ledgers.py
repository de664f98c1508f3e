"""Rows of the ledger and counters of budgets, put into a table as the slot of a call leaves them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from waybill.calls import ROW_SHARDS, Call, hour_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_dynamodb import DynamoDBClient


def call(at: float, sequence: int = 1, **others: Any) -> Call:
    """A call that went well and is charged, of the schedule's unless another member is named."""
    said: dict[str, Any] = {
        "courier": "yuantong",
        "number": "YT7450353838751",
        "member": "",
        "cause": "track" if others.get("member") else "schedule",
        "outcome": "200",
        "billed": True,
    }
    return Call(at=at, sequence=sequence, **{**said, **others})


def put_rows(dynamodb: DynamoDBClient, table: str, calls: Iterable[Call]) -> None:
    for each in calls:
        shard = hashlib.sha256(f"{each.courier}#{each.number}".encode()).digest()[0] % ROW_SHARDS
        item: dict[str, Any] = {
            "pk": {"S": f"CALL#{hour_of(each.at)}#{shard}"},
            "sk": {"S": f"{each.courier}#{each.number}#{each.sequence}"},
            "cause": {"S": each.cause},
            "outcome": {"S": each.outcome},
            "billed": {"BOOL": each.billed},
            "at": {"N": repr(each.at)},
            "expires_at": {"N": str(int(each.at) + 45 * 86_400)},
        }
        if each.member:
            item["member"] = {"S": each.member}
        dynamodb.put_item(TableName=table, Item=item)


def forget_rows(dynamodb: DynamoDBClient, table: str) -> None:
    """As they expire."""
    for item in dynamodb.scan(TableName=table)["Items"]:
        if item["pk"]["S"].startswith("CALL#"):
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def begin(dynamodb: DynamoDBClient, table: str, at: float) -> None:
    """Let the ledger be closed until an hour, as if nothing had been before."""
    closed: dict[str, Any] = {"pk": {"S": "LEDGER#CLOSED"}, "sk": {"S": "CLOSED"}}
    dynamodb.put_item(TableName=table, Item={**closed, "until": {"N": str(int(at // 3600 * 3600))}})


def count(dynamodb: DynamoDBClient, table: str, period: str, scope: str, *used: int) -> None:
    """Counters of a budget, from the first shard on; `period` is a day or a month."""
    for shard, calls in enumerate(used):
        key: dict[str, Any] = {"pk": {"S": f"BUDGET#{period}#{scope}#{shard}"}, "sk": {"S": "COUNTER"}}
        dynamodb.put_item(TableName=table, Item={**key, "used": {"N": str(calls)}})
