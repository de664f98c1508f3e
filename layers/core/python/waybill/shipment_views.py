"""How a shipment is shown: natively, in lists, and as contract B has it. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Final, Literal, NotRequired

from typing_extensions import TypedDict

from waybill import reasons, statuses, views
from waybill.answers import CourierName, Error, Parcel
from waybill.couriers import find
from waybill.model import Lang, Status

if TYPE_CHECKING:
    from waybill.errors import WaybillError
    from waybill.lookup import Found
    from waybill.model import Area, Event, Route
    from waybill.shipments import Link, Shipment
    from waybill.tracked import Tracked

_COUNTRIES: Final = {
    "CN71": ("中国台湾", "Taiwan, China"),
    "CN81": ("中国香港", "Hong Kong, China"),
    "CN82": ("中国澳门", "Macao, China"),
    "CN": ("中国", "China"),
}
"""By the beginning of an area's code, which is the country's and then the division's (GB/T 2260)."""


_WHY_OLD: Final = {
    "budget_exhausted": "The budget of calls to Kuaidi100 is used up; this is what was known last.",
    "circuit_open": "Kuaidi100 refuses all calls until the operator has mended something; this is what was known last.",
}
"""Why no call was made, by the reason of a stale answer, where somebody has to act."""


class LinkView(TypedDict):
    courier: str
    tracking_number: str


class NotifyView(TypedDict):
    email: str
    """Shortened, unless the token has the scope `pii`."""
    events: list[str]
    lang: Lang


class NextCheck(TypedDict):
    """When Waybill looks at the parcel next, by itself."""

    at: str | None
    """Null when it does not look any more, or waits for you."""
    reason: str
    text: str
    """The reason in the shipment's language."""


_Places = TypedDict("_Places", {"from": str | None, "to": str | None})


class ShipmentView(_Places):
    """A parcel of an order. Every field is always there; what is not known is null or empty."""

    id: str
    order_id: str
    tracking_number: str
    courier: CourierName
    state: Literal["active", "completed"]
    """Whether you still follow it."""
    status: Status
    substatus: str | None
    status_name: str
    terminal: bool
    """Whether the journey is over."""
    attention: str | None
    """Why somebody should look at it: a status, or `stalled` where it is quiet for far longer than others like it."""
    next_check: NextCheck | None
    """Null for what was registered before there was a schedule, until you look at it, and for what ended long ago."""
    phone_given: bool
    origin_country: str | None
    destination_country: str | None
    lang: Lang
    notify: NotifyView | None
    tags: list[str]
    metadata: dict[str, str]
    predecessor: LinkView | None
    successor: LinkView | None
    created_at: str
    updated_at: str
    """When anything shown here last changed, but for the next check."""
    completed_at: str | None


class Problem(TypedDict):
    """Why there is no parcel to show, and what to do."""

    error_code: str
    message: str
    retry_after: int | None


class ShipmentWithParcel(ShipmentView):
    parcel: Parcel | None
    """The parcel as GET /v1/parcels has it, null while nothing is known."""
    problem: Problem | None


class ShipmentPage(TypedDict):
    shipments: list[ShipmentView]
    next_cursor: str | None
    """For the next page; null on the last one."""


class BatchItem(TypedDict):
    index: int
    """Its place in the request, from 0."""
    status: int
    """The HTTP status that it would have had by itself: 201 registered, 200 there already, else an error."""
    shipment: NotRequired[ShipmentView]
    error: NotRequired[Error]


class BatchAnswer(TypedDict):
    results: list[BatchItem]
    registered: int
    existing: int
    refused: int


class TrackingMessage(TypedDict):
    code: str
    """Our status of the event."""
    location: str
    date: str
    """As `2025-12-09 17:37:09`, in the event's own zone."""
    message: str


class TrackingData(TypedDict):
    tracking_number: str
    order_id: str
    order_status: str
    export_country: str
    destination_country: str
    shipping_provider: str
    courier_name: str
    tracking_msg_list: list[TrackingMessage]
    message: str
    """`OK`, or why the newest data could not be had."""


class TrackingAnswer(TypedDict):
    """Contract B."""

    data: TrackingData


def shipment(ship: Shipment, tracked: Tracked | None, *, pii: bool) -> ShipmentView:
    """One shipment, in its own language. `tracked` is its parcel's row, if it is followed."""
    said, standing = ship.registration, ship.standing
    courier = find(ship.courier)
    return {
        "id": ship.id,
        "order_id": ship.order_id,
        "tracking_number": ship.number,
        "courier": {
            "code": ship.courier,
            "name": courier.name(said.lang) if courier else ship.courier,
        },
        "state": "active" if ship.completed_at is None else "completed",
        "status": standing.status,
        "substatus": standing.substatus,
        "status_name": _status_name(ship),
        "terminal": standing.terminal,
        "attention": standing.attention,
        "next_check": _next_check(ship, tracked) if tracked else None,
        "phone_given": said.tail is not None,
        "from": said.origin or None,
        "to": said.to or None,
        "origin_country": said.origin_country,
        "destination_country": said.destination_country,
        "lang": said.lang,
        "notify": _notify(ship, pii=pii),
        "tags": list(said.tags),
        "metadata": dict(said.metadata),
        "predecessor": _link(ship.predecessor),
        "successor": _link(ship.successor),
        "created_at": views.instant(ship.created_at),
        "updated_at": views.instant(ship.updated_at),
        "completed_at": None if ship.completed_at is None else views.instant(ship.completed_at),
    }


def with_parcel(
    ship: Shipment, tracked: Tracked | None, found: Found | None, error: WaybillError | None, *, pii: bool
) -> ShipmentWithParcel:
    """A shipment and what is known of its parcel, or why nothing is."""
    return {
        **shipment(ship, tracked, pii=pii),
        "parcel": views.native(found, ship.registration.lang) if found else None,
        "problem": _problem(error) if error else None,
    }


def etag(body: ShipmentWithParcel) -> str:
    """As of a parcel: whatever passes with time alone is not covered."""
    parcel, problem, check = body["parcel"], body["problem"], body["next_check"]
    covered = {
        **body,
        "next_check": check["reason"] if check else None,
        "parcel": views.etag(parcel) if parcel else None,
        "problem": problem["error_code"] if problem else None,
    }
    text = json.dumps(covered, ensure_ascii=False, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def contract_b(ship: Shipment, found: Found | None, error: WaybillError | None) -> TrackingAnswer:
    """`{data: {...}}` as in the samples of contract B; every text is there, empty where nothing is known."""
    lang = ship.registration.lang
    parcel = found.parcel if found else None
    courier = find(ship.courier)
    name = courier.name(lang) if courier else ship.courier
    route = parcel.route if parcel else None
    return {
        "data": {
            "tracking_number": ship.number,
            "order_id": ship.order_id,
            "order_status": views.status_name(parcel, lang) if parcel else _status_name(ship),
            "export_country": ship.registration.origin_country or _country(route, "origin", lang),
            "destination_country": ship.registration.destination_country
            or _country(route, "destination", lang),
            "shipping_provider": name,
            "courier_name": name,
            "tracking_msg_list": [_message(event) for event in parcel.events] if parcel else [],
            "message": error.message if error else _WHY_OLD.get(found.reason if found else "", "OK"),
        }
    }


def _next_check(ship: Shipment, tracked: Tracked) -> NextCheck:
    """As this member may know it: when and why would tell where a phone-bound parcel is, which others may have shown to see."""
    at, reason = tracked.next_at, tracked.reason
    courier, standing = find(ship.courier), ship.standing
    bound = tracked.phone_bound or (courier is not None and courier.requires_phone)
    seen = standing.as_of > 0 and ship.registration.tail is not None
    if bound and not seen:
        at, reason = None, "phone_needed"
    elif ship.completed_at is not None and at is not None:
        at, reason = None, "nobody_waits"
    text = reasons.text_of(reason, ship.registration.lang)
    return {"at": None if at is None else views.instant(at), "reason": reason, "text": text}


def _message(event: Event) -> TrackingMessage:
    place = event.location or (event.area.name if event.area else None)
    return {
        "code": event.status or "",
        "location": place or "",
        "date": views.local_time(event.time),
        "message": event.text,
    }


def _country(route: Route | None, end: str, lang: str) -> str:
    """The country of one end of the route, from its area. A name without a code may begin with a province."""
    area: Area | None = getattr(route, end, None)
    if area is None or not area.code:
        return ""
    for beginning, (zh, en) in _COUNTRIES.items():
        if area.code.startswith(beginning):
            return zh if lang == "zh" else en
    return (area.name or "").split(",")[0]


def _status_name(ship: Shipment) -> str:
    standing, lang = ship.standing, ship.registration.lang
    if standing.substatus is None or standing.code is None:
        return statuses.status_name(standing.status, lang)
    return statuses.resolve(standing.code)[0].name(lang)


def _link(link: Link | None) -> LinkView | None:
    return {"courier": link.courier, "tracking_number": link.number} if link else None


def _notify(ship: Shipment, *, pii: bool) -> NotifyView | None:
    notify = ship.registration.notify
    if notify is None:
        return None
    name, _, domain = notify["email"].partition("@")
    return {
        "email": notify["email"] if pii else f"{name[:1]}***@{domain}",
        "events": list(notify["events"]),
        "lang": notify["lang"] or ship.registration.lang,
    }


def _problem(error: WaybillError) -> Problem:
    return {
        "error_code": getattr(error, "code", "UPSTREAM_UNAVAILABLE"),
        "message": error.message,
        "retry_after": None if error.retry_after is None else max(1, math.ceil(error.retry_after)),
    }
