"""`make bench`: what Waybill takes as `sam build` makes it, in turns with a bare function and the usual stack.

Prints one table and writes `bench/results.json`. Times are of this machine; the ratios are what is meant.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from bench import artifacts, beside, following, lookups, telling
from bench.burst import burst
from bench.lookups import Subject
from bench.loop import Loop
from bench.recorder import Recorder
from bench.table import table
from local.deploy import forget_aws_settings
from local.template import STACK
from tests import loopback
from tests.receivers import Receiver
from tests.stacks import running_stack
from tools import cost
from waybill.composition import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.artifacts import Built
    from tests.stacks import RunningStack

RESULTS: Final = Path(__file__).with_name("results.json")
LATENCIES: Final = {"": 2.0, "_1s": 1.0}
"""Seconds that the upstream takes for an answer. What Kuaidi100 takes is not ours to know; the shorter, the more of a worker's time
goes to the emulator, which is one process and answers one request after another, as DynamoDB does not."""
LIVE_TRIPS: Final = 6
"""Assumed: how many of a live lookup's requests to DynamoDB follow each other."""
LINES: Final = [
    {
        "at": -90_000 + 9_000 * place,
        "text": f"【杭州转运中心】已发出，下一站【北京转运中心{place}】",
        "status_code": "1002" if place else "103",
    }
    for place in range(10)
]
SAMPLES: Final = {
    "events": "events-list",
    "manage": "shipments-list",
    "query": "parcel",
    "webhook": "delivery",
}
"""The sample event of a function, where it has another name than the function."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured. `quick` shows that all of it works, and nothing else."""

    cold: int = 15
    warm: int = 9
    requests: int = 200
    live: int = 40
    batches: int = 4
    due: int = 70
    events: int = 33
    bursts: tuple[int, ...] = (50, 500, 5000)
    readers: int = 200
    rounds: int = 4
    heard: int = 50


QUICK: Final = Amount(
    cold=3, warm=3, requests=50, live=5, batches=1, due=40, events=5, bursts=(50,), rounds=1, heard=8
)


@dataclass
class Bench:
    """One run over a stack of its own. `results` are flat: a name, and a number or a text."""

    stack: RunningStack
    built: Built
    amount: Amount
    aws: Recorder
    results: dict[str, Any] = field(default_factory=dict)

    def subject(self, function: str) -> Subject:
        """A built function, as the stack has deployed it."""
        name = f"{STACK}-{self.built.logical_ids[function]}"
        described = self.stack.aws("lambda").get_function_configuration(FunctionName=name)
        # SNS and SES are asked in passing, and their answers are no part of this.
        return Subject(self.built.place(function), described["Environment"]["Variables"])

    def script(self, *numbers: str) -> None:
        """Have the simulator tell ten lines of each number."""
        with loopback.client(base_url=self.stack.simulator) as client:
            for number in numbers:
                script = {"events": LINES}
                client.put(f"/_sim/journeys/{lookups.COURIER}/{number}", json=script).raise_for_status()

    def cold_and_warm(self) -> None:
        query = self.subject("query")
        cache = {"CACHE_TABLE": query.variables["CACHE_TABLE"]}
        subjects = {
            "query": query,
            "bare": Subject(artifacts.bare(), cache),
            "usual": Subject(artifacts.usual(), cache),
        }
        self.script(lookups.NUMBER)
        with Loop(query.place, query.variables, self.aws.url) as loop:
            lookups.good(loop.first(lookups.event()), "live")
            lookups.good(loop.invoke(lookups.event()), "cache")
        self.aws.replaying = True
        amount = self.amount
        answers = lookups.cold(
            subjects, self.aws, amount.cold, progress("cold starts", (amount.cold + 1) * 3)
        )
        for name, some in answers.items():
            took = lookups.spent(some)
            self.results[f"cold_start_{name}_ms"] = milliseconds(took.wall)
            self.results[f"cold_start_{name}_cpu_ms"] = milliseconds(took.processor)
        for name in ("bare", "usual"):
            for unit, suffix in (("cpu_ms", ""), ("ms", "_wall")):
                ours, theirs = (self.results[f"cold_start_{each}_{unit}"] for each in ("query", name))
                self.results[f"cold_start_ratio_{name}{suffix}"] = round(ours / theirs, 3)
        two = {name: subjects[name] for name in ("query", "bare")}
        warm = lookups.warm(
            two, self.aws, amount.warm, amount.requests, progress("cached reads", 2 + amount.warm * 2)
        )
        self.aws.replaying = False
        for name, took in warm.spent.items():
            self.results[f"warm_{name}_ms"] = milliseconds(took.wall)
            self.results[f"warm_{name}_cpu_ms"] = milliseconds(took.processor)
        ours, bare = warm.spent["query"], warm.spent["bare"]
        self.results["warm_cpu_ratio_bare"] = round(ours.processor / bare.processor, 3)
        self.results["warm_wall_ratio_bare"] = round(ours.wall / bare.wall, 3)
        self.results["aws_calls_cached_read"] = warm.aws_calls

    def live_and_stale(self) -> None:
        numbers = [f"YT91{number:011}" for number in range(self.amount.live + 1)]
        self.script(*numbers)
        took = lookups.each_source(
            self.subject("query"), self.aws, self.amount.live, progress("live lookups", self.amount.live)
        )
        for source, spent in took.items():
            self.results[f"{source}_ms"] = milliseconds(spent.wall)
            self.results[f"{source}_cpu_ms"] = milliseconds(spent.processor)

    def schedule(self) -> None:
        """One worker for each latency over its share of what is due, and then a dispatch over the rest."""
        size = self._batch_size()
        share = (self.amount.batches + 2) * size
        numbers = [f"YT93{number:011}" for number in range(len(LATENCIES) * share + self.amount.due)]
        self.script(*numbers)
        with self.stack.client() as client:
            for first in range(0, len(numbers), 100):
                shipments = [
                    {"order_id": number, "tracking_number": number, "courier": lookups.COURIER}
                    for number in numbers[first : first + 100]
                ]
                client.post("/v1/shipments/batch", json={"shipments": shipments}).raise_for_status()
        tick = progress("refreshes", self.amount.batches * len(LATENCIES))
        for place, (suffix, latency) in enumerate(LATENCIES.items()):
            worker = self._worker(numbers[place * share :][:share], size, latency, tick)
            self.results[f"worker_efficiency{suffix}"] = round(worker.efficiency(latency), 3)
            self.results[f"refresh_parcels_per_second{suffix}"] = round(worker.parcels / worker.wall, 2)
            self.results[f"refresh_limit_per_second{suffix}"] = CALLS / latency
            self.results[f"refresh_cpu_ms{suffix}"] = milliseconds(worker.processor / worker.parcels)
            self.results["refresh_aws_calls"] = round(worker.aws_calls, 2)
        run = following.dispatch(self.subject("dispatch"), self.aws, self.amount.due)
        self.results["dispatch_due"], self.results["dispatch_read"] = run.due, run.read
        self.results["dispatch_read_ratio"] = round(run.read / run.due, 3)
        self.results["dispatch_cpu_ms"] = milliseconds(run.processor / run.due)

    def events(self) -> None:
        """What it takes to tell of a milestone, by the functions that it passes."""
        numbers = [f"YT94{number:011}" for number in range(self.amount.events)]
        self.script(*numbers)
        subjects = {each: self.subject(each) for each in cost.TELLING}
        tick = progress("events", len(cost.TELLING) * len(numbers))
        refresh = self.subject("refresh")
        with (
            Receiver() as endpoint,
            telling.detached(self.stack),
            telling.waiting(self.stack, numbers, endpoint.url),
        ):
            with Loop(refresh.place, refresh.variables, self.aws.url) as loop:
                loop.invoke(following.batch(numbers, lookups.COURIER))
            told = telling.told(self.stack, subjects, self.aws, numbers, tick)
            if len(endpoint.requests) != len(numbers):
                raise RuntimeError(f"{len(endpoint.requests)} deliveries of {len(numbers)} events")
        for function, each in told.items():
            self.results[f"tell_{function}_cpu_ms"] = milliseconds(each.processor)
            self.results[f"tell_{function}_aws_calls"] = round(each.aws_calls, 2)

    def _batch_size(self) -> int:
        """How many messages the deployed worker takes at most."""
        mappings = self.stack.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
        (size,) = [each["BatchSize"] for each in mappings if "RefreshQueue" in each["EventSourceArn"]]
        return int(size)

    def _worker(
        self, numbers: Sequence[str], size: int, latency: float, tick: Callable[[], None]
    ) -> following.Worker:
        refresh = self.subject("refresh")
        batches = [
            following.batch(numbers[first : first + size], lookups.COURIER)
            for first in range(0, len(numbers), size)
        ]
        with Recorder(self.stack.simulator, delay=latency) as upstream:
            variables = {**refresh.variables, "UPSTREAM_URL": upstream.url + "/poll/query.do"}
            worker = following.refresh(Subject(refresh.place, variables), self.aws, upstream, batches, tick)
        if worker.calls != worker.parcels:
            raise RuntimeError(f"{worker.calls} calls for {worker.parcels} parcels")
        return worker

    def bursts(self) -> None:
        amount = self.amount
        tick = progress("bursts", 2 * len(amount.bursts) + 1)
        series = 0
        for requests in (*amount.bursts, amount.readers):
            for numbers in (1, 500) if requests in amount.bursts else (1,):
                series += 1
                self.script(*(f"YT92{series:05}{number:06}" for number in range(min(numbers, requests))))
                done = burst(self.stack, requests, numbers, series, tick)
                if requests == amount.readers:
                    self.results[f"upstream_calls_{requests}_cold"] = done.upstream_calls
                    continue
                name = f"burst_{requests}_on_{numbers}"
                self.results[f"{name}_upstream_calls"] = done.upstream_calls
                self.results[f"{name}_refused"] = done.refused
                self.results[f"{name}_p50_ms"] = milliseconds(done.p50)
                self.results[f"{name}_p99_ms"] = milliseconds(done.p99)

    def memory_and_size(self) -> None:
        tick = progress("memory", len(self.built.functions))
        for function in sorted(self.built.functions):
            subject = self.subject(function)
            sample = artifacts.ROOT / "events" / f"{SAMPLES.get(function, function)}.json"
            with Loop(subject.place, subject.variables, self.aws.url) as loop:
                loop.ready()
                if sample.exists():
                    loop.invoke(json.loads(sample.read_text(encoding="utf-8")))
                self.results[f"memory_{function}_mb"] = round(loop.memory() / 1e6, 1)
            tick()
        for name, size in self.built.sizes().items():
            self.results[f"size_{name}_kb"] = round(size / 1000, 1)


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def progress(what: str, total: int) -> Any:
    """To be called after each step: a bar on a terminal, a line after each quarter elsewhere."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            bar = "#" * (30 * done // total)
            print(f"\r{what:<14}[{bar:<30}]", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif 4 * done // total > 4 * (done - 1) // total:
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return tick


def beside_a_dead_one(amount: Amount) -> dict[str, Any]:
    """How late endpoints are asked beside some that are dead, or die, over how late beside those that `LIKENED` names."""
    results = {}
    tick = progress("endpoints", len(beside.BESIDE) * (amount.rounds + 1))
    with (
        tempfile.TemporaryDirectory() as state,
        running_stack(Path(state), WAYBILL_SCHEDULE="off") as stack,
    ):
        for name, late in beside.late(stack, amount.rounds, amount.heard, tick).items():
            for kind, seconds in late.items():
                results[f"asked_{name}_beside_{kind}_p95_ms"] = milliseconds(seconds)
            for kind, other in beside.LIKENED.items():
                results[f"{kind}_beside_p95_ratio_{name}"] = round(late[kind] / late[other], 3)
    return results


def measure(amount: Amount) -> dict[str, Any]:
    """All results.

    Raises:
        RuntimeError: something that is measured does not work.
    """
    print("building", file=sys.stderr)
    built = artifacts.build()
    with ExitStack() as ends:
        state = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        print("starting stacks, one after the other", file=sys.stderr)
        besides = beside_a_dead_one(amount)
        stack = ends.enter_context(running_stack(state, WAYBILL_SCHEDULE="off"))
        aws = ends.enter_context(Recorder(stack.aws("lambda").meta.endpoint_url))
        bench = Bench(stack, built, amount, aws)
        bench.events()
        bench.cold_and_warm()
        bench.live_and_stale()
        bench.schedule()
        bench.memory_and_size()
        bench.bursts()
        return {**bench.results, **besides, **cost_of(bench.results)}


def cost_of(results: dict[str, Any]) -> dict[str, float]:
    """US dollars at AWS's prices: units of DynamoDB as `tools.cost` has them, and times of the processor as they were measured.

    To processor time comes that of requests to DynamoDB, to Kuaidi100 and to an endpoint, and Lambda's share of a processor.
    """

    def took(name: str, requests: float, waits: float = 0, memory_mb: int = 1024) -> float:
        return cost.lasting(results[f"{name}_cpu_ms"], memory_mb, requests) + waits

    cached, stale = took("warm_query", 1), took("stale", 1)
    live = took("live", LIVE_TRIPS, cost.UPSTREAM_SECONDS)
    refresh = took("refresh", results["refresh_aws_calls"], cost.UPSTREAM_SECONDS)
    event = cost.ENDPOINT_SECONDS + sum(
        took(f"tell_{each}", results[f"tell_{each}_aws_calls"], memory_mb=cost.TELLING_MB)
        for each in cost.TELLING
    )
    look = cost.lookup(cached, cost.CACHED_READS)
    uses = {
        "cached": look,
        "stale": cost.lookup(stale, cost.STALE_READS),
        "live": cost.lookup(live, cost.LIVE_READS, cost.LIVE_WRITES),
    }
    once = {
        cost.REFRESH: replace(cost.REFRESH, seconds=refresh),
        cost.EVENT: replace(cost.EVENT, seconds=event),
        cost.CACHED: look,
    }
    parcel = sum(times * once.get(use, use).dollars for _, times, use in cost.PARCEL)
    dollars = {f"dollars_1000_{name}": round(1000 * use.dollars, 5) for name, use in uses.items()}
    return {**dollars, "dollars_parcel": round(parcel, 6)}


def machine() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "processor": platform.machine(),
        "cores": psutil.cpu_count() or 0,
    }


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a little of each, which shows that it works")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    options = parser.parse_args(arguments)
    forget_aws_settings()
    results = {**machine(), **measure(QUICK if options.quick else Amount())}
    print(table(results))
    options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
