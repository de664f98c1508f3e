"""A member with a webhook, an event in its feed, and a real endpoint: what tests of deliveries share."""

from __future__ import annotations

import itertools
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import boto3

from tests.receivers import Receiver, Reply
from tests.tables import create_table
from waybill import messages, notifications, signing
from waybill.clock import Clock
from waybill.deliveries import Deliveries, Progress, Try
from waybill.delivering import Delivering
from waybill.feed import Entry, Feed
from waybill.gate import HELD, Gates, Place
from waybill.messages import Delivery
from waybill.post import Poster
from waybill.queues import ByPace, Queue
from waybill.sent import Sent
from waybill.webhooks import Webhook, Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Self

    import pytest
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.receivers import Behaviour
    from waybill.post import Outcome

    Make = Callable[..., "World"]

START: Final = 1_700_000_000.0
MASTER: Final = b"master" * 10
MEMBER: Final = "member"
WELL: Final = Reply(200, b"thanks")
DOWN: Final = Reply(500, b"out of luck")
_NUMBERS = itertools.count(1)


class Context:
    """Of an invocation that has no time left: who dies in it has given up its mark at once."""

    def __init__(self, remaining: int = -1000) -> None:
        self.remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


@dataclass
class World:
    """Tables, queues, a webhook and its receiver. Service time stands at `clock`'s, and goes on with `advance`.

    Wall time is ahead by `ahead` seconds.
    """

    dynamodb: DynamoDBClient
    sqs: Any
    receiver: Receiver
    tracking: str
    cache: str
    url: str
    slow_url: str
    poster: Poster
    clock: Clock
    hook: Webhook
    chance: float = 0.0
    ahead: float = 0.0
    context: Context = field(default_factory=Context)
    heard: list[tuple[int | None, str]] = field(default_factory=list)
    """Of each try: its status, and the state after it."""

    @classmethod
    def make(
        cls,
        dynamodb: DynamoDBClient,
        sqs: Any,
        behave: Behaviour | None = None,
        *,
        slow: bool = True,
        speed: float = 1.0,
        patience: float = 2.0,
        deadline: float = 15.0,
    ) -> Self:
        name = uuid.uuid4().hex[:8]
        webhook_id = f"whk_{next(_NUMBERS):020x}"
        secrets = (signing.shown(signing.secret(MASTER, webhook_id, each)) for each in (1, 2))
        receiver = Receiver(*secrets).start()
        if behave:
            receiver.behave = behave
        world = cls(
            dynamodb=dynamodb,
            sqs=sqs,
            receiver=receiver,
            tracking=create_table(dynamodb, "TrackingTable", f"tracking-{name}"),
            cache=create_table(dynamodb, "CacheTable", f"cache-{name}"),
            url=str(sqs.create_queue(QueueName=f"webhooks-{name}")["QueueUrl"]),
            slow_url=str(sqs.create_queue(QueueName=f"slow-webhooks-{name}")["QueueUrl"]),
            poster=Poster(loopback=True, patience=patience, deadline=deadline),
            clock=Clock(time.time(), START, speed),
            hook=Webhook(MEMBER, webhook_id, receiver.url, ("*",), "", START, slow=slow),
        )
        assert world.webhooks.create(world.hook)
        return world

    def close(self) -> None:
        self.receiver.close()
        self.poster.__exit__()

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.dynamodb, self.tracking)

    @property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.dynamodb, self.tracking)

    @property
    def feed(self) -> Feed:
        return Feed(self.dynamodb, self.tracking, self.cache, lambda: START)

    @property
    def gates(self) -> Gates:
        return Gates(self.dynamodb, self.cache)

    def webhook(self) -> Webhook:
        found = self.webhooks.get(MEMBER, self.hook.id)
        assert found is not None
        return found

    def event(self, series: str = "") -> Delivery:
        """A delivery of a new event of the member's."""
        told = notifications.of_webhook(
            notifications.WEBHOOK_TEST,
            {"webhook_id": self.hook.id, "url": self.hook.url, "reason": "测试"},
            START + next(_NUMBERS),
        )
        (sequence,) = self.feed.append(MEMBER, [Entry(told)])
        return Delivery(MEMBER, self.hook.id, sequence, series)

    def event_id(self, delivery: Delivery) -> str:
        event = self.feed.get(delivery.member, delivery.sequence)
        assert event is not None
        return event["id"]

    def deliver(
        self,
        delivery: Delivery,
        post: Callable[[str, Mapping[str, str], bytes, Callable[[], None]], Outcome] | None = None,
        *,
        slow: bool = True,
    ) -> None:
        """What a new process does with a message of the slow queue, or of the quick one."""
        self.delivering(post)(delivery, slow=slow)

    def delivering(self, post: Any = None) -> Delivering:
        sent = Sent(self.dynamodb, self.cache)
        context: Any = self.context
        sent.config.register_lambda_context(context)
        return Delivering(
            webhooks=self.webhooks,
            deliveries=self.deliveries,
            feed=self.feed,
            gates=self.gates,
            sent=sent,
            post=post or self.poster,
            queues=ByPace(*map(self._queue, (self.url, self.slow_url))),
            key=lambda: MASTER,
            clock=self.clock,
            wall=self.wall,
            chance=lambda: self.chance,
            on_try=self._hear,
        )

    def _queue(self, url: str) -> Queue:
        return Queue(self.sqs, url, lambda _: None, messages.delivery_group)

    def _hear(self, _delivery: Delivery, attempt: Try, state: str) -> None:
        self.heard.append((attempt.status, state))

    def wall(self) -> float:
        return time.time() + self.ahead

    def now(self) -> float:
        return self.clock.at(self.wall())

    def advance(self, seconds: float) -> None:
        """Service time goes on; wall time, which signatures have, stays."""
        self.clock = replace(self.clock, simulated=self.clock.simulated + seconds)

    def progress(self, delivery: Delivery) -> Progress:
        found = self.deliveries.get(delivery)
        assert found is not None
        return found

    def settle(self, deliveries: Iterable[Delivery], most: int = 40) -> None:
        """Let the time pass that it takes, with messages as the queue and the dispatch would bring them back."""
        for delivery in deliveries:
            for _ in range(most):
                self.deliver(delivery)
                progress = self.progress(delivery)
                if progress.next_at is None:
                    break
                if progress.wanted_at is not None:
                    self.ahead += HELD  # whoever had the place gives it back, or has died
                self.advance(max(0.0, progress.next_at - self.now()))
            else:
                raise AssertionError(f"never done: {self.progress(delivery)}")

    def queued(self) -> tuple[int, int]:
        """Messages for quick and for slow webhooks that were sent, for later or not."""
        return self._waiting(self.url), self._waiting(self.slow_url)

    def _waiting(self, url: str) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def marked(self) -> bool:
        """Whether a mark says that something was sent."""
        return any(mark["status"]["S"] == "COMPLETED" for mark in self.marks())

    def marks(self) -> list[dict[str, Any]]:
        items = self.dynamodb.scan(TableName=self.cache, ConsistentRead=True)["Items"]
        return [item for item in items if item["pk"]["S"].startswith("SENT#")]


def makers(monkeypatch: pytest.MonkeyPatch, url: str | None) -> Iterator[Make]:
    """On the emulator at `url` or on moto; what was made is closed in the end."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    made: list[World] = []

    def make(*behave: Any, **how: Any) -> World:
        client: Any = boto3.client
        world = World.make(
            client("dynamodb", endpoint_url=url), client("sqs", endpoint_url=url), *behave, **how
        )
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


def room(gates: Gates, webhook: str, now: float) -> int:
    """How many find a place beside those that have one."""
    held = []
    while isinstance(place := gates.enter(webhook, now), Place):
        held.append(place)
    for place in held:
        gates.leave(place, now, timed_out=None)
    return len(held)


def notices(world: World) -> list[dict[str, Any]]:
    items = world.dynamodb.scan(TableName=world.tracking)["Items"]
    return [item for item in items if item["sk"]["S"].startswith("NOTICE#")]
