"""Who is not written to, and letters that wait: on every DynamoDB that there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from tests.kills import kill_points
from tests.store.conftest import client_of, new_table
from waybill.mail_feedback import Feedback
from waybill.messages import Letter
from waybill.shipments import Registration, Shipment
from waybill.suppression import ALL, Recipient, Suppressions, address_hash
from waybill.unsubscribing import Unsubscribing
from waybill.waiting_letters import Waiting, WaitingLetters

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHIP = Shipment("acme", "1001", "yuantong", "YT7450353838751", Registration(), 1.0, 1.0)
WHO = Recipient.of(b"k", SHIP, "someone@example.com")
LETTER = Letter("acme", "1001", "yuantong", "YT7450353838751", 4)
NOW = 1_800_000_000.0


@pytest.fixture
def suppressions(dynamodb: DynamoDBClient) -> Suppressions:
    return Suppressions(dynamodb, new_table(dynamodb, "TrackingTable"))


@pytest.fixture
def waiting(dynamodb: DynamoDBClient) -> WaitingLetters:
    return WaitingLetters(dynamodb, new_table(dynamodb, "TrackingTable"))


@pytest.mark.parametrize("what", [ALL, WHO.of_member, WHO.of_shipment])
def test_whoever_is_stopped_stays_stopped_for_the_first_reason(suppressions: Suppressions, what: str) -> None:
    assert suppressions.stop(WHO) is None
    suppressions.add(WHO.address, what, "bounce", NOW)
    suppressions.add(WHO.address, what, "complaint", NOW + 1)
    assert suppressions.stop(WHO) == "bounce"
    assert suppressions.stop(replace(WHO, address="0" * 32)) is None


def test_a_report_whose_reader_dies_at_any_step_stops_all_that_it_names_when_it_comes_back() -> None:
    who = [replace(WHO, address=address_hash(b"k", each)) for each in ("a@example.com", "b@example.com")]
    report = Feedback("bounce", ("a@example.com", "b@example.com"))

    def make() -> tuple[DynamoDBClient, Unsubscribing]:
        client = client_of()
        store = Suppressions(client, new_table(client, "TrackingTable"))
        return client, Unsubscribing(store, lambda: b"k", lambda: NOW)

    with mock_aws():
        points = 0
        for name, (_, reader) in kill_points(
            make, lambda world, _: world[1].heed(report), lambda world: [world[0]]
        ):
            points += 1
            reader.heed(report)
            assert [reader.suppressions.stop(each) for each in who] == ["bounce", "bounce"], name
        assert points == 4


def test_a_newer_event_takes_an_older_ones_place_and_never_the_other_way_round(
    waiting: WaitingLetters,
) -> None:
    assert waiting.get(LETTER) is None
    for sequence, stands in ((4, 4), (6, 6), (5, 6), (6, 6)):
        waiting.put(LETTER, sequence, NOW, NOW)
        assert waiting.get(LETTER) == Waiting(stands, due=True)


def test_what_is_settled_waits_no_longer_and_keeps_older_ones_away(waiting: WaitingLetters) -> None:
    waiting.settle(LETTER, 5)
    assert waiting.get(LETTER) is None
    waiting.put(LETTER, 5, NOW, NOW)
    waiting.settle(LETTER, 4)
    assert waiting.get(LETTER) == Waiting(5, due=True)
    waiting.settle(LETTER, 5)
    waiting.put(LETTER, 4, NOW, NOW)
    assert waiting.get(LETTER) == Waiting(5, due=False)
    waiting.put(LETTER, 6, NOW, NOW)
    assert waiting.get(LETTER) == Waiting(6, due=True)
