"""What is told is as docs/events.schema.json and the section `webhooks` of the OpenAPI document say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema_rs import Draft202012Validator, ValidationError

from tests.contract.test_openapi_document import check, closed
from tools.openapi import document, examples, notices
from tools.openapi.__main__ import EVENTS, as_text
from waybill import merge, notifications, statuses
from waybill.budgets import Limits, of
from waybill.circuit import Circuit
from waybill.model import Milestone, Parcel, Query
from waybill.notifications import PARCEL_TYPES, TYPES, WEBHOOK_DISABLED, WEBHOOK_TEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.openapi.document import Json
    from waybill.notifications import Notification

NOW = notices.NOW


@pytest.fixture(scope="module")
def schema() -> Json:
    read: Json = json.loads(EVENTS.read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def strict(schema: Json) -> Draft202012Validator:
    """With no room for fields that the schema does not name."""
    shut: Any = closed(schema)
    return Draft202012Validator(shut, validate_formats=True)


def real() -> Iterator[Notification]:
    """Of every type, as the code makes them, as the topic tells it and as a member hears it."""
    query = Query(com="yuantong", num="YT7450353838751")
    journey, _ = merge.merge(Parcel(query.com, query.num), examples.upstream(query, ("", "")))
    bare = Parcel("dodo", "X1")
    for parcel in (journey, bare):
        for status in statuses.NAMES:
            if status == "pending":
                continue
            for occurrence, event_id in ((1, "gone"), (2, parcel.events[0].id if parcel.events else "gone")):
                born = Milestone(status, "2026-02-28T17:05:12+08:00", event_id, None, occurrence)
                told = notifications.of_milestone(replace(parcel, status=status), born, NOW)
                yield told
                yield notifications.of_shipment(told, notices.WATCHED, backfill=occurrence == 2)
        yield notifications.of_stall(parcel, NOW)
        yield notifications.of_shipment(notifications.of_stall(parcel, NOW), notices.WATCHED)
    for budget in of("acme", Limits(day=5, month=50, member_day=1, member_month=10)):
        yield notifications.of_budget(budget, 80, NOW)
        yield notifications.of_budget(budget, 100, NOW)
    yield notifications.of_circuit(Circuit.opened("601", "flight", NOW))
    for kind, reason in ((WEBHOOK_DISABLED, "gone"), (WEBHOOK_DISABLED, "failing"), (WEBHOOK_TEST, "test")):
        yield notifications.of_webhook(
            kind, {"webhook_id": notices.WEBHOOK, "url": notices.URL, "reason": reason}, NOW
        )


def test_the_committed_schema_is_what_the_code_says() -> None:
    assert EVENTS.read_text(encoding="utf-8") == as_text(document.notification()), "run make openapi"


def test_every_real_notification_is_as_its_schema_says_and_has_no_other_field(
    strict: Draft202012Validator, api: Json
) -> None:
    seen = set()
    for told in real():
        parsed = json.loads(notifications.write(told))
        strict.validate(parsed)
        content = api["webhooks"][told["type"]]["post"]["requestBody"]["content"]["application/json"]
        check(api, content["schema"], parsed)
        seen.add(told["type"])
    assert seen == set(TYPES) == set(api["webhooks"])


@pytest.mark.parametrize(
    "change",
    [
        {"type": "parcel.lost"},
        {"type": "budget.warning"},
        {"id": "7"},
        {"timestamp": "yesterday"},
        {"data": {}},
        {"data": None},
    ],
)
def test_what_is_no_notification_is_not_taken_for_one(schema: Json, change: dict[str, Any]) -> None:
    told = next(iter(real()))
    Draft202012Validator(schema, validate_formats=True).validate(told)
    with pytest.raises(ValidationError):
        Draft202012Validator(schema, validate_formats=True).validate({**told, **change})


def test_every_type_says_what_it_is_and_how_it_is_signed(api: Json) -> None:
    for kind, hook in api["webhooks"].items():
        told = hook["post"]
        assert told["summary"]
        headers = {each["name"]: each for each in told["parameters"]}
        assert headers.keys() == {"webhook-id", "webhook-timestamp", "webhook-signature"}, kind
        assert all(each["required"] for each in headers.values())
        assert {"2XX", "410", "default"} == told["responses"].keys()


def test_the_examples_are_of_their_type_and_valid(api: Json, strict: Draft202012Validator) -> None:
    shown = {
        kind: content["example"]
        for kind, hook in api["webhooks"].items()
        if "example" in (content := hook["post"]["requestBody"]["content"]["application/json"])
    }
    assert set(TYPES) - set(PARCEL_TYPES) <= shown.keys()
    assert {"parcel.delivered", "parcel.stalled"} <= shown.keys()
    for kind, example in shown.items():
        assert example["type"] == kind
        strict.validate(example)
