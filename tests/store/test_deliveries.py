"""The log of deliveries, on moto and on the emulator: who writes second undoes nothing, and pages show the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kills import lose_an_answer
from tests.store.conftest import client_of, new_table
from waybill import deliveries, messages
from waybill.deliveries import ANSWER_BYTES, KEPT, TRIES, Deliveries, Progress, Try
from waybill.messages import Delivery

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_700_000_000.0
MEMBER, HOOK = "member", "whk_1"
ATTEMPT = Try(at=NOW, ms=12, status=500, answer="out of luck: 没有")


@pytest.fixture
def table(dynamodb: DynamoDBClient) -> str:
    return new_table(dynamodb, "TrackingTable")


@pytest.fixture
def log(dynamodb: DynamoDBClient, table: str) -> Deliveries:
    return Deliveries(dynamodb, table)


def new(sequence: int = 1, series: str = "", webhook: str = HOOK) -> Progress:
    return Progress(Delivery(MEMBER, webhook, sequence, series), f"evt_{sequence}", "parcel.delivered")


def read(log: Deliveries, progress: Progress) -> Progress:
    found = log.get(progress.delivery)
    assert found is not None
    return found


def test_what_is_written_is_read_again(log: Deliveries) -> None:
    wrote = deliveries.waiting(deliveries.tried(new(series="r1"), ATTEMPT), NOW + 5, NOW + 125)
    assert log.get(wrote.delivery) is None
    assert log.put(wrote, NOW)
    found = read(log, wrote)
    assert found.tries == (ATTEMPT,)
    assert (found.state, found.next_at, found.due_at, found.revision) == ("waiting", NOW + 5, NOW + 125, 1)
    assert found.delivery == wrote.delivery


def test_who_knows_less_does_not_write(log: Deliveries) -> None:
    assert log.put(deliveries.delivered(new(), ATTEMPT), NOW)
    assert not log.put(deliveries.parked(new()), NOW)
    stands = read(log, new())
    assert stands.state == "delivered"
    assert log.put(deliveries.parked(stands), NOW)
    assert not log.put(deliveries.waiting(stands, NOW, NOW), NOW)


def test_a_write_whose_answer_was_lost_finds_itself_and_no_other(emulator: str) -> None:
    client = client_of(emulator)
    log = Deliveries(client, new_table(client, "TrackingTable"))
    wrote = deliveries.waiting(deliveries.tried(new(), ATTEMPT), NOW + 5.0004, NOW + 125)
    lose_an_answer(client, "PutItem")
    assert log.put(wrote, NOW)
    assert read(log, wrote).revision == 1
    lose_an_answer(client, "PutItem")
    assert not log.put(deliveries.waiting(new(), NOW + 6, NOW + 125), NOW)
    assert not log.put(wrote, NOW), "the same, by somebody else"


def test_only_what_waits_is_in_the_index_and_nothing_is_kept_for_ever(
    log: Deliveries, dynamodb: DynamoDBClient, table: str
) -> None:
    waits = deliveries.waiting(new(), NOW + 5, NOW + 125)

    def due() -> list[str]:
        answer = dynamodb.query(
            TableName=table,
            IndexName="due",
            KeyConditionExpression="due_shard = :shard AND due_at <= :now",
            ExpressionAttributeValues={
                ":shard": {"S": messages.later_shard(*messages.delivery_key(waits.delivery))},
                ":now": {"N": str(NOW + 125)},
            },
        )
        return [item["sk"]["S"] for item in answer["Items"]]

    log.put(waits, NOW)
    assert due() == [messages.delivery_key(waits.delivery)[1]]
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert item["expires_at"]["N"] == str(int(NOW + KEPT))
    log.put(deliveries.delivered(read(log, waits), ATTEMPT), NOW)
    assert due() == []


def test_the_log_keeps_the_latest_tries(log: Deliveries) -> None:
    progress = new()
    for place in range(TRIES + 3):
        progress = deliveries.tried(progress, Try(at=NOW + place, ms=1))
    log.put(progress, NOW)
    assert [each.at - NOW for each in read(log, progress).tries] == list(range(3, TRIES + 3))


def test_what_is_sent_again_begins_anew_with_its_log(log: Deliveries) -> None:
    parked = deliveries.parked(deliveries.tried(new(), ATTEMPT))
    log.put(parked, NOW)
    log.put(deliveries.resent(read(log, parked), NOW, NOW + 120), NOW)
    found = read(log, parked)
    assert (found.state, found.failures, found.next_at, found.tries) == ("waiting", 0, NOW, (ATTEMPT,))


def test_pages_show_the_newest_first_and_nothing_twice(log: Deliveries) -> None:
    for sequence in range(1, 8):
        log.put(new(sequence), NOW)
    log.put(new(9, webhook="whk_2"), NOW)
    seen, after = [], None
    while True:
        page, after = log.page(MEMBER, HOOK, NOW, 3, after)
        assert len(page) <= 3
        seen += [each.delivery.sequence for each in page]
        if after is None:
            break
    assert seen == list(range(7, 0, -1))


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 100])
def test_pages_of_one_state_leave_out_the_others(log: Deliveries, limit: int) -> None:
    for sequence in range(1, 14):
        log.put(deliveries.parked(new(sequence)) if sequence % 2 else new(sequence), NOW)
    seen, after = [], None
    while True:
        page, after = log.page(MEMBER, HOOK, NOW, limit, after, "parked")
        seen += [each.delivery.sequence for each in page]
        if after is None:
            break
    assert seen == [13, 11, 9, 7, 5, 3, 1]


def test_a_page_of_one_state_goes_through_a_part_of_the_log_and_says_where_to_go_on(
    log: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.deliveries.LOOKED", 3)
    for sequence in range(1, 8):
        log.put(deliveries.parked(new(sequence)) if sequence == 1 else new(sequence), NOW)
    pages, after = [], None
    while True:
        page, after = log.page(MEMBER, HOOK, NOW, 2, after, "parked")
        pages.append([each.delivery.sequence for each in page])
        if after is None:
            break
    assert pages == [[], [], [1]]


def test_what_is_over_is_in_no_page_though_it_still_lies_there(log: Deliveries) -> None:
    for sequence in range(1, 8):
        log.put(deliveries.parked(new(sequence)), NOW - KEPT * (sequence < 4))
    log.put(deliveries.parked(new(8)), NOW, kept=0)
    for state in (None, "parked"):
        seen, after = [], None
        while True:
            page, after = log.page(MEMBER, HOOK, NOW, 2, after, state)
            seen += [each.delivery.sequence for each in page]
            if after is None:
                break
        assert seen == [7, 6, 5, 4]
    assert log.get(new(8).delivery) is not None


@given(st.binary(max_size=3000))
def test_a_kept_answer_is_short_text_that_steers_nothing(answer: bytes) -> None:
    kept = deliveries.clean(answer)
    assert len(kept.encode()) <= ANSWER_BYTES
    assert not [each for each in kept if each < " " and each not in "\t\n"]
    assert not set(kept) & {"\x7f", "\x9b", "\u202e", "\u2028"}
    assert deliveries.clean(kept.encode()) == kept


def test_plain_text_is_kept_as_it_is() -> None:
    assert deliveries.clean("out of luck:\n\t没有".encode()) == "out of luck:\n\t没有"
    assert deliveries.clean(b"\x1b[2Jgone\r") == "\ufffd[2Jgone\ufffd"
