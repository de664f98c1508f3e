"""The webhook function as Lambda loads it: a batch of messages, posted at once to real endpoints, and told in logs and metrics."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import Context, load, sample
from tests.receivers import Receiver, Reply, answering
from waybill import messages, notifications, signing
from waybill.deliveries import Deliveries
from waybill.errors import ConfigurationError
from waybill.feed import Entry, Feed
from waybill.messages import Delivery
from waybill.notification_settings import WebhookSettings
from waybill.webhooks import Webhook, Webhooks

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from waybill.deliveries import Progress

MEMBER = "member"
MASTER = "m" * 64
QUEUE = "webhooks"


@pytest.fixture
def queue(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ARG001 - in force, not used
    make: Any = boto3.client  # typed for the services whose types are installed
    url = str(make("sqs").create_queue(QueueName=QUEUE)["QueueUrl"])
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId="webhook-key", SecretString=MASTER)
    monkeypatch.setenv("WEBHOOK_QUEUE", url)
    slow = str(make("sqs").create_queue(QueueName=f"slow-{QUEUE}")["QueueUrl"])
    monkeypatch.setenv("SLOW_WEBHOOK_QUEUE", slow)
    monkeypatch.setenv("WEBHOOK_KEY_SECRET", "webhook-key")
    monkeypatch.setenv("WEBHOOK_LOOPBACK", "true")
    load("webhook")  # its logger keeps the standard output that it begins with, which is not to be a test's
    return url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(signing.shown(signing.secret(MASTER, "whk_1", 1))) as receiver:
        yield receiver


def hook(url: str, webhook_id: str = "whk_1", *, slow: bool = False) -> None:
    made = Webhook(MEMBER, webhook_id, url, ("*",), "", time.time(), slow=slow)
    assert Webhooks(boto3.client("dynamodb"), "tracking").create(made)


def events(count: int) -> list[int]:
    told = [
        notifications.of_webhook(
            notifications.WEBHOOK_TEST,
            {"webhook_id": "whk_1", "url": "https://example.com/", "reason": "secret-text"},
            1_700_000_000.0 + each,
        )
        for each in range(count)
    ]
    feed = Feed(boto3.client("dynamodb"), "tracking", "cache", time.time)
    return feed.append(MEMBER, [Entry(each) for each in told])


def batch(*bodies: str, queue: str = QUEUE) -> dict[str, Any]:
    (record, _) = sample("refresh")["Records"]
    of_queue = {**record, "eventSourceARN": f"arn:aws:sqs:eu-central-1:123456789012:{queue}"}
    return {
        "Records": [{**of_queue, "messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]
    }


def message(sequence: int, webhook_id: str = "whk_1") -> str:
    return messages.write_delivery(Delivery(MEMBER, webhook_id, sequence))


def progress(sequence: int, webhook_id: str = "whk_1") -> Progress:
    found = Deliveries(boto3.client("dynamodb"), "tracking").get(Delivery(MEMBER, webhook_id, sequence))
    assert found is not None
    return found


def metrics(written: str) -> dict[str, list[float]]:
    lines = [json.loads(line) for line in written.splitlines() if "Deliver" in line]
    return {
        name: value if isinstance(value, list) else [value]
        for line in lines
        for name, value in line.items()
        if name.startswith("Deliver")
    }


@pytest.mark.usefixtures("queue")
def test_a_batch_is_posted_and_counted(receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    hook(receiver.url)
    sequences = events(10)
    answer = load("webhook").handler(batch(*map(message, sequences)), Context())
    assert answer == {"batchItemFailures": []}
    assert len(receiver.handled) == 10
    assert set(receiver.handled.values()) == {1}
    assert receiver.unverified == []
    assert {progress(each).state for each in sequences} == {"delivered"}
    counted = metrics(capsys.readouterr().out)
    assert sum(counted["DeliveriesSucceeded"]) == 10
    assert len(counted["DeliveryMs"]) == 10
    assert "DeliveriesFailed" not in counted


@pytest.mark.usefixtures("queue")
def test_only_a_batch_of_the_slow_queue_waits_for_slow_webhooks(receiver: Receiver) -> None:
    hook(receiver.url, slow=True)
    (sequence,) = events(1)
    assert load("webhook").handler(batch(message(sequence)), Context()) == {"batchItemFailures": []}
    assert receiver.requests == []
    make: Any = boto3.client
    (waiting,) = make("sqs").receive_message(QueueUrl=os.environ["SLOW_WEBHOOK_QUEUE"])["Messages"]
    assert waiting["Body"] == message(sequence)
    handed = batch(waiting["Body"], queue=f"slow-{QUEUE}")
    assert load("webhook").handler(handed, Context()) == {"batchItemFailures": []}
    assert progress(sequence).state == "delivered"


@pytest.mark.usefixtures("queue")
def test_a_failure_waits_for_its_next_try_and_its_message_is_done(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.behave = answering(Reply(503, b"secret-answer"))
    hook(f"{receiver.url}?token=secret-token")
    (sequence,) = events(1)
    assert load("webhook").handler(batch(message(sequence)), Context()) == {"batchItemFailures": []}
    assert progress(sequence).state == "waiting"
    counted = metrics(capsys.readouterr().out)
    assert (counted["DeliveriesFailed"], "DeliveriesParked" in counted) == ([1], False)


@pytest.mark.usefixtures("queue")
def test_a_message_that_nobody_can_read_comes_back_alone(receiver: Receiver) -> None:
    hook(receiver.url)
    (sequence,) = events(1)
    answer = load("webhook").handler(batch("no json", message(sequence), "{}", message(0)), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": each} for each in ("m0", "m2", "m3")]}
    assert len(receiver.handled) == 1


@pytest.mark.usefixtures("queue")
def test_no_secret_text_or_query_of_a_url_is_in_the_log(receiver: Receiver, logs: io.StringIO) -> None:
    receiver.behave = answering(Reply(503, b"secret-answer"))
    hook(f"{receiver.url}?token=secret-token")
    (sequence,) = events(1)
    load("webhook").handler(batch(message(sequence), "secret-body"), Context())
    written = logs.getvalue()
    assert '"webhook":"whk_1"' in written
    assert '"status":503' in written
    assert "secret" not in written
    assert MASTER not in written
    assert signing.shown(signing.secret(MASTER, "whk_1", 1)) not in written


def test_a_deployment_asks_nothing_of_its_own_machine(
    queue: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert queue
    monkeypatch.delenv("WEBHOOK_LOOPBACK")
    hook(receiver.url)
    (sequence,) = events(1)
    load("webhook").handler(batch(message(sequence)), Context())
    assert receiver.requests == []
    (attempt,) = progress(sequence).tries
    assert (attempt.status, attempt.error) == (None, "address")


@pytest.mark.usefixtures("queue")
def test_without_its_key_nothing_is_posted_and_the_message_comes_back(receiver: Receiver) -> None:
    boto3.client("secretsmanager").delete_secret(SecretId="webhook-key", ForceDeleteWithoutRecovery=True)
    hook(receiver.url)
    (sequence,) = events(1)
    answer = load("webhook").handler(batch(message(sequence)), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert receiver.requests == []


VARIABLES = ("TRACKING_TABLE", "CACHE_TABLE", "WEBHOOK_KEY_SECRET", "WEBHOOK_QUEUE", "SLOW_WEBHOOK_QUEUE")


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_is_named(name: str) -> None:
    variables = dict.fromkeys(VARIABLES, "given")
    assert not WebhookSettings.read(variables).loopback
    with pytest.raises(ConfigurationError, match=name):
        WebhookSettings.read({**variables, name: ""})
