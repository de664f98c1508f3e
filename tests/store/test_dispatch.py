"""The dispatch over real tables and queues: what is due is sent, once, and nothing is lost whatever breaks."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tests.store.conftest import client_of, new_table
from waybill.brake import Brake
from waybill.circuit import Circuit
from waybill.dispatch import CLAIM, CLAIM_WALL_SECONDS, Dispatch, Run, claim_seconds
from waybill.due import Due, DueIndex
from waybill.errors import QueueUnavailable, StoreUnavailable
from waybill.queues import Queue
from waybill.schedule import shard_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOW = 1_800_000_000.0


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


@dataclass
class World:
    """A table, a queue and a clock."""

    dynamodb: Any
    sqs: Any
    table: str
    url: str
    threads: ThreadPoolExecutor
    now: float = NOW
    circuit: Circuit | None = None
    brake: Brake = field(default_factory=Brake)

    def dispatch(self) -> Dispatch:
        return Dispatch(
            index=DueIndex(self.dynamodb, self.table),
            queue=Queue(self.sqs, self.url, lambda _: None),
            brake=lambda: self.brake,
            circuit=lambda: self.circuit,
            now=lambda: self.now,
            claim=CLAIM,
            threads=self.threads,
        )

    def run(self, remaining: Callable[[], float] = lambda: 25.0) -> Run:
        return self.dispatch()(remaining)

    def put(self, count: int, first: float = 600.0, *, name: str = "YT") -> list[str]:
        """So many parcels that are due, a second apart, the oldest `first` seconds ago."""
        numbers = [f"{name}{each:05}" for each in range(count)]
        self._write(
            {
                "due_shard": {"S": shard_of("yuantong", number)},
                "due_at": {"N": repr(NOW - first + place)},
                "pk": {"S": f"PARCEL#yuantong#{number}"},
            }
            for place, number in enumerate(numbers)
        )
        return numbers

    def store(self, count: int) -> None:
        """So many parcels that are not due: half of them later, half of them never."""
        self._write(
            {
                "pk": {"S": f"PARCEL#yuantong#ST{each:06}"},
                **(
                    {"due_shard": {"S": f"DUE#{each % 16:02}"}, "due_at": {"N": repr(NOW + 1 + each)}}
                    if each % 2
                    else {}
                ),
            }
            for each in range(count)
        )

    def _write(self, items: Any) -> None:
        puts = [{"PutRequest": {"Item": {"sk": {"S": "PARCEL"}, **item}}} for item in items]
        for first in range(0, len(puts), 25):
            self.dynamodb.batch_write_item(RequestItems={self.table: puts[first : first + 25]})

    def sent(self) -> list[str]:
        """The numbers in the queue, which is empty then."""
        numbers: list[str] = []
        while got := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                said = json.loads(message["Body"])
                assert said == {"courier": "yuantong", "number": said["number"]}
                numbers.append(said["number"])
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(numbers)


def world_of(url: str | None) -> World:
    make: Any = boto3.client  # typed for the services whose types are installed
    sqs = make(
        "sqs",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    queue = sqs.create_queue(QueueName=f"due-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    client = client_of(url)
    return World(client, sqs, new_table(client, "TrackingTable"), queue, ThreadPoolExecutor(10))


@pytest.fixture(params=["moto", "emulator"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "emulator":
        made = world_of(request.getfixturevalue("emulator"))
        yield made
        made.threads.shutdown()
        return
    with mock_aws():
        made = world_of(None)
        yield made
        made.threads.shutdown()


def test_what_is_due_is_sent_once_and_then_left_to_its_workers(world: World) -> None:
    numbers = world.put(123)
    world.store(20)
    assert world.run() == Run(lag=600, sent=123, circuit_open=False, most=None)
    assert world.sent() == numbers
    assert world.run() == Run(lag=0, sent=0, circuit_open=False, most=None)
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
    world.now += CLAIM
    world.run()
    assert world.sent() == numbers


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


def test_a_run_begins_nothing_new_when_four_fifths_of_its_time_are_over(world: World) -> None:
    numbers = world.put(250)
    remaining = iter([25.0, 24.0, 5.1, 4.9])
    first = world.run(lambda: next(remaining))
    assert first.sent == 200
    sent = world.sent()
    assert sent == numbers[:200], "the oldest"
    assert world.run().sent == 50
    assert world.sent() == numbers[200:]


def test_two_runs_at_once_send_each_parcel_once(emulator: str) -> None:
    world = world_of(emulator)
    numbers = world.put(150)
    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda _: world.run(), range(2)))
    assert sum(run.sent for run in runs) == 150
    assert world.sent() == numbers
    world.threads.shutdown()


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
    assert reads(world) == few == (40, 16)


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
        for due in index.waiting(shard_of("yuantong", numbers[0]), NOW, 100)
        if due.link.number == numbers[0]
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
    assert claim_seconds(1) == CLAIM
    assert claim_seconds(600) == CLAIM_WALL_SECONDS * 600
