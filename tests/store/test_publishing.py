"""What is in the outbox is published, each once, in whatever order and however often a stream shows it, whoever dies meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.kills import Inline, kill_points
from tests.store.conftest import new_world
from tests.store.dispatching import NOW
from waybill import notifications, outbox
from waybill.errors import StoreUnavailable
from waybill.model import Event, Milestone, Parcel
from waybill.outboxes import Outbox, Unpublished
from waybill.publishing import Published
from waybill.shipments import Registration, Shipment
from waybill.topics import TRIES, Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.store.dispatching import World
    from waybill.outboxes import Key

PARCEL = "PARCEL#yuantong#YT1"
NOTICE = (PARCEL, "NOTICE#acme#1001")


def milestone(number: int = 1, status: Any = "delivered", text: str = "已签收") -> notifications.Notification:
    event = Event(f"e{number}", "2026-01-01T10:00:00+08:00", "assumed", text, "3", status, None)
    parcel = Parcel("yuantong", f"YT{number}", status, terminal=status == "delivered", events=(event,))
    return notifications.of_milestone(parcel, Milestone(status, "2026-01-01T10:00:00+08:00", event.id), NOW)


def put(world: World, told: Sequence[notifications.Notification]) -> list[Key]:
    """Milestones in the outbox, a second apart."""
    keys = [(f"PARCEL#yuantong#{place:03}", "MILESTONE#delivered") for place in range(len(told))]
    world.write(
        {"pk": {"S": pk}, "sk": {"S": sk}, "status": {"S": "delivered"}, **outbox.entry(each, NOW + place)}
        for place, ((pk, sk), each) in enumerate(zip(keys, told, strict=True))
    )
    return keys


def put_notice(world: World, born_at: float = NOW) -> None:
    """A message for one member."""
    told = outbox.own("acme", milestone(0), born_at)
    world.write([outbox.notice(PARCEL, "acme#1001", told, born_at)])


def item(world: World, key: Key) -> Any:
    answer = world.dynamodb.get_item(TableName=world.table, Key={"pk": {"S": key[0]}, "sk": {"S": key[1]}})
    return answer.get("Item")


def heard(world: World, url: str = "") -> list[Any]:
    return world.outlets.taken(url or world.outlets.fanout)


def numbers(world: World, url: str = "") -> list[str]:
    return sorted(each["data"]["number"] for each in heard(world, url))


def publish(world: World, keys: Sequence[Key], **changed: Any) -> Published:
    return replace(world.dispatch().publishing, **changed)(keys)


def test_what_was_born_is_published_as_it_was_and_is_in_the_outbox_no_more(world: World) -> None:
    (key,) = put(world, [milestone()])
    assert publish(world, [key]) == Published(1, [])
    assert heard(world) == [milestone()]
    left = {"pk": {"S": key[0]}, "sk": {"S": key[1]}, "status": {"S": "delivered"}}
    assert {**item(world, key), "born_at": None} == {**left, "born_at": None}


def test_what_is_one_members_own_goes_to_the_queue_and_its_notice_is_gone(world: World) -> None:
    put_notice(world)
    everybody = world.outlets.subscribe()
    assert publish(world, [NOTICE]) == Published(1, [])
    assert heard(world) == [json.loads(outbox.to_member("acme", milestone(0)))]
    assert heard(world, everybody) == []
    assert item(world, NOTICE) is None


def test_records_that_come_twice_and_in_any_order_are_published_once(world: World) -> None:
    keys = put(world, [milestone(each) for each in range(25)])
    put_notice(world)
    shown = [*keys[::-1], *keys[:9], NOTICE, *keys[3:], NOTICE]
    assert publish(world, shown[:20]).sent == 20
    assert publish(world, shown).sent == 6
    assert publish(world, shown) == Published(0, [])
    assert len(heard(world)) == 26


def test_what_has_gone_or_was_never_in_the_outbox_is_passed_over(world: World) -> None:
    world.put(1)
    assert publish(world, [NOTICE, ("PARCEL#yuantong#YT00000", "PARCEL")]) == Published(0, [])


class Refusing:
    """A client whose topic refuses, so many times, what names one of these numbers."""

    def __init__(self, sns: Any, refused: dict[str, int]) -> None:
        self._sns = sns
        self._refused = refused

    def publish_batch(self, TopicArn: str, PublishBatchRequestEntries: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        failed = []
        for entry in PublishBatchRequestEntries:
            number = json.loads(json.loads(entry["Message"])["default"])["data"]["number"]
            if self._refused.get(number, 0) > 0:
                self._refused[number] -= 1
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
        refused = {each["Id"] for each in failed}
        taken = [entry for entry in PublishBatchRequestEntries if entry["Id"] not in refused]
        if taken:
            self._sns.publish_batch(TopicArn=TopicArn, PublishBatchRequestEntries=taken)
        return {"Failed": failed}


def test_single_refused_entries_are_tried_again_and_then_left_where_they_are(world: World) -> None:
    keys = put(world, [milestone(each) for each in range(12)])
    pauses: list[float] = []
    topic = Topic(Refusing(world.outlets.sns, {"YT3": 1, "YT7": 99}), world.outlets.topic, pauses.append)
    assert publish(world, keys, topic=topic) == Published(11, [keys[7]])
    assert pauses == list(TRIES)
    assert numbers(world) == sorted(f"YT{each}" for each in range(12) if each != 7)
    assert publish(world, keys) == Published(1, [])
    assert numbers(world) == ["YT7"]


def test_a_topic_that_is_away_leaves_everything_but_what_goes_past_it(world: World) -> None:
    keys = put(world, [milestone(each) for each in range(12)])
    put_notice(world)
    gone = Topic(world.outlets.sns, f"{world.outlets.topic}-gone", lambda _: None)
    assert publish(world, [*keys, NOTICE], topic=gone) == Published(1, keys)
    assert len(heard(world)) == 1


def test_more_than_a_batch_of_long_texts_is_published(world: World) -> None:
    long = "快" * 1000
    keys = put(world, [milestone(each, text=long) for each in range(40)])
    assert publish(world, keys).sent == 40
    assert [each["data"]["event"]["text"] for each in heard(world)] == [long] * 40


def test_what_nobody_can_read_is_left_alone(world: World) -> None:
    keys = put(world, [milestone(1), milestone(2)])
    world.dynamodb.update_item(
        TableName=world.table,
        Key={"pk": {"S": keys[0][0]}, "sk": {"S": keys[0][1]}},
        UpdateExpression="SET message = :none",
        ExpressionAttributeValues={":none": {"S": '{"type": "parcel.delivered"}'}},
    )
    assert publish(world, keys) == Published(1, keys[:1])
    assert numbers(world) == ["YT2"]


class Unmarkable(Outbox):
    """The table takes no mark."""

    def sent(self, each: Unpublished) -> None:
        raise StoreUnavailable(str(each.key))


def test_what_cannot_be_marked_was_published_all_the_same_and_is_once_more(world: World) -> None:
    keys = put(world, [milestone(each) for each in range(3)])
    assert publish(world, keys, outbox=Unmarkable(world.dynamodb, world.table)) == Published(3, [])
    assert len(world.unmarked) == 3
    assert publish(world, keys).sent == 3
    assert numbers(world) == ["YT0", "YT0", "YT1", "YT1", "YT2", "YT2"]


def test_a_mark_leaves_what_was_born_there_since(world: World) -> None:
    put_notice(world)
    waiting = Outbox(world.dynamodb, world.table)
    (old,) = waiting.read([NOTICE])
    put_notice(world, NOW + 0.25)
    waiting.sent(old)
    (new,) = waiting.read([NOTICE])
    assert new.born_at == NOW + 0.25
    waiting.sent(new)
    waiting.sent(new)
    assert waiting.read([NOTICE]) == []
    assert item(world, NOTICE) is None


@pytest.mark.parametrize("page", [1, 3, 100])
def test_the_outbox_is_read_oldest_first_however_it_is_paged(world: World, page: int) -> None:
    keys = put(world, [milestone(each) for each in range(20)])
    waiting = list(Outbox(world.dynamodb, world.table).waiting(NOW + 15, page))
    assert waiting == [(NOW + place, key) for place, key in enumerate(keys[:16])]


def test_subscribers_filter_by_what_happened(world: World) -> None:
    troubled = world.outlets.subscribe({"status": ["delivered", "exception"]})
    attention = world.outlets.subscribe({"attention": [{"anything-but": ["none"]}]})
    of_one = world.outlets.subscribe({"type": ["parcel.delivered"], "courier": ["yuantong"]})
    keys = put(world, [milestone(1), milestone(2, "exception"), milestone(3, "in_transit")])
    publish(world, keys)
    assert numbers(world, troubled) == ["YT1", "YT2"]
    assert numbers(world, attention) == ["YT2"]
    assert numbers(world, of_one) == ["YT1"]
    assert numbers(world) == ["YT1", "YT2", "YT3"]


def test_a_publish_killed_between_any_two_steps_tells_everything_and_twice_only_what_was_sent_and_not_marked(
    emulator: str,
) -> None:
    keys = [*((f"PARCEL#yuantong#{place:03}", "MILESTONE#delivered") for place in range(12)), NOTICE]

    def make() -> World:
        world = new_world(emulator, Inline())
        put(world, [milestone(each) for each in range(12)])
        put_notice(world)
        return world

    twice: dict[str, int] = {}
    for point, world in kill_points(
        make,
        lambda world, _: publish(world, keys),
        lambda world: [world.dynamodb, world.outlets.sns, world.outlets.sqs],
    ):
        assert publish(world, keys).left == []
        told = [json.dumps(each) for each in heard(world)]
        assert len(set(told)) == 13, point
        twice[point] = len(told) - 13
        assert publish(world, keys) == Published(0, [])
    names = list(twice)
    sends = [
        place for place, name in enumerate(names) if name.split()[-1] in {"PublishBatch", "SendMessageBatch"}
    ]
    first = sends[1]
    assert [twice[name] for name in names[:first]] == [0] * first, "nothing is sent yet"
    marks = [name for name in names if name.split()[-1] in {"UpdateItem", "DeleteItem"}]
    assert len(marks) == 2 * 13, "each is marked, and may die before and after it"
    assert max(twice.values()) <= 10, "no more than are sent together"
    assert twice[marks[-1]] == 0
    for before, after in zip(marks[::2], marks[1::2], strict=True):
        assert twice[before] == twice[after] + 1, "a mark is what ends the window"


def test_a_backfill_is_for_the_queue_alone(world: World) -> None:
    ship = Shipment("acme", "1001", "yuantong", "YT1", Registration(), NOW, NOW)
    world.write([outbox.backfill(ship, NOW)])
    assert publish(world, [NOTICE]).sent == 1
    assert [each["kind"] for each in heard(world)] == ["backfill"]
