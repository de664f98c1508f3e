"""What the service costs at AWS: the prices, what one lookup or one parcel takes of each thing that has a price, and the sums.

`make cost` prints the tables of docs/cost.md. Units of DynamoDB are measured by tests/functions/test_cost.py, which fails when
they are not these any more; what cannot be measured without AWS is an assumption, and stands under that name.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MILLION: Final = 1_000_000
HOURS_A_MONTH: Final = 730
CPU_AT_MB: Final = 1769
"""Lambda gives a whole processor at so much memory, and less in proportion."""
PRICES: Final = {
    "gateway": ("a request to API Gateway (REST)", 3.50 / MILLION),
    "invocation": ("an invocation of Lambda", 0.20 / MILLION),
    "gb_second": ("a GB-second of Lambda (arm64)", 0.0000133334),
    "read": ("a read request unit of DynamoDB (on demand)", 0.125 / MILLION),
    "write": ("a write request unit of DynamoDB (on demand)", 0.625 / MILLION),
    "queue": ("a request to SQS (standard)", 0.40 / MILLION),
    "topic": ("a message to SNS", 0.50 / MILLION),
    "mail": ("an e-mail by SES", 0.10 / 1000),
    "log_gb": ("a GB of logs to CloudWatch", 0.50),
    "out_gb": ("a GB out to the internet", 0.09),
}
"""US dollars, N. Virginia (us-east-1), list prices without free tiers and discounts, as of 2026-11-22."""

TELLING: Final = ("publish", "fanout", "webhook", "mail")
TELLING_MB: Final = 512
"""The functions that an event passes on its way to an endpoint and a customer, and the memory of each (template.yaml)."""


@dataclass(frozen=True, slots=True)
class Use:
    """What something takes. Memory is in GB, `seconds` those of all its invocations, sizes in KB."""

    gateway: float = 0
    invocations: float = 0
    seconds: float = 0
    memory: float = 1
    reads: float = 0
    writes: float = 0
    queue: float = 0
    topic: float = 0
    mail: float = 0
    log_kb: float = 0
    out_kb: float = 0

    def parts(self) -> dict[str, float]:
        """US dollars of each thing that has a price."""
        amounts = {
            "gateway": self.gateway,
            "invocation": self.invocations,
            "gb_second": self.seconds * self.memory,
            "read": self.reads,
            "write": self.writes,
            "queue": self.queue,
            "topic": self.topic,
            "mail": self.mail,
            "log_gb": self.log_kb / MILLION,
            "out_gb": self.out_kb / MILLION,
        }
        return {name: amount * PRICES[name][1] for name, amount in amounts.items()}

    @property
    def dollars(self) -> float:
        return sum(self.parts().values())


# Measured: request units of DynamoDB, for a parcel of ten lines whose only reader this is.
CACHED_READS: Final = 0.5
STALE_READS: Final = 0.5
LIVE_READS: Final = 3.0
LIVE_WRITES: Final = 9
REGISTER_READS: Final = 1.5
REGISTER_WRITES: Final = 18
REFRESH_READS: Final = 4.0
REFRESH_WRITES: Final = 50
# Of these writes, those of one table without its indexes.
REGISTER_TRACKING_WRITES: Final = 4
REFRESH_TRACKING_WRITES: Final = 26
REFRESH_CACHE_WRITES: Final = 6

# Assumed: nothing but AWS could tell.
ROUND_TRIP: Final = 0.005
UPSTREAM_SECONDS: Final = 1.0
ENDPOINT_SECONDS: Final = 1.0
"""Of a request to DynamoDB, of a call to Kuaidi100, and of a request to a member's endpoint, which may take up to 15."""
CACHED_SECONDS: Final = 0.02
LIVE_SECONDS: Final = 1.0
AUTHORIZER_SHARE: Final = 0.1
AUTHORIZER_SECONDS: Final = 0.02
LINE_KB: Final = 0.6
ANSWER_KB: Final = 4.0

# Measured, but for the endpoint's second: an event that is told to the feed, a webhook and the customer, each message alone in its
# batch. The seconds are those of `make bench` (docs/bench.md), over the share of a processor that the functions get.
EVENT: Final = Use(
    invocations=4, seconds=1.26, memory=0.5, reads=14, writes=14, queue=9, topic=1, mail=1, log_kb=4 * LINE_KB
)
EVENT_TRACKING_WRITES: Final = 7
EVENT_CACHE_WRITES: Final = 6
"""Of these writes, those of one table without its indexes."""

CALLS_A_PARCEL: Final = 19.2
"""docs/schedule.md, seed 41."""
EVENTS_A_PARCEL: Final = 5
READS_A_PARCEL: Final = 10


def lasting(cpu_ms: float, memory_mb: int, requests: float = 0) -> float:
    """Seconds that a function with so much memory takes for processor time, and for requests to DynamoDB one after another."""
    return cpu_ms / 1000 * max(1.0, CPU_AT_MB / memory_mb) + requests * ROUND_TRIP


def lookup(seconds: float, reads: float, writes: float = 0) -> Use:
    """One request to the API; every tenth asks the authorizer, whose answers the gateway keeps for a minute."""
    authorizer = AUTHORIZER_SHARE * AUTHORIZER_SECONDS * 0.5
    return Use(
        gateway=1,
        invocations=1 + AUTHORIZER_SHARE,
        seconds=seconds + authorizer,
        reads=reads + AUTHORIZER_SHARE,
        writes=writes,
        log_kb=LINE_KB * (1 + AUTHORIZER_SHARE),
        out_kb=ANSWER_KB,
    )


CACHED: Final = lookup(CACHED_SECONDS, CACHED_READS)
STALE: Final = lookup(CACHED_SECONDS, STALE_READS)
LIVE: Final = lookup(LIVE_SECONDS, LIVE_READS, LIVE_WRITES)
REGISTER: Final = lookup(2 * CACHED_SECONDS, REGISTER_READS, REGISTER_WRITES)
# Alone in its batch, and with news, which is too much of both.
REFRESH: Final = Use(
    invocations=1,
    seconds=LIVE_SECONDS,
    reads=REFRESH_READS,
    writes=REFRESH_WRITES,
    queue=3,
    log_kb=2 * LINE_KB,
)
PARCEL: Final = (
    ("registering it", 1, REGISTER),
    ("refreshes by the schedule", CALLS_A_PARCEL, REFRESH),
    ("events told to the feed, a webhook and the customer", EVENTS_A_PARCEL, EVENT),
    ("lookups by its readers, cached", READS_A_PARCEL, CACHED),
)
DISPATCH: Final = Use(invocations=1, seconds=0.1, memory=1.25, reads=15, log_kb=2 * LINE_KB)
EXAMPLE: Final = 0.01
"""What Kuaidi100 might charge for a number: what a contract says is not ours to know."""
RUNS_A_MONTH: Final = 60 * HOURS_A_MONTH
SECRETS: Final = 4
ALARMS: Final = 43
DASHBOARDS: Final = 1


def a_parcel() -> float:
    """US dollars of an average journey at AWS."""
    return sum(times * use.dollars for _, times, use in PARCEL)


def tables(call: float) -> str:
    """The tables of docs/cost.md; `call` is what Kuaidi100 charges for a number, in US dollars."""
    return "\n\n".join((_prices(), _lookups(call), _parcel(call), _monthly()))


def summary() -> str:
    """The table of the README."""
    rows = [(f"1,000 lookups, {name}", f"${1000 * use.dollars:.4f}") for name, use in _KINDS]
    return table(
        ("", "at AWS"),
        [
            *rows,
            ("a parcel, from registering to its end", f"${a_parcel():.4f}"),
            ("a month, whatever happens", f"${a_month():.2f}"),
        ],
    )


_KINDS: Final = (("cached", CACHED), ("stale", STALE), ("live", LIVE))


def _prices() -> str:
    return table(
        ("price", "US dollars"), [(text, f"{price:.10f}".rstrip("0")) for text, price in PRICES.values()]
    )


def _lookups(call: float) -> str:
    names = [name for name in PRICES if any(use.parts()[name] for _, use in _KINDS)]
    rows = [
        (PRICES[name][0].partition(" ")[2], *(f"{1000 * use.parts()[name]:.6f}" for _, use in _KINDS))
        for name in names
    ]
    total = ("**AWS**", *(f"**{1000 * use.dollars:.4f}**" for _, use in _KINDS))
    vendor = (f"Kuaidi100, a new number each at {call:g}", "0", "0", f"{1000 * call:g}")
    return table(("per 1,000 lookups", *(name for name, _ in _KINDS)), [*rows, total, vendor])


def _parcel(call: float) -> str:
    rows = [
        (text, f"{times:g}", f"{use.dollars:.8f}", f"{times * use.dollars:.6f}")
        for text, times, use in PARCEL
    ]
    rows += [
        ("**AWS**", "", "", f"**{a_parcel():.4f}**"),
        ("Kuaidi100, once per number", "1", f"{call:g}", f"{call:g}"),
    ]
    return table(("per parcel", "times", "each", "US dollars"), rows)


def _a_month() -> list[tuple[str, int, float]]:
    return [
        ("secrets, at 0.40", SECRETS, SECRETS * 0.40),
        ("alarms, at 0.10", ALARMS, ALARMS * 0.10),
        ("dashboards, at 3.00", DASHBOARDS, DASHBOARDS * 3.00),
        ("runs of the dispatch, one a minute", RUNS_A_MONTH, RUNS_A_MONTH * DISPATCH.dollars),
    ]


def a_month() -> float:
    """US dollars of a month in which nothing happens."""
    return sum(dollars for _, _, dollars in _a_month())


def _monthly() -> str:
    rows = [(text, f"{count:,}", f"{dollars:.2f}") for text, count, dollars in _a_month()]
    return table(("per month", "count", "US dollars"), [*rows, ("**AWS**", "", f"**{a_month():.2f}**")])


def table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(root: Path) -> None:
    """Put the tables into docs/cost.md and the README, between their headings."""
    for name, begin, end, text in (
        ("docs/cost.md", "## The sums\n", "", tables(EXAMPLE) + "\n"),
        ("README.md", "Kuaidi100's own charges:\n\n", "\n\n## Read on", summary()),
    ):
        file = root / name
        before, _, rest = file.read_text(encoding="utf-8").partition(begin)
        after = end + rest.partition(end)[2] if end else ""
        file.write_text(before + begin + text + after, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__)
    parser.add_argument(
        "--call", type=float, default=EXAMPLE, help="US dollars that Kuaidi100 charges for a number"
    )
    parser.add_argument("--write", action="store_true", help="into docs/cost.md and README.md instead")
    given = parser.parse_args()
    if given.write:
        write(Path.cwd())
    else:
        print(tables(given.call))


if __name__ == "__main__":
    main()
