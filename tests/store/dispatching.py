"""A dispatch with all that it needs, on moto or on the emulator, and a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from waybill import messages
from waybill.brake import Brake
from waybill.dispatch import CLAIM, UNPUBLISHED_FOR, Dispatch, Run
from waybill.due import DueIndex
from waybill.outboxes import Outbox
from waybill.publishing import Publishing
from waybill.queues import Queue
from waybill.shipments import Link
from waybill.topics import Topic
from waybill.tracked import shard_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    from tests.outlets import Outlets
    from waybill.circuit import Circuit
    from waybill.errors import StoreUnavailable

NOW = 1_800_000_000.0
DELIVERY = messages.Delivery("acme", "whk_1", 7)


@dataclass
class World:
    """A table, a topic, queues and a clock."""

    dynamodb: Any
    outlets: Outlets
    table: str
    threads: Executor
    now: float = NOW
    unmarked: list[StoreUnavailable] = field(default_factory=list)
    circuit: Circuit | None = None
    brake: Brake = field(default_factory=Brake)

    def dispatch(self) -> Dispatch:
        return Dispatch(
            index=DueIndex(self.dynamodb, self.table),
            queue=self.queue(self.outlets.refresh),
            webhooks=self.queue(self.outlets.webhook),
            mail=self.queue(self.outlets.mail),
            publishing=Publishing(
                outbox=Outbox(self.dynamodb, self.table),
                topic=Topic(self.outlets.sns, self.outlets.topic, lambda _: None),
                queue=self.queue(self.outlets.fanout),
                threads=self.threads,
                on_unmarked=self.unmarked.append,
            ),
            brake=lambda: self.brake,
            circuit=lambda: self.circuit,
            now=lambda: self.now,
            claim=CLAIM,
            left=UNPUBLISHED_FOR,
            threads=self.threads,
        )

    def queue(self, url: str) -> Queue:
        return Queue(self.outlets.sqs, url, lambda _: None)

    def run(self, remaining: Callable[[], float] = lambda: 25.0) -> Run:
        return self.dispatch()(remaining)

    def put(self, count: int, first: float = 600.0, *, name: str = "YT") -> list[str]:
        """So many parcels that are due, a second apart, the oldest `first` seconds ago."""
        numbers = [f"{name}{each:05}" for each in range(count)]
        self._write(
            {
                "due_shard": {"S": shard_of(Link("yuantong", number))},
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
        self.write({"sk": {"S": "PARCEL"}, **item} for item in items)

    def write(self, items: Iterable[Any]) -> None:
        puts = [{"PutRequest": {"Item": item}} for item in items]
        for first in range(0, len(puts), 25):
            self.dynamodb.batch_write_item(RequestItems={self.table: puts[first : first + 25]})

    def sent(self) -> list[str]:
        """The numbers in the queue, which is empty then."""
        said = self.outlets.taken(self.outlets.refresh)
        assert [each for each in said if each != {"courier": "yuantong", "number": each["number"]}] == []
        return sorted(each["number"] for each in said)


def put_later(world: World, *waiting: tuple[messages.Delivery | messages.Letter, float]) -> None:
    """What waits until that many seconds from now."""
    keys = {messages.Delivery: messages.delivery_key, messages.Letter: messages.letter_key}
    for place, (what, seconds) in enumerate(waiting):
        make: Any = keys[type(what)]
        pk, sk = make(what)
        due = {"due_shard": {"S": f"LATER#{place % messages.LATER_SHARDS:02}"}}
        world.write([{"pk": {"S": pk}, "sk": {"S": sk}, **due, "due_at": {"N": repr(NOW + seconds)}}])
