"""Parcels with a journey that a test wrote itself, and orders that have them; every number and every order is new."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import httpx

from tests import loopback
from tests.loopback import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks import RunningStack

LIST = "/v1/shipments"
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
    put = loopback.put(f"{stack.simulator}/_sim/journeys/{courier}/{number}", json=journey)
    put.raise_for_status()
    return number


def fail(stack: RunningStack, number: str, **fault: Any) -> str:
    """Let the vendor answer with a fault whenever it is asked of a number, which is answered."""
    order = {**(fault or {"code": "501"}), "number": number}
    loopback.put(f"{stack.simulator}/_sim/faults", json=order).raise_for_status()
    return number


def calls_of(stack: RunningStack, number: str) -> int:
    return sum(call["number"] == number for call in stack.calls())


def register(client: httpx.Client, order_id: str, number: str, **fields: Any) -> dict[str, Any]:
    """A new shipment."""
    answer = client.post("/v1/shipments", json={"order_id": order_id, "tracking_number": number, **fields})
    assert answer.status_code == 201, answer.text
    shipment: dict[str, Any] = answer.json()
    return shipment


def look(client: httpx.Client, order_id: str, **query: str) -> None:
    """Have a shipment's parcel asked about, once more where a busy machine let nobody connect."""
    wait_until(lambda: client.get(at(order_id), params=query).raise_for_status().json()["problem"] is None)


def at(order_id: str, action: str = "") -> str:
    return f"{LIST}/{order_id}{action and f'/{action}'}"


def listed(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    answer = client.get(LIST, params=query)
    assert answer.status_code == 200, answer.text
    shipments: list[dict[str, Any]] = answer.json()["shipments"]
    return shipments


def pages(client: httpx.Client, **query: str) -> Iterator[list[str]]:
    """The orders of every page, one page after the other; whoever iterates may do something in between."""
    while True:
        answer = client.get(LIST, params=query)
        assert answer.status_code == 200, answer.text
        yield [each["order_id"] for each in answer.json()["shipments"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return
        query["cursor"] = cursor


def refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == f"{status}000"
    return error


async def post_all(
    client: httpx.Client, bodies: list[Any], at_once: int, **headers: str
) -> list[httpx.Response]:
    turn, limits = asyncio.Semaphore(at_once), httpx.Limits(max_connections=at_once)
    async with loopback.async_client(
        base_url=client.base_url,
        headers={"Authorization": client.headers["Authorization"], **headers},
        limits=limits,
    ) as concurrent:

        async def one(body: object) -> httpx.Response:
            async with turn:
                return await concurrent.post(LIST, json=body)

        return await asyncio.gather(*map(one, bodies))
