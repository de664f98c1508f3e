"""Webhook endpoints on a real table: how many there may be, who changes what, and that their end is told once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.conftest import client_of, new_table
from waybill import retries
from waybill.errors import DAY
from waybill.webhooks import LIMIT, Webhook, Webhooks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_790_000_000.0


def endpoint(number: int = 1, member: str = "acme", **parts: Any) -> Webhook:
    parts = {
        "url": "https://example.com/hook",
        "events": ("*",),
        "description": "",
        "created_at": NOW,
        **parts,
    }
    return Webhook(member, f"whk_{number:020x}", **parts)


@pytest.fixture
def table(dynamodb: DynamoDBClient) -> str:
    return new_table(dynamodb, "TrackingTable")


@pytest.fixture
def webhooks(dynamodb: DynamoDBClient, table: str) -> Webhooks:
    return Webhooks(dynamodb, table)


def test_a_webhook_comes_back_as_it_was_written(webhooks: Webhooks) -> None:
    whole = endpoint(
        events=("parcel.delivered", "webhook.disabled"),
        description="仓库",
        state="disabled",
        reason="gone",
        version=3,
        previous_until=NOW + 0.5,
        failing_since=NOW - 7,
        slow=False,
        operator=True,
        revision=4,
    )
    assert webhooks.create(whole)
    assert webhooks.get("acme", whole.id) == whole
    assert webhooks.create(plain := endpoint(2))
    assert webhooks.get("acme", plain.id) == plain


def test_members_see_their_own_the_latest_first(webhooks: Webhooks) -> None:
    first, second, foreign = endpoint(1), endpoint(2, created_at=NOW + 1), endpoint(3, member="acme#x")
    assert all(map(webhooks.create, (first, second, foreign)))
    assert webhooks.all("acme") == [second, first]
    assert webhooks.get("acme", foreign.id) is None
    assert not webhooks.delete("acme", foreign.id)
    assert webhooks.all("acme#x") == [foreign]


def test_one_too_many_is_not_written_until_another_is_deleted(webhooks: Webhooks) -> None:
    assert all(webhooks.create(endpoint(each)) for each in range(LIMIT))
    assert not webhooks.create(endpoint(LIMIT))
    assert len(webhooks.all("acme")) == LIMIT
    assert webhooks.create(endpoint(1, member="other"))
    assert webhooks.delete("acme", endpoint(0).id)
    assert not webhooks.delete("acme", endpoint(0).id)
    assert webhooks.create(endpoint(LIMIT))
    assert not webhooks.create(endpoint(LIMIT + 1))


def test_of_many_at_once_no_more_are_written_than_there_may_be(emulator: str) -> None:
    client = client_of(emulator)
    webhooks = Webhooks(client, new_table(client, "TrackingTable"))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda each: webhooks.create(endpoint(each)), range(LIMIT + 5)))
    assert made.count(True) == LIMIT == len(webhooks.all("acme"))


def test_an_operators_webhook_makes_its_member_an_operator(webhooks: Webhooks) -> None:
    webhooks.create(endpoint(1))
    assert webhooks.operators() == []
    webhooks.create(endpoint(2, operator=True))
    webhooks.join_operators("zeta")
    webhooks.join_operators("acme")
    assert webhooks.operators() == ["acme", "zeta"]


def test_a_change_is_made_of_what_stands(webhooks: Webhooks) -> None:
    old = endpoint()
    webhooks.create(old)
    webhooks.change(old, lambda said: replace(said, description="new"))
    changed = webhooks.change(old, lambda said: replace(said, events=("parcel.delivered",)))
    assert changed == replace(old, description="new", events=("parcel.delivered",), revision=2)
    assert webhooks.get("acme", old.id) == changed


def test_what_is_gone_is_neither_changed_nor_marked_nor_disabled(webhooks: Webhooks) -> None:
    old = endpoint()
    webhooks.create(old)
    webhooks.delete("acme", old.id)
    assert webhooks.change(old, lambda said: replace(said, description="new")) is None
    webhooks.failing(old, NOW)
    webhooks.well(old)
    webhooks.paced(old, slow=False)
    assert not webhooks.disable(old, "gone", NOW)
    assert webhooks.get("acme", old.id) is None


def test_marks_and_changes_leave_one_another_alone(webhooks: Webhooks) -> None:
    old = endpoint()
    webhooks.create(old)
    webhooks.failing(old, NOW + 1)
    webhooks.failing(old, NOW + 2)
    webhooks.paced(old, slow=False)
    webhooks.change(old, lambda said: replace(said, description="new"))
    marked = replace(old, description="new", failing_since=NOW + 1, failed_at=NOW + 2, slow=False, revision=1)
    assert webhooks.get("acme", old.id) == marked
    webhooks.well(old)
    assert webhooks.get("acme", old.id) == replace(marked, failing_since=None, failed_at=None)


def test_an_endpoint_that_was_quiet_since_it_failed_fails_anew(webhooks: Webhooks) -> None:
    old = endpoint()
    webhooks.create(old)

    def marks() -> tuple[float | None, float | None]:
        stands = webhooks.get("acme", old.id)
        assert stands
        return stands.failing_since, stands.failed_at

    webhooks.failing(old, NOW)
    webhooks.failing(old, NOW + retries.QUIET - 1)
    assert marks() == (NOW, NOW + retries.QUIET - 1)
    webhooks.failing(old, NOW + 2 * retries.QUIET)
    assert marks() == (NOW + 2 * retries.QUIET,) * 2


def test_a_change_takes_a_mark_away_that_it_has_seen(webhooks: Webhooks) -> None:
    old = endpoint()
    webhooks.create(old)
    webhooks.failing(old, NOW)
    seen = webhooks.get("acme", old.id)
    assert seen
    webhooks.change(seen, lambda said: replace(said, failing_since=None))
    assert webhooks.get("acme", old.id) == replace(old, revision=1)


def test_an_endpoint_is_disabled_once_and_its_member_told(
    webhooks: Webhooks, dynamodb: DynamoDBClient, table: str
) -> None:
    old = endpoint()
    webhooks.create(old)
    assert webhooks.disable(old, "gone", NOW)
    assert not webhooks.disable(old, "failing", NOW + 1)
    stands = webhooks.get("acme", old.id)
    assert stands == replace(old, state="disabled", reason="gone", failing_since=NOW, revision=1)
    assert not webhooks.disable(stands, "failing", NOW + 1)
    (notice,) = notices(dynamodb, table)
    assert notice["channel"] == {"S": "fanout"}
    assert notice["unpublished"]["S"].startswith("UNPUBLISHED#")
    said = json.loads(notice["message"]["S"])
    assert (said["kind"], said["member"], said["webhook"]) == ("member", "acme", None)
    assert said["notification"]["type"] == "webhook.disabled"
    assert said["notification"]["data"] == {"webhook_id": old.id, "url": old.url, "reason": "gone"}


def test_what_its_owner_has_just_changed_is_not_disabled(
    webhooks: Webhooks, dynamodb: DynamoDBClient, table: str
) -> None:
    old = endpoint()
    webhooks.create(old)
    webhooks.change(old, lambda said: replace(said, url="https://example.com/mended"))
    assert not webhooks.disable(old, "failing", NOW)
    assert notices(dynamodb, table) == []


def test_what_has_answered_well_meanwhile_is_not_disabled(
    webhooks: Webhooks, dynamodb: DynamoDBClient, table: str
) -> None:
    old = endpoint()
    webhooks.create(old)
    webhooks.failing(old, NOW)
    seen = webhooks.get("acme", old.id)
    assert seen
    webhooks.well(seen)
    assert not webhooks.disable(seen, "failing", NOW + 6 * DAY)
    webhooks.failing(old, NOW + 6 * DAY)
    assert not webhooks.disable(seen, "failing", NOW + 6 * DAY), "it has failed again, for a moment"
    assert notices(dynamodb, table) == []
    failing = webhooks.get("acme", old.id)
    assert failing
    assert webhooks.disable(failing, "failing", NOW + 12 * DAY)


def notices(dynamodb: DynamoDBClient, table: str) -> list[dict[str, Any]]:
    rows = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :notice)",
        ExpressionAttributeValues={":pk": {"S": "MEMBER#acme"}, ":notice": {"S": "NOTICE#"}},
    )
    return list(rows["Items"])
