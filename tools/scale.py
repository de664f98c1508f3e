"""What so many active shipments take, from what one takes: `make scale` prints the tables of docs/scale.md.

What one takes is measured (`make bench`, `tests/functions/test_cost.py`) and simulated (`bench.crowd`), and kept with its date in
bench/measured.json; `--measure RESULTS` makes that file anew. The rest is arithmetic, and AWS's quotas.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools import cost
from tools.scale_tables import tables
from waybill import budgets, calls, dispatch, outbox, tracked
from waybill.composition import CALLS

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parent.parent
MEASURED: Final = ROOT / "bench/measured.json"
DOCUMENT: Final = ROOT / "docs/scale.md"
TEN_MILLION: Final = 10_000_000
DAY: Final = 86_400
KEPT: Final = (
    "date",
    "python",
    "processor",
    "cores",
    "refresh_cpu_ms",
    "refresh_aws_calls",
    "dispatch_cpu_ms",
    *(f"tell_{each}_{what}" for each in cost.TELLING for what in ("cpu_ms", "aws_calls")),
)
JOURNEYS: Final = 2000
SEED: Final = 41

PARTITION_WRITES: Final = 1000
"""Write units a second of one partition key of DynamoDB, of a table or an index."""
TABLE_WRITES: Final = 40_000
"""Write units a second of one on-demand table without its indexes, each of which has as many of its own, until AWS is asked for
more (DynamoDB developer guide, "Quotas in Amazon DynamoDB")."""
LAMBDA_AT_ONCE: Final = 1000
"""Executions at once of an account, until AWS is asked for more."""
QUEUE_AT_ONCE: Final = 1000
"""The most that `MaximumConcurrency` of a queue can be, and so the parameters that it is set by (template.yaml)."""
REFRESH_AT_ONCE: Final = 5
FANOUT_AT_ONCE: Final = 10
WEBHOOK_AT_ONCE: Final = 30
MAIL_AT_ONCE: Final = 2
"""Batches at once as deployed: by default of `RefreshConcurrency` and `SlowWebhookConcurrency`, and as the template has it of the
others."""
SES_A_SECOND: Final = 14
SES_A_DAY: Final = 50_000
"""Letters that SES takes of an account that has just left the sandbox. AWS sets both for each account; these are usual."""
MESSAGES: Final = 50
"""Of a batch of refreshes, when there is much to do."""
TOLD_AT_ONCE: Final = 10
"""Messages of a batch of the fanout, of deliveries or of letters."""

REFRESH_MB: Final = 1024
DISPATCH_MB: Final = 1280
DISPATCH_SECONDS: Final = 55 * dispatch.PART
"""Of the time of a part of a run, those in which it sends parcels; each shard has one every minute."""
MOVES: Final = 2 * 2
"""Write units of the due index for a refresh: claimed, then planned anew, each out of one place and into another."""
BOOKINGS: Final = 2
"""Write units of a row of the ledger or of a budget's counter for a call: in a transaction, which counts twice."""
CLAIM: Final = 1
"""Write units of the Tracking table for a parcel that the dispatch sends."""
OUTBOX: Final = 3
"""Write units of the index of the outbox for an event: two to get in, in a transaction, and one to get out."""


@dataclass(frozen=True, slots=True)
class Limited:
    """What is limited: `asked` is what the busiest hour asks of it, and `do` what to do at the limit.

    `limit` is that of the template, its parameters' defaults and AWS's first quotas. `most` is what a setting or a request to AWS
    raises it to: the limit itself where neither does, and infinity where AWS names no end.
    """

    name: str
    asked: float
    limit: float
    most: float
    do: str

    @property
    def used(self) -> float:
        """What is asked over the limit: 1 is all of it."""
        return self.asked / self.limit


@dataclass(frozen=True, slots=True)
class Scale:
    """So many active shipments, and what is measured and simulated of one."""

    shipments: int
    measured: Mapping[str, Any]

    @property
    def calls_a_day(self) -> float:
        """A parcel's calls over the days of its life, which is what a day has of them where as many come as go."""
        return self.shipments * float(self.measured["calls_per_parcel"]) / self.days

    @property
    def days(self) -> float:
        return float(self.measured["active_days"])

    @property
    def calls_a_second(self) -> float:
        return self.calls_a_day / DAY

    @property
    def peak(self) -> float:
        """Calls a second in the busiest hour."""
        return self.calls_a_second * float(self.measured["peak_hour"])

    @property
    def batch_seconds(self) -> float:
        """Calls follow each other, some at once; beside them lies what is read and written, but for the last ones'."""
        each = cost.lasting(self.measured["refresh_cpu_ms"], REFRESH_MB)
        calls = max(MESSAGES / CALLS * cost.UPSTREAM_SECONDS, (MESSAGES - CALLS) * each)
        return float(calls + CALLS * each + self.measured["refresh_aws_calls"] * cost.ROUND_TRIP)

    @property
    def workers(self) -> float:
        return self.peak / MESSAGES * self.batch_seconds

    @property
    def events_a_day(self) -> float:
        """Events that are told, each to the feed, one webhook and the customer."""
        return self.shipments / self.days * cost.EVENTS_A_PARCEL

    @property
    def told_a_second(self) -> float:
        """Events a second in the busiest hour, which is that of the calls."""
        return self.events_a_day / DAY * float(self.measured["peak_hour"])

    @property
    def tracking_writes(self) -> float:
        """Write units a second of the Tracking table in the busiest hour, without those of its indexes."""
        new = self.told_a_second / cost.EVENTS_A_PARCEL
        told = self.told_a_second * cost.EVENT_TRACKING_WRITES
        return self.peak * (cost.REFRESH_TRACKING_WRITES + CLAIM) + told + new * cost.REGISTER_TRACKING_WRITES

    @property
    def cache_writes(self) -> float:
        """Write units a second of the Cache table in the busiest hour."""
        return self.peak * cost.REFRESH_CACHE_WRITES + self.told_a_second * cost.EVENT_CACHE_WRITES

    @property
    def parts(self) -> list[Limited]:
        """All that is limited."""
        return [*self._looking, *self._telling, *self._tables, *self._partitions]

    @property
    def _looking(self) -> list[Limited]:
        return [
            Limited(
                f"dispatch, parcels a second of one of {tracked.SHARDS} shards, each sent by a part of the run",
                self._shard,
                dispatched(self.measured, DISPATCH_MB),
                dispatched(self.measured, cost.CPU_AT_MB),
                "give it more memory (a whole processor at 1,769 MB), or raise `tracked.SHARDS`",
            ),
            Limited(
                "refresh, batches at once",
                self.workers,
                REFRESH_AT_ONCE,
                QUEUE_AT_ONCE,
                "set `RefreshConcurrency`",
            ),
            Limited(
                "refresh, fanout, webhooks and mail, executions at once (Lambda's quota of an account)",
                self.workers
                + self.told_a_second * (self._fanout + self._mail + 1 / posted(self.measured, 1)),
                LAMBDA_AT_ONCE,
                math.inf,
                "ask AWS for more",
            ),
        ]

    @property
    def _fanout(self) -> float:
        return telling(self.measured, "fanout")

    @property
    def _mail(self) -> float:
        return telling(self.measured, "mail")

    @property
    def _telling(self) -> list[Limited]:
        events = self.told_a_second
        return [
            Limited(
                "fanout, events a second",
                events,
                FANOUT_AT_ONCE / self._fanout,
                QUEUE_AT_ONCE / self._fanout,
                "raise `MaximumConcurrency` of the fanout function",
            ),
            Limited(
                f"webhooks, deliveries a second to endpoints that answer in {cost.ENDPOINT_SECONDS:g} s",
                events,
                posted(self.measured, WEBHOOK_AT_ONCE),
                posted(self.measured, QUEUE_AT_ONCE),
                "set `SlowWebhookConcurrency`",
            ),
            Limited(
                "mail, letters a second by the mail function",
                events,
                MAIL_AT_ONCE / self._mail,
                QUEUE_AT_ONCE / self._mail,
                "raise `MaximumConcurrency` of the mail function, and SES's rate before it",
            ),
            Limited(
                "mail, letters a second by SES",
                events,
                SES_A_SECOND,
                math.inf,
                "ask AWS for a higher sending rate",
            ),
            Limited(
                "mail, letters a day by SES",
                self.events_a_day,
                SES_A_DAY,
                math.inf,
                "ask AWS for a higher sending quota",
            ),
        ]

    @property
    def _tables(self) -> list[Limited]:
        return [
            Limited(
                f"{name} table, write units a second without its indexes",
                asked,
                TABLE_WRITES,
                math.inf,
                "ask AWS for more of a table",
            )
            for name, asked in (("Tracking", self.tracking_writes), ("Cache", self.cache_writes))
        ]

    @property
    def _partitions(self) -> list[Limited]:
        """Of one partition key, of which DynamoDB takes no more whoever asks."""
        rows = [
            (
                f"due index, write units a second of one of {tracked.SHARDS} shards",
                self._shard * MOVES,
                "raise `tracked.SHARDS`",
            ),
            (
                f"ledger, write units a second of one of {calls.ROW_SHARDS} shards of an hour",
                self.peak / calls.ROW_SHARDS * BOOKINGS,
                "raise `calls.ROW_SHARDS`",
            ),
            (
                f"budget of all, write units a second of one of {budgets.SHARDS} shards",
                self.peak / budgets.SHARDS * BOOKINGS,
                "raise `budgets.SHARDS`",
            ),
            ("brake, write units a second of its one item", self.peak / MESSAGES, "count in shards"),
            (
                "feed, write units a second of the counter of one member that has all shipments",
                self.told_a_second * BOOKINGS,
                "split the shipments among members",
            ),
            (
                f"outbox, write units a second of one of {outbox.SHARDS} shards of its index",
                self.told_a_second / outbox.SHARDS * OUTBOX,
                "raise `outbox.SHARDS`",
            ),
        ]
        return [Limited(name, asked, PARTITION_WRITES, PARTITION_WRITES, do) for name, asked, do in rows]

    @property
    def _shard(self) -> float:
        """Parcels a second of the fullest shard of those that wait, in the busiest hour."""
        return self.peak * float(self.measured["peak_shard"]) / tracked.SHARDS

    @property
    def first_limit(self) -> tuple[Limited, float]:
        """What is reached first of all, and at how many active shipments."""
        first = max(self.parts, key=lambda part: part.used)
        return first, self.shipments / first.used

    @property
    def last_limit(self) -> tuple[Limited, float]:
        """What is reached first where settings and AWS's quotas are as high as they go, and at how many active shipments."""
        first = max(self.parts, key=lambda part: part.asked / part.most)
        return first, self.shipments * first.most / first.asked

    @property
    def money(self) -> list[tuple[str, float, float]]:
        """What a day has: its name, how many, and US dollars at AWS for all of them."""
        new = self.shipments / self.days
        looks = new * cost.READS_A_PARCEL
        rows = [
            ("registrations", new, cost.REGISTER),
            ("refreshes", self.calls_a_day, cost.REFRESH),
            ("events told", new * cost.EVENTS_A_PARCEL, cost.EVENT),
            ("cached lookups", looks, cost.CACHED),
        ]
        return [(name, many, many * use.dollars) for name, many, use in rows]


def dispatched(measured: Mapping[str, Any], memory: int) -> float:
    """How many parcels a second a part of the dispatch with so many MB can send of its shard, one part a minute."""
    each = cost.lasting(measured["dispatch_cpu_ms"], memory)
    return float(DISPATCH_SECONDS / each / 60)


def telling(measured: Mapping[str, Any], function: str) -> float:
    """Seconds of a message of the fanout, a delivery or a letter, without its endpoint's.

    Those of a batch count one after another, since 512 MB are less than a third of a processor: too much rather than too little.
    """
    return cost.lasting(
        measured[f"tell_{function}_cpu_ms"], cost.TELLING_MB, measured[f"tell_{function}_aws_calls"]
    )


def posted(measured: Mapping[str, Any], batches: float) -> float:
    """How many deliveries a second so many batches at once make: those of one wait for their endpoints at once."""
    return batches * TOLD_AT_ONCE / (cost.ENDPOINT_SECONDS + TOLD_AT_ONCE * telling(measured, "webhook"))


def read() -> dict[str, Any]:
    """What is measured and simulated of one shipment."""
    measured: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return measured


def measure(results: Path) -> None:
    """Make bench/measured.json of the results of a `make bench`, and of a simulation."""
    from bench.crowd import simulated  # noqa: PLC0415 - the tables need no simulator

    bench = json.loads(results.read_text(encoding="utf-8"))
    kept = {name: bench[name] for name in KEPT}
    made = {**kept, **simulated(JOURNEYS, SEED, lambda: None)}
    MEASURED.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def write() -> None:
    """Put the tables into docs/scale.md, below their heading."""
    before, heading, _ = DOCUMENT.read_text(encoding="utf-8").partition("## The figures\n")
    DOCUMENT.write_text(before + heading + tables(Scale(TEN_MILLION, read())) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make scale", description=__doc__)
    parser.add_argument("--shipments", type=int, default=TEN_MILLION, help="how many are active")
    parser.add_argument("--measure", type=Path, help="results of `make bench`, to go on from")
    parser.add_argument("--write", action="store_true", help="into docs/scale.md instead")
    given = parser.parse_args()
    if given.measure:
        measure(given.measure)
    if given.write:
        write()
    else:
        print(tables(Scale(given.shipments, read())))


if __name__ == "__main__":
    main()
