"""The manage function: every route that writes members' shipments, webhooks and settings, and that of usage.

Composition root and entry point.
"""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from waybill import clients, hosts, messages, observe, shares
from waybill.accounting import Accounting
from waybill.cache import Cache
from waybill.concerns import Concerns
from waybill.credentials import Key
from waybill.deliveries import Deliveries
from waybill.feed import Feed
from waybill.idempotency import Idempotency
from waybill.ledger import Ledger
from waybill.management import Management
from waybill.member_budgets import MemberBudgets
from waybill.member_settings import MemberSettings
from waybill.parcels import Parcels
from waybill.queues import Queue
from waybill.registration import Shipments
from waybill.replays import Replays
from waybill.service import Service
from waybill.settings import ManageSettings
from waybill.shares import Shares
from waybill.sharing import Sharing
from waybill.spending import Spending
from waybill.watches import Watches
from waybill.webhook_management import WebhookManagement
from waybill.webhooks import Webhooks

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SETTINGS = ManageSettings.read(os.environ)
DYNAMODB = clients.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 3}),
)
SQS = clients.client(
    "sqs", config=Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "max_attempts": 2})
)
IDEMPOTENCY = Idempotency(DYNAMODB, SETTINGS.cache_table)
SHIPMENTS = Shipments(
    watches=Watches(DYNAMODB, SETTINGS.tracking_table),
    known=Cache(DYNAMODB, SETTINGS.cache_table).known,
    now=SETTINGS.clock.now,
)
MANAGEMENT = Management(
    shipments=SHIPMENTS,
    parcels=Parcels(DYNAMODB, SETTINGS.tracking_table),
    once=IDEMPOTENCY.once,
    lang=SETTINGS.lang,
)
SHARING = Sharing(
    shipments=SHIPMENTS,
    shares=Shares(DYNAMODB, SETTINGS.tracking_table),
    new_token=shares.new_token,
    wall=time.time,
    address=SETTINGS.public_base_url,
)
ACCOUNTING = Accounting(
    ledger=Ledger(DYNAMODB, SETTINGS.tracking_table, SETTINGS.clock),
    spending=Spending(DYNAMODB, SETTINGS.tracking_table, observe.on_budget),
    member_budgets=MemberBudgets(DYNAMODB, SETTINGS.tracking_table),
    limits=SETTINGS.limits,
    now=SETTINGS.clock.now,
)
FANOUT = Queue(SQS, SETTINGS.fanout_queue, time.sleep)
OUTGOING = Queue(SQS, SETTINGS.webhook_queue, time.sleep, messages.delivery_group)
WEBHOOKS = WebhookManagement(
    webhooks=Webhooks(DYNAMODB, SETTINGS.tracking_table),
    deliveries=Deliveries(DYNAMODB, SETTINGS.tracking_table),
    concerns=Concerns(DYNAMODB, SETTINGS.tracking_table),
    replays=Replays(
        feed=Feed(DYNAMODB, SETTINGS.tracking_table, SETTINGS.cache_table, SETTINGS.clock.now),
        fanout=FANOUT,
        outgoing=OUTGOING,
        random_hex=secrets.token_hex,
        now=SETTINGS.clock.now,
    ),
    settings=MemberSettings(DYNAMODB, SETTINGS.tracking_table),
    fanout=FANOUT,
    outgoing=OUTGOING,
    key=Key(SETTINGS.webhook_key_secret),
    lookup=hosts.lookup,
    once=IDEMPOTENCY.once,
    random_hex=secrets.token_hex,
    now=SETTINGS.clock.now,
    wall=time.time,
    loopback=SETTINGS.webhook_loopback,
)
SERVICE = Service(
    {**MANAGEMENT.routes(), **SHARING.routes(), **ACCOUNTING.routes(), **WEBHOOKS.routes()},
    SETTINGS.cors_origin,
)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # From it Powertools knows when a request whose function died may be tried again.
    IDEMPOTENCY.config.register_lambda_context(context)
    return SERVICE.handle(event)
