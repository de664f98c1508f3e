"""The fan-out function: says to each member what happened to its parcels. Composition root and entry point."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from waybill import composition, messages, observe
from waybill.cache import Cache
from waybill.credentials import Secrets
from waybill.fanout import Fanout
from waybill.feed import Feed
from waybill.notification_settings import FanoutSettings
from waybill.parcels import Parcels
from waybill.webhooks import Webhooks

SETTINGS = FanoutSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
CACHE = Cache(DYNAMODB, SETTINGS.cache_table)
FANOUT = Fanout(
    parcels=Parcels(DYNAMODB, SETTINGS.tracking_table),
    # Whoever made the call has noted only just before that a phone is right; who is left out here is never told.
    known=functools.partial(CACHE.known, consistent=True),
    note_guess=CACHE.note_guess,
    tail_hash=Secrets("", SETTINGS.tail_key_secret).tail_hash,
    webhooks=Webhooks(DYNAMODB, SETTINGS.tracking_table),
    feed=Feed(DYNAMODB, SETTINGS.tracking_table, SETTINGS.cache_table, SETTINGS.clock.now),
    deliveries=composition.by_pace(
        SETTINGS.webhook_queue, SETTINGS.slow_webhook_queue, messages.delivery_group
    ),
    letters=composition.queue(SETTINGS.mail_queue) if SETTINGS.mail_from else None,
    again=composition.queue(SETTINGS.fanout_queue),
    now=SETTINGS.clock.now,
    threads=ThreadPoolExecutor(composition.THREADS),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """SQS's partial batch response: the messages that are to come back."""
    records = event["Records"]
    faults = FANOUT([record["body"] for record in records])
    failed = [(record, fault) for record, fault in zip(records, faults, strict=True) if fault]
    for record, fault in failed:
        observe.on_message_failed(record["messageId"], fault)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record, _ in failed]}
