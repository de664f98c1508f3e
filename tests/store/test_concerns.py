"""What an operator should look at puts itself on the index `concerns`, and leaves it by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.delivered import MEMBER
from tests.followed import HOUR, NINE, Followed, known, line
from tests.receivers import Reply, answering, well
from tests.store.conftest import new_table
from waybill import concern, retries
from waybill.concerns import Concern, Concerns
from waybill.webhooks import Webhook, Webhooks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.delivered import Make, World

PROBLEM = line("2", NINE - HOUR)


@pytest.fixture
def table(dynamodb: DynamoDBClient) -> str:
    return new_table(dynamodb, "TrackingTable")


@pytest.fixture
def concerns(dynamodb: DynamoDBClient, table: str) -> Concerns:
    return Concerns(dynamodb, table)


@pytest.fixture
def followed(dynamodb: DynamoDBClient, table: str) -> Followed:
    return Followed(dynamodb, table)


def found(concerns: Concerns, kind: str) -> list[Concern]:
    return concerns.newest(kind, 100)[0]


# ---- Shipments


def test_a_shipment_is_a_concern_as_long_as_it_needs_attention(
    followed: Followed, concerns: Concerns
) -> None:
    ship = followed.register()
    assert found(concerns, concern.SHIPMENT) == []
    followed.following(known(NINE, PROBLEM))
    (each,) = found(concerns, concern.SHIPMENT)
    assert followed.watches.of_keys([(each.pk, each.sk)]) == [followed.ship(ship)]
    assert each.at == followed.ship(ship).updated_at
    followed.courier.time += HOUR
    followed.following(known(NINE + HOUR, PROBLEM, line("1002", NINE)))
    assert found(concerns, concern.SHIPMENT) == []


def test_a_shipment_that_its_member_is_done_with_is_no_concern(
    followed: Followed, concerns: Concerns
) -> None:
    ship = followed.register()
    followed.following(known(NINE, PROBLEM))
    followed.complete(followed.ship(ship))
    assert followed.ship(ship).standing.attention == "exception"
    assert found(concerns, concern.SHIPMENT) == []


def test_what_needed_attention_before_there_was_the_index_is_on_it_with_the_next_answer(
    followed: Followed, concerns: Concerns
) -> None:
    ship = followed.register()
    followed.following(known(NINE, PROBLEM))
    before = followed.ship(ship)
    (each,) = found(concerns, concern.SHIPMENT)
    followed.dynamodb.update_item(
        TableName=followed.table,
        Key={"pk": {"S": each.pk}, "sk": {"S": each.sk}},
        UpdateExpression="REMOVE concern, concerned_at",
    )
    assert not followed.ship(ship).overseen
    followed.courier.time += HOUR
    followed.following(known(NINE + HOUR, PROBLEM))
    assert found(concerns, concern.SHIPMENT) == [each]
    mended = followed.ship(ship)
    assert (mended.updated_at, mended.overseen) == (before.updated_at, True), "nothing else has changed"
    followed.following(known(NINE + 2 * HOUR, PROBLEM))
    assert followed.ship(ship).revision == mended.revision, "and nothing is written again"


# ---- Webhooks


def endpoint(number: int) -> Webhook:
    return Webhook("acme", f"whk_{number:020x}", "https://shop.example/hook", ("*",), "", NINE)


def test_the_newest_of_all_parts_come_first_and_no_more_than_wanted(
    dynamodb: DynamoDBClient, table: str, concerns: Concerns
) -> None:
    webhooks = Webhooks(dynamodb, table)
    for each in range(12):
        webhooks.create(endpoint(each))
        webhooks.failing(endpoint(each), NINE + each)
    newest, more = concerns.newest(concern.WEBHOOK, 5)
    assert [each.at - NINE for each in newest] == [11, 10, 9, 8, 7]
    assert more
    all_, more = concerns.newest(concern.WEBHOOK, 12)
    assert (len(all_), more) == (12, False)
    hooks = webhooks.of_keys((each.pk, each.sk) for each in all_)
    assert {hook.id for hook in hooks} == {endpoint(each).id for each in range(12)}


def test_a_webhook_is_a_concern_from_its_first_failure_until_something_arrives_or_it_is_resumed(
    dynamodb: DynamoDBClient, table: str, concerns: Concerns
) -> None:
    webhooks, hook = Webhooks(dynamodb, table), endpoint(1)
    webhooks.create(hook)
    webhooks.failing(hook, NINE)
    webhooks.failing(hook, NINE + 60)
    assert [each.at for each in found(concerns, concern.WEBHOOK)] == [NINE]
    webhooks.well(hook)
    assert found(concerns, concern.WEBHOOK) == []
    assert webhooks.disable(hook, "gone", NINE + 90)
    assert [each.at for each in found(concerns, concern.WEBHOOK)] == [NINE + 90]
    stands = webhooks.get("acme", hook.id)
    assert stands is not None
    assert webhooks.change(stands, lambda said: replace(said, state="active", failing_since=None))
    assert found(concerns, concern.WEBHOOK) == []


# ---- Deliveries


def concerns_of(world: World) -> Concerns:
    return Concerns(world.dynamodb, world.tracking)


def states(world: World) -> tuple[int, int]:
    """How many deliveries wait, and how many are parked."""
    waiting, parked = (
        concerns_of(world).deliveries(MEMBER, world.hook.id, state, 100) for state in ("waiting", "parked")
    )
    return len(waiting), len(parked)


def test_deliveries_are_counted_by_what_became_of_them(make: Make) -> None:
    world = make(answering(Reply(500)))
    first, second = world.event(), world.event()
    assert states(world) == (0, 0)
    world.deliver(first)
    world.deliver(second)
    assert states(world) == (2, 0)
    world.receiver.behave = well
    progress = world.progress(first)
    assert progress.next_at is not None
    world.advance(progress.next_at - world.now() + 60)
    world.deliver(first)
    assert states(world) == (1, 0)


def test_a_webhook_for_which_a_delivery_was_given_up_is_found_also_when_others_arrive(mocked: Make) -> None:
    world = mocked(answering(Reply(500)))
    delivery = world.event()
    for _ in range(len(retries.WAITS) + 1):
        world.deliver(delivery)
        if next_at := world.progress(delivery).next_at:
            world.advance(next_at - world.now() + 1)
    assert states(world) == (0, 1)
    world.receiver.behave = well
    world.deliver(world.event())
    assert world.webhook().failing_since is None
    hooks = world.webhooks.of_keys((each.pk, each.sk) for each in found(concerns_of(world), concern.WEBHOOK))
    assert hooks == [world.webhook()]
