"""`make bench-schedule`: how late news is seen, and for how many calls, under our schedule, fixed intervals and an oracle.

Prints a table; writes `bench/schedule.json` and the curve `bench/schedule.svg`.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import drawing, stories
from bench.replay import ADAPTIVE, FIXED, ORACLE, POLICIES, Adaptive, Fixed, Oracle, Policy, Score, replay
from waybill.statuses import status_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.stories import Story

FOLDER: Final = Path(__file__).parent
JOURNEYS: Final = 2000


def run(told: Sequence[Story], seed: int, tick: Callable[[], None]) -> list[Score]:
    """All policies over the same stories; the fixed ones beside ours, in a process of their own."""
    with ProcessPoolExecutor(1) as beside:
        others = beside.submit(_others, told, seed)
        ours = replay(ADAPTIVE, Adaptive(), told, tick)
        return [ours, *others.result()]


def _others(told: Sequence[Story], seed: int) -> list[Score]:
    policies: dict[str, Policy] = {name: Fixed(interval, seed) for name, interval in FIXED.items()}
    policies[ORACLE] = Oracle()
    return [replay(name, policy, told, lambda: None) for name, policy in policies.items()]


def report(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """`[{policy, calls_per_parcel, locks, delay_seconds: {status: {p50, p95}}}]`; a status that nobody reached has nulls."""
    return [
        {
            "policy": score.policy,
            "calls_per_parcel": round(score.calls / max(score.parcels, 1), 2),
            "locks": score.locks,
            "delay_seconds": {
                status: {"p50": quantile(delays, 0.50), "p95": quantile(delays, 0.95)}
                for status, delays in score.delays.items()
            },
        }
        for score in scores
    ]


def quantile(values: Sequence[float], share: float) -> float | None:
    """The least value that so large a share does not exceed."""
    if not values:
        return None
    ranked = sorted(values)
    return round(ranked[min(int(share * len(ranked)), len(ranked) - 1)], 1)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The report for a reader: minutes, median / 95th percentile."""
    head = f"{'policy':<13}{'calls':>7}{'locks':>7}"
    lines = [head + "".join(f"{status_name(status, 'en'):>24}" for status in stories.WATCHED)]
    for row in rows:
        line = f"{row['policy']:<13}{row['calls_per_parcel']:>7.1f}{row['locks']:>7}"
        for delay in row["delay_seconds"].values():
            shown = "-" if delay["p50"] is None else f"{delay['p50'] / 60:.0f} / {delay['p95'] / 60:.0f}"
            line += f"{shown:>24}"
        lines.append(line)
    return "\n".join(
        [*lines, "calls per parcel; delay of seeing each status in minutes, median / 95th percentile"]
    )


class Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._done = 0

    def __call__(self) -> None:
        self._done += 1
        if sys.stderr.isatty() and (self._done % 20 == 0 or self._done == self._total):
            share = self._done / self._total
            end = "\n" if self._done == self._total else ""
            print(f"\r[{'#' * int(30 * share):<30}] {share:>4.0%}", end=end, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench-schedule", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of journeys, registrations and phases")
    parser.add_argument(
        "--journeys", type=Path, help="JSON lines of {courier, number, events}, in place of simulated ones"
    )
    parser.add_argument("--count", type=int, default=JOURNEYS, help="how many journeys to simulate")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where schedule.json and schedule.svg go")
    options = parser.parse_args(arguments)
    try:
        told = (
            stories.read(options.journeys, options.seed)
            if options.journeys
            else stories.drawn(options.count, options.seed)
        )
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if not told:
        print("no journeys to replay", file=sys.stderr)
        return 2
    print(f"{len(told)} journeys, seed {options.seed}, {len(POLICIES)} policies", file=sys.stderr)
    rows = report(run(told, options.seed, Progress(len(told))))
    print(table(rows))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "schedule.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (options.out / "schedule.svg").write_text(drawing.curve(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
