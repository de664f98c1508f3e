"""How a request names a shipment: the order in its path, and `?tracking_number=` and `?courier=` where it has several parcels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from waybill import couriers, numbers
from waybill.errors import CourierUnknown, InvalidField
from waybill.registration import Which
from waybill.shipments import ORDER_ID

if TYPE_CHECKING:
    from waybill.gateway import Request


def which(request: Request) -> Which:
    """The shipment that a request is about.

    Raises:
        InvalidField: what it says can be no order or number.
        CourierUnknown: no courier has this code.
    """
    order_id = unquote(request.path.get("order_id", ""))
    if not re.fullmatch(ORDER_ID, order_id):
        raise InvalidField(
            "order_id",
            "An order id has 1 to 64 letters, digits and . _ : @ + -, beginning with a letter or a digit.",
        )
    number, code = request.query.get("tracking_number"), request.query.get("courier")
    courier = couriers.find(code) if code is not None else None
    if code is not None and courier is None:
        raise CourierUnknown("No courier has this code. GET /v1/couriers?q= finds codes by name.")
    return Which(
        member=request.member,
        order_id=order_id,
        number=numbers.normalise(number, "tracking_number") if number is not None else None,
        courier=courier.code if courier else None,
    )
