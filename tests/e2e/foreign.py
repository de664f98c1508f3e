"""Every route with every way to name what is another member's: what the cross-member test sends."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


LIST = "/v1/shipments"
HOOKS = "/v1/webhooks"
ONE_HOOK = f"{HOOKS}/{{webhook_id}}"
PHONE = "8000"
OWN = "own"
"""The order that the curious member has itself; its parcel was forwarded."""


@dataclass(frozen=True, slots=True)
class Names:
    """All that names something of a member. What is shown of it is compared with these words blanked out."""

    order: str
    number: str
    forwarded: str
    successor: str
    key: str
    tag: str
    cursor: str
    etag: str
    since: str
    status: str
    courier: str
    member: str
    webhook: str
    event: str

    def blank(self, text: str) -> str:
        for field in fields(self):
            if field.name not in {"status", "courier", "since"}:
                text = text.replace(getattr(self, field.name), f"<{field.name}>")
        text = re.sub(r'(?<="next_cursor":")[^"]+', "<next>", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>", text)
        return re.sub(r"shp_[0-9a-f]{20}", "<id>", text)


@dataclass(frozen=True, slots=True)
class Sent:
    path: str
    query: dict[str, str] | None = None
    json: Any = None
    headers: dict[str, str] | None = None


def about_orders(action: str = "", json: Any = None) -> list[Callable[[Names], Sent]]:
    """The ways to name a shipment on a path that has an order in it."""
    path = f"{LIST}/{{}}{action}" if not action.startswith("/v1") else f"{action}/{{}}"
    return [
        lambda names: Sent(path.format(names.order), json=json),
        lambda names: Sent(path.format(names.order), {"tracking_number": names.number}, json),
        lambda names: Sent(path.format(names.order), {"tracking_number": names.successor}, json),
        lambda names: Sent(path.format(names.order), {"courier": names.courier}, json),
        lambda names: Sent(path.format(OWN), {"tracking_number": names.number}, json),
        lambda names: Sent(path.format(OWN), {"tracking_number": names.successor}, json),
        lambda names: Sent(path.format(OWN), {"courier": names.courier}, json),
        lambda names: Sent(path.format(names.number), json=json),
        lambda names: Sent(path.format(names.order), None, json, {"If-None-Match": names.etag}),
        lambda names: Sent(path.format(names.order), None, json, {"Idempotency-Key": names.key}),
    ]


def about_webhooks(action: str = "", json: Any = None) -> list[Callable[[Names], Sent]]:
    """The ways to name a webhook on a path that has one in it."""
    path = f"{HOOKS}/{{}}{action}"
    return [
        lambda names: Sent(path.format(names.webhook), json=json),
        lambda names: Sent(path.format(names.webhook), {"limit": "1", "state": "parked"}, json),
        lambda names: Sent(path.format(names.webhook), None, json, {"If-None-Match": names.etag}),
        lambda names: Sent(path.format(names.webhook), None, json, {"Idempotency-Key": names.key}),
        lambda names: Sent(path.format(names.event), json=json),
    ]


def shipment_of(names: Names, **others: Any) -> dict[str, Any]:
    return {"order_id": names.order, "tracking_number": names.number, "phone": PHONE, **others}


MATRIX: dict[tuple[str, str], list[Callable[[Names], Sent]]] = {
    ("POST", "/v1/track"): [
        lambda names: Sent("/v1/track", json={"expCode": "shunfeng", "expNo": names.number}),
        lambda names: Sent("/v1/track", json={"expCode": "auto", "expNo": names.successor}),
        lambda names: Sent("/v1/track", json={"expCode": "auto", "expNo": names.order}),
        lambda names: Sent(
            "/v1/track",
            json={"expCode": "shunfeng", "expNo": names.number},
            headers={"Idempotency-Key": names.key},
        ),
    ],
    ("GET", "/v1/parcels/{courier}/{number}"): [
        lambda names: Sent(f"/v1/parcels/shunfeng/{names.number}"),
        lambda names: Sent(f"/v1/parcels/auto/{names.successor}"),
        lambda names: Sent(f"/v1/parcels/shunfeng/{names.number}", {"max_age": "3000000"}),
        lambda names: Sent(f"/v1/parcels/shunfeng/{names.number}", headers={"If-None-Match": names.etag}),
        lambda names: Sent(f"/v1/parcels/yuantong/{names.order}", {"max_age": "x"}),
    ],
    ("GET", "/v1/couriers"): [
        lambda names: Sent("/v1/couriers", {"q": names.order}),
        lambda names: Sent("/v1/couriers", {"q": names.number}),
        lambda names: Sent("/v1/couriers", {"q": names.tag}),
    ],
    ("GET", "/v1/couriers/detect"): [
        lambda names: Sent("/v1/couriers/detect", {"number": names.number}),
        lambda names: Sent("/v1/couriers/detect", {"number": names.successor}),
    ],
    ("GET", "/v1/statuses"): [lambda names: Sent("/v1/statuses", headers={"If-None-Match": names.etag})],
    ("GET", "/v1/health"): [lambda names: Sent("/v1/health", {"order_id": names.order})],
    ("GET", "/v1/tracking/get/{order_id}"): about_orders("/v1/tracking/get"),
    ("GET", "/v1/tracking/get"): [
        lambda names: Sent("/v1/tracking/get", {"tracking_number": names.number}),
        lambda names: Sent("/v1/tracking/get", {"tracking_number": names.successor}),
        lambda names: Sent("/v1/tracking/get", {"tracking_number": names.order}),
        lambda names: Sent("/v1/tracking/get", {"order_id": names.order}),
        lambda names: Sent(
            "/v1/tracking/get", {"tracking_number": names.number}, None, {"If-None-Match": "*"}
        ),
    ],
    ("GET", LIST): [
        lambda names: Sent(LIST, {"cursor": names.cursor, "limit": "1"}),
        lambda names: Sent(LIST, {"cursor": names.cursor}),
        lambda names: Sent(LIST, {"tag": names.tag}),
        lambda names: Sent(LIST, {"tag": names.tag, "status": names.status}),
        lambda names: Sent(LIST, {"courier": names.courier}),
        lambda names: Sent(LIST, {"status": names.status}),
        lambda names: Sent(LIST, {"updated_since": names.since}),
        lambda names: Sent(LIST, headers={"If-None-Match": names.etag}),
        lambda names: Sent(LIST, {"order_id": names.order, "tracking_number": names.number}),
    ],
    ("POST", LIST): [
        lambda names: Sent(LIST, json=shipment_of(names)),
        lambda names: Sent(LIST, json=shipment_of(names, tags=[names.tag])),
        lambda names: Sent(LIST, json={**shipment_of(names), "phone": "1111"}),
        lambda names: Sent(LIST, json={**shipment_of(names), "phone": None}),
        lambda names: Sent(LIST, json={**shipment_of(names), "tracking_number": names.successor}),
        lambda names: Sent(LIST, json={**shipment_of(names), "order_id": OWN}),
        lambda names: Sent(LIST, json=shipment_of(names), headers={"Idempotency-Key": names.key}),
        lambda names: Sent(LIST, json={}, headers={"Idempotency-Key": names.key}),
    ],
    ("POST", f"{LIST}/batch"): [
        lambda names: Sent(
            f"{LIST}/batch",
            json={
                "shipments": [
                    shipment_of(names),
                    {**shipment_of(names), "phone": None},
                    {**shipment_of(names), "tracking_number": names.successor},
                    {**shipment_of(names), "order_id": OWN},
                    names.order,
                ]
            },
        ),
        lambda names: Sent(
            f"{LIST}/batch",
            json={"shipments": [shipment_of(names)]},
            headers={"Idempotency-Key": names.key},
        ),
    ],
    ("GET", f"{LIST}/{{order_id}}"): about_orders(),
    ("PATCH", f"{LIST}/{{order_id}}"): about_orders(json={"tags": ["theirs"], "phone": "1111"}),
    ("DELETE", f"{LIST}/{{order_id}}"): about_orders(),
    ("POST", f"{LIST}/{{order_id}}/refresh"): about_orders("/refresh"),
    ("POST", f"{LIST}/{{order_id}}/complete"): about_orders("/complete"),
    ("POST", f"{LIST}/{{order_id}}/successor"): [
        *about_orders("/successor", json={"tracking_number": "SF9999999999999", "phone": PHONE}),
        *(
            lambda names, named=named: Sent(
                f"{LIST}/{OWN}/successor",
                json={"tracking_number": getattr(names, named), "phone": PHONE},
            )
            for named in ("number", "successor", "forwarded")
        ),
    ],
    ("POST", f"{LIST}/{{order_id}}/share"): about_orders("/share", json={"days": 1}),
    ("DELETE", f"{LIST}/{{order_id}}/share"): about_orders("/share"),
    ("GET", "/v1/usage"): [
        lambda names: Sent("/v1/usage", {"order_id": names.order}),
        lambda names: Sent("/v1/usage", {"member": names.member}),
        lambda names: Sent("/v1/usage", {"member": names.member, "from": names.since[:10]}),
        lambda names: Sent("/v1/usage", {"month": names.number}),
        lambda names: Sent("/v1/usage", headers={"If-None-Match": names.etag}),
    ],
    ("GET", HOOKS): [
        lambda names: Sent(HOOKS, headers={"If-None-Match": names.etag}),
        lambda names: Sent(HOOKS, {"member": names.member, "webhook_id": names.webhook}),
    ],
    ("POST", HOOKS): [
        lambda names: Sent(HOOKS, json={"url": "https://10.0.0.1/", "events": [names.tag]}),
        lambda names: Sent(HOOKS, json={"id": names.webhook, "url": "https://10.0.0.1/", "events": ["*"]}),
        lambda names: Sent(HOOKS, json={}, headers={"Idempotency-Key": names.key}),
    ],
    ("GET", ONE_HOOK): about_webhooks(),
    ("PATCH", ONE_HOOK): about_webhooks(json={"description": "theirs"}),
    ("DELETE", ONE_HOOK): about_webhooks(),
    ("POST", f"{ONE_HOOK}/secret"): about_webhooks("/secret"),
    ("POST", f"{ONE_HOOK}/test"): about_webhooks("/test"),
    ("POST", f"{ONE_HOOK}/pause"): about_webhooks("/pause"),
    ("POST", f"{ONE_HOOK}/resume"): about_webhooks("/resume"),
    ("GET", f"{ONE_HOOK}/deliveries"): about_webhooks("/deliveries"),
    ("POST", f"{ONE_HOOK}/replay"): [
        *about_webhooks("/replay", json={"since": "2026-01-01T00:00:00Z"}),
        lambda names: Sent(f"{HOOKS}/{names.webhook}/replay", json={"event_id": names.event}),
    ],
    # What is one's own in the feed grows meanwhile, so nothing of it may be in the answers.
    ("GET", "/v1/events"): [
        lambda names: Sent("/v1/events", {"after": names.event}),
        lambda names: Sent("/v1/events", {"after": "0", "limit": names.webhook}),
    ],
    ("GET", "/v1/settings"): [
        lambda names: Sent("/v1/settings", {"member": names.member}),
        lambda names: Sent("/v1/settings", headers={"If-None-Match": names.etag}),
    ],
    ("PATCH", "/v1/settings"): [
        lambda names: Sent("/v1/settings", {"member": names.member}, {"quiet_hours": None}),
        lambda names: Sent("/v1/settings", json={"member": names.member}),
    ],
    # For operators alone: not even who names everything right is told more than that.
    ("GET", "/v1/operator"): [lambda names: Sent("/v1/operator", {"member": names.member})],
    ("GET", "/v1/operations"): [
        lambda names: Sent("/v1/operations", {"member": names.member}),
        lambda names: Sent("/v1/operations", headers={"If-None-Match": names.etag}),
    ],
    ("GET", "/v1/operations/queues/{queue}/failed"): [
        lambda _: Sent("/v1/operations/queues/webhook/failed"),
        lambda names: Sent(f"/v1/operations/queues/{names.webhook}/failed"),
    ],
    ("POST", "/v1/operations/queues/{queue}/redrive"): [
        lambda _: Sent("/v1/operations/queues/webhook/redrive", json={}),
        lambda names: Sent(f"/v1/operations/queues/{names.webhook}/redrive", json={}),
    ],
    ("POST", "/v1/operations/webhooks/{member}/{webhook_id}/replay"): [
        lambda names: Sent(
            f"/v1/operations/webhooks/{names.member}/{names.webhook}/replay",
            json={"since": "2026-01-01T00:00:00Z"},
        ),
        lambda names: Sent(
            f"/v1/operations/webhooks/{names.member}/{names.webhook}/replay", json={"event_id": names.event}
        ),
    ],
    ("GET", "/v1/unsubscribe/{token}"): [
        lambda names: Sent(f"/v1/unsubscribe/{names.order}"),
        lambda names: Sent(f"/v1/unsubscribe/{names.webhook}"),
    ],
    ("POST", "/v1/unsubscribe/{token}"): [lambda names: Sent(f"/v1/unsubscribe/{names.order}", json={})],
    ("GET", "/v1/t/{token}"): [
        lambda names: Sent(f"/v1/t/{names.order}"),
        lambda names: Sent(f"/v1/t/{names.number}", {"lang": "en"}),
        lambda names: Sent(f"/v1/t/{names.key}", headers={"If-None-Match": names.etag}),
    ],
    ("GET", "/v1/t/{token}/badge.svg"): [lambda names: Sent(f"/v1/t/{names.order}/badge.svg")],
    ("GET", "/v1/page/{asset}"): [lambda names: Sent(f"/v1/page/{names.order}")],
    ("GET", "/v1/openapi.json"): [lambda names: Sent("/v1/openapi.json", {"order_id": names.order})],
    ("GET", "/v1/docs"): [lambda names: Sent("/v1/docs", {"order_id": names.order})],
    ("GET", "/v1/docs/{asset}"): [
        lambda names: Sent(f"/v1/docs/{names.order}"),
        lambda names: Sent(f"/v1/docs/{names.number}"),
    ],
}
