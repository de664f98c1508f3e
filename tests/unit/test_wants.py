"""Which endpoint hears of what."""

from __future__ import annotations

from typing import Any

import pytest

from waybill import notifications
from waybill.budgets import Limits, of
from waybill.notifications import BUDGET_WARNING, CIRCUIT_OPENED, TYPES, Notification
from waybill.webhooks import EVERYTHING, Webhook, wants

NOW = 1_790_000_000.0


def endpoint(*events: str, operator: bool = False) -> Webhook:
    return Webhook("acme", "whk_1", "https://example.com", events, "", NOW, operator=operator)


def told(kind: str, **data: Any) -> Notification:
    return {"type": kind, "id": "evt_1", "timestamp": notifications.instant(NOW), "data": data}


@pytest.mark.parametrize("kind", TYPES)
def test_a_list_of_types_is_what_an_endpoint_hears(kind: str) -> None:
    assert wants(endpoint(kind, operator=True), told(kind))
    others = [each for each in TYPES if each != kind]
    assert not wants(endpoint(*others, operator=True), told(kind))
    assert wants(endpoint(*EVERYTHING, operator=True), told(kind))


@pytest.mark.parametrize("events", [EVERYTHING, (CIRCUIT_OPENED, BUDGET_WARNING)])
def test_what_concerns_everybody_is_for_operators_only(events: tuple[str, ...]) -> None:
    limits = Limits(day=10, month=0, member_day=10, member_month=0)
    (everybodys,) = of("", limits)
    own = next(budget for budget in of("acme", limits) if budget.scope)
    for hidden in (told(CIRCUIT_OPENED, code="601"), notifications.of_budget(everybodys, 80, NOW)):
        assert not wants(endpoint(*events), hidden)
        assert wants(endpoint(*events, operator=True), hidden)
    assert wants(endpoint(*events), notifications.of_budget(own, 80, NOW))
