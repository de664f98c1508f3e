"""The query function: every route that may ask Kuaidi100. Composition root and entry point."""

from __future__ import annotations

import os
from typing import Any

from waybill import composition, observe
from waybill.api import Api
from waybill.credentials import Secrets
from waybill.orders import Orders
from waybill.parcels import Parcels
from waybill.reflection import Reflection
from waybill.registration import Shipments
from waybill.service import Service
from waybill.settings import QuerySettings
from waybill.watches import Watches

SETTINGS = QuerySettings.read(os.environ)
DYNAMODB = composition.dynamodb()
SECRETS = Secrets(SETTINGS.kuaidi100_secret, SETTINGS.tail_key_secret)
WATCHES = Watches(DYNAMODB, SETTINGS.tracking_table)
PARCELS = Parcels(DYNAMODB, SETTINGS.tracking_table)
REFLECTION = Reflection(
    watches=WATCHES, tail_hash=SECRETS.tail_hash, now=SETTINGS.clock.now, on_loss=observe.on_copies_behind
)
LOOKUP = composition.lookup(
    SETTINGS, DYNAMODB, SECRETS, on_known=composition.Following(SETTINGS, DYNAMODB, PARCELS, REFLECTION)
)
API = Api(lookup=LOOKUP, lang=SETTINGS.lang)
ORDERS = Orders(
    shipments=Shipments(watches=WATCHES, known=LOOKUP.store.known, now=SETTINGS.clock.now),
    lookup=LOOKUP,
    reflection=REFLECTION,
    row=PARCELS.row,
)
SERVICE = Service({**API.routes(), **ORDERS.routes()}, SETTINGS.cors_origin)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return SERVICE.handle(event)
