"""What an event takes, from its milestone to the feed, a webhook and a letter: every function warm, every message alone."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING, Any, Final

from bench.lookups import COURIER
from bench.loop import Loop
from bench.servers import Handler, Server
from tools.cost import TELLING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.lookups import Subject
    from bench.recorder import Recorder
    from tests.stacks import RunningStack

QUEUES: Final = {"fanout": "FanoutQueue", "webhook": "SlowWebhookQueue", "mail": "MailQueue"}
"""Of a webhook that is new, and so counts as slow until its first answer."""
PATIENCE: Final = 60.0
"""Seconds in which messages that have been sent have to come."""
UNCOUNTED: Final = 3
"""Events at first that only warm a process."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a function takes for an event: seconds of its processor, the median, and requests to AWS but for SES's."""

    processor: float
    aws_calls: float


@contextmanager
def detached(stack: RunningStack) -> Iterator[None]:
    """Have the stack bring these functions nothing meanwhile: events wait for those that are measured."""
    functions = stack.aws("lambda")
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    ids = [
        each["UUID"]
        for each in mappings
        if any(f"{function.capitalize()}Function" in each["FunctionArn"] for function in TELLING)
    ]
    for each in ids:
        functions.update_event_source_mapping(UUID=each, Enabled=False)
    try:
        yield
    finally:
        for each in ids:
            functions.update_event_source_mapping(UUID=each, Enabled=True)


@contextmanager
def waiting(stack: RunningStack, numbers: Sequence[str], endpoint: str) -> Iterator[None]:
    """Have an endpoint and a customer wait for what happens to each; the endpoint is forgotten at the end, as it is gone then."""
    with stack.client() as client:
        made = client.post("/v1/webhooks", json={"url": endpoint, "events": ["*"]}).raise_for_status()
        shipments = [
            {
                "order_id": number,
                "tracking_number": number,
                "courier": COURIER,
                "notify": {"email": "someone@example.com", "events": ["*"]},
            }
            for number in numbers
        ]
        answer = client.post("/v1/shipments/batch", json={"shipments": shipments}).raise_for_status()
        if answer.json()["registered"] != len(numbers):
            raise RuntimeError(f"not registered: {answer.text}")
        yield
        client.delete(f"/v1/webhooks/{made.json()['id']}").raise_for_status()


def told(
    stack: RunningStack,
    subjects: dict[str, Subject],
    aws: Recorder,
    numbers: Sequence[str],
    tick: Callable[[], None],
) -> dict[str, Told]:
    """What each function takes for the milestones of these parcels, of which nobody has been told.

    The first one has them of the table's stream, each other one of a queue of its name.
    """
    results = {}
    events = list(_born(stack, numbers))
    for place, function in enumerate(TELLING):
        results[function] = _pass(subjects[function], aws, events, tick)
        if function != TELLING[-1]:
            events = list(_waiting(stack, TELLING[place + 1], len(numbers)))
    return results


def _pass(
    subject: Subject, aws: Recorder, events: Sequence[dict[str, Any]], tick: Callable[[], None]
) -> Told:
    processor, calls = [], []
    ses = Server(_Ses)
    more = {"WEBHOOK_LOOPBACK": "true", "AWS_ENDPOINT_URL_SESV2": f"http://{ses.address}"}
    with Loop(subject.place, {**subject.variables, **more}, aws.url) as loop:
        before = loop.ready()
        for event in events:
            heard = len(aws.heard)
            answer = loop.invoke(event)
            if answer.failed or answer.body["batchItemFailures"]:
                raise RuntimeError(f"an event was not told: {answer.body}")
            processor.append(answer.processor - before)
            calls.append(len(aws.heard) - heard)
            before = answer.processor
            tick()
    ses.stop()
    return Told(median(processor[UNCOUNTED:]), mean(calls[UNCOUNTED:]))


class _Ses(Handler):
    """Takes every letter; the emulator's takes none that are raw."""

    def do_POST(self) -> None:
        self.body()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end(b'{"MessageId": "bench"}')


def _born(stack: RunningStack, numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The stream's records of the milestones that are still to be published."""
    pages = stack.aws("dynamodb").get_paginator("scan")
    for page in pages.paginate(TableName=stack.output("TrackingTable")):
        for item in page["Items"]:
            number = item["pk"]["S"].rpartition("#")[2]
            if "unpublished" in item and item["sk"]["S"].startswith("MILESTONE#") and number in numbers:
                record = {"Keys": {}, "NewImage": item, "SequenceNumber": "1"}
                yield {"Records": [{"dynamodb": record}]}


def _waiting(stack: RunningStack, function: str, count: int) -> Iterator[dict[str, Any]]:
    """The messages that wait for a function, as its queue hands them over."""
    sqs = stack.aws("sqs")
    (url,) = [each for each in sqs.list_queues()["QueueUrls"] if QUEUES[function] in each]
    name = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
    arn = sqs.get_queue_attributes(**name)["Attributes"]["QueueArn"]
    left = count
    until = time.monotonic() + PATIENCE
    while left > 0:
        if time.monotonic() > until:
            raise RuntimeError(f"{left} of {count} messages did not come to {url}")
        asked = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        for each in asked.get("Messages", ()):
            left -= 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            record = {
                "messageId": each["MessageId"],
                "body": each["Body"],
                "attributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
            }
            yield {"Records": [record]}
