"""The operator function: how the deployment does, and what is done again. Composition root and entry point."""

from __future__ import annotations

import functools
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config

from waybill import clients, composition, messages, observe, operator_page
from waybill.concerns import Concerns
from waybill.credentials import Secrets
from waybill.dead_letters import DeadLetters
from waybill.deliveries import Deliveries
from waybill.due import DueIndex
from waybill.feed import Feed
from waybill.ledger import Ledger
from waybill.operations import Operations
from waybill.queues import Queue
from waybill.replays import Replays
from waybill.service import Service
from waybill.settings import OperatorSettings
from waybill.spending import Spending
from waybill.watches import Watches
from waybill.webhooks import Webhooks

SETTINGS = OperatorSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
SQS = clients.client(
    "sqs",
    config=Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "max_attempts": 2},
        max_pool_connections=composition.THREADS,
    ),
)
TABLES = (DYNAMODB, SETTINGS.tracking_table)
OPERATIONS = Operations(
    concerns=Concerns(*TABLES),
    watches=Watches(*TABLES),
    webhooks=Webhooks(*TABLES),
    deliveries=Deliveries(*TABLES),
    due=DueIndex(*TABLES),
    circuit=composition.slots(DYNAMODB, SETTINGS.cache_table, SETTINGS.tracking_table).circuit,
    # Read anew each time: whoever fills it in wants to see so.
    credentials=functools.partial(Secrets(SETTINGS.kuaidi100_secret, "").kuaidi100, reread=True),
    ledger=Ledger(*TABLES, SETTINGS.clock),
    spending=Spending(*TABLES, observe.on_budget),
    limits=SETTINGS.limits,
    queues={
        name: DeadLetters(
            SQS,
            url,
            dead,
            Queue(SQS, url, time.sleep, messages.delivery_group if "webhook" in name else None),
        )
        for name, (url, dead) in SETTINGS.queues.items()
    },
    replays=Replays(
        feed=Feed(*TABLES, SETTINGS.cache_table, SETTINGS.clock.now),
        fanout=Queue(SQS, SETTINGS.queues["fanout"][0], time.sleep),
        outgoing=Queue(SQS, SETTINGS.queues["webhook"][0], time.sleep, messages.delivery_group),
        random_hex=secrets.token_hex,
        now=SETTINGS.clock.now,
    ),
    now=SETTINGS.clock.now,
    wall=time.time,
    monotonic=time.monotonic,
    threads=ThreadPoolExecutor(composition.THREADS),
)
SERVICE = Service({**OPERATIONS.routes(), **operator_page.ROUTES}, SETTINGS.cors_origin)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return SERVICE.handle(event)
