"""What a request says of shipments in its path and query, declared once as in `fields`: which one is meant, what a list holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from waybill import fields, numbers, statuses
from waybill.errors import InvalidField, TrackingNumberRequired
from waybill.fields import Optional, Required, blank_or, blank_or_schema, whole
from waybill.registration import Filters, Which
from waybill.shipments import ORDER_ID, TAG

if TYPE_CHECKING:
    from waybill.gateway import Request
    from waybill.model import Status

PAGE: Final = 50
LONGEST_PAGE: Final = 100


def which(request: Request) -> Which:
    """The shipment that a request is about.

    Raises:
        InvalidField: what it says can be no order, number or courier.
        CourierUnknown: no courier has this code.
    """
    return Which(
        member=request.member,
        order_id=ORDER.read(request.path),
        number=TRACKING_NUMBER.read(request.query),
        courier=COURIER_OF_ORDER.read(request.query),
    )


def filters(request: Request) -> Filters:
    """What a list is narrowed to.

    Raises:
        InvalidField, CourierUnknown: as `which`.
    """
    query = request.query
    return Filters(
        status=STATUS.read(query),
        courier=COURIER.read(query),
        tag=TAGGED.read(query),
        attention=ATTENTION.read(query),
        since=UPDATED_SINCE.read(query),
    )


def _order(text: str, name: str) -> str:
    if not re.fullmatch(ORDER_ID, text):
        raise InvalidField(
            name,
            "An order id has 1 to 64 letters, digits and . _ : @ + -, beginning with a letter or a digit.",
        )
    return text


def _number_of_an_order(text: str, name: str) -> str:
    if not text.strip():
        raise TrackingNumberRequired("order_id", "order_id is required when tracking_number is not provided")
    return numbers.normalise(text, name)


def _courier(text: str, name: str) -> str:
    return numbers.known_courier(text, name).code


def _status(text: str, name: str) -> Status:
    if text not in statuses.NAMES:
        raise InvalidField(name, f"The statuses are {', '.join(statuses.NAMES)}.")
    return text


def _tag(text: str, name: str) -> str:
    if not re.fullmatch(TAG, text):
        raise InvalidField(name, "A tag has 1 to 32 characters, no # and no space at its ends.")
    return text


def _truth(text: str, name: str) -> bool:
    if text not in {"true", "false"}:
        raise InvalidField(name, f"{name} is true or false.")
    return text == "true"


def moment(text: str, name: str) -> float:
    """A time of RFC 3339 with its zone, in epoch seconds.

    Raises:
        InvalidField: not one.
    """
    try:
        # A plus sign in a query string is a space once it is decoded.
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidField(name, "Say when, and where that is, as 2026-01-31T09:00:00Z (RFC 3339).")
    return max(0.0, (found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


ORDER: Final = Required(
    name="order_id",
    place="path",
    parse=_order,
    schema={"type": "string", "pattern": ORDER_ID},
    description="Your own id of the order.",
    example="3550875",
)
TRACKING_NUMBER: Final = Optional(
    name="tracking_number",
    place="query",
    parse=blank_or(numbers.normalise),
    schema=blank_or_schema(fields.NUMBER.schema),
    description="Which parcel, where the order has several.",
    example="YT7450353838751",
)
NUMBER_OF_AN_ORDER: Final = Required(
    name="tracking_number",
    place="query",
    parse=_number_of_an_order,
    schema=fields.NUMBER.schema,
    description="The courier's number of the parcel.",
    example="YT7450353838751",
)
COURIER_OF_ORDER: Final = Optional(
    name="courier",
    place="query",
    parse=blank_or(_courier),
    schema=blank_or_schema(fields.COURIER.schema),
    description="Whose parcel, where two of the order share a number.",
    example="yuantong",
)
STATUS: Final = Optional(
    name="status",
    place="query",
    parse=_status,
    schema={"type": "string", "enum": list(statuses.NAMES)},
    description="Only shipments whose parcel has this status.",
    example="in_transit",
)
COURIER: Final = Optional(
    name="courier",
    place="query",
    parse=_courier,
    schema=fields.COURIER.schema,
    description="Only shipments with this courier.",
    example="yuantong",
)
TAGGED: Final = Optional(
    name="tag",
    place="query",
    parse=_tag,
    schema={"type": "string", "pattern": TAG},
    description="Only shipments with this tag.",
    example="summer-sale",
)
ATTENTION: Final = Optional(
    name="attention",
    place="query",
    parse=_truth,
    schema={"type": "boolean"},
    description="Only shipments that somebody should look at, or only the others.",
    example=True,
)
UPDATED_SINCE: Final = Optional(
    name="updated_since",
    place="query",
    parse=moment,
    schema={"type": "string", "format": "date-time"},
    description="Only shipments that changed since, the least recently changed first.",
    example="2026-03-01T09:00:00Z",
)
LIMIT: Final = Optional(
    name="limit",
    place="query",
    parse=whole(1, LONGEST_PAGE, f"A page has 1 to {LONGEST_PAGE} shipments."),
    schema={"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE},
    description="How many at most.",
    example=20,
)
WHICH: Final = (ORDER, TRACKING_NUMBER, COURIER_OF_ORDER)
FILTERS: Final = (STATUS, COURIER, TAGGED, ATTENTION, UPDATED_SINCE)
