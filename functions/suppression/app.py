"""The suppression function: who wants no mails, by the links in them, and who cannot be reached, by what SES says of them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from waybill import composition, mail_feedback
from waybill.batches import Batches
from waybill.credentials import Key
from waybill.notification_settings import SuppressionSettings
from waybill.service import Service
from waybill.suppression import Suppressions
from waybill.unsubscribing import Unsubscribing

SETTINGS = SuppressionSettings.read(os.environ)
SUPPRESSIONS = Suppressions(composition.dynamodb(), SETTINGS.tracking_table)
UNSUBSCRIBING = Unsubscribing(
    suppressions=SUPPRESSIONS, key=Key(SETTINGS.address_key_secret), now=SETTINGS.clock.now
)
SERVICE = Service(UNSUBSCRIBING.routes())
BATCHES = Batches(
    read=mail_feedback.read,
    work=UNSUBSCRIBING.heed,
    named=lambda feedback: {"why": feedback.why, "addresses": len(feedback.addresses)},
    threads=ThreadPoolExecutor(composition.THREADS),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return BATCHES.handle(event) if "Records" in event else SERVICE.handle(event)
