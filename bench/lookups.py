"""Cold starts and lookups of the query function, in turns with the functions that it is held against."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.loop import Answer, Place
    from bench.recorder import Recorder

COURIER = "yuantong"
NUMBER = "YT9000000000001"


@dataclass(frozen=True, slots=True)
class Subject:
    """A function under measurement."""

    place: Place
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds, medians: of the wall clock, and of the processor."""

    wall: float
    processor: float


def event(number: str = NUMBER, **query: str) -> dict[str, Any]:
    """The gateway's event of a look at a parcel."""
    place = {"courier": COURIER, "number": number}
    return {
        "resource": "/v1/parcels/{courier}/{number}",
        "path": f"/v1/parcels/{COURIER}/{number}",
        "httpMethod": "GET",
        "headers": {"Accept": "application/json", "Host": "example.execute-api.us-east-1.amazonaws.com"},
        "multiValueHeaders": {"Accept": ["application/json"]},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": place,
        "requestContext": {
            "requestId": "00000000-0000-4000-8000-000000000002",
            "stage": "bench",
            "authorizer": {"member": "bench", "scopes": "track"},
        },
        "body": None,
        "isBase64Encoded": False,
    }


def good(answer: Answer, source: str | None = None) -> Answer:
    """The answer, if it is one.

    Raises:
        RuntimeError: what was measured did not do what it should.
    """
    if answer.failed or answer.body["statusCode"] != 200:
        raise RuntimeError(f"a lookup failed: {answer.body}")
    if source and (told := json.loads(answer.body["body"])["freshness"]["source"]) != source:
        raise RuntimeError(f"a lookup was answered from {told}, not from {source}")
    return answer


def cold(
    subjects: Mapping[str, Subject], recorder: Recorder, rounds: int, tick: Callable[[], None]
) -> dict[str, list[Answer]]:
    """First answers of processes of their own, in turns; one more round at first, which only warms the disk's cache."""
    answers: dict[str, list[Answer]] = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, subject in subjects.items():
            with Loop(subject.place, subject.variables, recorder.url) as loop:
                answer = good(loop.first(event()))
            if number:
                answers[name].append(answer)
            tick()
    return answers


def spent(answers: list[Answer]) -> Spent:
    return Spent(median(each.wall for each in answers), median(each.processor for each in answers))


@dataclass(frozen=True, slots=True)
class Warm:
    """What a request took, by subject; and what ours asked AWS for, per request."""

    spent: dict[str, Spent]
    aws_calls: float


def warm(
    subjects: Mapping[str, Subject], recorder: Recorder, rounds: int, requests: int, tick: Callable[[], None]
) -> Warm:
    """Cached reads in warm processes, in turns of so many requests; the medians of the rounds."""
    loops = {name: Loop(each.place, each.variables, recorder.url) for name, each in subjects.items()}
    blocks: dict[str, list[Spent]] = {name: [] for name in subjects}
    calls = 0
    try:
        for name, loop in loops.items():
            for _ in range(100):
                good(loop.invoke(event()))
            tick()
            if name == "query":
                good(loop.invoke(event()), "cache")
        for _ in range(rounds):
            for name, loop in loops.items():
                before, heard = good(loop.invoke(event())), len(recorder.heard)
                answers = [good(loop.invoke(event())) for _ in range(requests)]
                calls += (len(recorder.heard) - heard) * (name == "query")
                blocks[name].append(
                    Spent(
                        median(each.wall for each in answers),
                        (answers[-1].processor - before.processor) / requests,
                    )
                )
                tick()
    finally:
        for loop in loops.values():
            loop.__exit__()
    medians = {
        name: Spent(median(each.wall for each in block), median(each.processor for each in block))
        for name, block in blocks.items()
    }
    return Warm(medians, calls / (rounds * requests))


def each_source(
    subject: Subject, recorder: Recorder, requests: int, tick: Callable[[], None]
) -> dict[str, Spent]:
    """Live and stale answers of a warm process, each number asked twice: the second time for a fresher answer than there can be."""
    sources: dict[str, list[Spent]] = {"live": [], "stale": []}
    with Loop(subject.place, subject.variables, recorder.url) as loop:
        before = good(loop.invoke(event("YT9100000000000"))).processor
        for number in range(1, requests + 1):
            for source, query in (("live", {}), ("stale", {"max_age": "0"})):
                answer = good(loop.invoke(event(f"YT91{number:011}", **query)), source)
                sources[source].append(Spent(answer.wall, answer.processor - before))
                before = answer.processor
            tick()
    return {
        source: Spent(median(each.wall for each in some), median(each.processor for each in some))
        for source, some in sources.items()
    }
