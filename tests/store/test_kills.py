"""The table of kill points is complete: every call of every client has one before and one after it, and so has every other step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kills import Inline, Killed, kill_points
from tests.store.conftest import new_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient


def put(client: DynamoDBClient, table: str, name: str) -> None:
    client.put_item(TableName=table, Item={"pk": {"S": name}, "sk": {"S": "-"}})


def names(client: DynamoDBClient, table: str) -> set[str]:
    return {item["pk"]["S"] for item in client.scan(TableName=table)["Items"]}


def test_a_run_is_killed_before_and_after_every_call_and_at_every_other_step(
    dynamodb: DynamoDBClient,
) -> None:
    def run(table: str, step: Callable[[str], None]) -> None:
        try:
            put(dynamodb, table, "a")
            step("before the letter")
            list(Inline().map(lambda name: put(dynamodb, table, name), ["b"]))
        finally:
            put(dynamodb, table, "at the end")

    left = {
        point: names(dynamodb, table)
        for point, table in kill_points(
            lambda: new_table(dynamodb, "TrackingTable"), run, lambda _: [dynamodb]
        )
    }
    assert left == {
        "before 1 PutItem": set(),
        "after 1 PutItem": {"a"},
        "before the letter": {"a"},
        "before 2 PutItem": {"a"},
        "after 2 PutItem": {"a", "b"},
        "before 3 PutItem": {"a", "b"},
        "after 3 PutItem": {"a", "b", "at the end"},
    }


def test_who_survives_a_kill_is_found_out(dynamodb: DynamoDBClient) -> None:
    def stubborn(table: str, _: Any) -> None:
        try:
            put(dynamodb, table, "a")
        except Killed:
            return

    with pytest.raises(AssertionError, match="survived: before 1 PutItem"):
        list(kill_points(lambda: new_table(dynamodb, "TrackingTable"), stubborn, lambda _: [dynamodb]))
