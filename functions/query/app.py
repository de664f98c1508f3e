"""The query function: every route that may ask Kuaidi100. Composition root and entry point."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from waybill import observe
from waybill.api import Api
from waybill.cache import Cache
from waybill.credentials import Secrets
from waybill.lookup import Credentials, Lookup
from waybill.orders import Orders
from waybill.parcels import Parcels
from waybill.reflection import Reflection
from waybill.registration import Shipments
from waybill.service import Service
from waybill.settings import QuerySettings
from waybill.watches import Watches

if TYPE_CHECKING:
    from waybill.following import Following as Use
    from waybill.freshness import Known
    from waybill.kuaidi100 import Client
    from waybill.model import Answer, Query

SETTINGS = QuerySettings.read(os.environ)


class Kuaidi100:
    """The client, made at the first call, and with it httpx and pydantic: answers from the cache never load them."""

    client: Client | None = None

    def __call__(self, query: Query, credentials: Credentials) -> Answer:
        from waybill import kuaidi100  # noqa: PLC0415 - see the class

        if self.client is None:
            self.client = kuaidi100.Client(
                url=SETTINGS.upstream_url, connect=SETTINGS.connect_timeout, read=SETTINGS.read_timeout
            )
        return self.client.query(query, kuaidi100.Credentials(*credentials))


class Following:
    """The use case, made at the first answer, and with it the schedule's tables, which answers from the cache never load."""

    use: Use | None = None

    def __call__(self, known: Known) -> None:
        from waybill import following, lessons  # noqa: PLC0415 - see the class

        if self.use is None:
            self.use = following.Following(
                parcels=PARCELS,
                reflection=REFLECTION,
                lessons=lessons.Lessons(DYNAMODB, SETTINGS.tracking_table, SETTINGS.clock.now),
                gap=SETTINGS.rules.gap,
                now=SETTINGS.clock.now,
                on_loss=observe.on_copies_behind,
            )
        self.use(known)


DYNAMODB = boto3.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 3}),
)
SECRETS = Secrets(SETTINGS.kuaidi100_secret, SETTINGS.tail_key_secret)
CACHE = Cache(DYNAMODB, SETTINGS.cache_table)
WATCHES = Watches(DYNAMODB, SETTINGS.tracking_table)
PARCELS = Parcels(DYNAMODB, SETTINGS.tracking_table)
REFLECTION = Reflection(
    watches=WATCHES, tail_hash=SECRETS.tail_hash, now=SETTINGS.clock.now, on_loss=observe.on_copies_behind
)
LOOKUP = Lookup(
    store=CACHE,
    query=Kuaidi100(),
    secrets=SECRETS,
    rules=SETTINGS.rules,
    now=SETTINGS.clock.now,
    pause=time.sleep,
    holder=lambda: uuid.uuid4().hex,
    on_call=observe.on_call,
    on_known=Following(),
    on_loss=observe.on_loss,
)
API = Api(lookup=LOOKUP, lang=SETTINGS.lang)
ORDERS = Orders(
    shipments=Shipments(watches=WATCHES, known=CACHE.known, now=SETTINGS.clock.now),
    lookup=LOOKUP,
    reflection=REFLECTION,
    row=PARCELS.row,
)
SERVICE = Service({**API.routes(), **ORDERS.routes()}, SETTINGS.cors_origin)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return SERVICE.handle(event)
