"""Parcels with a journey that a test wrote itself, and orders that have them; every number and every order is new."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from tests.stacks import RunningStack

COLLECTED = {
    "at": -90_000,
    "text": "顺丰速运 已收取快件",
    "text_en": "Picked up",
    "status_code": "103",
    "location": "深圳市",
}
UNDER_WAY = {
    "at": -3_600,
    "text": "快件正在派件",
    "text_en": "Out for delivery",
    "status_code": "5",
    "location": "西安市",
}
DELIVERED = {"at": -600, "text": "已签收", "text_en": "Delivered", "status_code": "301", "location": "西安市"}
REDIRECTED = {"at": -900, "text": "转其他快递", "text_en": "Handed over", "status_code": "7"}


def new_number(prefix: str = "YT") -> str:
    """A number whose courier is surely told by it: YT is yuantong, SF shunfeng, which wants a phone."""
    return f"{prefix}{uuid.uuid4().int % 10**13:013}"


def new_order() -> str:
    return f"order-{uuid.uuid4().hex[:12]}"


def script(
    stack: RunningStack, number: str, *events: dict[str, Any], courier: str = "yuantong", phone: str = ""
) -> str:
    """Write the journey of a number, which is answered."""
    journey = {"phone": phone or None, "events": [*(events or [COLLECTED])]}
    put = httpx.put(f"{stack.simulator}/_sim/journeys/{courier}/{number}", json=journey, trust_env=False)
    put.raise_for_status()
    return number


def fail(stack: RunningStack, number: str, **fault: Any) -> str:
    """Let the vendor answer with a fault whenever it is asked of a number, which is answered."""
    order = {**(fault or {"code": "501"}), "number": number}
    httpx.put(f"{stack.simulator}/_sim/faults", json=order, trust_env=False).raise_for_status()
    return number


def calls_of(stack: RunningStack, number: str) -> int:
    return sum(call["number"] == number for call in stack.calls())


def register(client: httpx.Client, order_id: str, number: str, **fields: Any) -> dict[str, Any]:
    """A new shipment."""
    answer = client.post("/v1/shipments", json={"order_id": order_id, "tracking_number": number, **fields})
    assert answer.status_code == 201, answer.text
    shipment: dict[str, Any] = answer.json()
    return shipment
