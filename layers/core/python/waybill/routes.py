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
    "/v1/usage": {"GET": "manage"},
    "/v1/openapi.json": {"GET": "docs"},
    "/v1/docs": {"GET": "docs"},
    "/v1/docs/{asset}": {"GET": "docs"},
}
OPEN: Final = frozenset({"/v1/health", "/v1/openapi.json", "/v1/docs", "/v1/docs/{asset}"})
"""Paths that answer without a token: there is nothing of anybody in them."""
