"""The sample events, each through the function that its route names."""

from __future__ import annotations

import pytest

from tests.functions.conftest import EVENTS, App, Context, Query, load, sample
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
    "webhooks-create": 201,
    # Nobody has made it.
    "webhook-get": 404,
    "webhook-change": 404,
    "webhook-delete": 404,
    "webhook-secret": 404,
    "webhook-test": 404,
    "webhook-pause": 404,
    "webhook-resume": 404,
    "webhook-deliveries": 404,
    "webhook-replay": 404,
    # Nobody made it.
    "link-share": 404,
    "link-revoke": 404,
    "link-open": 404,
    "link-badge": 404,
    "operations-replay": 404,
    # No letter has this token.
    "unsubscribe": 404,
    "unsubscribe-page": 404,
}


@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for path in EVENTS.glob("*.json")
        if path.stem not in {"authorizer", "authorizer-jwt"} and "resource" in sample(path.stem)
    ),
)
def test_every_sample_event_is_answered(
    query: Query, manage: App, docs: App, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONG_POLLS", "2")
    monkeypatch.setenv("ADDRESS_KEY_SECRET", "tail-key")
    event = sample(name)
    function = ROUTES.get(event["resource"], {}).get(event["httpMethod"], "query")
    loaded = {"query": query, "manage": manage, "docs": docs}.get(function)
    app = loaded.app if loaded else load(function)
    answer = app.handler(event, Context())
    assert answer["statusCode"] == STATUSES.get(name, 200)
    assert answer["headers"]["X-Request-Id"] == event["requestContext"]["requestId"]
