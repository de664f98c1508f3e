"""Proof by running: parcels registered on a stack go to their end, also while its processes are killed, and then are counted.

`python -m tests.proofs` does it at any size (`make proof ARGS="--parcels 200 --stretch 2.5 --kills 20"`); a small one is
among the tests. Journeys are scripted, so that what has to be stored is known beforehand.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from tests import loopback
from tests.stacks import running_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.stacks import RunningStack

HOUR: Final = 3600.0
COURIER: Final = "yuantong"
LEAD_SECONDS: Final = 15.0
"""Wall seconds before a journey begins of which nothing may have happened when its parcel is registered."""
LOOK_SECONDS: Final = 3.0
"""Wall seconds between two looks at what is left, each of which reads the whole table."""
AT_ONCE: Final = 25
"""Shipments of one batch: on a busy machine, 100 may take longer than a function has."""
JOURNEYS: Final = {
    "plain": (
        [(0.2, "103"), (3, "1002"), (9, "1001"), (14, "5"), (18, "301")],
        {"in_transit": 1, "out_for_delivery": 1, "delivered": 1},
    ),
    "second attempt": (
        [(0.5, "103"), (8, "1001"), (13, "5"), (17, "204"), (30, "5"), (34, "301")],
        {"in_transit": 1, "out_for_delivery": 2, "failed_attempt": 1, "delivered": 1},
    ),
    "locker": (
        [(0.1, "101"), (2, "103"), (9, "1001"), (14, "5"), (16, "501"), (36, "304")],
        {
            "info_received": 1,
            "in_transit": 1,
            "out_for_delivery": 1,
            "available_for_pickup": 1,
            "delivered": 1,
        },
    ),
    "return": (
        [(0.3, "103"), (9, "1001"), (14, "5"), (18, "203"), (22, "6"), (40, "4")],
        {"in_transit": 1, "out_for_delivery": 1, "exception": 1, "returning": 1, "returned": 1},
    ),
}
"""Lines as hours after registration and vendor's codes, and how often each status has to be stored."""


@dataclass(frozen=True)
class Trip:
    number: str
    kind: str
    lines: tuple[tuple[float, str], ...]
    """Simulated epoch seconds, and the vendor's code."""

    @property
    def ends_at(self) -> float:
        return self.lines[-1][0]

    @property
    def milestones(self) -> Counter[str]:
        return Counter(JOURNEYS[self.kind][1])


@dataclass
class Proof:
    """One run over a stack."""

    stack: RunningStack
    trips: list[Trip] = field(default_factory=list)
    kills: list[tuple[float, str]] = field(default_factory=list)

    # ---- What is done

    def register(self, count: int, seed: int, stretch: float = 1.0, lead: float = 0.0) -> None:
        """Give `count` more parcels a journey each, which begins in `lead` hours or some later, and register them."""
        rng = random.Random(seed)
        kinds = [*JOURNEYS]
        end = len(self.trips) + count
        with self.stack.client() as client:
            for start in range(len(self.trips), end, AT_ONCE):
                shipments = []
                for index in range(start, min(start + AT_ONCE, end)):
                    later = lead * HOUR + rng.uniform(0, 3 * HOUR)
                    trip = self.script(f"YT{seed:04}{index:08}", kinds[index % len(kinds)], later, stretch)
                    self.trips.append(trip)
                    shipments.append(
                        {"order_id": f"p-{trip.number}", "tracking_number": trip.number, "courier": COURIER}
                    )
                answer = client.post("/v1/shipments/batch", json={"shipments": shipments})
                assert answer.json()["registered"] == len(shipments), answer.text

    def script(self, number: str, kind: str, later: float, stretch: float) -> Trip:
        lines = [
            {"at": at * HOUR * stretch + later, "text": f"快件 {kind} {place}", "status_code": code}
            for place, (at, code) in enumerate(JOURNEYS[kind][0])
        ]
        url = f"{self.stack.simulator}/_sim/journeys/{COURIER}/{number}"
        answer = loopback.put(url, json={"events": lines})
        assert answer.is_success, answer.text
        now, codes = self.simulated("clock")["now"], [code for _, code in JOURNEYS[kind][0]]
        times = [now + at * HOUR * stretch + later for at, _ in JOURNEYS[kind][0]]
        return Trip(number, kind, tuple(zip(times, codes, strict=True)))

    def kill(self, function: str, rng: random.Random) -> bool:
        """SIGKILL one of a function's processes, if it has one."""
        running = [
            process for process, folder in self.processes() if folder.endswith(f"functions/{function}")
        ]
        if not running:
            return False
        rng.choice(running).kill()
        self.kills.append((time.time(), function))
        return True

    def processes(self) -> Iterator[tuple[psutil.Process, str]]:
        """Every process of the stack that is alive, with its folder."""
        for process in psutil.Process(self.stack.process.pid).children(recursive=True):
            with suppress(psutil.Error):  # it has just ended
                yield process, process.cwd()

    # ---- What is seen

    def simulated(self, what: str) -> Any:
        return loopback.get(f"{self.stack.simulator}/_sim/{what}").json()

    def items(self, kind: str) -> list[dict[str, Any]]:
        """All items of parcels whose sort key begins with `kind`."""
        pages = (
            self.stack.aws("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self.stack.output("TrackingTable"),
                FilterExpression="begins_with(sk, :kind)",
                ExpressionAttributeValues={":kind": {"S": kind}},
                ConsistentRead=True,
            )
        )
        return [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith("PARCEL#")]

    def under_way(self) -> int:
        """How many parcels are still followed."""
        return sum("due_at" in item for item in self.items("PARCEL"))

    def stored(self) -> dict[str, Counter[str]]:
        """How often each status is stored, by number."""
        counts: dict[str, Counter[str]] = {trip.number: Counter() for trip in self.trips}
        for item in self.items("MILESTONE#"):
            number = item["pk"]["S"].split("#")[2]
            if number in counts:
                counts[number][item["sk"]["S"].split("#")[1]] += 1
        return counts

    def usage(self) -> Any:
        with self.stack.client() as client:
            answer = client.get("/v1/usage", params=self._days())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _days(self) -> dict[str, str]:
        calls = self.simulated("calls")
        first, last = (
            time.strftime("%Y-%m-%d", time.gmtime(at + 8 * HOUR))
            # The ledger's time is that of the slot, which on a busy machine may lie in the day before its call.
            for at in (calls[0]["at"] - 24 * HOUR, self.simulated("clock")["now"])
        )
        return {"from": first, "to": last}

    def later_calls(self) -> dict[str, list[float]]:
        """When a number was asked about after an answer had shown its end: hours after that end."""
        hours: dict[str, list[float]] = {trip.number: [] for trip in self.trips}
        ends = {trip.number: trip.ends_at for trip in self.trips}
        for call in self.simulated("calls"):
            if call["number"] in ends and call["at"] > ends[call["number"]]:
                hours[call["number"]].append(round((call["at"] - ends[call["number"]]) / HOUR, 2))
        return {number: times[1:] for number, times in hours.items()}


def wait_for_the_end(
    proof: Proof,
    give_up: float,
    *,
    kills: int = 0,
    seed: int = 0,
    victims: Sequence[str] = ("dispatch", "refresh", "refresh"),
    left: Callable[[], object] | None = None,
) -> None:
    """Until nothing is left to do; meanwhile `kills` processes of the victims end, at seeded times in turns.

    `left` tells what there is to do, and is empty in the end; without it that is parcels that are followed. Where all is done
    before the last kill, one more parcel begins a short journey: a function that nothing asks for has no process to kill.
    """
    left = left or proof.under_way
    rng = random.Random(seed)
    until = time.monotonic() + give_up
    next_kill = time.monotonic() + rng.uniform(0.5, 1.5)
    next_look = time.monotonic() + LOOK_SECONDS
    turns = 0
    while time.monotonic() < until:
        if len(proof.kills) < kills and time.monotonic() >= next_kill:
            turns += proof.kill(victims[turns % len(victims)], rng)
            next_kill = time.monotonic() + rng.uniform(0.3, 2.0)
        if time.monotonic() >= next_look:
            if not left():
                if len(proof.kills) >= kills:
                    return
                lead = LEAD_SECONDS * proof.simulated("clock")["speed"] / HOUR
                proof.register(1, seed, stretch=0.25, lead=lead)
            next_look = time.monotonic() + LOOK_SECONDS
        time.sleep(0.1)
    raise AssertionError(
        f"after {give_up} s {len(proof.kills)} of {kills} were killed, and there is left: {left()}"
    )


def report(proof: Proof) -> dict[str, Any]:
    """What came of it; `wrong` names every number whose milestones are not those of its journey."""
    stored, bill, usage = proof.stored(), proof.simulated("bill"), proof.usage()
    later = proof.later_calls()
    of_kind = {trip.number: trip.kind for trip in proof.trips}
    return {
        "parcels": len(proof.trips),
        "calls": len(proof.simulated("calls")),
        "calls_per_parcel": round(len(proof.simulated("calls")) / max(len(proof.trips), 1), 2),
        "wrong": {
            trip.number: [trip.kind, dict(stored[trip.number])]
            for trip in proof.trips
            if stored[trip.number] != trip.milestones
        },
        "violations": proof.simulated("violations"),
        "bill": bill["total"],
        "ledger": usage["total"],
        "asked_after_the_end": {
            number: [of_kind[number], times]
            for number, times in later.items()
            if len(times) > (of_kind[number] != "return")
        },
        "kills": dict(Counter(function for _, function in proof.kills)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=200)
    parser.add_argument("--speed", type=int, default=600)
    parser.add_argument("--stretch", type=float, default=1.0, help="lengthens the journeys")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), SIM_SPEED=str(given.speed)) as stack,
    ):
        proof = Proof(stack)
        proof.register(given.parcels, given.seed, given.stretch)
        longest = (43 * given.stretch + 48 + 40) * HOUR / given.speed
        wait_for_the_end(proof, 3 * longest + 120, kills=given.kills, seed=given.seed)
        told = report(proof)
    for at, function in proof.kills:
        print(f"killed {function} at {at:.3f}", file=sys.stderr)
    print(json.dumps(told, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
