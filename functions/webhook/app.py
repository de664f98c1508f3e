"""The webhook function: posts the events of a batch of messages, all at once. Composition root and entry point.

It works at two queues. What is in a batch of the quick one and for a slow webhook goes on to the other, and nothing goes back.
"""

from __future__ import annotations

import functools
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from waybill import composition, messages, observe
from waybill.batches import Batches
from waybill.credentials import Key
from waybill.deliveries import Deliveries
from waybill.delivering import Delivering
from waybill.feed import Feed
from waybill.gate import Gates
from waybill.notification_settings import WebhookSettings
from waybill.post import Poster
from waybill.sent import Sent
from waybill.webhooks import Webhooks

SETTINGS = WebhookSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
SENT = Sent(DYNAMODB, SETTINGS.cache_table)
DELIVERING = Delivering(
    webhooks=Webhooks(DYNAMODB, SETTINGS.tracking_table),
    deliveries=Deliveries(DYNAMODB, SETTINGS.tracking_table),
    feed=Feed(DYNAMODB, SETTINGS.tracking_table, SETTINGS.cache_table, SETTINGS.clock.now),
    gates=Gates(DYNAMODB, SETTINGS.cache_table),
    sent=SENT,
    post=Poster(loopback=SETTINGS.loopback),
    queues=composition.by_pace(SETTINGS.webhook_queue, SETTINGS.slow_webhook_queue, messages.delivery_group),
    key=Key(SETTINGS.webhook_key_secret),
    clock=SETTINGS.clock,
    wall=time.time,
    chance=random.random,
    on_try=observe.on_delivery,
)
SLOW = Batches(
    read=messages.read_delivery,
    work=DELIVERING,
    named=lambda delivery: {"webhook": delivery.webhook, "sequence": delivery.sequence},
    threads=ThreadPoolExecutor(composition.THREADS),
)
QUICK = replace(SLOW, work=functools.partial(DELIVERING, slow=False))
QUICK_QUEUE = SETTINGS.webhook_queue.rpartition("/")[2]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """SQS's partial batch response: the messages that are to come back. A batch is of one queue."""
    SENT.config.register_lambda_context(context)
    queue = event["Records"][0]["eventSourceARN"].rpartition(":")[2]
    return (QUICK if queue == QUICK_QUEUE else SLOW).handle(event)
