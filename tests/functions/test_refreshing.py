"""The dispatch and the refresh function as Lambda loads them: from a due parcel to its answer, and what becomes of failures."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import COLLECTED, Context, Query, load, sample
from tests.functions.registering import register
from waybill import kuaidi100, messages
from waybill.brake import Brake
from waybill.brakes import Brakes
from waybill.budgets import Limits
from waybill.errors import QueueUnavailable
from waybill.model import Query as UpstreamQuery
from waybill.outcomes import NoResult
from waybill.settings import QuerySettings

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from tests.functions.conftest import App
    from tests.outlets import Outlets
    from waybill.shipments import Link

NOW = 1_700_000_000.0


@pytest.fixture
def queue(outlets: Outlets) -> str:
    return outlets.refresh


def sqs() -> Any:
    make: Any = boto3.client  # typed for the services whose types are installed
    return make("sqs")


def follow(manage: App, *numbers: str) -> None:
    """Register shipments, whose parcels are due at once."""
    for number in numbers:
        assert register(manage, order_id=number, number=number).status == 201


def like(number: str, count: int) -> list[str]:
    """As many others of the same courier."""
    return [f"{number[:-1]}{each}" for each in range(count)]


def batch(*bodies: str) -> dict[str, Any]:
    (record, _) = sample("refresh")["Records"]
    return {
        "Records": [{**record, "messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]
    }


def message(number: str, courier: str = "yuantong") -> str:
    return json.dumps({"courier": courier, "number": number})


def metric(written: str, name: str) -> list[float]:
    lines = [json.loads(line) for line in written.splitlines() if name in line]
    return [value for line in lines for value in line[name]]


# ---- Dispatch


def test_the_dispatch_sends_what_the_refresh_function_reads(
    queue: str, manage: App, refresh: Query, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh.simulator.script("yuantong", number, COLLECTED)
    follow(manage, number)
    load("dispatch").handler(sample("dispatch"), Context())
    written = capsys.readouterr().out
    assert metric(written, "Dispatched") == [1]
    assert metric(written, "CircuitOpen") == [0]
    assert metric(written, "RefreshLag")[0] > 0
    (received,) = sqs().receive_message(QueueUrl=queue)["Messages"]
    assert refresh.app.handler(batch(received["Body"]), Context()) == {"batchItemFailures": []}
    assert [call["number"] for call in refresh.upstream_calls()] == [number]


def test_a_dispatch_that_cannot_send_fails_and_is_heard_of(
    queue: str, manage: App, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    follow(manage, number)
    app = load("dispatch")
    sqs().delete_queue(QueueUrl=queue)
    with pytest.raises(QueueUnavailable):
        app.handler(sample("dispatch"), Context())
    assert metric(capsys.readouterr().out, "Dispatched") == [0]


def test_the_brake_of_the_workers_is_felt_by_the_dispatch(
    queue: str, manage: App, number: str, environment: dict[str, str]
) -> None:
    follow(manage, *like(number, 4))
    brakes = Brakes(boto3.client("dynamodb"), environment["CACHE_TABLE"])
    brakes.count(6, 6, NOW)
    load("dispatch").handler(sample("dispatch"), Context())
    assert len(sqs().receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]) == 3


# ---- Refresh


def test_a_message_that_fails_comes_back_alone(
    manage: App, refresh: Query, number: str, logs: io.StringIO
) -> None:
    refresh.simulator.script("yuantong", number, COLLECTED)
    follow(manage, number)
    event = batch("not json", message(number), '{"courier": "yuantong"}', "[]", message("", "yuantong"))
    answer = refresh.app.handler(event, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"m{place}"} for place in (0, 2, 3, 4)]}
    assert [call["number"] for call in refresh.upstream_calls()] == [number]
    assert "not json" not in logs.getvalue()


def test_a_store_that_does_not_answer_brings_the_message_back(
    manage: App, refresh: Query, number: str
) -> None:
    follow(manage, number)
    boto3.client("dynamodb").delete_table(TableName="cache")
    answer = refresh.app.handler(batch(message(number)), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_a_number_that_is_asked_about_twice_costs_one_call(manage: App, refresh: Query, number: str) -> None:
    refresh.simulator.script("yuantong", number, COLLECTED)
    follow(manage, number)
    for _ in range(2):
        answer = refresh.app.handler(batch(message(number)), Context())
        assert answer == {"batchItemFailures": []}
    assert len(refresh.upstream_calls()) == 1


def test_calls_that_fail_are_counted_for_the_brake(
    manage: App, refresh: Query, number: str, environment: dict[str, str]
) -> None:
    refresh.simulator.put("faults", {"code": "502"}).raise_for_status()
    numbers = like(number, 6)
    follow(manage, *numbers)
    refresh.app.handler(batch(*map(message, numbers)), Context())
    assert Brakes(boto3.client("dynamodb"), environment["CACHE_TABLE"]).judge() == Brake(most=3)


class Vendor(BaseHTTPRequestHandler):
    """Answers nobody before ten have asked."""

    together = threading.Barrier(10)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.together.wait(20)
        body = b'{"result": false, "returnCode": "500", "message": "no trace"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def vendor() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Vendor) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/poll/query.do"
        server.shutdown()
        thread.join()


def test_a_worker_whose_time_is_nearly_over_gives_its_messages_back_and_leaves_nothing_behind(
    manage: App, refresh: Query, number: str
) -> None:
    refresh.simulator.script("yuantong", number, COLLECTED)
    follow(manage, number)
    late = Context()
    late.get_remaining_time_in_millis = lambda: 25_000  # type: ignore[method-assign]  # as a late worker's says
    answer = refresh.app.handler(batch(message(number)), late)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert refresh.upstream_calls() == []
    assert refresh.app.handler(batch(message(number)), Context()) == {"batchItemFailures": []}
    assert [call["number"] for call in refresh.upstream_calls()] == [number]


@pytest.mark.usefixtures("environment")
def test_the_calls_of_a_batch_are_in_flight_together() -> None:
    from waybill.batches import Batches  # noqa: PLC0415 - after the environment is set

    asked: list[str] = []

    def refresh(link: Link) -> None:
        with pytest.raises(NoResult):
            client.query(UpstreamQuery(link.courier, link.number), kuaidi100.Credentials("DEMO", "KEY"))
        asked.append(link.number)

    with vendor() as url, kuaidi100.Client(url=url) as client, ThreadPoolExecutor(10) as threads:
        numbers = [f"YT98765432{each:05}" for each in range(10)]
        batches = Batches(messages.read, refresh, asdict, threads)
        assert batches.handle(batch(*map(message, numbers))) == {"batchItemFailures": []}
    assert sorted(asked) == numbers, "a call that was not met would have timed out"


def test_the_sample_event_is_read(refresh: App) -> None:
    assert refresh.app.handler(sample("refresh"), Context()) == {"batchItemFailures": []}


# ---- Settings


def test_budgets_are_whole_numbers_and_none_by_default(
    environment: dict[str, str],
) -> None:
    variables = {**environment, "UPSTREAM_URL": "http://127.0.0.1/poll/query.do"}
    assert QuerySettings.read(variables).limits == Limits()
    settings = QuerySettings.read({**variables, "MEMBER_MONTHLY_CALL_BUDGET": "1500"})
    assert settings.limits == Limits(member_month=1500)
    for wrong in ("-1", "1.5", "many", ""):
        with pytest.raises(Exception, match="DAILY_CALL_BUDGET"):
            QuerySettings.read({**variables, "DAILY_CALL_BUDGET": wrong})
