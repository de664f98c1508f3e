"""The schedule's side: one worker against what its upstream would let through, and what a run of the dispatch reads."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.loop import Loop
from waybill.composition import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.lookups import Subject
    from bench.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker did: seconds of the wall and of its processor, and the calls that reached the upstream."""

    parcels: int
    calls: int
    wall: float
    processor: float
    aws_calls: float

    def efficiency(self, latency: float) -> float:
        """Parcels a second against the limit, which is what may be in flight over the upstream's latency."""
        return self.parcels / self.wall / (CALLS / latency)


def batch(numbers: Sequence[str], courier: str) -> dict[str, Any]:
    records = [
        {
            "messageId": f"m-{number}",
            "body": json.dumps({"courier": courier, "number": number}),
            "attributes": {},
            "eventSource": "aws:sqs",
        }
        for number in numbers
    ]
    return {"Records": records}


def refresh(
    subject: Subject,
    aws: Recorder,
    upstream: Recorder,
    batches: Sequence[dict[str, Any]],
    tick: Callable[[], None],
) -> Worker:
    """All batches but the first two, one after another, by one warm worker, with nothing between it and the emulator.

    The requests of the first one are counted, those of another worker.
    """
    heard = len(aws.heard)
    with Loop(subject.place, subject.variables, aws.url) as loop:
        _done(loop, batches[0])
    requests = sum(each.operation.startswith("DynamoDB") for each in aws.heard[heard:])
    with Loop(subject.place, subject.variables, aws.origin) as loop:
        before = _done(loop, batches[1])
        asked = len(upstream.heard)
        started = time.perf_counter()
        after = before
        for each in batches[2:]:
            after = _done(loop, each)
            tick()
        wall = time.perf_counter() - started
    parcels = sum(len(each["Records"]) for each in batches[2:])
    calls = len(upstream.heard) - asked
    return Worker(parcels, calls, wall, after - before, requests / len(batches[0]["Records"]))


def _done(loop: Loop, event: dict[str, Any]) -> float:
    answer = loop.invoke(event)
    if answer.failed or answer.body["batchItemFailures"]:
        raise RuntimeError(f"a batch failed: {answer.body}")
    return answer.processor


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the dispatch: what was due, and what it read of anything."""

    due: int
    read: int
    processor: float


def dispatch(subject: Subject, aws: Recorder, due: int) -> Run:
    """One run of the dispatch, over so many parcels that are due. Its processor time is without that of its start."""
    with Loop(subject.place, subject.variables, aws.url) as loop:
        ready = loop.ready()
        heard = len(aws.heard)
        answer = loop.invoke({})
        if answer.failed:
            raise RuntimeError(f"the dispatch failed: {answer.body}")
        read = sum(_items(each.operation, each.json()) for each in aws.heard[heard:] if each.operation)
        return Run(due, read, answer.processor - ready)


def _items(operation: str, answer: dict[str, Any]) -> int:
    """How many items or index entries DynamoDB read for an answer: what a filter left out counts too."""
    name = operation.rpartition(".")[2]
    if name in {"Query", "Scan"}:
        return int(answer["ScannedCount"])
    if name == "GetItem":
        return int("Item" in answer)
    if name == "BatchGetItem":
        return sum(map(len, answer["Responses"].values()))
    return 0
