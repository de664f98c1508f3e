"""What the functions that may ask Kuaidi100 are made of: query, which callers wait for, and refresh, which the schedule feeds.

One place, so that a call costs, counts and waits the same whoever makes it.
"""

from __future__ import annotations

import functools
import time
import uuid
from threading import Lock
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

from waybill import budgets, observe
from waybill.cache import Cache
from waybill.flights import Flights
from waybill.lookup import Lookup
from waybill.member_budgets import MemberBudgets
from waybill.queues import Queue
from waybill.slots import Slots
from waybill.spending import Spending

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.budgets import Budget, Limits
    from waybill.calls import Call
    from waybill.credentials import Secrets
    from waybill.flights import Credentials
    from waybill.freshness import Known
    from waybill.kuaidi100 import Client
    from waybill.model import Answer, Query
    from waybill.settings import QuerySettings

THREADS: Final = 10
"""Of functions that do ten things at once: a batch of messages, or ten batches of claims."""


def dynamodb() -> DynamoDBClient:
    """A client that many threads use at once; it gives up long before a function's time is over."""
    return boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=1,
            read_timeout=2,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=THREADS,
        ),
    )


def queue(url: str) -> Queue:
    """A queue that many threads use at once."""
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "max_attempts": 2},
        max_pool_connections=THREADS,
    )
    return Queue(boto3.client("sqs", config=config), url, time.sleep)


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
