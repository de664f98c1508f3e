"""The page function: what people see of a parcel who have a link to it, open to everyone. It reads, and writes nothing."""

from __future__ import annotations

import os
import time
from typing import Any

from botocore.config import Config

from waybill import clients
from waybill.parcel_page import ParcelPage
from waybill.parcels import Parcels
from waybill.service import Service
from waybill.settings import PageSettings
from waybill.shares import Shares

SETTINGS = PageSettings.read(os.environ)
DYNAMODB = clients.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 3}),
)
PAGE = ParcelPage(
    shares=Shares(DYNAMODB, SETTINGS.tracking_table),
    parcels=Parcels(DYNAMODB, SETTINGS.tracking_table),
    now=SETTINGS.clock.now,
    wall=time.time,
)
SERVICE = Service(PAGE.routes())


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return SERVICE.handle(event)
