"""The sample events, each through the function that its route names."""

from __future__ import annotations

import pytest

from tests.functions.conftest import EVENTS, App, Context, Query, sample
from waybill.routes import ROUTES

STATUSES = {
    "unknown-route": 404,
    "wrong-method": 405,
    "shipments-register": 201,
    # Nobody has registered their order.
    "order": 400,
    "order-by-number": 400,
    "shipment": 404,
    "shipment-refresh": 404,
    "shipment-change": 404,
    "shipment-forget": 404,
    "shipment-complete": 404,
    "shipment-successor": 404,
}


@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for path in EVENTS.glob("*.json")
        if path.stem not in {"authorizer", "authorizer-jwt", "dispatch", "refresh"}
    ),
)
def test_every_sample_event_is_answered(query: Query, manage: App, docs: App, name: str) -> None:
    event = sample(name)
    function = ROUTES.get(event["resource"], {}).get(event["httpMethod"], "query")
    app = {"query": query, "manage": manage, "docs": docs}[function].app
    answer = app.handler(event, Context())
    assert answer["statusCode"] == STATUSES.get(name, 200)
    assert answer["headers"]["X-Request-Id"] == event["requestContext"]["requestId"]
