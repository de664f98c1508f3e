"""A member's feed: every event once, in one order without gaps, whoever appends at the same time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.conftest import client_of, new_table
from waybill.errors import DAY
from waybill.feed import AT_ONCE, KEPT, Entry, Feed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.notifications import Notification

NOW = 1_770_000_000.0


def event(name: int | str) -> Notification:
    return {
        "type": "parcel.delivered",
        "id": f"evt_{name}",
        "timestamp": "2026-03-01T09:00:00.000Z",
        "data": {"number": "YT7450353838751", "text": "已签收"},
    }


def feed_over(dynamodb: DynamoDBClient, now: float = NOW) -> Feed:
    tracking, cache = new_table(dynamodb, "TrackingTable"), new_table(dynamodb, "CacheTable")
    return Feed(dynamodb, tracking, cache, lambda: now, time.sleep)


@pytest.fixture
def feed(dynamodb: DynamoDBClient) -> Feed:
    return feed_over(dynamodb)


def test_events_get_the_next_numbers_in_their_order(feed: Feed) -> None:
    assert feed.last("acme") == 0

    assert feed.append("acme", [Entry(event("a")), Entry(event("b"))]) == [1, 2]
    assert feed.append("acme", [Entry(event("c"), webhook="whk_1")]) == [3]

    assert feed.last("acme") == 3
    assert feed.read("acme", 0, 10) == [
        Entry(event("a"), None, 1),
        Entry(event("b"), None, 2),
        Entry(event("c"), "whk_1", 3),
    ]
    assert feed.get("acme", 2) == event("b")
    assert feed.get("acme", 4) is None


def test_a_page_begins_after_a_number_and_ends_at_another(feed: Feed) -> None:
    feed.append("acme", [Entry(event(each)) for each in range(9)])

    assert [each.sequence for each in feed.read("acme", 2, 3)] == [3, 4, 5]
    assert [each.sequence for each in feed.read("acme", 2, 9, last=6)] == [3, 4, 5, 6]
    assert feed.read("acme", 9, 9) == []


def test_where_nothing_can_lie_between_nobody_is_asked(dynamodb: DynamoDBClient, feed: Feed) -> None:
    """DynamoDB refuses a lower bound that is above the upper one; moto does not."""
    feed.append("acme", [Entry(event("a"))])
    asked: list[dict[str, Any]] = []
    dynamodb.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: asked.append(params)
    )
    assert feed.read("nobody", 0, 100, last=feed.last("nobody")) == []
    assert feed.read("acme", 1, 9, last=1) == []
    assert feed.read("acme", 2, 9, last=1) == []
    assert asked == []
    assert [each.sequence for each in feed.read("acme", 0, 9, last=1)] == [1]
    assert len(asked) == 1


def test_a_number_without_an_event_is_gone(feed: Feed) -> None:
    feed.append("acme", [Entry(event("a"))])
    assert [feed.gone("acme", number) for number in (1, 2)] == [False, True]
    assert feed.gone("other", 1)


def test_an_event_told_again_keeps_its_number(feed: Feed) -> None:
    feed.append("acme", [Entry(event("a")), Entry(event("b"))])

    assert feed.append("acme", [Entry(event("b")), Entry(event("c")), Entry(event("a"))]) == [2, 3, 1]
    assert [each.event["id"] for each in feed.read("acme", 0, 9)] == ["evt_a", "evt_b", "evt_c"]


def test_an_event_named_twice_at_once_is_one(feed: Feed) -> None:
    assert feed.append("acme", [Entry(event("a")), Entry(event("a"))]) == [1, 1]
    assert feed.last("acme") == 1


def test_members_have_feeds_of_their_own(feed: Feed) -> None:
    feed.append("acme", [Entry(event("a"))])

    assert feed.append("other#1", [Entry(event("a"))]) == [1]
    assert feed.find("other#1", "evt_a") == 1
    assert feed.find("other", "evt_a") is None


def test_more_events_than_one_transaction_takes_are_all_written(feed: Feed) -> None:
    many = [Entry(event(each)) for each in range(2 * AT_ONCE + 5)]

    assert feed.append("acme", many) == list(range(1, len(many) + 1))
    assert len(feed.read("acme", 0, 1000)) == len(many)


def test_what_has_expired_and_still_lies_there_is_new_again(dynamodb: DynamoDBClient) -> None:
    now = NOW
    tracking, cache = new_table(dynamodb, "TrackingTable"), new_table(dynamodb, "CacheTable")
    feed = Feed(dynamodb, tracking, cache, lambda: now, time.sleep)
    feed.append("acme", [Entry(event("a"))])
    assert feed.find("acme", "evt_a") == 1

    now += KEPT + DAY

    assert feed.find("acme", "evt_a") is None
    assert feed.append("acme", [Entry(event("a"))]) == [2]


def test_what_has_expired_is_not_read_though_it_still_lies_there(dynamodb: DynamoDBClient) -> None:
    now = NOW
    tracking, cache = new_table(dynamodb, "TrackingTable"), new_table(dynamodb, "CacheTable")
    feed = Feed(dynamodb, tracking, cache, lambda: now, time.sleep)
    feed.append("acme", [Entry(event(each)) for each in range(1, 8)])
    now += KEPT
    feed.append("acme", [Entry(event(each)) for each in range(8, 13)])

    assert [each.sequence for each in feed.read("acme", 0, 3)] == [8, 9, 10]
    assert [each.sequence for each in feed.read("acme", 5, 100)] == [8, 9, 10, 11, 12]
    assert feed.read("acme", 0, 3, last=7) == []
    assert feed.get("acme", 7) is None
    assert [feed.gone("acme", number) for number in (7, 8)] == [True, False]


def test_who_append_at_once_leave_no_gap_and_write_nothing_twice(emulator: str) -> None:
    feed = feed_over(client_of(emulator))
    batches = [[Entry(event(f"{first + each}")) for each in range(4)] for first in range(0, 24, 2)]

    with ThreadPoolExecutor(6) as threads:
        given = list(threads.map(lambda batch: feed.append("acme", batch), batches))

    read = feed.read("acme", 0, 1000)
    assert [each.sequence for each in read] == list(range(1, 27))
    numbers = {each.event["id"]: each.sequence for each in read}
    assert len(numbers) == 26
    assert given == [[numbers[each.event["id"]] for each in batch] for batch in batches]
