"""The manage function: every route that writes members' shipments, and that of usage. Composition root and entry point."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from waybill import observe
from waybill.accounting import Accounting
from waybill.cache import Cache
from waybill.idempotency import Idempotency
from waybill.ledger import Ledger
from waybill.management import Management
from waybill.member_budgets import MemberBudgets
from waybill.registration import Shipments
from waybill.service import Service
from waybill.settings import ManageSettings
from waybill.spending import Spending
from waybill.watches import Watches

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SETTINGS = ManageSettings.read(os.environ)
DYNAMODB = boto3.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 3}),
)
IDEMPOTENCY = Idempotency(DYNAMODB, SETTINGS.cache_table)
MANAGEMENT = Management(
    shipments=Shipments(
        watches=Watches(DYNAMODB, SETTINGS.tracking_table),
        known=Cache(DYNAMODB, SETTINGS.cache_table).known,
        now=SETTINGS.clock.now,
    ),
    once=IDEMPOTENCY.once,
    lang=SETTINGS.lang,
)
ACCOUNTING = Accounting(
    ledger=Ledger(DYNAMODB, SETTINGS.tracking_table, SETTINGS.clock),
    spending=Spending(DYNAMODB, SETTINGS.tracking_table, observe.on_budget),
    member_budgets=MemberBudgets(DYNAMODB, SETTINGS.tracking_table),
    limits=SETTINGS.limits,
    now=SETTINGS.clock.now,
)
SERVICE = Service({**MANAGEMENT.routes(), **ACCOUNTING.routes()}, SETTINGS.cors_origin)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # From it Powertools knows when a request whose function died may be tried again.
    IDEMPOTENCY.config.register_lambda_context(context)
    return SERVICE.handle(event)
