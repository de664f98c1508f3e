"""Followed parcels on a real table: arming with the shipment, and the one transaction of row, history and births."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from tests.followed import DAY, HOUR, LINK, NINE, Followed, known, line, parcel
from tests.store.conftest import client_of, new_table
from waybill.errors import StoreUnavailable
from waybill.model import Milestone
from waybill.parcels import BIRTHS
from waybill.shipments import Link, Registration, Shipment
from waybill.tracked import Tracked, shard_of
from waybill.watches import Watches

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BORN = Milestone("exception", "2026-09-23T09:00:00+08:00", "e1", "lost", 2)


@pytest.fixture
def followed(dynamodb: DynamoDBClient) -> Followed:
    return Followed(dynamodb, new_table(dynamodb, "TrackingTable"))


def due(followed: Followed, link: Link = LINK) -> list[Any]:
    answer = followed.dynamodb.query(
        TableName=followed.table,
        IndexName="due",
        KeyConditionExpression="due_shard = :shard",
        ExpressionAttributeValues={":shard": {"S": shard_of(link)}},
    )
    return [item["due_at"]["N"] for item in answer["Items"]]


def test_a_parcel_is_due_at_once_when_its_first_shipment_is_registered(followed: Followed) -> None:
    followed.register()
    row = Tracked(LINK, 1, registered_at=NINE, next_at=NINE, due_at=NINE, reason="first_look")
    assert followed.row() == row
    assert due(followed) == [repr(NINE)]
    assert followed.parcels.rows([LINK, Link("yunda", "none"), LINK]) == {LINK: row}


def test_another_shipment_of_a_followed_parcel_leaves_its_times(followed: Followed) -> None:
    followed.register()
    planned = followed.look()
    followed.courier.time += 60
    followed.register("1002", member="other")
    assert followed.row() == replace(planned, revision=planned.revision + 1)


def test_a_shipment_that_cannot_be_registered_arms_nothing(followed: Followed) -> None:
    ship = followed.register()
    row = followed.row()
    assert followed.watches.create(ship) == ship
    assert followed.row() == row


@pytest.mark.parametrize(
    ("change", "arms"),
    [({"tail": "8000"}, True), ({"lang": "en"}, True), ({"tags": ("a",)}, False), ({"to": "西安"}, False)],
)
def test_a_parcel_that_is_paused_waits_for_another_phone_or_language(
    followed: Followed, change: dict[str, Any], *, arms: bool
) -> None:
    ship = followed.register()
    seen = followed.parcels.read(LINK)
    assert seen.tracked is not None
    paused = replace(seen.tracked, next_at=None, due_at=None, reason="phone_needed", expires_at=NINE + DAY)
    assert followed.parcels.write(seen, paused, now=NINE)
    assert due(followed) == []
    said = replace(Registration(), **change)
    followed.watches.change(ship, lambda stands: replace(stands, registration=said, updated_at=NINE + HOUR))
    row = followed.row()
    assert (row.next_at, row.expires_at) == ((NINE + HOUR, None) if arms else (None, NINE + DAY))
    assert len(due(followed)) == arms


def test_a_shipment_from_before_the_schedule_is_armed_by_a_look_and_once(followed: Followed) -> None:
    old = Shipment("acme", "1", *_pair(LINK), Registration(), NINE - DAY, NINE - DAY, armed=False)
    assert followed.watches.create(old) is None
    assert followed.parcels.row(LINK) is None
    ship = followed.reflection.arm(old)
    assert (ship.armed, followed.row().next_at) == (True, NINE)
    assert followed.reflection.arm(followed.ship(ship)) == ship
    assert followed.reflection.arm(old) == ship  # who has read it before
    assert followed.row().revision == 1


def test_a_completed_shipment_arms_nothing(followed: Followed) -> None:
    old = Shipment("acme", "1", *_pair(LINK), Registration(), NINE, NINE, completed_at=NINE, armed=False)
    assert followed.watches.create(old) is None
    assert followed.reflection.arm(old) == old
    assert followed.parcels.row(LINK) is None


def test_row_history_and_births_come_back_as_they_were_written(followed: Followed) -> None:
    ship = followed.register(tags=("a",))
    seen = followed.parcels.read(LINK)
    assert seen.watches == (ship,)
    assert seen.parcel == parcel()
    whole = Tracked(
        LINK, 2, NINE, NINE + 1.5, 3, 5, 4, 77, NINE + HOUR, NINE + HOUR, "on_tour", stalled=True,
        status="out_for_delivery", phone_bound=True,
    )  # in the order of the class # fmt: skip
    told = replace(parcel(line("5", NINE)), milestones=(BORN,))
    assert followed.parcels.write(seen, replace(whole, revision=1), told, (BORN,), now=NINE) == whole
    again = followed.parcels.read(LINK)
    assert (again.tracked, again.parcel) == (whole, told)
    assert followed.born() == ["exception#2"]


def test_what_was_written_under_another_revision_writes_nothing_at_all(followed: Followed) -> None:
    followed.register()
    seen = followed.parcels.read(LINK)
    assert seen.tracked is not None
    assert followed.parcels.write(seen, seen.tracked, now=NINE)
    later = replace(seen.tracked, next_at=NINE + DAY)
    assert followed.parcels.write(seen, later, parcel(line("5", NINE)), (BORN,), now=NINE) is None
    assert followed.row().next_at == NINE
    assert followed.born() == []
    assert followed.parcels.read(LINK).parcel == parcel()


def test_nothing_is_born_twice(followed: Followed) -> None:
    followed.register()
    seen = followed.parcels.read(LINK)
    assert seen.tracked is not None
    assert followed.parcels.write(seen, seen.tracked, None, (BORN,), now=NINE)
    seen = followed.parcels.read(LINK)
    assert seen.tracked is not None
    assert followed.parcels.write(seen, seen.tracked, None, (BORN,), now=NINE) is None


def test_a_history_of_more_births_than_a_transaction_holds_is_born_whole(followed: Followed) -> None:
    followed.register()
    lines = [line(("5", "206")[each % 2], NINE - 60 * (400 - each)) for each in range(400)]
    followed.following.follow(known(NINE, *lines))
    assert len(followed.born()) == 400 > 4 * BIRTHS
    seen = followed.parcels.read(LINK)
    assert seen.parcel.events == parcel(*lines).events
    assert len(seen.parcel.milestones) == 400
    assert seen.tracked is not None
    assert seen.tracked.checked_at == NINE


def test_a_hundred_and_more_rows_are_read_by_hundreds(followed: Followed) -> None:
    links = [Link("yuantong", f"YT{each:013}") for each in range(101)]
    for link in links[::2]:
        followed.register(link=link)
    assert set(followed.parcels.rows(links)) == set(links[::2])


def test_keys_that_were_left_over_are_read_again(followed: Followed) -> None:
    followed.register()
    asked: list[int] = []

    def left_over(parsed: Any, **_: Any) -> None:
        asked.append(1)
        if len(asked) == 1:
            found = parsed["Responses"].pop(followed.table)
            keys = [{name: item[name] for name in ("pk", "sk")} for item in found]
            parsed["UnprocessedKeys"] = {followed.table: {"Keys": keys}}

    followed.dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", left_over)
    assert set(followed.parcels.rows([LINK])) == {LINK}
    assert len(asked) == 2


class _Body:
    """What is left to be read of an answer."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]


def cancelled(request: Any, *codes: str) -> AWSResponse:
    """What DynamoDB answers to a transaction that it cancels."""
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "Transaction cancelled",
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    headers = HTTPHeaders()
    headers["x-amzn-errortype"] = "TransactionCanceledException"
    return AWSResponse(request.url, 400, headers, _Body(json.dumps(body).encode()))


@pytest.mark.parametrize(("conflicts", "through"), [(3, True), (10_000, False)])
def test_who_meets_another_transaction_tries_again_after_a_pause(
    emulator: str, conflicts: int, *, through: bool
) -> None:
    client = client_of(emulator)
    followed = Followed(client, new_table(client, "TrackingTable"))
    pauses: list[float] = []
    watches = Watches(followed.dynamodb, followed.table, pauses.append)
    left = [conflicts]

    def conflict(request: Any, **_: Any) -> Any:
        left[0] -= 1
        return cancelled(request, "None", "TransactionConflict") if left[0] >= 0 else None

    client.meta.events.register("before-send.dynamodb.TransactWriteItems", conflict)
    ship = Shipment("acme", "1", *_pair(LINK), Registration(), NINE, NINE)
    if through:
        assert watches.create(ship) is None
        assert len(pauses) == conflicts
        assert followed.row().next_at == NINE
    else:
        with pytest.raises(StoreUnavailable):
            watches.create(ship)
        assert followed.parcels.row(LINK) is None
        assert max(pauses) < 1
        assert sum(pauses) < 20
    client.close()


def test_of_many_registrations_of_one_parcel_at_once_none_fails(emulator: str) -> None:
    client = client_of(emulator)
    watches = Watches(client, new_table(client, "TrackingTable"))
    ships = [
        Shipment("acme", f"{each}", *_pair(LINK), Registration(), NINE + each, NINE + each)
        for each in range(100)
    ]
    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(watches.create, ships)) == {None}
    answer = client.get_item(
        TableName=watches._table,  # noqa: SLF001 - made above
        Key={"pk": {"S": f"PARCEL#{LINK.courier}#{LINK.number}"}, "sk": {"S": "PARCEL"}},
    )
    assert answer["Item"]["revision"]["N"] == "100"
    client.close()


def _pair(link: Link) -> tuple[str, str]:
    return link.courier, link.number
