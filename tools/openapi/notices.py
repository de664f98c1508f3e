"""What Waybill tells without being asked: the schema of each type of event, and real ones that show it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tools.openapi.table import DELIVERED, Parameter
from waybill import merge, notifications
from waybill.budgets import Limits, of
from waybill.circuit import Circuit
from waybill.model import Parcel, Query
from waybill.notifications import (
    BUDGET_EXHAUSTED,
    BUDGET_WARNING,
    CIRCUIT_OPENED,
    PARCEL_TYPES,
    STALLED_TYPE,
    WEBHOOK_DISABLED,
    WEBHOOK_TEST,
    BudgetData,
    CircuitData,
    Notification,
    ParcelData,
    WebhookData,
)
from waybill.shipments import Registration, Shipment

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

NOW: Final = 1_772_355_600.0  # 2026-03-01T09:00:00Z
MEMBER: Final = "example-member"
WEBHOOK: Final = "whk_0123456789abcdef0123"
URL: Final = "https://hooks.example.com/waybill"
WATCHED: Final = Shipment(
    MEMBER, "3550875", "yuantong", DELIVERED, Registration(tags=("summer-sale",)), NOW, NOW, digest=""
)

DATA: Final[Mapping[str, type]] = {
    **dict.fromkeys(PARCEL_TYPES, ParcelData),
    BUDGET_WARNING: BudgetData,
    BUDGET_EXHAUSTED: BudgetData,
    CIRCUIT_OPENED: CircuitData,
    WEBHOOK_DISABLED: WebhookData,
    WEBHOOK_TEST: WebhookData,
}
NAMES: Final = frozenset(
    {"ParcelData", "CourierData", "EventData", "ShipmentData", "BudgetData", "CircuitData", "WebhookData"}
)
SUMMARIES: Final = {
    **{kind: f"A parcel is now `{kind.removeprefix(notifications.PARCEL)}`" for kind in PARCEL_TYPES},
    STALLED_TYPE: "A parcel is quiet for far longer than others like it",
    BUDGET_WARNING: "80 % of a budget of calls are used",
    BUDGET_EXHAUSTED: "A budget of calls is used up",
    CIRCUIT_OPENED: "Kuaidi100 refuses all calls: for operators",
    WEBHOOK_DISABLED: "An endpoint is sent nothing more until it is resumed",
    WEBHOOK_TEST: "The test that was asked for",
}
ABOUT: Final = (
    "Sent by POST to every webhook that asks for this type, signed as in Standard Webhooks 1.0. It may come more than once, with "
    "the same `webhook-id`, and in any order."
)
HEADERS: Final = (
    Parameter(
        name="webhook-id",
        place="header",
        schema={"type": "string", "pattern": "^evt_[0-9a-f]{24}$"},
        description="The event's id, the same in each try: what you have handled under it you need not handle again.",
        example="evt_0123456789abcdef01234567",
        required=True,
    ),
    Parameter(
        name="webhook-timestamp",
        place="header",
        schema={"type": "string", "pattern": "^[0-9]+$"},
        description="When this try was made, in seconds since 1970. Refuse one of more than five minutes ago.",
        example="1772355600",
        required=True,
    ),
    Parameter(
        name="webhook-signature",
        place="header",
        schema={"type": "string"},
        description=(
            "Signatures of `<webhook-id>.<webhook-timestamp>.<body>` with a space between them: `v1,` and the HMAC-SHA256 with "
            "your secret, `v1a,` and the ed25519 signature that your public key verifies, in base64. While a secret is rotated "
            "there are two of each; one that verifies is enough."
        ),
        example="v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        required=True,
    ),
)
RESPONSES: Final[Json] = {
    "2XX": {"description": "You have it."},
    "410": {"description": "Disables the webhook: nothing is sent there any more."},
    "default": {
        "description": "Anything else, a redirect, or no answer within 15 seconds: it is tried again. `Retry-After` is obeyed."
    },
}


def payload(kind: str, refs: Mapping[Any, Json]) -> Json:
    """The schema of a notification; `refs` has that of each kind of data."""
    return {
        "type": "object",
        "required": ["type", "id", "timestamp", "data"],
        "properties": {
            "type": {"const": kind},
            "id": {
                "type": "string",
                "pattern": "^evt_[0-9a-f]{24}$",
                "description": "The same however often it is sent.",
            },
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "description": "When Waybill learned of it, in UTC.",
            },
            "data": refs[DATA[kind]],
        },
    }


@cache
def samples() -> dict[str, Notification]:
    """Notifications as the code makes them, by type: of those that the examples' parcel came to, and of all that is no parcel's."""
    from tools.openapi import examples  # noqa: PLC0415 - it needs the table of operations, which needs this

    query = Query(com=WATCHED.courier, num=WATCHED.number)
    parcel, born = merge.merge(Parcel(query.com, query.num), examples.upstream(query, ("", "")))
    told = [notifications.of_milestone(parcel, each, NOW) for each in born]
    told.append(notifications.of_stall(replace(parcel, terminal=False), NOW))
    budget = next(each for each in of(MEMBER, Limits(day=0, month=0, member_day=200)) if each.scope)
    ended: WebhookData = {"webhook_id": WEBHOOK, "url": URL, "reason": "gone"}
    asked: WebhookData = {"webhook_id": WEBHOOK, "url": URL, "reason": "test"}
    return {
        each["type"]: each
        for each in (
            *(notifications.of_shipment(each, WATCHED) for each in told),
            notifications.of_budget(budget, 80, NOW),
            notifications.of_budget(budget, 100, NOW),
            notifications.of_circuit(Circuit.opened("601", "", NOW)),
            notifications.of_webhook(WEBHOOK_DISABLED, ended, NOW),
            notifications.of_webhook(WEBHOOK_TEST, asked, NOW),
        )
    }
