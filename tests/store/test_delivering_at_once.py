"""Deliveries beside each other: few at a time before a slow endpoint, nobody delayed by another's, and one POST for each."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.delivered import DOWN, WELL, Context, World, makers, room
from tests.loopback import wait_until
from tests.receivers import Reply, answering, hanging, slow
from waybill import messages
from waybill.errors import InProgress, QueueUnavailable, WaybillError
from waybill.gate import STEADY, Full, Place
from waybill.post import Poster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.delivered import Make
    from waybill.messages import Delivery
    from waybill.post import Outcome
    from waybill.webhooks import Webhook


@pytest.fixture
def emulated(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    yield from makers(monkeypatch, emulator)


@pytest.fixture
def world(make: Make) -> World:
    return make(answering(WELL))


# ---- The gate


def test_a_webhook_begins_slow_and_is_quick_after_its_first_quick_answer(world: World) -> None:
    assert world.webhook().slow
    world.deliver(world.event())
    assert not world.webhook().slow


def test_a_quick_webhook_writes_nothing_at_the_gate(make: Make) -> None:
    world = make(answering(WELL), slow=False)
    world.deliver(world.event())
    items = world.dynamodb.scan(TableName=world.cache)["Items"]
    assert not [item for item in items if item["pk"]["S"].startswith("GATE#")]


def test_who_finds_no_place_is_put_off_without_a_try_and_arrives_later(world: World) -> None:
    place = world.gates.enter(world.hook.id, time.time())
    assert isinstance(place, Place)
    delivery = world.event()
    world.chance = 0.99
    world.deliver(delivery)
    progress = world.progress(delivery)
    assert (progress.state, progress.tries, progress.failures) == ("waiting", (), 0)
    assert progress.next_at is not None
    assert world.queued() == (0, 1)
    world.deliver(delivery)
    assert world.progress(delivery) == progress, "a second message is not put off a second time"
    assert world.receiver.requests == []
    world.gates.leave(place, time.time(), timed_out=False)
    world.settle([delivery])
    assert world.receiver.handled == {world.event_id(delivery): 1}
    assert world.progress(delivery).wanted_at is None


def test_a_quick_try_that_waits_takes_a_place_and_gives_it_back(make: Make) -> None:
    world = make(slow(0.3), slow=False, patience=0.05)

    def post(url: str, headers: Mapping[str, str], body: bytes, on_waiting: Callable[[], None]) -> Outcome:
        def seen() -> None:
            on_waiting()
            assert world.webhook().slow
            assert room(world.gates, world.hook.id, time.time()) == 1

        return world.poster(url, headers, body, seen)

    world.deliver(world.event(), post)
    assert len(world.receiver.handled) == 1
    assert room(world.gates, world.hook.id, time.time()) == 3


def test_a_time_out_shuts_the_gate_and_counts_as_a_try(mocked: Make) -> None:
    world = mocked(hanging(), deadline=0.3)
    delivery, other = world.event(), world.event()
    world.deliver(delivery)
    (attempt,) = world.progress(delivery).tries
    assert (attempt.status, attempt.error) == (None, "timeout")
    assert isinstance(world.gates.enter(world.hook.id, time.time()), Full)
    world.deliver(other)
    assert world.progress(other).tries == ()
    assert world.webhook().slow


# ---- Two queues


def test_a_message_for_a_slow_webhook_goes_from_the_quick_queue_to_the_slow_one(world: World) -> None:
    delivery = world.event()
    world.deliver(delivery, slow=False)
    assert world.receiver.requests == []
    assert world.deliveries.get(delivery) is None
    assert world.queued() == (0, 1)
    (message,) = world.sqs.receive_message(QueueUrl=world.slow_url)["Messages"]
    assert messages.read_delivery(message["Body"]) == delivery
    world.deliver(delivery, slow=True)
    assert world.progress(delivery).state == "delivered"
    world.deliver(other := world.event(), slow=False)
    assert world.progress(other).state == "delivered", "its first quick answer has made it quick"


def test_what_is_over_for_a_slow_webhook_goes_nowhere(world: World) -> None:
    delivery = world.event()
    world.deliver(delivery)
    world.webhooks.paced(world.hook, slow=True)
    world.deliver(delivery, slow=False)
    world.webhooks.change(world.webhook(), lambda stands: replace(stands, state="paused"))
    world.deliver(parked := world.event(), slow=False)
    assert world.progress(parked).state == "parked"
    assert world.queued() == (0, 0)


@pytest.mark.parametrize("slow", [True, False])
def test_a_retry_comes_by_the_queue_that_its_webhook_had_with_the_try(make: Make, *, slow: bool) -> None:
    world = make(answering(DOWN), slow=slow)
    world.deliver(world.event())
    assert world.queued() == ((0, 1) if slow else (1, 0))


def test_without_the_slow_queue_a_message_stays_in_the_quick_one(world: World) -> None:
    world.slow_url = f"{world.slow_url}-gone"
    with pytest.raises(QueueUnavailable):
        world.deliver(world.event(), slow=False)


def test_an_endpoint_that_hangs_now_and_then_stays_slow(make: Make) -> None:
    world = make(hanging(), slow=False, patience=0.05, deadline=0.2)
    world.deliver(world.event())
    assert world.webhook().slow
    world.receiver.behave = answering(WELL)

    def answered(seconds_ago: float, post: Poster) -> Webhook:
        world.dynamodb.update_item(
            TableName=world.cache,
            Key={"pk": {"S": f"GATE#{world.hook.id}"}},
            UpdateExpression="SET timed_out_at = :then REMOVE shut_until",
            ExpressionAttributeValues={":then": {"N": str(time.time() - seconds_ago)}},
        )
        world.deliver(world.event(), post)
        return world.webhook()

    with Poster(loopback=True) as patient:
        assert answered(STEADY - 30, patient).slow
        assert not answered(STEADY + 1, patient).slow
    assert len(world.receiver.handled) == 2


def at_once(work: list[tuple[World, Delivery]]) -> None:
    """A batch of messages, each handled by its world's worker."""
    workers = {world.hook.id: world.delivering() for world, _ in work}
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda each: workers[each[1].webhook](each[1]), work))


@pytest.mark.parametrize("slow", [True, False])
def test_a_hanging_endpoint_delays_nobody_else(
    emulated: Make, monkeypatch: pytest.MonkeyPatch, *, slow: bool
) -> None:
    """Nobody releases the hanging endpoint before the others have all been heard of."""
    monkeypatch.setattr("waybill.gate.STUCK", 60.0)  # however slow this machine is
    dead, well = emulated(hanging(), slow=slow, patience=0.05), emulated(answering(WELL), slow=False)
    work = [(dead, dead.event()) for _ in range(6)] + [(well, well.event()) for _ in range(4)]
    batch = threading.Thread(target=at_once, args=(work,))
    batch.start()
    well.receiver.wait_for(4)
    dead.receiver.wait_for(1 if slow else 6)
    wait_until(lambda: dead.webhook().slow)
    following = [(dead, dead.event()) for _ in range(5)]
    second = threading.Thread(target=at_once, args=(following,))
    second.start()
    beside = 0 if slow else 1  # who was quick has one beside the try that waits
    wait_until(lambda: sum(dead.deliveries.get(each) is not None for _, each in following) == 5 - beside)
    dead.receiver.wait_for(1 if slow else 7)
    assert dead.receiver.replies == []
    dead.receiver.released.set()
    batch.join()
    second.join()
    assert len(dead.receiver.requests) == (1 if slow else 7), "one at a time, since it is known to be slow"
    assert sum(dead.progress(each).tries == () for _, each in following) == 5 - beside
    assert sum(well.receiver.handled.values()) == 4


# ---- Duplicates


def test_messages_at_once_for_one_delivery_post_once(emulated: Make) -> None:
    world = emulated(answering(WELL), slow=False)
    world.context = Context(60_000)
    delivery = world.event()
    worker = world.delivering()
    together = threading.Barrier(8)

    def work(_: int) -> bool:
        together.wait(20)
        try:
            worker(delivery)
        except InProgress:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert any(threads.map(work, range(8)))
    world.deliver(delivery)
    assert world.receiver.handled == {world.event_id(delivery): 1}
    assert len(world.receiver.requests) == 1
    assert world.heard.count((200, "delivered")) == 1


def test_a_message_comes_back_while_another_worker_posts(make: Make) -> None:
    world = make(answering(WELL), slow=False)
    world.context = Context(60_000)
    delivery = world.event()
    seen: list[type[WaybillError]] = []

    def post(url: str, headers: Mapping[str, str], body: bytes, on_waiting: Callable[[], None]) -> Outcome:
        try:
            world.deliver(delivery)
        except WaybillError as error:
            seen.append(type(error))
        return world.poster(url, headers, body, on_waiting)

    world.deliver(delivery, post)
    assert seen == [InProgress]
    assert len(world.receiver.requests) == 1


@pytest.mark.parametrize("reply", [WELL, DOWN, Reply(410)])
def test_a_second_message_for_what_a_slow_webhook_is_asked_now_is_put_off_and_changes_nothing(
    make: Make, reply: Reply
) -> None:
    world = make(answering(reply))
    delivery = world.event()

    def post(url: str, headers: Mapping[str, str], body: bytes, on_waiting: Callable[[], None]) -> Outcome:
        world.deliver(delivery)
        assert world.progress(delivery).wanted_at is not None
        return world.poster(url, headers, body, on_waiting)

    world.deliver(delivery, post)
    progress = world.progress(delivery)
    assert [each.status for each in progress.tries] == [reply.status]
    assert world.heard == [(reply.status, progress.state)]
    assert len(world.receiver.requests) == 1
    world.deliver(delivery)
    assert world.progress(delivery) == progress
