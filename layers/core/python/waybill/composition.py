"""What the functions that may ask Kuaidi100 are made of: query, which callers wait for, and refresh, which the schedule feeds.

One place, so that a call costs, counts and waits the same whoever makes it. Other functions take their queues and topics from here;
what query has no use for is imported where it is made, since a caller waits for each import of a cold start.
"""

from __future__ import annotations

import functools
import time
import uuid
from threading import Lock
from typing import TYPE_CHECKING, Final

from botocore.config import Config

from waybill import budgets, clients, observe
from waybill.cache import Cache
from waybill.flights import Flights
from waybill.lookup import Lookup
from waybill.member_budgets import MemberBudgets
from waybill.slots import Slots
from waybill.spending import Spending

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.budgets import Budget, Limits
    from waybill.calls import Call
    from waybill.credentials import Secrets
    from waybill.flights import Credentials
    from waybill.following import Following as Use
    from waybill.freshness import Known
    from waybill.functions import Functions
    from waybill.kuaidi100 import Client
    from waybill.model import Answer, Query
    from waybill.parcels import Parcels
    from waybill.publishing import Publishing
    from waybill.queues import ByPace, Queue
    from waybill.reflection import Reflection
    from waybill.settings import QuerySettings
    from waybill.topics import Topic
    from waybill.watches import Watches

THREADS: Final = 10
"""Of functions that do ten things at once: a batch of messages, or ten batches of claims."""
CALLS: Final = 10
"""How many calls to Kuaidi100 one worker makes at once."""
REFRESH_THREADS: Final = 2 * CALLS
"""As many again read for the next calls, and write what the last ones taught."""


def dynamodb(threads: int = THREADS) -> DynamoDBClient:
    """A client that so many threads use at once; it gives up long before a function's time is over."""
    config = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "max_attempts": 3},
        max_pool_connections=threads,
    )
    made: DynamoDBClient = clients.client("dynamodb", config)
    return made


def queue(url: str, group: Callable[[str], str] | None = None) -> Queue:
    """A queue that many threads use at once; a fair one where messages have a `group`."""
    from waybill.queues import Queue  # noqa: PLC0415 - see the module

    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "max_attempts": 2},
        max_pool_connections=THREADS,
    )
    return Queue(clients.client("sqs", config), url, time.sleep, group)


def by_pace(quick: str, slow: str, group: Callable[[str], str]) -> ByPace:
    """The fair queues of what is quick and of what may be slow."""
    from waybill.queues import ByPace  # noqa: PLC0415 - see the module

    return ByPace(queue(quick, group), queue(slow, group))


def topic(arn: str) -> Topic:
    """A topic that many threads use at once. It tries again by itself, so a request is made once and given up soon."""
    from waybill.topics import Topic  # noqa: PLC0415 - see the module

    config = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=THREADS,
    )
    return Topic(clients.client("sns", config), arn, time.sleep)


@functools.cache
def functions() -> Functions:
    """What has functions run. Made when it is needed, since hardly a run of the dispatch does."""
    from waybill.functions import Functions  # noqa: PLC0415 - see the module

    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
    return Functions(clients.client("lambda", config))


def publishing(
    client: DynamoDBClient, tracking_table: str, topic_arn: str, fanout_queue: str, threads: Executor
) -> Publishing:
    """The way out of the outbox, for who hears of it and for who looks after it."""
    from waybill.outboxes import Outbox  # noqa: PLC0415 - see the module
    from waybill.publishing import Publishing  # noqa: PLC0415 - see the module

    return Publishing(
        outbox=Outbox(client, tracking_table),
        topic=topic(topic_arn),
        queue=queue(fanout_queue),
        threads=threads,
        on_unmarked=observe.on_unmarked,
    )


def slots(client: DynamoDBClient, cache_table: str, tracking_table: str) -> Slots:
    """The slots of calls, with their ledger and budgets."""
    spending = Spending(client, tracking_table, observe.on_budget)
    return Slots(client, cache_table, tracking_table, spending, time.sleep)


def lookup(
    settings: QuerySettings,
    client: DynamoDBClient,
    secrets: Secrets,
    on_known: Callable[[Known], None],
    on_call: Callable[[Call], None] = observe.on_call,
    *,
    will_call: bool = False,
) -> Lookup:
    """The lookup over the tables and the upstream of `settings`. Where it surely `will_call`, the client is made at once."""
    query = Kuaidi100(settings)
    if will_call:
        query.ready()
    return Lookup(
        store=Cache(client, settings.cache_table),
        flights=Flights(
            slots=slots(client, settings.cache_table, settings.tracking_table),
            query=query,
            secrets=secrets,
            rules=settings.rules,
            now=settings.clock.now,
            holder=lambda: uuid.uuid4().hex,
            budgets=Budgets(settings.limits, MemberBudgets(client, settings.tracking_table)),
            on_call=on_call,
            on_circuit=observe.on_circuit,
        ),
        tail_hash=secrets.tail_hash,
        now=settings.clock.now,
        pause=time.sleep,
        on_known=on_known,
        on_loss=observe.on_loss,
    )


class Following:
    """What answers do to followed parcels: made at the first one, and with it the schedule, which cached answers never load."""

    def __init__(self, settings: QuerySettings, client: DynamoDBClient, secrets: Secrets) -> None:
        self._settings = settings
        self._client = client
        self._secrets = secrets

    def __call__(self, known: Known) -> None:
        self.use(known)

    @functools.cached_property
    def parcels(self) -> Parcels:
        from waybill.parcels import Parcels  # noqa: PLC0415 - see the class

        return Parcels(self._client, self._settings.tracking_table)

    @functools.cached_property
    def watches(self) -> Watches:
        from waybill.watches import Watches  # noqa: PLC0415 - see the class

        return Watches(self._client, self._settings.tracking_table)

    @functools.cached_property
    def reflection(self) -> Reflection:
        from waybill.reflection import Reflection  # noqa: PLC0415 - see the class

        return Reflection(
            watches=self.watches,
            tail_hash=self._secrets.tail_hash,
            now=self._settings.clock.now,
            on_loss=observe.on_copies_behind,
        )

    @functools.cached_property
    def use(self) -> Use:
        from waybill import following, lessons  # noqa: PLC0415 - see the class

        settings = self._settings
        return following.Following(
            parcels=self.parcels,
            reflection=self.reflection,
            lessons=lessons.Lessons(self._client, settings.tracking_table, settings.clock.now),
            gap=settings.rules.gap,
            now=settings.clock.now,
            on_loss=observe.on_copies_behind,
        )


class Budgets:
    """The budgets that a member's calls count in; its own limits are read once a minute."""

    def __init__(self, limits: Limits, own: MemberBudgets) -> None:
        self._limits = limits
        self._own = functools.lru_cache(maxsize=1000)(lambda member, _minute: own.get(member))

    def __call__(self, member: str) -> tuple[Budget, ...]:
        own = self._own(member, int(time.time() / 60)) if member else (None, None)
        return budgets.of(member, self._limits, own)


class Kuaidi100:
    """The client, made at the first call, and with it httpx and pydantic: answers from the cache never load them."""

    client: Client | None = None

    def __init__(self, settings: QuerySettings) -> None:
        self._settings = settings
        self._making = Lock()

    def __call__(self, query: Query, credentials: Credentials) -> Answer:
        from waybill import kuaidi100  # noqa: PLC0415 - see the class

        return self.ready().query(query, kuaidi100.Credentials(*credentials))

    def ready(self) -> Client:
        from waybill import kuaidi100  # noqa: PLC0415 - see the class

        with self._making:
            if self.client is None:
                self.client = kuaidi100.Client(
                    url=self._settings.upstream_url,
                    connect=self._settings.connect_timeout,
                    read=self._settings.read_timeout,
                )
        return self.client
