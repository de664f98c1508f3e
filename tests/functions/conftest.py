"""The functions as Lambda loads them: their own app.py, an environment, tables on moto, and a real simulator upstream."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import logging
import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import pytest
from moto import mock_aws

from tests.outlets import Outlets, outlets_of
from tests.simulators import Simulator, running_simulator
from tests.tables import create_tables
from tools.admin import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
OPERATORS = {
    "REFRESH_QUEUE": "refresh",
    "MAIL_QUEUE": "mail",
    "MAIL_FEEDBACK_QUEUE": "mail-feedback",
    "REFRESH_DEAD_LETTERS": "refresh-dead",
    "FANOUT_DEAD_LETTERS": "fanout-dead",
    "WEBHOOK_DEAD_LETTERS": "webhooks-dead",
    "SLOW_WEBHOOK_DEAD_LETTERS": "slow-webhooks-dead",
    "MAIL_DEAD_LETTERS": "mail-dead",
    "MAIL_FEEDBACK_DEAD_LETTERS": "mail-feedback-dead",
}
"""Queues that only operators see all of."""
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "STAGE": "test",
    "CACHE_TABLE": "cache",
    "TRACKING_TABLE": "tracking",
    "DEFAULT_USAGE_KEY": "key-of-the-default-plan",
    "KUAIDI100_SECRET": "kuaidi100",
    "TAIL_KEY_SECRET": "tail-key",
    "WEBHOOK_KEY_SECRET": "webhook-key",
    "FANOUT_QUEUE": "https://sqs.eu-central-1.amazonaws.com/123456789012/fanout",
    "WEBHOOK_QUEUE": "https://sqs.eu-central-1.amazonaws.com/123456789012/webhooks",
    "SLOW_WEBHOOK_QUEUE": "https://sqs.eu-central-1.amazonaws.com/123456789012/slow-webhooks",
    **{
        name: f"https://sqs.eu-central-1.amazonaws.com/123456789012/{queue}"
        for name, queue in OPERATORS.items()
    },
    "UPSTREAM_LANG": "zh",
    "QUERY_GAP_SECONDS": "1860",
    "DAILY_CALL_CAP": "40",
    "STRICT_GAP": "false",
    "CONNECT_TIMEOUT_SECONDS": "3",
    "READ_TIMEOUT_SECONDS": "10",
    "DAILY_CALL_BUDGET": "0",
    "MONTHLY_CALL_BUDGET": "0",
    "MEMBER_DAILY_CALL_BUDGET": "0",
    "MEMBER_MONTHLY_CALL_BUDGET": "0",
    "POWERTOOLS_SERVICE_NAME": "waybill-test",
    "POWERTOOLS_METRICS_NAMESPACE": "Waybill",
}

NUMBERS = itertools.count(1)
DELIVERED = {"at": -600, "text": "已签收", "status_code": "301"}
COLLECTED = {
    "at": -90_000,
    "text": "快递员张三（13800000001）已揽收",
    "text_en": "Collected",
    "status_code": "103",
}


AnyApp = TypeVar("AnyApp", bound="App")


def load(function: str) -> ModuleType:
    """A fresh import of a function's app.py, as a cold start does it. Nobody else keeps it: its clients weigh megabytes."""
    name = f"app_{function}_{uuid.uuid4().hex[:8]}"
    spec = importlib.util.spec_from_file_location(name, ROOT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    del sys.modules[name]
    return module


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


def error(answer: Answer) -> dict[str, Any]:
    envelope: dict[str, Any] = answer.body["error"]
    assert envelope["code"].startswith(str(answer.status))
    assert answer.headers["X-Request-Id"] == "request-1"
    return envelope


@dataclass
class App:
    """A function behind a gateway that matches nothing itself: the caller gives the resource."""

    app: ModuleType
    aws_calls: list[str] = field(default_factory=list)

    def send(self, method: str, resource: str, **parts: Any) -> Answer:
        event = {
            "httpMethod": method,
            "resource": resource,
            "headers": parts.get("headers", {}),
            "pathParameters": parts.get("path"),
            "queryStringParameters": parts.get("query"),
            "body": parts.get("body"),
            "isBase64Encoded": parts.get("base64", False),
            "requestContext": {
                "requestId": "request-1",
                "authorizer": {
                    "member": parts.get("member", "member"),
                    "scopes": parts.get("scopes", "manage track"),
                },
            },
        }
        answer = self.app.handler(event, Context())
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    def send_json(self, method: str, resource: str, body: Any, **parts: Any) -> Answer:
        headers = {"Content-Type": "application/json; charset=utf-8", **parts.pop("headers", {})}
        return self.send(method, resource, headers=headers, body=json.dumps(body), **parts)


@dataclass
class Query(App):
    """The query function over a real simulator."""

    simulator: Simulator = field(kw_only=True)

    def track(self, **body: Any) -> Answer:
        return self.send_json("POST", "/v1/track", body)

    def parcel(
        self, courier: str, number: str, *, headers: dict[str, str] | None = None, **query: str
    ) -> Answer:
        path = {"courier": courier, "number": number}
        return self.send(
            "GET", "/v1/parcels/{courier}/{number}", path=path, headers=headers or {}, query=query or None
        )

    def upstream_calls(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self.simulator.get("calls")
        return calls


class Context:
    function_name = "query"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:query"
    aws_request_id = "invocation-1"

    def get_remaining_time_in_millis(self) -> int:
        return 39_000


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in [each for each in os.environ if each.startswith(("AWS_", "WAYBILL_"))]:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return ENVIRONMENT


@pytest.fixture
def aws(environment: dict[str, str]) -> Iterator[None]:
    with mock_aws():
        create_tables(boto3.client("dynamodb"), environment)
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="kuaidi100", SecretString=json.dumps({"customer": "DEMO", "key": "KEY"}))
        secrets.create_secret(Name="tail-key", SecretString="k" * 64)
        secrets.create_secret(Name="webhook-key", SecretString="w" * 64)
        sqs = boto3.client("sqs")
        for queue in ("fanout", "webhooks", "slow-webhooks", *OPERATORS.values()):
            sqs.create_queue(QueueName=queue)
        yield


@pytest.fixture
def outlets(aws: None, monkeypatch: pytest.MonkeyPatch) -> Outlets:  # noqa: ARG001 - in force, not used
    """The topic and the queues, under the names that functions get."""
    made = outlets_of(None)
    monkeypatch.setenv("NOTIFICATION_TOPIC", made.topic)
    for name in ("refresh", "fanout", "webhook", "mail"):
        monkeypatch.setenv(f"{name.upper()}_QUEUE", getattr(made, name))
    return made


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """What Powertools' logger writes. Its handler keeps the standard output that it began with, so it is led here."""
    from waybill import observe  # noqa: PLC0415 - after the environment is set

    stream = io.StringIO()
    handler = observe.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def query(aws: None, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Query]:  # noqa: ARG001 - in force, not used
    monkeypatch.setenv("UPSTREAM_URL", simulator.query_url)
    simulator.delete("calls")
    simulator.delete("faults")
    loaded = _watched(Query(load("query"), simulator=simulator))
    yield loaded
    if client := loaded.app.API.lookup.flights.query.client:
        client.__exit__()


@pytest.fixture
def refresh(aws: None, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Query]:  # noqa: ARG001 - in force, not used
    """The refresh function over a real simulator."""
    monkeypatch.setenv("UPSTREAM_URL", simulator.query_url)
    simulator.delete("calls")
    simulator.delete("faults")
    loaded = Query(load("refresh"), simulator=simulator)
    # One after another: moto's transactions are none when threads meet in them.
    app: Any = loaded.app
    app.BATCHES.threads.shutdown()
    app.BATCHES = replace(app.BATCHES, threads=ThreadPoolExecutor(1))
    yield loaded
    loaded.app.BATCHES.threads.shutdown()
    if client := loaded.app.LOOKUP.flights.query.client:
        client.__exit__()


@pytest.fixture
def manage(aws: None) -> App:  # noqa: ARG001 - in force, not used
    return _watched(App(load("manage")))


def _watched(loaded: AnyApp) -> AnyApp:
    loaded.app.DYNAMODB.meta.events.register(
        "before-send", lambda request, **_: loaded.aws_calls.append(request.headers["X-Amz-Target"].decode())
    )
    return loaded


@pytest.fixture
def number() -> str:
    return f"YT9{next(NUMBERS):012}"


@pytest.fixture
def docs(environment: dict[str, str]) -> App:  # noqa: ARG001 - in force, not used
    return App(load("docs"))


@pytest.fixture
def admin(aws: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:  # noqa: ARG001 - in force, not used
    """Runs a command on the table `tracking`: exit status, standard output, standard error."""

    def run(*words: str, table: str = "tracking") -> tuple[int, str, str]:
        status = main([*words[:2], "--table", table, *words[2:]])
        written = capsys.readouterr()
        return status, written.out, written.err

    return run
