"""The operator function: what its routes tell of all members, what they have done again, and to whom."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import ENVIRONMENT, App, error, load, sample
from tests.functions.webhooking import sent
from tests.ledgers import begin, call, put_rows
from waybill import deliveries
from waybill.circuit import Circuit
from waybill.deliveries import Progress, Try
from waybill.errors import DAY, HOUR
from waybill.messages import Delivery
from waybill.shipments import Registration, Shipment, Standing
from waybill.watches import Watches
from waybill.webhooks import Webhook, Webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

STATE = "/v1/operations"
FAILED, REDRIVE = f"{STATE}/queues/{{queue}}/failed", f"{STATE}/queues/{{queue}}/redrive"
REPLAY = f"{STATE}/webhooks/{{member}}/{{webhook_id}}/replay"
ADMIN = "track admin"
HOOK = "whk_0123456789abcdef0123"
HOUR_AGO = {"since": "2026-01-01T00:00:00Z"}


@pytest.fixture
def dynamodb(aws: None) -> DynamoDBClient:  # noqa: ARG001 - in force, not used
    return boto3.client("dynamodb")


@pytest.fixture
def operator(aws: None) -> Iterator[App]:  # noqa: ARG001 - in force, not used
    loaded = App(load("operator"))
    yield loaded
    loaded.app.OPERATIONS.threads.shutdown()


def state(operator: App) -> Any:
    answer = operator.send("GET", STATE, scopes=ADMIN)
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.body


def dead(name: str, *bodies: str) -> None:
    for body in bodies:
        boto3.client("sqs").send_message(QueueUrl=ENVIRONMENT[f"{name}_DEAD_LETTERS"], MessageBody=body)


def shipment(member: str, order: str, at: float, **more: Any) -> Shipment:
    standing = Standing("exception", None, "2", attention="exception", as_of=at)
    return Shipment(
        member=member,
        order_id=order,
        courier="yuantong",
        number=f"YT{order:0>13}",
        registration=Registration(),
        created_at=at,
        updated_at=at,
        **{"standing": standing, **more},
    )


def endpoint(member: str, id_: str = HOOK) -> Webhook:
    return Webhook(member, id_, "https://user:pw@shop.example/hook?key=secret", ("*",), "", time.time())


def delivery(webhook: Webhook, sequence: int) -> Progress:
    return Progress(
        Delivery(webhook.member, webhook.id, sequence), f"evt_{sequence:024x}", "parcel.delivered"
    )


@pytest.mark.parametrize("scopes", ["", "track manage pii"])
@pytest.mark.parametrize(
    ("method", "resource"), [("GET", STATE), ("GET", FAILED), ("POST", REDRIVE), ("POST", REPLAY)]
)
def test_nobody_but_an_operator_is_told_or_heard(
    operator: App, method: str, resource: str, scopes: str
) -> None:
    dead("WEBHOOK", "{}")
    path = {"queue": "webhook", "member": "acme", "webhook_id": HOOK}
    answer = operator.send_json(method, resource, {}, path=path, scopes=scopes)
    assert answer.status == 403
    assert "'admin'" in error(answer)["message"]
    assert state(operator)["queues"][2]["failed"] == 1


def test_where_all_is_well_it_says_so(operator: App) -> None:
    found = state(operator)
    assert found["upstream"] == {"circuit": "closed", "reason": None, "secret": "ok"}
    assert found["refresh"] == {"due": 0, "more": False, "lag_seconds": 0}
    assert found["attention"] == {"shipments": [], "more": False}
    assert found["deliveries"] == []
    assert found["usage"]["today"] == {"calls": 0, "billed": 0, "budget": None, "left": None}
    assert [each["queue"] for each in found["queues"]] == [
        "refresh",
        "fanout",
        "webhook",
        "slow-webhook",
        "mail",
        "mail-feedback",
    ]
    assert {(each["waiting"], each["in_flight"], each["failed"]) for each in found["queues"]} == {(0, 0, 0)}


def test_shipments_of_all_members_that_need_attention_are_found_newest_first(
    operator: App, dynamodb: DynamoDBClient
) -> None:
    watches, now = Watches(dynamodb, "tracking"), time.time()
    watches.create(shipment("acme", "1", now - 60))
    watches.create(shipment("other", "2", now))
    watches.create(shipment("acme", "3", now, completed_at=now))
    watches.create(shipment("acme", "4", now, standing=Standing("in_transit", as_of=now)))
    mended = shipment("acme", "5", now)
    watches.create(mended)
    watches.change(mended, lambda said: replace(said, standing=Standing("delivered", as_of=now + 1)))
    found = state(operator)["attention"]
    assert [(each["member"], each["order_id"]) for each in found["shipments"]] == [
        ("other", "2"),
        ("acme", "1"),
    ]
    assert found["more"] is False
    assert found["shipments"][0] | {"updated_at": ""} == {
        "member": "other",
        "order_id": "2",
        "courier": "yuantong",
        "number": "YT0000000000002",
        "status": "exception",
        "attention": "exception",
        "updated_at": "",
    }


def test_no_more_shipments_are_shown_than_fit_a_page(
    operator: App, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.operations.SHOWN", 3)
    watches, now = Watches(dynamodb, "tracking"), time.time()
    for each in range(7):
        watches.create(shipment("acme", str(each), now + each))
    found = state(operator)["attention"]
    assert [each["order_id"] for each in found["shipments"]] == ["6", "5", "4"]
    assert found["more"] is True


def test_webhooks_that_fail_are_told_with_what_they_answered_last(
    operator: App, dynamodb: DynamoDBClient
) -> None:
    webhooks, log, now = (
        Webhooks(dynamodb, "tracking"),
        deliveries.Deliveries(dynamodb, "tracking"),
        time.time(),
    )
    hook = endpoint("acme")
    webhooks.create(hook)
    webhooks.create(endpoint("well", f"whk_{'1' * 20}"))
    webhooks.failing(hook, now - 60)
    for sequence, attempt in enumerate((Try(now - 60, 10, 500), Try(now, 10, None, "timeout")), 1):
        progress = deliveries.tried(delivery(hook, sequence), attempt)
        log.put(deliveries.waiting(progress, now + 60, now + 60), now - 2 + sequence)
    log.put(deliveries.delivered(delivery(hook, 3), Try(now, 10, 204)), now)
    (found,) = state(operator)["deliveries"]
    assert (found["member"], found["webhook_id"], found["state"]) == ("acme", HOOK, "active")
    assert found["url"] == "https://shop.example/hook"
    assert (found["waiting"], found["parked"]) == (2, 0)
    assert (found["last_status"], found["last_error"]) == (None, "timeout")
    assert found["failing_since"] is not None

    webhooks.well(hook)
    assert state(operator)["deliveries"] == []


def test_a_webhook_that_does_well_is_told_as_long_as_it_has_deliveries_that_were_given_up(
    operator: App, dynamodb: DynamoDBClient
) -> None:
    webhooks, log, now = (
        Webhooks(dynamodb, "tracking"),
        deliveries.Deliveries(dynamodb, "tracking"),
        time.time(),
    )
    hook = endpoint("acme")
    webhooks.create(hook)
    webhooks.failing(hook, now)
    webhooks.gave_up(hook, now)
    given_up = deliveries.parked(deliveries.tried(delivery(hook, 1), Try(now, 10, 400)))
    log.put(given_up, now)
    webhooks.well(hook)
    (found,) = state(operator)["deliveries"]
    assert (found["failing_since"], found["parked"], found["last_status"]) == (None, 1, 400)
    log.put(deliveries.delivered(replace(given_up, revision=1), Try(now, 10, 204)), now)
    assert state(operator)["deliveries"] == []


def test_calls_of_today_the_month_and_each_hour_are_told_with_what_is_left(
    aws: None,  # noqa: ARG001 - in force, not used
    dynamodb: DynamoDBClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAILY_CALL_BUDGET", "100")
    operator, now = App(load("operator")), time.time()
    begin(dynamodb, "tracking", now - 2 * DAY)
    put_rows(
        dynamodb,
        "tracking",
        [
            call(now, 1, member="acme"),
            call(now, 2, member="other", outcome="501", billed=False),
            call(now - HOUR, 3),
        ],
    )
    usage = state(operator)["usage"]
    assert len(usage["hours"]) == 24
    assert [(each["calls"], each["billed"], each["failed"]) for each in usage["hours"][-2:]] == [
        (1, 1, 0),
        (2, 1, 1),
    ]
    assert usage["today"]["calls"] in {2, 3}, "an hour ago may have been yesterday"
    assert (usage["today"]["budget"], usage["today"]["left"]) == (100, 100)
    assert usage["month"]["budget"] is None


def test_the_circuit_the_secret_and_the_lag_are_told(operator: App, dynamodb: DynamoDBClient) -> None:
    now = time.time()
    circuit = Circuit.opened("601", "h1", now - 90)
    slots = operator.app.OPERATIONS.circuit.__self__
    dynamodb.put_item(
        TableName="cache",
        Item={
            "pk": {"S": "CIRCUIT"},
            "code": {"S": circuit.code},
            "holder": {"S": circuit.holder},
            **{name: {"N": str(getattr(circuit, name))} for name in ("opened_at", "probe_at", "wait")},
        },
    )
    assert slots.circuit() == circuit
    boto3.client("secretsmanager").put_secret_value(
        SecretId="kuaidi100", SecretString=json.dumps({"customer": "", "key": ""})
    )
    key = {"pk": {"S": "PARCEL#yuantong#YT1"}, "sk": {"S": "PARCEL"}}
    dynamodb.put_item(
        TableName="tracking", Item={**key, "due_shard": {"S": "DUE#03"}, "due_at": {"N": str(now - 300)}}
    )
    found = state(operator)
    assert found["upstream"] == {"circuit": "probing", "reason": "601", "secret": "missing"}
    assert found["refresh"]["due"] == 1
    assert 300 <= found["refresh"]["lag_seconds"] < 330


def test_failed_messages_are_shown_without_addresses_and_stay(operator: App) -> None:
    said = {"Message": json.dumps({"bounce": {"to": "someone@example.com"}})}
    dead("MAIL_FEEDBACK", json.dumps(said), "no JSON of a@b.example")
    for _ in range(2):
        answer = operator.send("GET", FAILED, path={"queue": "mail-feedback"}, scopes=ADMIN)
        assert answer.status == 200, answer.text
        bodies = {json.dumps(each["body"]) for each in answer.body["messages"]}
        assert bodies == {
            json.dumps({"Message": json.dumps({"bounce": {"to": "***"}})}),
            json.dumps({"text": "no JSON of ***"}),
        }
        assert answer.body["more"] is False
    one = operator.send("GET", FAILED, path={"queue": "mail-feedback"}, query={"limit": "1"}, scopes=ADMIN)
    assert (len(one.body["messages"]), one.body["more"]) == (1, True)


def test_failed_messages_go_back_to_their_queue_as_many_as_are_wanted(operator: App) -> None:
    dead("WEBHOOK", *(json.dumps({"n": each}) for each in range(3)))
    path = {"queue": "webhook"}
    first = operator.send_json("POST", REDRIVE, {"limit": 2}, path=path, scopes=ADMIN)
    assert (first.status, first.body) == (200, {"moved": 2, "kept": 0})
    rest = operator.send_json("POST", REDRIVE, {}, path=path, scopes=ADMIN)
    assert rest.body == {"moved": 1, "kept": 0}
    assert sorted(each["n"] for each in sent("WEBHOOK_QUEUE")) == [0, 1, 2]


@pytest.mark.parametrize("limit", [0, 1001, "all", 1.5])
def test_a_limit_that_is_none_moves_nothing(operator: App, limit: Any) -> None:
    dead("WEBHOOK", "{}")
    answer = operator.send_json("POST", REDRIVE, {"limit": limit}, path={"queue": "webhook"}, scopes=ADMIN)
    assert answer.status == 400
    assert [each["field"] for each in error(answer)["error_trace"]] == ["limit"]
    assert sent("WEBHOOK_QUEUE") == []


def test_a_queue_that_does_not_exist_is_answered_with_those_that_do(operator: App) -> None:
    answer = operator.send("GET", FAILED, path={"queue": "post"}, scopes=ADMIN)
    assert answer.status == 404
    assert "mail-feedback" in error(answer)["message"]


def test_a_queue_that_does_not_answer_is_a_503(operator: App) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=ENVIRONMENT["MAIL_DEAD_LETTERS"])
    answer = operator.send("GET", FAILED, path={"queue": "mail"}, scopes=ADMIN)
    assert (answer.status, error(answer)["error_code"]) == (503, "QUEUE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "2"


def test_events_are_replayed_to_any_members_webhook(operator: App, dynamodb: DynamoDBClient) -> None:
    Webhooks(dynamodb, "tracking").create(endpoint("a member/with % and ü"))
    path = {"member": "a%20member%2Fwith%20%25%20and%20%C3%BC", "webhook_id": HOOK}
    answer = operator.send_json("POST", REPLAY, HOUR_AGO, path=path, scopes=ADMIN)
    assert answer.status == 202, answer.text
    (message,) = sent("FANOUT_QUEUE")
    assert message["member"] == "a member/with % and ü"
    assert answer.body["replay"].startswith("r")


@pytest.mark.parametrize(
    "path", [{"member": "other", "webhook_id": HOOK}, {"member": "acme", "webhook_id": "whk_1"}]
)
def test_a_webhook_that_is_not_the_members_is_not_found(
    operator: App, dynamodb: DynamoDBClient, path: dict[str, str]
) -> None:
    Webhooks(dynamodb, "tracking").create(endpoint("acme"))
    answer = operator.send_json("POST", REPLAY, HOUR_AGO, path=path, scopes=ADMIN)
    assert (answer.status, error(answer)["error_code"]) == (404, "WEBHOOK_NOT_FOUND")
    assert sent("FANOUT_QUEUE") == []


def test_the_page_is_open_holds_nothing_and_allows_only_its_own(operator: App) -> None:
    event = sample("operations-page")
    answer = operator.app.handler(event, None)
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    policy = answer["headers"]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in answer["body"]
    assert " style=" not in answer["body"]
    assert 'src="page/operator.js"' not in answer["body"], "a changed script has another name"
