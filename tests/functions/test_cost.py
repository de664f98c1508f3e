"""docs/cost.md is arithmetic over what is measured here: DynamoDB's request units of a lookup, a registration and a refresh."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types

from tests.functions.conftest import ROOT, Context, load
from tests.functions.registering import register
from tests.metering import Meter, size
from tests.receivers import Receiver
from tools import cost
from waybill.webhooks import Webhook, Webhooks

if TYPE_CHECKING:
    from tests.functions.conftest import App, Query
    from tests.outlets import Outlets

SENDER = "no-reply@shop.example"
LINES: list[dict[str, Any]] = [
    {
        "at": -90_000 + 9_000 * place,
        "text": f"【杭州转运中心】已发出，下一站【北京转运中心{place}】",
        "status_code": "1002" if place else "103",
    }
    for place in range(10)
]


def test_a_lookup_takes_the_units_that_the_document_counts(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, *LINES)
    units = {}
    asked: dict[str, dict[str, str]] = {"live": {}, "cache": {}, "stale": {"max_age": "0"}}
    for source, max_age in asked.items():
        with Meter(query.app.DYNAMODB) as meter:
            answer = query.parcel("yuantong", number, headers=None, **max_age)
        assert answer.body["freshness"]["source"] == source
        units[source] = (meter.reads, meter.writes)
    assert units == {
        "live": (cost.LIVE_READS, cost.LIVE_WRITES),
        "cache": (cost.CACHED_READS, 0),
        "stale": (cost.STALE_READS, 0),
    }


def test_a_followed_parcel_takes_the_units_that_the_document_counts(
    manage: App, refresh: Query, number: str
) -> None:
    refresh.simulator.script("yuantong", number, *LINES)
    notify = {"email": "someone@example.com", "events": ["*"], "lang": "en"}
    with Meter(manage.app.DYNAMODB) as registered:
        assert register(manage, "1001", number, notify=notify).status == 201
    body = json.dumps({"courier": "yuantong", "number": number})
    with Meter(refresh.app.DYNAMODB) as refreshed:
        assert refresh.app.handler(_messages(body), Context())["batchItemFailures"] == []
    assert len(refresh.upstream_calls()) == 1
    assert (registered.reads, registered.writes) == (cost.REGISTER_READS, cost.REGISTER_WRITES)
    assert (refreshed.reads, refreshed.writes) == (cost.REFRESH_READS, cost.REFRESH_WRITES)
    assert registered.written("tracking") == cost.REGISTER_TRACKING_WRITES
    assert refreshed.written("tracking") == cost.REFRESH_TRACKING_WRITES
    assert refreshed.written("cache") == cost.REFRESH_CACHE_WRITES


def test_an_event_that_is_told_takes_the_units_that_the_document_counts(
    manage: App,
    refresh: Query,
    outlets: Outlets,
    monkeypatch: pytest.MonkeyPatch,
    number: str,
) -> None:
    """From the milestone of a refresh to the feed, one webhook and the customer, each message alone in its batch."""
    environment = {
        "ADDRESS_KEY_SECRET": "tail-key",
        "MAIL_FROM": SENDER,
        "MAIL_CONFIGURATION_SET": "waybill",
        "PUBLIC_BASE_URL": "https://api.example.com/prod/",
        "WEBHOOK_KEY_SECRET": "webhook-key",
        "WEBHOOK_LOOPBACK": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("sesv2").create_email_identity(EmailIdentity=SENDER)
    refresh.simulator.script("yuantong", number, *LINES)
    notify = {"email": "someone@example.com", "events": ["*"], "lang": "en"}
    assert register(manage, "1001", number, notify=notify).status == 201
    body = json.dumps({"courier": "yuantong", "number": number})
    assert refresh.app.handler(_messages(body), Context())["batchItemFailures"] == []
    items = boto3.client("dynamodb").scan(TableName="tracking")["Items"]
    (born,) = [item for item in items if "unpublished" in item and item["sk"]["S"].startswith("MILESTONE#")]

    meters = []

    def run(function: str, event: dict[str, Any]) -> None:
        app = load(function)
        with Meter(app.DYNAMODB) as meter:
            assert app.handler(event, Context())["batchItemFailures"] == []
        meters.append(meter)

    with Receiver() as receiver:
        hook = Webhook("member", "whk_1", receiver.url, ("*",), "", time.time(), slow=False)
        assert Webhooks(boto3.client("dynamodb"), "tracking").create(hook)
        run("publish", {"Records": [{"dynamodb": {"Keys": {}, "NewImage": born, "SequenceNumber": "1"}}]})
        for function in ("fanout", "webhook", "mail"):
            (message,) = outlets.taken(getattr(outlets, function))
            run(function, _messages(json.dumps(message)))
        assert len(receiver.requests) == 1
    assert len(ses_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"].sent_messages) == 1
    assert len(meters) == cost.EVENT.invocations
    assert (sum(each.reads for each in meters), sum(each.writes for each in meters)) == (
        cost.EVENT.reads,
        cost.EVENT.writes,
    )
    assert sum(each.written("tracking") for each in meters) == cost.EVENT_TRACKING_WRITES
    assert sum(each.written("cache") for each in meters) == cost.EVENT_CACHE_WRITES


def _messages(*bodies: str) -> dict[str, Any]:
    """What a queue hands over."""
    return {
        "Records": [
            {
                "messageId": f"m{place}",
                "body": body,
                "attributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:queue",
            }
            for place, body in enumerate(bodies)
        ]
    }


def test_the_document_has_the_tables_that_the_program_prints() -> None:
    assert cost.tables(cost.EXAMPLE) in (ROOT / "docs/cost.md").read_text(encoding="utf-8")
    assert cost.summary() in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("AWS::SecretsManager::Secret", cost.SECRETS),
        ("AWS::CloudWatch::Alarm", cost.ALARMS),
        ("AWS::CloudWatch::Dashboard", cost.DASHBOARDS),
    ],
)
def test_what_is_paid_by_the_month_is_counted(kind: str, count: int) -> None:
    templates = [yaml_parse(file.read_text(encoding="utf-8")) for file in ROOT.glob("[!.]*.yaml")]
    resources = [each for template in templates for each in template["Resources"].values()]
    assert sum(each["Type"] == kind for each in resources) == count


@pytest.mark.parametrize(
    ("item", "bytes_"),
    [
        ({"pk": {"S": "ab"}}, 4),
        ({"n": {"N": "1234.5"}}, 5),
        ({"b": {"B": b"12345"}}, 6),
        ({"m": {"M": {"a": {"S": "b"}}}}, 7),
        ({"l": {"L": [{"S": "abc"}, {"BOOL": True}]}}, 10),
        ({"快": {"S": "递"}}, 6),
    ],
)
def test_sizes_are_as_dynamodb_counts_them(item: dict[str, Any], bytes_: int) -> None:
    assert size(item) == bytes_
