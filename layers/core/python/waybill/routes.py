"""Every path of the API, its methods, and the function that answers each. The template has the same routes, which a test holds.

A function of its own says which methods a path has (405 with Allow), also those that another function answers.
"""

from __future__ import annotations

from typing import Final

ROUTES: Final[dict[str, dict[str, str]]] = {
    "/v1/track": {"POST": "query"},
    "/v1/parcels/{courier}/{number}": {"GET": "query"},
    "/v1/couriers": {"GET": "query"},
    "/v1/couriers/detect": {"GET": "query"},
    "/v1/statuses": {"GET": "query"},
    "/v1/health": {"GET": "query"},
    "/v1/tracking/get/{order_id}": {"GET": "query"},
    "/v1/tracking/get": {"GET": "query"},
    "/v1/shipments": {"GET": "manage", "POST": "manage"},
    "/v1/shipments/batch": {"POST": "manage"},
    "/v1/shipments/{order_id}": {"GET": "query", "PATCH": "manage", "DELETE": "manage"},
    "/v1/shipments/{order_id}/refresh": {"POST": "query"},
    "/v1/shipments/{order_id}/complete": {"POST": "manage"},
    "/v1/shipments/{order_id}/successor": {"POST": "manage"},
    "/v1/shipments/{order_id}/share": {"POST": "manage", "DELETE": "manage"},
    "/v1/usage": {"GET": "manage"},
    "/v1/webhooks": {"GET": "manage", "POST": "manage"},
    "/v1/webhooks/{webhook_id}": {"GET": "manage", "PATCH": "manage", "DELETE": "manage"},
    "/v1/webhooks/{webhook_id}/secret": {"POST": "manage"},
    "/v1/webhooks/{webhook_id}/test": {"POST": "manage"},
    "/v1/webhooks/{webhook_id}/pause": {"POST": "manage"},
    "/v1/webhooks/{webhook_id}/resume": {"POST": "manage"},
    "/v1/webhooks/{webhook_id}/deliveries": {"GET": "manage"},
    "/v1/webhooks/{webhook_id}/replay": {"POST": "manage"},
    "/v1/events": {"GET": "events"},
    "/v1/operator": {"GET": "operator"},
    "/v1/operations": {"GET": "operator"},
    "/v1/operations/queues/{queue}/failed": {"GET": "operator"},
    "/v1/operations/queues/{queue}/redrive": {"POST": "operator"},
    "/v1/operations/webhooks/{member}/{webhook_id}/replay": {"POST": "operator"},
    "/v1/settings": {"GET": "manage", "PATCH": "manage"},
    "/v1/unsubscribe/{token}": {"GET": "suppression", "POST": "suppression"},
    "/v1/t/{token}": {"GET": "page"},
    "/v1/t/{token}/badge.svg": {"GET": "page"},
    "/v1/page/{asset}": {"GET": "page"},
    "/v1/openapi.json": {"GET": "docs"},
    "/v1/docs": {"GET": "docs"},
    "/v1/docs/{asset}": {"GET": "docs"},
}
OPEN: Final = frozenset(
    {
        "/v1/health",
        "/v1/openapi.json",
        "/v1/docs",
        "/v1/docs/{asset}",
        "/v1/unsubscribe/{token}",
        "/v1/t/{token}",
        "/v1/t/{token}/badge.svg",
        "/v1/page/{asset}",
        "/v1/operator",
    }
)
"""Paths that answer without a token: there is nothing of anybody in them, or the path is itself what allows it."""
