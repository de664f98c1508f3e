"""The events function: a member's feed in order, resumable, and waited for by a few at a time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import App, error, load
from waybill.errors import DAY
from waybill.feed import KEPT, Entry, Feed
from waybill.webhooks import Webhooks

if TYPE_CHECKING:
    from tests.functions.conftest import Answer
    from waybill.notifications import Notification

EVENTS = "/v1/events"


def event(name: object) -> Notification:
    return {
        "type": "parcel.delivered",
        "id": f"evt_{name}",
        "timestamp": "2026-03-01T09:00:00.000Z",
        "data": {},
    }


@pytest.fixture
def feed(aws: None) -> Feed:  # noqa: ARG001 - in force, not used
    return feed_at(time.time())


def feed_at(now: float) -> Feed:
    return Feed(boto3.client("dynamodb"), "tracking", "cache", lambda: now)


@pytest.fixture
def events(aws: None, monkeypatch: pytest.MonkeyPatch) -> App:  # noqa: ARG001 - in force, not used
    monkeypatch.setenv("LONG_POLLS", "2")
    return App(load("events"))


def ask(events: App, member: str = "acme", scopes: str = "track", **query: object) -> Answer:
    return events.send(
        "GET", EVENTS, member=member, scopes=scopes, query={name: str(each) for name, each in query.items()}
    )


def page(answer: Answer) -> tuple[list[int], int]:
    assert answer.status == 200, answer.text
    body: Any = answer.body
    return [each["sequence"] for each in body["events"]], body["next_after"]


def test_events_come_in_order_and_page_by_page(events: App, feed: Feed) -> None:
    feed.append("acme", [Entry(event(each)) for each in range(5)])

    assert page(ask(events, limit=2)) == ([1, 2], 2)
    assert page(ask(events, limit=2, after=2)) == ([3, 4], 4)
    assert page(ask(events, after=4)) == ([5], 5)
    assert page(ask(events, after=5)) == ([], 5)


def test_an_event_is_shown_as_webhooks_tell_it(events: App, feed: Feed) -> None:
    feed.append("acme", [Entry(event("a"))])
    answer = ask(events)
    assert answer.body["events"] == [{"sequence": 1, **event("a")}]
    assert answer.headers["Cache-Control"] == "no-store"


def test_nobody_sees_the_events_of_another(events: App, feed: Feed) -> None:
    feed.append("acme", [Entry(event("a"))])
    assert page(ask(events, member="other")) == ([], 0)


def test_a_token_without_the_scope_is_refused(events: App) -> None:
    assert ask(events, scopes="manage").status == 403


@pytest.mark.parametrize("deleted", [(1, 2, 3), (2, 3), (2,), ()])
def test_who_comes_after_events_were_forgotten_is_told_where_to_go_on(
    events: App,
    aws: None,  # noqa: ARG001 - in force
    deleted: tuple[int, ...],
) -> None:
    """DynamoDB deletes what has expired within days, and in no order."""
    now = time.time()
    feed_at(now - KEPT - DAY).append("acme", [Entry(event(each)) for each in range(3)])
    feed_at(now).append("acme", [Entry(event("later"))])
    dynamodb = boto3.client("dynamodb")
    for number in deleted:  # what the table's TTL does
        key = {"pk": {"S": "EVENTS#acme"}, "sk": {"S": f"{number:012}"}}
        dynamodb.delete_item(TableName="tracking", Key=key)

    answer = ask(events, after=2)

    assert answer.status == 410
    assert "after=3" in error(answer)["message"]
    assert page(ask(events, after=3)) == ([4], 4)
    assert page(ask(events)) == ([4], 4)


def test_all_of_them_forgotten_is_a_gap_as_well(events: App, feed: Feed) -> None:
    feed.append("acme", [Entry(event(each)) for each in range(2)])
    for number in (1, 2):
        key = {"pk": {"S": "EVENTS#acme"}, "sk": {"S": f"{number:012}"}}
        boto3.client("dynamodb").delete_item(TableName="tracking", Key=key)

    answer = ask(events, after=1)
    assert (answer.status, "after=2" in error(answer)["message"]) == (410, True)
    assert page(ask(events, after=2)) == ([], 2)


def hide(events: App, *numbers: int) -> None:
    """Show a transaction as DynamoDB may while it commits it: queries see some of its items, and not these."""

    def committing(parsed: Any, **_: Any) -> None:
        hidden = {f"{number:012}" for number in numbers}
        parsed["Items"] = [item for item in parsed["Items"] if item["sk"]["S"] not in hidden]

    events.app.DYNAMODB.meta.events.register("after-call.dynamodb.Query", committing)


@pytest.mark.parametrize(
    ("hidden", "after", "seen"),
    [([2], 0, ([1], 1)), ([1], 0, ([], 0)), ([2], 1, ([], 1)), ([2, 3], 1, ([], 1)), ([1, 2, 3], 0, ([], 0))],
)
def test_nobody_reads_past_an_event_that_is_just_being_written(
    events: App, feed: Feed, hidden: list[int], after: int, seen: Any
) -> None:
    feed.append("acme", [Entry(event(each)) for each in range(3)])
    hide(events, *hidden)
    assert page(ask(events, after=after)) == seen


def test_who_has_an_event_whose_number_is_just_being_written_may_go_on_after_it(
    events: App, feed: Feed
) -> None:
    feed.append("acme", [Entry(event(each)) for each in range(3)])
    counter = {"pk": {"S": "EVENTS#acme"}, "sk": {"S": "SEQUENCE"}, "last": {"N": "1"}}
    boto3.client("dynamodb").put_item(TableName="tracking", Item=counter)
    assert page(ask(events, after=3)) == ([], 3)


@pytest.mark.parametrize(
    ("query", "field"),
    [({"after": -1}, "after"), ({"after": "x"}, "after"), ({"wait": 21}, "wait"), ({"limit": 0}, "limit"), ({"after": 9}, "after")],
)  # fmt: skip
def test_what_no_feed_can_say_names_the_field(events: App, feed: Feed, query: Any, field: str) -> None:
    feed.append("acme", [Entry(event("a"))])
    answer = ask(events, **query)
    assert answer.status == 400
    assert [each["field"] for each in error(answer)["error_trace"]] == [field]


class Looks:
    """Counts how often a waiting caller looks for news, and says when it does so first."""

    def __init__(self, events: App) -> None:
        self.count = 0
        self.begun = threading.Event()
        feed = events.app.EVENTS.feed
        self._look = feed.last
        feed.last = self

    def __call__(self, member: str) -> int:
        self.count += 1
        if self.count > 1:  # the first is to see whether the number can be
            self.begun.set()
        number: int = self._look(member)
        return number


def test_who_waits_is_answered_as_soon_as_something_happens(events: App, feed: Feed) -> None:
    looks = Looks(events)
    told: list[Answer] = []
    waiting = threading.Thread(target=lambda: told.append(ask(events, wait=20)))
    waiting.start()
    assert looks.begun.wait(10)
    feed.append("acme", [Entry(event("a"))])
    waiting.join(15)
    assert page(told[0]) == ([1], 1)


def test_who_finds_no_place_to_wait_is_answered_without_another_look(events: App) -> None:
    looks, polls = Looks(events), events.app.EVENTS.polls
    with polls.place() as first, polls.place() as second:
        assert (first, second) == (True, True)
        assert page(ask(events, wait=20)) == ([], 0)
    assert looks.count == 1


def test_who_waits_in_vain_gets_nothing_and_the_place_is_free_again(events: App) -> None:
    looks = Looks(events)
    for _ in range(3):
        assert page(ask(events, wait=1)) == ([], 0)
    assert looks.count >= 6


def test_who_may_administer_hears_from_then_on_what_concerns_everybody(events: App) -> None:
    hooks = Webhooks(boto3.client("dynamodb"), "tracking")
    ask(events, member="acme")
    assert hooks.operators() == []
    ask(events, member="ops", scopes="track admin")
    assert hooks.operators() == ["ops"]
