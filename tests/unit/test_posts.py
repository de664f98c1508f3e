"""What the topic is given of a notification, whatever its texts are, and what a record of the table's stream is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import notifications, privacy
from waybill.circuit import Circuit
from waybill.model import Event, Milestone, Parcel
from waybill.publishing import key_of, post_of

NOW = 1_800_000_000.0
TIME = "2026-01-01T10:00:00+08:00"


def told(
    text: str = "", status: Any = "exception", substatus: str | None = "lost"
) -> notifications.Notification:
    masked = privacy.mask(text)
    event = Event("e1", TIME, "assumed", masked, "2", status, substatus, masked)
    parcel = Parcel("yuantong", "YT1", status, substatus, events=(event,))
    return notifications.of_milestone(parcel, Milestone(status, TIME, "e1", substatus), NOW)


@given(
    st.text(max_size=privacy.LIMIT + 10)
    | st.sampled_from(["快", "😀", "\x01", '"', "\\", "\x7f", "a"]).map(lambda each: each * 2000)
)
def test_a_notification_of_the_longest_texts_is_small_enough_for_everybody(text: str) -> None:
    message = notifications.write(told(text))
    assert len(message.encode()) < notifications.LIMIT_BYTES
    post = post_of(message)
    assert post.message == message
    assert json.loads(post.message) == told(text)
    assert 0 < len(post.subject) < 100
    assert post.subject.isascii()
    assert post.subject.isprintable()


def test_a_parcels_message_says_what_filter_policies_ask_for() -> None:
    post = post_of(notifications.write(told()))
    assert post.attributes == {
        "type": "parcel.exception",
        "status": "exception",
        "substatus": "lost",
        "courier": "yuantong",
        "attention": "exception",
    }
    assert post_of(notifications.write(told(status="delivered", substatus=None))).attributes == {
        "type": "parcel.delivered",
        "status": "delivered",
        "courier": "yuantong",
        "attention": "none",
    }


def test_any_other_message_says_its_type_alone() -> None:
    opened = notifications.of_circuit(Circuit.opened("601", "holder", NOW))
    assert post_of(notifications.write(opened)).attributes == {"type": "circuit.opened"}


@pytest.mark.parametrize(
    "message", ["", "{}", "[]", "1", "null", '"x"', '{"type": 1}', '{"type": "parcel.delivered", "data": {}}']
)
def test_what_is_no_notification_is_refused(message: str) -> None:
    with pytest.raises(ValueError, match=r"not a notification|Expecting value"):
        post_of(message)


KEYS = {"pk": {"S": "PARCEL#yuantong#YT1"}, "sk": {"S": "MILESTONE#delivered"}}


def record(image: dict[str, Any] | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"Keys": KEYS, "SequenceNumber": "1", "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return {"eventName": "INSERT", "dynamodb": shown if image is None else {**shown, "NewImage": image}}


def test_a_record_of_what_is_in_the_outbox_names_it_and_any_other_nothing() -> None:
    assert key_of(record({**KEYS, "message": {"S": "{}"}})) == ("PARCEL#yuantong#YT1", "MILESTONE#delivered")
    assert key_of(record(KEYS)) is None, "sent already"
    assert key_of(record(None)) is None, "deleted"


@pytest.mark.parametrize(
    "record", [{}, {"dynamodb": {}}, {"dynamodb": {"NewImage": {"message": {"S": "{}"}}}}, {"dynamodb": 1}]
)
def test_a_record_that_is_none_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a record|without a key"):
        key_of(record)
