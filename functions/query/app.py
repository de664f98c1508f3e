"""The query function: every route that reads. Composition root and entry point."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from waybill import gateway, observe
from waybill.api import Api
from waybill.cache import Cache
from waybill.credentials import Secrets
from waybill.errors import RequestError
from waybill.lookup import Credentials, Lookup
from waybill.settings import QuerySettings

if TYPE_CHECKING:
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


DYNAMODB = boto3.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 3}),
)
API = Api(
    lookup=Lookup(
        store=Cache(DYNAMODB, SETTINGS.cache_table),
        query=Kuaidi100(),
        secrets=Secrets(SETTINGS.kuaidi100_secret, SETTINGS.tail_key_secret),
        rules=SETTINGS.rules,
        now=SETTINGS.clock.now,
        pause=time.sleep,
        holder=lambda: uuid.uuid4().hex,
        on_call=observe.on_call,
        on_loss=observe.on_loss,
    ),
    lang=SETTINGS.lang,
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    request = gateway.read(event)
    started = time.perf_counter()
    try:
        response, error = API.answer(request)
    except Exception as fault:  # noqa: BLE001 - the last line of defence: nothing of a fault of ours reaches a client
        observe.on_fault(fault)
        refuse = gateway.refuse_a if request.resource == "/v1/track" else gateway.refuse
        response, error = refuse(None), None
    observe.logger.info(
        "request",
        extra={
            "request_id": request.request_id,
            "route": f"{request.method} {request.resource}",
            "member": request.member,
            "status": response.status,
            "error": type(error).__name__
            if error and not isinstance(error, RequestError)
            else getattr(error, "code", None),
            "source": response.headers.get("X-Waybill-Source"),
            "ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )
    observe.flush()
    return gateway.write(response, request.request_id)
