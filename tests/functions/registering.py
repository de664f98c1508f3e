"""Registering and listing shipments through the manage function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.functions.conftest import Answer, App

COLLECTION, ONE = "/v1/shipments", "/v1/shipments/{order_id}"


def register(manage: App, order_id: str = "1001", number: str = "YT0000000000001", **rest: Any) -> Answer:
    parts = {key: rest.pop(key) for key in ("member", "scopes", "headers") if key in rest}
    return manage.send_json(
        "POST", COLLECTION, {"order_id": order_id, "tracking_number": number, **rest}, **parts
    )


def listed(manage: App, member: str = "member", **query: str) -> Any:
    answer = manage.send("GET", COLLECTION, query=query, member=member)
    assert answer.status == 200, answer.text
    return answer.body


def ids(page: Any) -> list[str]:
    return [each["order_id"] for each in page["shipments"]]
