"""The query function: every route that may ask Kuaidi100. Composition root and entry point."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, Final

from waybill import composition
from waybill.api import Api
from waybill.credentials import Secrets
from waybill.service import Service
from waybill.settings import QuerySettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waybill.gateway import Handler, Request, Response

SETTINGS = QuerySettings.read(os.environ)
DYNAMODB = composition.dynamodb()
SECRETS = Secrets(SETTINGS.kuaidi100_secret, SETTINGS.tail_key_secret)
FOLLOWING = composition.Following(SETTINGS, DYNAMODB, SECRETS)
LOOKUP = composition.lookup(SETTINGS, DYNAMODB, SECRETS, on_known=FOLLOWING)
API = Api(lookup=LOOKUP, lang=SETTINGS.lang)
ORDERS: Final = (
    ("GET", "/v1/tracking/get/{order_id}"),
    ("GET", "/v1/tracking/get"),
    ("GET", "/v1/shipments/{order_id}"),
    ("POST", "/v1/shipments/{order_id}/refresh"),
)


@functools.cache
def orders() -> Mapping[tuple[str, str], Handler]:
    """The routes of orders, made when one is asked for: with them come modules that a look at a number has no use for."""
    from waybill.orders import Orders  # noqa: PLC0415 - see above
    from waybill.registration import Shipments  # noqa: PLC0415 - see above

    return Orders(
        shipments=Shipments(watches=FOLLOWING.watches, known=LOOKUP.store.known, now=SETTINGS.clock.now),
        lookup=LOOKUP,
        reflection=FOLLOWING.reflection,
        row=FOLLOWING.parcels.row,
    ).routes()


def of_orders(request: Request) -> Response:
    return orders()[request.method, request.resource](request)


SERVICE = Service({**API.routes(), **dict.fromkeys(ORDERS, of_orders)}, SETTINGS.cors_origin)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return SERVICE.handle(event)
