"""Proof by running: whatever happens to parcels arrives at every webhook, once, signed, also while processes are killed.

`python -m tests.telling` does it at any size (`make proof-told ARGS="--parcels 500 --speed 600"`); a small one is among the tests.
Of the endpoints one is slow, one fails three requests of ten, one answers 500 for a while and then well. `--beside dead` adds one
that never answers: what it costs the others is in their latencies, next to those of a run with `--beside well`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests import receivers
from tests.proofs import HOUR, LEAD_SECONDS, Proof, wait_for_the_end
from tests.receivers import Receiver
from tests.stacks import running_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.receivers import Behaviour
    from tests.stacks import RunningStack

KILLED: Final = ("publish", "fanout", "webhook")
BESIDE: Final[Mapping[str, Callable[[], Behaviour]]] = {
    "dead": receivers.hanging,
    "well": lambda: receivers.well,
}
"""Endpoints that a run may have besides. Of a dead one nothing is expected."""
WRONG: Final = ("missing", "told twice", "signatures wrong")
"""What of the report has to be 0, whatever was killed."""

Milestone = tuple[str, str, int]
"""Number, status and occurrence."""


def behaviours(beside: str = "") -> dict[str, Behaviour]:
    usual = {
        "slow": receivers.slow(1.5),
        "unlucky": receivers.failing(0.3),
        "down at first": receivers.down_for(20),
    }
    return {**usual, beside: BESIDE[beside]()} if beside else usual


@contextmanager
def endpoints(stack: RunningStack, behave: Mapping[str, Behaviour]) -> Iterator[dict[str, Receiver]]:
    """Registered webhooks that behave so."""
    with ExitStack() as running, stack.client() as client:
        started = {}
        for name, behaviour in behave.items():
            receiver = running.enter_context(Receiver(behave=behaviour))
            answer = client.post("/v1/webhooks", json={"url": receiver.url, "events": ["*"]})
            assert answer.status_code == 201, answer.text
            receiver.secrets = (answer.json()["secret"],)
            started[name] = receiver
        yield started


@dataclass
class Telling:
    """A run over a stack and its endpoints."""

    proof: Proof
    receivers: dict[str, Receiver]

    @property
    def born(self) -> Counter[Milestone]:
        """The milestones that are stored, each of which has to be told."""
        numbers = {trip.number for trip in self.proof.trips}
        milestones = (
            (item["pk"]["S"].split("#")[2], item["status"]["S"], int(item["occurrence"]["N"]))
            for item in self.proof.items("MILESTONE#")
        )
        return Counter(each for each in milestones if each[0] in numbers)

    def told(self, name: str) -> Counter[Milestone]:
        """The milestones that an endpoint has handled, and how many events told each."""
        receiver = self.receivers[name]
        events = {each.id: each.event for each in receiver.requests if receiver.handled[each.id]}
        return Counter(map(_milestone, events.values()))

    def missing(self) -> dict[str, list[Milestone]]:
        born = self.born
        return {name: sorted(born - self.told(name)) for name in self.receivers if name != "dead"}

    def latencies(self, name: str) -> list[float]:
        """Wall seconds from a milestone's birth to the first request about it that was answered well, at one endpoint."""
        born = self.proof.stack.wall()
        return [each.at - born(each.event["timestamp"]) for each in self.receivers[name].heard().values()]

    def wait(self, give_up: float, *, kills: int = 0, seed: int = 0) -> None:
        """Until all parcels are at their end and everything is told; meanwhile `kills` processes end, at seeded times."""

        def left() -> dict[str, Any]:
            # In this order: what is born is born before its parcel is at its end.
            found = {"under way": self.proof.under_way(), **self.missing()}
            return {name: each for name, each in found.items() if each}

        wait_for_the_end(self.proof, give_up, kills=kills, seed=seed, victims=KILLED, left=left)

    def report(self) -> dict[str, Any]:
        return {
            "parcels": len(self.proof.trips),
            "milestones": sum(self.born.values()),
            "wrong": {
                trip.number: dict(stored)
                for trip in self.proof.trips
                if (stored := self.proof.stored()[trip.number]) != trip.milestones
            }
            if len(self.proof.trips) <= 50
            else "not looked at",
            "kills": dict(Counter(function for _, function in self.proof.kills)),
            "endpoints": {name: self._of(name) for name in self.receivers},
        }

    def _of(self, name: str) -> dict[str, Any]:
        receiver = self.receivers[name]
        latencies = self.latencies(name)
        return {
            "requests": len(receiver.requests),
            "events": len(receiver.handled),
            "missing": len(self.missing().get(name, ())),
            "told twice": sum((self.told(name) - self.born).values()),
            "handled more than once": sum(count > 1 for count in receiver.handled.values()),
            "signatures wrong": len(receiver.unverified),
            "median s": round(statistics.median(latencies), 2) if latencies else None,
            "p95 s": round(statistics.quantiles(latencies, n=20)[18], 2) if len(latencies) > 1 else None,
        }


def _milestone(event: Any) -> Milestone:
    data = event["data"]
    return data["number"], data["status"], data["occurrence"]


@contextmanager
def telling(
    stack: RunningStack,
    parcels: int,
    *,
    seed: int = 1,
    stretch: float = 1.0,
    beside: str = "",
) -> Iterator[Telling]:
    """Parcels registered on a stack, and endpoints that are told of them. Their journeys begin LEAD_SECONDS later."""
    proof = Proof(stack)
    lead = LEAD_SECONDS * proof.simulated("clock")["speed"] / HOUR
    with endpoints(stack, behaviours(beside)) as running:
        proof.register(parcels, seed, stretch, lead)
        yield Telling(proof, running)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=500)
    parser.add_argument("--speed", type=int, default=600)
    parser.add_argument("--stretch", type=float, default=1.0, help="lengthens the journeys")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beside", choices=[*BESIDE], default="", help="one endpoint more")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), SIM_SPEED=str(given.speed)) as stack,
        telling(stack, given.parcels, seed=given.seed, stretch=given.stretch, beside=given.beside) as run,
    ):
        longest = (43 * given.stretch + 48 + 40) * HOUR / given.speed
        run.wait(3 * longest + 600, kills=given.kills, seed=given.seed)
        told = run.report()
        print(json.dumps(told, indent=2, ensure_ascii=False))
    wrong = [*WRONG, *(() if given.kills else ("handled more than once",))]
    bad = [
        f"{endpoint}: {each[name]} {name}"
        for endpoint, each in told["endpoints"].items()
        for name in wrong
        if each[name]
    ]
    if bad or (isinstance(told["wrong"], dict) and told["wrong"]):
        print("NOT TOLD AS IT SHOULD BE", *bad, sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
