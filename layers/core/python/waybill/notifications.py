"""What Waybill tells without being asked: that a parcel reached a milestone, has stalled, that money runs out. Pure.

::

    {"type": "parcel.delivered", "id": "evt_...", "timestamp": "2026-03-01T09:00:00Z", "data": {...}}

A notification is made where it is born, in the same transaction as what it tells of, and is the same for everybody: `of_shipment`
makes each member's own of it. It says `event` to the outside world, as Standard Webhooks do. Texts in it are a parcel's, so masked.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NotRequired

from typing_extensions import TypedDict

from waybill import couriers, statuses
from waybill.shipments import NEED_ATTENTION, STALLED, Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waybill.budgets import Budget
    from waybill.circuit import Circuit
    from waybill.model import Event, Milestone, Parcel
    from waybill.shipments import Shipment

PARCEL: Final = "parcel."
STALLED_TYPE: Final = f"{PARCEL}{STALLED}"
BUDGET_WARNING: Final = "budget.warning"
BUDGET_EXHAUSTED: Final = "budget.exhausted"
CIRCUIT_OPENED: Final = "circuit.opened"
WEBHOOK_DISABLED: Final = "webhook.disabled"
WEBHOOK_TEST: Final = "webhook.test"

PARCEL_TYPES: Final = (
    *(f"{PARCEL}{status}" for status in statuses.NAMES if status != "pending"),
    STALLED_TYPE,
)
OPERATOR_TYPES: Final = (CIRCUIT_OPENED,)
"""What only members hear that have a webhook made with the scope `admin`, or read the feed with it; so are budgets of all."""
TYPES: Final = (
    *PARCEL_TYPES,
    BUDGET_WARNING,
    BUDGET_EXHAUSTED,
    *OPERATOR_TYPES,
    WEBHOOK_DISABLED,
    WEBHOOK_TEST,
)
LIMIT_BYTES: Final = 20_000
"""Of a notification as JSON in UTF-8: what Standard Webhooks recommend to stay under."""


class Notification(TypedDict):
    """`id` is the same however often it is sent; `timestamp` is when Waybill learned of it, in service time."""

    type: str
    id: str
    timestamp: str
    data: Any


class CourierData(TypedDict):
    """The courier that carries the parcel."""

    code: str
    """Kuaidi100's code."""
    name: str
    """In the parcel's language."""


class EventData(TypedDict):
    """The line of the courier's that tells it."""

    id: str
    time: str | None
    """ISO 8601 with the zone of the place, in China unless the courier says another."""
    text: str
    """The courier's text. Names and phone numbers are masked."""
    code: str | None
    """Kuaidi100's code of the line."""
    location: str | None


class ShipmentData(TypedDict):
    """Your own shipment."""

    id: str
    order_id: str
    tags: list[str]


class ParcelData(TypedDict):
    """What happened to a parcel."""

    courier: CourierData
    number: str
    """The courier's number of the parcel."""
    status: str
    """As in GET /v1/statuses; of a parcel that has stalled, the one that it stays in."""
    status_name: str
    """In the parcel's language."""
    substatus: str | None
    """What kind of it, as in GET /v1/statuses."""
    occurred_at: str | None
    """When it happened, by the courier; of a parcel that has stalled, when that was noticed."""
    occurrence: int
    """How often the parcel was in this status so far, this time included."""
    is_first_in_status: bool
    """Whether the parcel is in this status for the first time."""
    attention: str | None
    """Why somebody should look at the parcel: a status, or `stalled`; null for no reason."""
    terminal: bool
    """Whether the journey is over."""
    event: EventData | None
    shipment: NotRequired[ShipmentData]
    """Left out of what the topic tells everybody."""
    backfill: NotRequired[bool]
    """Whether it happened before you began to watch, and is the newest of that. Left out of what the topic tells everybody."""


class BudgetData(TypedDict):
    """A part of a budget of calls to Kuaidi100 is used."""

    member: str | None
    """Whose budget; null for that of all together, which only operators hear of."""
    period: str
    """The day or month, in China: `2026-11-22` or `2026-11`."""
    limit: int
    """Calls that the budget allows."""
    percent: int
    """How much of it is used: 80 or 100."""


class CircuitData(TypedDict):
    """Kuaidi100 refuses all calls until the operator has mended something."""

    code: str
    """As in its answer: 601 for no money left, 503 for wrong credentials."""
    opened_at: str


class WebhookData(TypedDict):
    """What became of an endpoint."""

    webhook_id: str
    url: str
    reason: str
    """`gone` (it answered 410), `failing` (for days), or `test`, which its owner asked for."""


def of_milestone(parcel: Parcel, milestone: Milestone, now: float) -> Notification:
    """`parcel` is as of the answer that the milestone was born of."""
    line = next((event for event in parcel.events if event.id == milestone.event_id), None)
    data: ParcelData = {
        "courier": _courier(parcel),
        "number": parcel.number,
        "status": milestone.status,
        "status_name": statuses.status_name(milestone.status, parcel.lang),
        "substatus": milestone.substatus,
        "occurred_at": milestone.occurred_at,
        "occurrence": milestone.occurrence,
        "is_first_in_status": milestone.occurrence == 1,
        "attention": milestone.status if milestone.status in NEED_ATTENTION else None,
        "terminal": milestone.status == parcel.status and parcel.terminal,
        "event": _line(line),
    }
    made_of = (parcel.courier, parcel.number, milestone.status, milestone.occurrence, milestone.event_id)
    return _notification(f"{PARCEL}{milestone.status}", now, data, *made_of)


def of_stall(parcel: Parcel, now: float) -> Notification:
    """The parcel has been quiet for far longer than others like it."""
    data: ParcelData = {
        "courier": _courier(parcel),
        "number": parcel.number,
        "status": parcel.status,
        "status_name": statuses.status_name(parcel.status, parcel.lang),
        "substatus": parcel.substatus,
        "occurred_at": instant(now),
        "occurrence": 1,
        "is_first_in_status": False,
        "attention": STALLED,
        "terminal": False,
        "event": _line(parcel.events[0] if parcel.events else None),
    }
    return _notification(STALLED_TYPE, now, data, parcel.courier, parcel.number, round(now))


def of_budget(budget: Budget, percent: int, now: float) -> Notification:
    data: BudgetData = {
        "member": budget.scope or None,
        "period": budget.name(now).split("#")[0],
        "limit": budget.limit,
        "percent": percent,
    }
    kind = BUDGET_EXHAUSTED if percent >= 100 else BUDGET_WARNING
    return _notification(kind, now, data, budget.name(now), percent)


def of_circuit(circuit: Circuit) -> Notification:
    data: CircuitData = {"code": circuit.code, "opened_at": instant(circuit.opened_at)}
    return _notification(CIRCUIT_OPENED, circuit.opened_at, data, circuit.holder, circuit.opened_at)


def of_webhook(kind: str, data: WebhookData, now: float) -> Notification:
    """`kind` is WEBHOOK_DISABLED or WEBHOOK_TEST; each of them is a new one."""
    return _notification(kind, now, data, data["webhook_id"], now)


def of_shipment(told: Notification, ship: Shipment, *, backfill: bool = False) -> Notification:
    """A parcel's notification as its watcher hears it: one for each shipment, with an id of its own."""
    shipment: ShipmentData = {
        "id": ship.id,
        "order_id": ship.order_id,
        "tags": list(ship.registration.tags),
    }
    data = {**told["data"], "shipment": shipment, "backfill": backfill}
    id_ = _id(told["id"], ship.id, ship.created_at)
    return {"type": told["type"], "id": id_, "timestamp": told["timestamp"], "data": data}


def mailed(notify: Mapping[str, Any] | None, type_: str) -> bool:
    """Whether a customer gets mail of it: `notify` is a shipment's, whose events are statuses, `stalled`, or `*` for all."""
    events = notify["events"] if notify else ()
    return type_ in PARCEL_TYPES and ("*" in events or type_.removeprefix(PARCEL) in events)


def write(told: Notification) -> str:
    """As JSON, the same text each time: what is signed is what is sent."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def instant(epoch: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def parcel_of(told: Notification) -> Link:
    """The parcel that a parcel's notification is about."""
    return Link(told["data"]["courier"]["code"], told["data"]["number"])


def _notification(kind: str, now: float, data: Any, *made_of: object) -> Notification:
    return {"type": kind, "id": _id(kind, *made_of), "timestamp": instant(now), "data": data}


def _id(*made_of: object) -> str:
    return f"evt_{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:24]}"


def _courier(parcel: Parcel) -> CourierData:
    found = couriers.find(parcel.courier)
    return {"code": parcel.courier, "name": found.name(parcel.lang) if found else parcel.courier}


def _line(event: Event | None) -> EventData | None:
    if event is None:
        return None
    return {
        "id": event.id,
        "time": event.time,
        "text": event.text,
        "code": event.code,
        "location": event.location,
    }
