"""The dispatch over real tables and queues: what is due is sent, once, and nothing is lost whatever breaks."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest

from tests.kills import Inline, kill_points
from tests.store.conftest import new_world
from tests.store.dispatching import DELIVERY, NOW, World, put_later
from waybill import messages, outbox
from waybill.brake import Brake
from waybill.circuit import Circuit
from waybill.dispatch import CLAIM, UNPUBLISHED_FOR, WALL_SECONDS, Run, patience
from waybill.due import Due, DueIndex
from waybill.errors import QueueUnavailable, StoreUnavailable, TopicUnavailable
from waybill.queues import Queue
from waybill.shipments import Link
from waybill.topics import Topic
from waybill.tracked import shard_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waybill.notifications import Notification


class BrokenQueue(Queue):
    """Takes no message that names one of these numbers."""

    def __init__(self, queue: Queue, *refused: str) -> None:
        self._taking = queue
        self._not_taken = refused

    def send(self, bodies: Sequence[str]) -> list[int]:
        left = [place for place, body in enumerate(bodies) if json.loads(body)["number"] in self._not_taken]
        self._taking.send([body for place, body in enumerate(bodies) if place not in left])
        return left


class Crashing(Queue):
    """The process dies before anything is sent."""

    def __init__(self) -> None:
        pass

    def send(self, bodies: Sequence[str]) -> list[int]:
        raise SystemExit(f"killed with {len(bodies)} claimed")


class FailingIndex(DueIndex):
    """DynamoDB serves so many claims, and then none."""

    served = 0

    def claim(self, due: Due, until: float) -> bool:
        if self.served == 0:
            raise StoreUnavailable("no")
        self.served -= 1
        return super().claim(due, until)


def test_what_is_due_is_sent_once_and_then_left_to_its_workers(world: World) -> None:
    numbers = world.put(123)
    world.store(20)
    assert world.run() == Run(lag=600, sent=123, circuit_open=False, most=None)
    assert world.sent() == numbers
    assert world.run() == Run()
    assert world.sent() == []


def test_what_no_worker_rescheduled_is_sent_again_when_its_claim_is_over(world: World) -> None:
    numbers = world.put(3)
    world.run()
    world.sent()
    world.now += CLAIM - 1
    assert world.run().sent == 0
    world.now += 1
    assert world.run() == Run(lag=0, sent=3, circuit_open=False, most=None)
    assert world.sent() == numbers


def test_a_dispatch_that_is_killed_before_it_sends_loses_nothing(world: World) -> None:
    numbers = world.put(25)
    with pytest.raises(SystemExit, match="claimed"):
        replace(world.dispatch(), queue=Crashing())(lambda: 25.0)
    world.run()
    assert set(world.sent()) < set(numbers), "what it had claimed is nobody else's meanwhile"
    world.now += CLAIM
    world.run()
    assert world.sent() == numbers, "a claim ends if nobody has worked off what it was for, whoever made it"


def test_what_the_queue_does_not_take_is_given_back_and_sent_by_the_next_run(world: World) -> None:
    numbers = world.put(12)
    broken = BrokenQueue(world.dispatch().queue, numbers[0], numbers[7])
    run = replace(world.dispatch(), queue=broken)(lambda: 25.0)
    assert (run.sent, type(run.fault)) == (10, QueueUnavailable)
    assert world.sent() == [number for number in numbers if number not in {numbers[0], numbers[7]}]
    assert world.run() == Run(lag=600, sent=2, circuit_open=False, most=None)
    assert world.sent() == [numbers[0], numbers[7]]


def test_what_was_claimed_before_the_table_failed_is_sent(world: World) -> None:
    world.put(10)
    index = FailingIndex(world.dynamodb, world.table)
    index.served = 4
    run = replace(world.dispatch(), index=index)(lambda: 25.0)
    assert (run.sent, type(run.fault)) == (4, StoreUnavailable)
    assert len(world.sent()) == 4
    assert world.run().sent == 6


def test_a_run_begins_nothing_new_when_its_share_of_the_time_is_over(world: World) -> None:
    numbers = world.put(250)
    remaining = chain([25.0, 24.0, 19.0, 10.1], repeat(9.9))
    first = world.run(lambda: next(remaining))
    assert first.sent == 200
    sent = world.sent()
    assert sent == numbers[:200], "the oldest"
    assert world.run().sent == 50
    assert world.sent() == numbers[200:]


def test_two_runs_at_once_send_each_parcel_once(emulator: str) -> None:
    world = new_world(emulator, ThreadPoolExecutor(10))
    numbers = world.put(150)
    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda _: world.run(), range(2)))
    assert sum(run.sent for run in runs) == 150
    assert world.sent() == numbers
    world.threads.shutdown()


# ---- What is read


def reads(world: World) -> tuple[int, int]:
    """How many index entries and how many requests for them a run took."""
    counts: list[int] = []

    def count(parsed: dict[str, Any], **_: object) -> None:
        counts.append(parsed["ScannedCount"])

    world.dynamodb.meta.events.register("after-call.dynamodb.Query", count)
    world.run()
    world.dynamodb.meta.events.unregister("after-call.dynamodb.Query", count)
    return sum(counts), len(counts)


def test_what_is_read_depends_on_what_is_due_and_not_on_what_is_stored(world: World) -> None:
    world.store(50)
    world.put(40)
    few = reads(world)
    world.store(600)
    world.put(40, name="YU")
    assert reads(world) == few == (40, 24), (
        "of sixteen shards of parcels, four of what is told, four of the outbox"
    )


# ---- The circuit and the brake


def test_while_the_circuit_is_open_one_parcel_goes_when_a_probe_may_be_made(world: World) -> None:
    numbers = world.put(30)
    world.circuit = Circuit.opened("601", "holder", NOW)
    assert world.run() == Run(lag=600, sent=0, circuit_open=True, most=0)
    world.now += 60
    assert world.run() == Run(lag=660, sent=1, circuit_open=True, most=1)
    assert world.sent() == numbers[:1], "the oldest"
    world.circuit = None
    assert world.run().sent == 29


def test_a_probe_is_another_parcel_where_somebody_else_took_the_oldest(world: World) -> None:
    numbers = world.put(30)
    world.circuit = Circuit.opened("601", "holder", NOW - 60)
    index = FailingIndex(world.dynamodb, world.table)
    (oldest,) = [
        due
        for due in index.waiting(shard_of(Link("yuantong", numbers[0])), NOW, 100)
        if due.pk.endswith(numbers[0])
    ]

    class Overtaken(DueIndex):
        def claim(self, due: Due, until: float) -> bool:
            DueIndex(world.dynamodb, world.table).claim(oldest, NOW + 5)
            return super().claim(due, until)

    run = replace(world.dispatch(), index=Overtaken(world.dynamodb, world.table))(lambda: 25.0)
    assert run.sent == 1
    assert world.sent() == [numbers[1]]


@pytest.mark.parametrize("most", [1, 7, 130])
def test_the_brake_lets_the_oldest_go(world: World, most: int) -> None:
    numbers = world.put(150)
    world.brake = Brake(most=most)
    assert world.run() == Run(lag=600, sent=most, circuit_open=False, most=most)
    assert world.sent() == numbers[:most]


def test_a_claim_leaves_a_worker_real_time_however_fast_the_clock_is() -> None:
    assert patience(CLAIM, 1) == CLAIM
    assert patience(CLAIM, 600) == WALL_SECONDS * 600
    assert patience(UNPUBLISHED_FOR, 600) == WALL_SECONDS * 600


# ---- Deliveries and letters


REPLAYED = messages.Delivery("acme", "whk_1", 7, "r1")
LETTER = messages.Letter("acme", "1001", "yuantong", "YT1")


def later(world: World) -> tuple[list[Any], list[Any]]:
    """The deliveries and the letters in their queues, which are empty then."""
    deliveries, letters = (
        sorted(map(json.dumps, world.outlets.taken(url)))
        for url in (world.outlets.webhook, world.outlets.mail)
    )
    return [*map(messages.read_delivery, deliveries)], [*map(messages.read_letter, letters)]


def test_deliveries_and_letters_go_to_their_workers_when_they_are_due_and_once(world: World) -> None:
    put_later(world, (DELIVERY, -60), (REPLAYED, 0), (LETTER, -1), (replace(DELIVERY, sequence=8), 1))
    assert world.run() == Run(again=3)
    assert later(world) == ([DELIVERY, REPLAYED], [LETTER])
    assert world.run() == Run()
    world.now += 1
    assert world.run() == Run(again=1)
    assert later(world) == ([replace(DELIVERY, sequence=8)], [])
    world.now += CLAIM
    assert world.run().again == 4, "nobody did them"


def test_neither_circuit_nor_brake_holds_up_what_is_to_be_told(world: World) -> None:
    world.put(3)
    put_later(world, (DELIVERY, 0), (LETTER, 0))
    world.circuit, world.brake = Circuit.opened("601", "holder", NOW), Brake(most=1)
    run = world.run()
    assert (run.sent, run.again) == (0, 2)
    assert later(world) == ([DELIVERY], [LETTER])


def test_a_letter_that_its_queue_does_not_take_is_given_back_and_the_deliveries_go(world: World) -> None:
    put_later(world, (DELIVERY, 0), (LETTER, 0))
    run = replace(world.dispatch(), mail=world.queue(f"{world.outlets.mail}-gone"))(lambda: 25.0)
    assert (run.again, type(run.fault)) == (1, QueueUnavailable)
    assert world.run() == Run(again=1)
    assert later(world) == ([DELIVERY], [LETTER])


# ---- The outbox


def put_born(world: World, *ages: float) -> list[str]:
    """Milestones that were born so many seconds ago, and their ids."""
    told: list[Notification] = [
        {"type": "budget.warning", "id": f"evt_{place:03}", "timestamp": "", "data": BUDGET}
        for place, _ in enumerate(ages)
    ]
    world.write(
        {"pk": {"S": f"BUDGET#{place}"}, "sk": {"S": "WARNED#080"}, **outbox.entry(each, NOW - ages[place])}
        for place, each in enumerate(told)
    )
    return [each["id"] for each in told]


BUDGET = {"member": None, "period": "2026-11-22", "limit": 100, "percent": 80}


def told(world: World) -> list[str]:
    return sorted(each["id"] for each in world.outlets.taken(world.outlets.fanout))


def test_what_the_stream_left_for_ten_minutes_is_published_once(world: World) -> None:
    ids = put_born(world, UNPUBLISHED_FOR + 5, UNPUBLISHED_FOR, UNPUBLISHED_FOR - 1)
    assert world.run() == Run(outbox_lag=605, republished=2)
    assert told(world) == ids[:2]
    assert world.run() == Run(outbox_lag=599)
    world.now += 1
    assert world.run() == Run(outbox_lag=600, republished=1)
    assert told(world) == ids[2:]
    assert world.run() == Run()


def test_more_than_a_hundred_are_published_in_one_run(world: World) -> None:
    ids = put_born(world, *(UNPUBLISHED_FOR + each for each in range(123)))
    assert world.run().republished == 123
    assert told(world) == ids


def test_no_more_are_published_in_one_run_than_it_has_time_for(world: World) -> None:
    put_born(world, *(UNPUBLISHED_FOR + each for each in range(150)))
    remaining = chain([25.0] * 4, repeat(7.4))
    assert world.run(lambda: next(remaining)).republished == 100
    assert world.run().republished == 50


def test_what_can_never_be_published_holds_up_nothing_that_was_born_later(world: World) -> None:
    ids = put_born(world, *(UNPUBLISHED_FOR + 300 - each for each in range(230)))
    world.dynamodb.update_item(
        TableName=world.table,
        Key={"pk": {"S": "BUDGET#0"}, "sk": {"S": "WARNED#080"}},
        UpdateExpression="SET message = :broken",
        ExpressionAttributeValues={":broken": {"S": "no notification"}},
    )
    for republished in (229, 0):
        run = world.run()
        assert (run.republished, type(run.fault)) == (republished, TopicUnavailable)
    assert told(world) == ids[1:]


def test_a_topic_that_is_away_takes_no_more_than_one_hundred(world: World) -> None:
    put_born(world, *(UNPUBLISHED_FOR + each for each in range(150)))
    made = world.dispatch()
    away = Topic(world.outlets.sns, f"{world.outlets.topic}-gone", lambda _: None)
    run = replace(made, publishing=replace(made.publishing, topic=away))(lambda: 25.0)
    assert (run.republished, str(run.fault)) == (0, "100 of 100 notifications could not be published.")


def test_a_topic_that_is_away_delays_nothing_else_and_is_told_at_the_end(world: World) -> None:
    numbers = world.put(12)
    put_later(world, (DELIVERY, 0))
    ids = put_born(world, 700)
    made = world.dispatch()
    away = replace(
        made.publishing, topic=Topic(world.outlets.sns, f"{world.outlets.topic}-gone", lambda _: None)
    )
    run = replace(made, publishing=away)(lambda: 25.0)
    assert run == Run(lag=600, sent=12, again=1, outbox_lag=700, fault=run.fault)
    assert type(run.fault) is TopicUnavailable
    assert (world.sent(), later(world)[0]) == (numbers, [DELIVERY])
    assert world.run().republished == 1
    assert told(world) == ids


def test_parcels_that_cannot_be_read_hold_up_nothing_that_is_to_be_told(world: World) -> None:
    ids = put_born(world, 700)

    def away() -> Brake:
        raise StoreUnavailable("no")

    run = replace(world.dispatch(), brake=away)(lambda: 25.0)
    assert (run.republished, type(run.fault)) == (1, StoreUnavailable)
    assert told(world) == ids


# ---- Kill points


def test_a_dispatch_killed_between_any_two_steps_sends_everything_later_and_twice_only_after_a_send(
    endpoint: str | None,
) -> None:
    def make() -> World:
        world = new_world(endpoint, Inline())
        world.put(1)
        put_later(world, (DELIVERY, 0), (LETTER, 0))
        put_born(world, 700)
        return world

    twice, points = set(), []
    for point, world in kill_points(
        make,
        lambda world, _: world.run(),
        lambda world: [world.dynamodb, world.outlets.sns, world.outlets.sqs],
    ):
        world.run()
        world.now += CLAIM
        world.run()
        outlets = world.outlets
        counts = {
            name: len(outlets.taken(getattr(outlets, name)))
            for name in ("refresh", "webhook", "mail", "fanout")
        }
        # What is due is sent again until its worker has done it, and here nobody works; so the outbox alone tells twice.
        assert min(counts.values()) >= 1, point
        assert counts["fanout"] <= 2, point
        points.append(point)
        if counts["fanout"] == 2:
            twice.add(point)
    sent = next(place for place, point in enumerate(points) if point.endswith("PublishBatch")) + 1
    assert twice == set(points[sent : sent + 2]), "after it is published, and before it is marked"
