"""What is learned is kept, and read again by another container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.store.conftest import new_table
from waybill.lessons import Lessons
from waybill.pace import Stay

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HOUR = 3600.0
NOW = 1_772_323_200.0
STAY = Stay("on_tour", NOW - 5 * HOUR, NOW, 8 * HOUR, None)


def test_what_one_container_learned_another_plans_with(dynamodb: DynamoDBClient) -> None:
    table = new_table(dynamodb, "TrackingTable")
    ours, theirs = (Lessons(dynamodb, table, lambda: NOW) for _ in range(2))
    ours.add("yuantong", [STAY])
    ours.over(calls=40, lasted=60 * HOUR)
    ours.write()
    learned = theirs.of("yuantong")
    assert learned.common is not None
    assert learned.tallies.keys() == learned.common.tallies.keys() == {"on_tour"}
    assert learned.dearness > 1
    assert theirs.of("zhongtong").tallies == {}
    assert theirs.of("zhongtong").dearness == learned.dearness


def test_counts_of_two_containers_at_once_are_added_up(dynamodb: DynamoDBClient) -> None:
    table = new_table(dynamodb, "TrackingTable")
    lessons = [Lessons(dynamodb, table, lambda: NOW) for _ in range(2)]
    for each in lessons:
        each.of("yuantong")
    for each in lessons:
        each.add("yuantong", [STAY])
        each.over(calls=40, lasted=60 * HOUR)
        each.write()
    fresh = Lessons(dynamodb, table, lambda: NOW).of("yuantong")
    once = Lessons(dynamodb, new_table(dynamodb, "TrackingTable"), lambda: NOW)
    once.add("yuantong", [STAY])
    once.over(calls=40, lasted=60 * HOUR)
    once.write()
    assert sum(fresh.tallies["on_tour"].seen) == 2 * sum(once.of("yuantong").tallies["on_tour"].seen)
    assert fresh.dearness > once.of("yuantong").dearness
