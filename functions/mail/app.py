"""The mail function: letters to customers, a batch of messages at once. Composition root and entry point."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from waybill import clients, composition, messages, observe
from waybill.batches import Batches
from waybill.credentials import Key
from waybill.feed import Feed
from waybill.mailer import Mailer
from waybill.mailing import Mailing
from waybill.member_settings import MemberSettings
from waybill.notification_settings import MailSettings
from waybill.parcels import Parcels
from waybill.sent import Sent
from waybill.shares import Shares
from waybill.suppression import Suppressions
from waybill.waiting_letters import WaitingLetters
from waybill.watches import Watches

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SETTINGS = MailSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
# One try: what was sent and not answered would be sent again. The queue tries again, and looks at the mark first.
SESV2 = clients.client(
    "sesv2",
    config=Config(
        connect_timeout=1,
        read_timeout=10,
        retries={"total_max_attempts": 1},
        max_pool_connections=composition.THREADS,
    ),
)
SENT = Sent(DYNAMODB, SETTINGS.cache_table)
MAILING = Mailing(
    watches=Watches(DYNAMODB, SETTINGS.tracking_table),
    feed=Feed(DYNAMODB, SETTINGS.tracking_table, SETTINGS.cache_table, SETTINGS.clock.now),
    suppressions=Suppressions(DYNAMODB, SETTINGS.tracking_table),
    settings=MemberSettings(DYNAMODB, SETTINGS.tracking_table),
    waiting=WaitingLetters(DYNAMODB, SETTINGS.tracking_table),
    parcels=Parcels(DYNAMODB, SETTINGS.tracking_table),
    shares=Shares(DYNAMODB, SETTINGS.tracking_table),
    key=Key(SETTINGS.address_key_secret),
    once=SENT.once,
    send=Mailer(SESV2, SETTINGS.mail_from, SETTINGS.configuration_set),
    now=SETTINGS.clock.now,
    wall=time.time,
    on_end=observe.on_letter,
    sender=SETTINGS.mail_from,
    address=SETTINGS.public_base_url,
)
BATCHES = Batches(
    read=messages.read_letter,
    work=MAILING,
    named=lambda letter: {"courier": letter.courier, "number": letter.number},
    threads=ThreadPoolExecutor(composition.THREADS),
)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    SENT.config.register_lambda_context(context)
    return BATCHES.handle(event)
