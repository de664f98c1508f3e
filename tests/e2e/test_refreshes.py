"""Refreshes on the running stack: its ticker runs the dispatch, the emulator's queue feeds the workers, and kills lose nothing."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.simulators import wait_until
from waybill.clock import Clock
from waybill.shipments import Link
from waybill.tracked import shard_of

if TYPE_CHECKING:
    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack


def processes(stack: RunningStack, function: str) -> list[psutil.Process]:
    """The processes of one function."""
    found = []
    for child in psutil.Process(stack.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # one that has just ended
            if child.environ().get("AWS_LAMBDA_FUNCTION_NAME") == f"waybill-local-{function}":
                found.append(child)
    return found


def clock_of(stack: RunningStack) -> Clock:
    wait_until(lambda: bool(processes(stack, "DispatchFunction")))
    return Clock.parse(processes(stack, "DispatchFunction")[0].environ()["WAYBILL_CLOCK"])


def put_due(stack: RunningStack, *numbers: str) -> None:
    table, due_at = stack.output("TrackingTable"), round(clock_of(stack).now(), 3)
    client = stack.aws("dynamodb")
    for number in numbers:
        client.put_item(
            TableName=table,
            Item={
                "pk": {"S": f"PARCEL#yuantong#{number}"},
                "sk": {"S": "PARCEL"},
                "due_shard": {"S": shard_of(Link("yuantong", number))},
                "due_at": {"N": repr(due_at)},
            },
        )


def asked(stack: RunningStack) -> set[str]:
    return {call["number"] for call in stack.calls()}


def test_what_is_due_is_asked_about_without_anybody_asking(fast_stack: RunningStack) -> None:
    numbers = {f"YT71{each:011}" for each in range(25)}
    put_due(fast_stack, *numbers)
    wait_until(lambda: numbers <= asked(fast_stack), 60)


def test_the_rule_of_the_template_does_not_fire_beside_the_ticker(fast_stack: RunningStack) -> None:
    assert fast_stack.aws("events").list_rules()["Rules"] == []


def test_the_mapping_takes_ten_messages_and_as_many_batches_as_the_parameter_says(
    fast_stack: RunningStack,
) -> None:
    (mapping,) = fast_stack.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["BatchSize"] == 10
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}


def test_a_message_that_nobody_can_read_comes_back(fast_stack: RunningStack) -> None:
    sqs, url = fast_stack.aws("sqs"), fast_stack.output("RefreshQueue")
    sqs.send_message(QueueUrl=url, MessageBody="not json")

    def hidden() -> bool:
        names = ["ApproximateNumberOfMessagesNotVisible"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return "unreadable message" in fast_stack.log("refresh") and answer[names[0]] == "1"

    wait_until(hidden, 30)
    sqs.purge_queue(QueueUrl=url)


@pytest.mark.parametrize("function", ["RefreshFunction", "DispatchFunction"])
def test_functions_that_are_killed_again_and_again_lose_no_parcel(
    fast_stack: RunningStack, function: str
) -> None:
    mark = "2" if function == "RefreshFunction" else "3"
    numbers = {f"YT7{mark}{each:011}" for each in range(30)}
    put_due(fast_stack, *numbers)
    kills = 0
    deadline = time.monotonic() + 90
    while not numbers <= asked(fast_stack):
        assert time.monotonic() < deadline, f"not asked about: {numbers - asked(fast_stack)}"
        if kills < 5:
            for process in processes(fast_stack, function)[:1]:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
                    kills += 1
    assert kills > 0


def test_queues_serve_on_after_a_restart(
    start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    state = tmp_path_factory.mktemp("state")
    for number in ("YT7400000000001", "YT7400000000002"):
        with start_stack(state, SIM_SPEED="600") as stack:
            put_due(stack, number)
            wait_until(lambda stack=stack, number=number: number in asked(stack), 60)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
