"""What became of deliveries is shown, and sent again: with the resuming of a webhook, or as it is asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import ENVIRONMENT, error, load
from tests.functions.webhooking import NOBODYS, act, made, sent
from waybill import deliveries, messages, notifications
from waybill.concerns import Concerns
from waybill.deliveries import Deliveries, Progress, Try
from waybill.feed import Entry, Feed
from waybill.messages import Delivery

if TYPE_CHECKING:
    from tests.functions.conftest import App
    from waybill.notifications import Notification


def told(number: int, at: str, **data: Any) -> Notification:
    return {
        "type": data.pop("type", "parcel.delivered"),
        "id": f"evt_{number:024x}",
        "timestamp": at,
        "data": data,
    }


@pytest.fixture
def feed(manage: App) -> Feed:
    feed: Feed = manage.app.WEBHOOKS.replays.feed
    return feed


@pytest.fixture
def log(manage: App) -> Deliveries:
    log: Deliveries = manage.app.WEBHOOKS.deliveries
    return log


def park(log: Deliveries, id_: str, sequence: int, state: str = "parked", **parts: Any) -> Progress:
    now = 1_790_000_000.0
    progress = Progress(
        Delivery("member", id_, sequence), f"evt_{sequence:024x}", "parcel.delivered", **parts
    )
    failed = deliveries.tried(progress, Try(now, 15_000, 503, None, "busy"))
    match state:
        case "parked":
            progress = deliveries.parked(failed)
        case "waiting":
            progress = deliveries.waiting(failed, now + 5, now + 900)
        case _:
            progress = deliveries.delivered(progress, Try(now, 12, 200, None, "ok"))
    assert log.put(progress, datetime.now(tz=UTC).timestamp())
    return progress


def test_what_was_given_up_is_sent_again_with_the_resuming(manage: App, log: Deliveries) -> None:
    id_ = made(manage)["id"]
    for sequence, state in ((1, "parked"), (2, "delivered"), (3, "waiting"), (4, "parked")):
        park(log, id_, sequence, state)
    resumed = act(manage, "POST", id_, "resume").body
    assert (resumed["resent"], resumed["more"]) == (2, False)
    again = [messages.read_delivery(json.dumps(each)) for each in sent("WEBHOOK_QUEUE")]
    assert sorted(each.sequence for each in again) == [1, 4]
    for sequence in (1, 4):
        waits = log.get(Delivery("member", id_, sequence))
        assert waits
        assert (waits.state, waits.failures) == ("waiting", 0)
        assert waits.due_at is not None, "the dispatch brings it, should its message be lost"
    assert act(manage, "POST", id_, "resume").body["resent"] == 0


def test_what_is_sent_again_takes_its_webhooks_turn_on_the_queue(manage: App, log: Deliveries) -> None:
    id_ = made(manage)["id"]
    park(log, id_, 1)
    act(manage, "POST", id_, "resume")
    asked: Any = {"QueueUrl": ENVIRONMENT["WEBHOOK_QUEUE"], "AttributeNames": ["MessageGroupId"]}
    (message,) = boto3.client("sqs").receive_message(**asked)["Messages"]
    assert message["Attributes"]["MessageGroupId"] == id_


def test_more_than_can_be_resent_at_once_is_said(
    manage: App, log: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.webhook_management.RESENT_AT_ONCE", 2)
    id_ = made(manage)["id"]
    for sequence in range(1, 6):
        park(log, id_, sequence)
    resumed = [act(manage, "POST", id_, "resume").body for _ in range(3)]
    assert [(each["resent"], each["more"]) for each in resumed] == [(2, True), (2, True), (1, False)]
    assert len(sent("WEBHOOK_QUEUE")) == 5


def test_what_was_given_up_before_much_else_is_resent_all_the_same(
    manage: App, log: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.deliveries.LOOKED", 2)
    id_ = made(manage)["id"]
    for sequence in range(1, 8):
        park(log, id_, sequence, "parked" if sequence < 3 else "delivered")
    resumed = act(manage, "POST", id_, "resume").body
    assert (resumed["resent"], resumed["more"]) == (2, False)


def test_resuming_asks_as_little_however_much_else_the_log_has(
    manage: App, log: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.deliveries.LOOKED", 5)
    monkeypatch.setattr("waybill.webhook_management.RESENT_AT_ONCE", 3)
    id_ = made(manage)["id"]
    for sequence in range(1, 41):
        park(log, id_, sequence, "parked" if sequence in {1, 2, 3, 4, 37} else "delivered")
    manage.aws_calls.clear()
    resumed = [act(manage, "POST", id_, "resume").body for _ in range(2)]
    assert [(each["resent"], each["more"]) for each in resumed] == [(3, True), (2, False)]
    assert sorted(each["sequence"] for each in sent("WEBHOOK_QUEUE")) == [1, 2, 3, 4, 37]
    assert manage.aws_calls.count("DynamoDB_20120810.Query") == 4


def test_what_the_index_still_says_of_what_was_just_resent_is_not_resent_again(
    manage: App, log: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.deliveries.LOOKED", 2)
    id_ = made(manage)["id"]
    for sequence in range(1, 6):
        park(log, id_, sequence, "parked" if sequence < 3 else "delivered")
    before = manage.app.WEBHOOKS.concerns.deliveries("member", id_, "parked", 9)
    assert act(manage, "POST", id_, "resume").body["resent"] == 2
    monkeypatch.setattr(Concerns, "deliveries", lambda *_: before)
    resumed = act(manage, "POST", id_, "resume").body
    assert (resumed["resent"], resumed["more"]) == (0, False)


def test_who_resumes_while_there_is_more_comes_to_an_end_though_the_events_are_no_longer_kept(
    manage: App, log: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.webhook_management.RESENT_AT_ONCE", 2)
    deliver = load("webhook").DELIVERING
    id_ = made(manage)["id"]
    for sequence in range(1, 6):
        park(log, id_, sequence)
    resent: list[int] = []
    more = True
    while more and len(resent) < 10:
        resumed = act(manage, "POST", id_, "resume").body
        resent.append(resumed["resent"])
        more = resumed["more"]
        for each in sent("WEBHOOK_QUEUE"):
            deliver(messages.read_delivery(json.dumps(each)))
    assert resent == [2, 2, 1]
    assert act(manage, "POST", id_, "resume").body["resent"] == 0
    assert act(manage, "GET", id_, "deliveries").body["deliveries"] == []


def test_the_log_tells_of_deliveries_page_by_page_newest_first(manage: App, log: Deliveries) -> None:
    id_ = made(manage)["id"]
    for sequence, state in ((1, "parked"), (2, "delivered"), (3, "waiting")):
        park(log, id_, sequence, state)
    first = act(manage, "GET", id_, "deliveries", query={"limit": "2"}).body
    assert [each["sequence"] for each in first["deliveries"]] == [3, 2]
    waits, arrived = first["deliveries"]
    assert (waits["state"], waits["next_at"]) == ("waiting", notifications.instant(1_790_000_005.0))
    assert arrived["tries"] == [
        {"at": notifications.instant(1_790_000_000.0), "status": 200, "ms": 12, "answer": "ok", "error": None}
    ]
    second = act(manage, "GET", id_, "deliveries", query={"limit": "2", "cursor": first["next_cursor"]}).body
    assert [each["sequence"] for each in second["deliveries"]] == [1]
    assert second["next_cursor"] is None
    parked = act(manage, "GET", id_, "deliveries", query={"state": "parked"}).body["deliveries"]
    assert [(each["sequence"], each["event_id"]) for each in parked] == [(1, f"evt_{1:024x}")]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"state": "lost"},
        {"cursor": "x"},
        {"cursor": "1#r2"},
    ],
)
def test_a_question_to_the_log_that_cannot_be_is_refused_by_field(manage: App, query: dict[str, str]) -> None:
    answer = act(manage, "GET", made(manage)["id"], "deliveries", query=query)
    assert answer.status == 400
    assert error(answer)["error_trace"][0]["field"] == next(iter(query))


def test_one_event_is_sent_again_as_a_series(manage: App, feed: Feed) -> None:
    id_ = made(manage, events=["parcel.exception"])["id"]
    event = told(7, "2026-03-01T09:00:00.000Z")
    (sequence,) = feed.append("member", [Entry(event)])
    answer = act(manage, "POST", id_, "replay", {"event_id": event["id"]})
    assert answer.status == 202
    series = answer.body["replay"]
    assert answer.body == {"replay": series, "event_id": event["id"], "since": None, "until": None}
    (message,) = sent("WEBHOOK_QUEUE")
    assert messages.read_delivery(json.dumps(message)) == Delivery("member", id_, sequence, series)
    assert act(manage, "POST", id_, "replay", {"event_id": event["id"]}).body["replay"] != series


def test_an_event_that_the_webhook_may_not_hear_is_like_none(manage: App, feed: Feed) -> None:
    id_ = made(manage)["id"]
    feed.append("other", [Entry(told(1, "2026-03-01T09:00:00.000Z"))])
    feed.append("member", [Entry(told(2, "2026-03-01T09:00:00.000Z"), NOBODYS)])
    feed.append("member", [Entry(told(3, "2026-03-01T09:00:00.000Z", type="circuit.opened"))])
    for number in (1, 2, 3, 4):
        answer = act(manage, "POST", id_, "replay", {"event_id": told(number, "")["id"]})
        assert answer.status == 404, number
        assert error(answer)["error_code"] == "EVENT_NOT_FOUND"
        assert error(answer)["error_trace"][0]["field"] == "event_id"
    assert sent("WEBHOOK_QUEUE") == []


def test_a_time_is_replayed_by_the_fan_out_within_bounds_that_compare_as_texts(
    manage: App, feed: Feed
) -> None:
    id_ = made(manage)["id"]
    feed.append("member", [Entry(told(each, "2026-03-01T09:00:00.000Z")) for each in (1, 2, 3)])
    body = {"since": "2026-03-01T10:00:00+01:00", "until": "2026-03-01T09:30:00.5Z"}
    answer = act(manage, "POST", id_, "replay", body)
    assert answer.status == 202
    (message,) = sent("FANOUT_QUEUE")
    assert message == {
        "kind": "replay",
        "member": "member",
        "webhook": id_,
        "series": answer.body["replay"],
        "first": 1,
        "last": 3,
        "since": "2026-03-01T09:00:00.000Z",
        "until": "2026-03-01T09:30:00.500Z",
    }


def test_a_replay_without_an_end_ends_now(manage: App) -> None:
    before = notifications.instant(datetime.now(tz=UTC).timestamp())
    for more in ({}, {"until": "9999-12-31T23:59:59-23:59"}):
        answer = act(manage, "POST", made(manage)["id"], "replay", {"since": "2026-03-01T09:00:00Z", **more})
        assert answer.status == 202, answer.text
        assert before <= answer.body["until"] <= notifications.instant(datetime.now(tz=UTC).timestamp())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"event_id": "evt_" + "0" * 24, "since": "2026-03-01T09:00:00Z"}, "body"),
        ({"event_id": "evt_" + "0" * 24, "until": "2026-03-01T09:00:00Z"}, "body"),
        ({"until": "2026-03-01T09:00:00Z"}, "body"),
        ({"event_id": "7"}, "event_id"),
        ({"since": "2026-03-01"}, "since"),
        ({"since": "2026-03-01T09:00:00"}, "since"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-03-01T09:00:00Z", "until": "x"}, "until"),
        ({"since": "2026-03-01T09:00:00Z", "until": "2026-03-01T09:00:00Z"}, "since"),
        ({"since": "9999-12-31T23:59:59Z"}, "since"),
    ],
)
def test_a_replay_that_says_no_time_or_event_is_refused_by_field(
    manage: App, body: dict[str, str], field: str
) -> None:
    answer = act(manage, "POST", made(manage)["id"], "replay", body)
    assert answer.status == 400, answer.text
    assert error(answer)["error_trace"][0]["field"] == field


def test_what_is_no_id_of_an_event_is_told_what_one_is(manage: App) -> None:
    answer = act(manage, "POST", made(manage)["id"], "replay", body={"event_id": "delivered"})
    (fault,) = error(answer)["error_trace"]
    assert fault["field"] == "event_id"
    assert fault["message"] == "An event's id, which is its `webhook-id`: evt_ and 24 hex digits."
