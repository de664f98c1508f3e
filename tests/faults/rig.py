"""One run under faults: a stack with parcels on their way, callers, and somebody who is told; the fault comes, lasts, and goes.

::

    register half --- fault: callers ask, register the rest, processes die --- fault ends --- all that was due has come: recovered
                                                                                         '--- all that comes later has come: done

Nobody mends anything but what the fault itself is: its end is all the help there is.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from local.mailbox import SIMULATOR as SES_SIMULATOR
from local.options import SIMULATOR_CREDENTIALS
from tests import loopback
from tests.faults.told import LANG, Told, happened, of_letters
from tests.proofs import COURIER, HOUR, JOURNEYS, Proof
from tests.receivers import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import httpx

    from tests.faults.table import Fault
    from tests.proofs import Trip
    from tests.stacks import RunningStack
    from tests.telling import Milestone

STRETCH: Final = 0.5
"""Journeys are half as long as those of the proofs: 20 hours at most."""
LEAD_HOURS: Final = 2.0
LOOK_SECONDS: Final = 0.5
SETTLED_SECONDS: Final = 10.0
GIVE_UP_SECONDS: Final = 150.0
"""A fault that is over has left nothing behind by then: the dispatch sends after two minutes what was lost."""
FELT_SECONDS: Final = 20.0
"""How much longer a fault lasts that was not felt yet: on a busy machine the first call may be late."""


@dataclass(frozen=True, slots=True)
class Survived:
    """What came of a row. `struck` is how often the fault was felt; seconds are wall seconds."""

    name: str
    parcels: int
    struck: int
    calls: int
    violations: int
    lost: tuple[str, ...]
    """What was not told, and by which way."""
    twice: int
    """Milestones that two events told."""
    again: int
    """Deliveries that came again with the same id, and letters that came again."""
    recovered: float | None
    """Seconds from the end of the fault until everything was told that had happened by then."""
    odd: tuple[str, ...]
    """Answers to callers that no document knows."""
    unbooked: str
    """How the ledger differs from the vendor's calls and bill, beyond the calls whose end it says it does not know."""

    def wrong(self, *, again: bool) -> list[str]:
        """What must not be."""
        found = {
            "the fault was never felt": not self.struck,
            f"{self.violations} calls too early or too many": self.violations,
            f"lost: {self.lost}": self.lost,
            f"{self.twice} milestones told by two events": self.twice,
            f"{self.again} deliveries came again": self.again and not again,
            "not recovered": self.recovered is None,
            f"answered callers: {self.odd}": self.odd,
            f"not booked: {self.unbooked}": self.unbooked,
        }
        return [words for words, is_so in found.items() if is_so]


@dataclass
class Rig:
    """A stack, and an endpoint that is told of all that happens on it."""

    stack: RunningStack
    receiver: Receiver
    told: Told
    key: str = SIMULATOR_CREDENTIALS.key
    seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def run(self, faults: Sequence[Fault]) -> list[Survived]:
        """Run these faults at once, each with parcels of its own; what came of each."""
        bench = Bench(self)
        riders = [Rider(bench, fault, next(self.seeds)) for fault in faults]
        for rider in riders:
            rider.register(rider.numbers[::2])
        callers = Callers(bench, riders)
        for rider in riders:
            rider.begin()
        until = time.monotonic() + max(fault.seconds for fault in faults)
        while time.monotonic() < until or not (
            time.monotonic() > until + FELT_SECONDS or all(each.felt() for each in riders)
        ):
            for rider in riders:
                rider.kill_one()
            callers.step()
        struck = [rider.felt() for rider in riders]
        self.end(faults, bench)
        callers.finish()
        ended, at = time.monotonic(), bench.proof.simulated("clock")["now"]
        left = riders
        while left and time.monotonic() - ended < GIVE_UP_SECONDS:
            left = [rider for rider in left if not rider.done(at, time.monotonic() - ended)]
            time.sleep(LOOK_SECONDS)
        unbooked = bench.unbooked()
        return [
            rider.report(felt, tuple(sorted(callers.odd)), unbooked)
            for rider, felt in zip(riders, struck, strict=True)
        ]

    def end(self, faults: Sequence[Fault], bench: Bench) -> None:
        loopback.delete(f"{self.stack.simulator}/_sim/faults").raise_for_status()
        loopback.delete(f"{self.stack.ready['trouble']}/_trouble")
        if any(fault.secret or fault.key for fault in faults):
            self.key = next((fault.key for fault in faults if fault.key), self.key)
            self.fill_secret(json.dumps({"customer": SIMULATOR_CREDENTIALS.customer, "key": self.key}))
        if any(each.restarts and not each.secret for each in faults):
            bench.restart()

    def fill_secret(self, text: str) -> None:
        secret = self.stack.output("Kuaidi100Secret")
        self.stack.aws("secretsmanager").put_secret_value(SecretId=secret, SecretString=text)


@contextmanager
def rig(stack: RunningStack) -> Iterator[Rig]:
    with Receiver() as receiver, stack.client() as client:
        answer = client.post("/v1/webhooks", json={"url": receiver.url, "events": ["*"]})
        assert answer.status_code == 201, answer.text
        receiver.secrets = (answer.json()["secret"],)
        yield Rig(stack, receiver, Told(stack, receiver))


class Bench:
    """What the faults of one run share: the proofs over all their parcels."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.proof = Proof(rig.stack)
        self.refused = 0
        """Callers who were told that Kuaidi100 cannot be asked."""

    def restart(self) -> None:
        """End all processes of functions; new ones come as they are needed."""
        for process, folder in self.proof.processes():
            if "/functions/" in folder:
                process.kill()

    def unbooked(self) -> str:
        """Where ledger and vendor differ by more than the ledger says it does not know; calls on their way are waited for."""
        until = time.monotonic() + SETTLED_SECONDS
        while True:
            # Calls go on while the ledger is read: it has those from before, and none that come later.
            charged, called = self._billed()
            usage: dict[str, int] = self.proof.usage()["total"]
            charged_later, called_later = self._billed()
            unknown = usage["unknown"]
            if (
                charged - unknown <= usage["billed"] <= charged_later + unknown
                and called - unknown <= usage["calls"] <= called_later + unknown
            ):
                return ""
            if time.monotonic() > until:
                return f"{charged} charged, {called} calls, but in the ledger {usage}"
            time.sleep(LOOK_SECONDS)

    def _billed(self) -> tuple[int, int]:
        return self.proof.simulated("bill")["total"], len(self.proof.simulated("calls"))


class Rider:
    """A fault and the parcels that it is felt with."""

    def __init__(self, bench: Bench, fault: Fault, seed: int) -> None:
        self.bench, self.fault = bench, fault
        self.numbers = [f"YT{seed:05}{place:08}" for place in range(fault.parcels)]
        self.bouncing = {*self.numbers[1::2]}
        """Those whose customer's address takes no mail: it is given up with its first letter."""
        self.trips: dict[str, Trip] = {}
        self.since: dict[str, float] = {}
        """When each was surely registered, in simulated time: what was before is history, which need not be told."""
        self.recovered: float | None = None
        self._rng = random.Random(seed)
        self._kills = itertools.cycle(fault.kills)
        self._killed = 0
        self._next_kill = 0.0

    # ---- What is done

    def register(self, numbers: Sequence[str]) -> None:
        with self.bench.rig.stack.client() as client:
            for number in numbers:
                assert self.registered(client, number), number

    def registered(self, client: httpx.Client, number: str) -> bool:
        """Try to register a parcel; whether it is. Its journey begins a little later."""
        if number not in self.trips:
            kind = [*JOURNEYS][self.numbers.index(number) % len(JOURNEYS)]
            later = (LEAD_HOURS + self._rng.uniform(0, 3)) * HOUR
            self.trips[number] = self.bench.proof.script(number, kind, later, STRETCH)
            self.bench.proof.trips.append(self.trips[number])
        customer = f"bounce+{number}@{SES_SIMULATOR}" if number in self.bouncing else f"{number}@example.com"
        body = {
            "order_id": f"f-{number}",
            "tracking_number": number,
            "courier": COURIER,
            "notify": {"email": customer, "events": ["*"], "lang": LANG},
        }
        if client.post("/v1/shipments", json=body).is_success:
            self.since[number] = self.bench.proof.simulated("clock")["now"]
        return number in self.since

    def begin(self) -> None:
        rig, fault = self.bench.rig, self.fault
        if fault.upstream:
            for number in self.numbers:
                _put(f"{rig.stack.simulator}/_sim/faults", {**fault.upstream, "number": number})
        for order in fault.trouble:
            _put(f"{rig.stack.ready['trouble']}/_trouble", order)
        if fault.secret:
            rig.fill_secret(fault.secret)
        if fault.key:
            _put(f"{rig.stack.simulator}/_sim/account", {"key": fault.key})
        if fault.restarts:
            self.bench.restart()

    def kill_one(self) -> None:
        """The next one in turn that has a process, a little after the last one."""
        if time.monotonic() < self._next_kill:
            return
        turns = itertools.islice(self._kills, len(self.fault.kills))
        self._killed += any(self.bench.proof.kill(each, self._rng) for each in turns)
        self._next_kill = time.monotonic() + self._rng.uniform(0.1, 0.5)

    # ---- What is seen

    def felt(self) -> int:
        """How often the fault was felt so far."""
        stack = self.bench.rig.stack
        codes = {self.fault.upstream.get("code"), self.fault.upstream.get("kind")} - {None}
        codes |= {"503"} if self.fault.key else set()
        calls = [each for each in stack.calls() if each["number"] in self.numbers]
        orders = loopback.get(f"{stack.ready['trouble']}/_trouble").json()
        mine = [each for each in orders if {k: v for k, v in each.items() if k != "struck"} in self._orders()]
        felt: int = (
            self._killed
            + sum(each["code"] in codes for each in calls)
            + sum(each["struck"] for each in mine)
            + (self.bench.refused if self.fault.secret else 0)
        )
        return felt

    def _orders(self) -> list[dict[str, Any]]:
        return [{"rate": 1.0, **each} for each in self.fault.trouble]

    def done(self, ended_at: float, spent: float) -> bool:
        """Whether everything is told; and when what had happened by `ended_at` was, first of all."""
        if len(self.since) < len(self.numbers):
            return False
        left = self.missing()
        if self.recovered is None and not (left and self.missing(ended_at)):
            self.recovered = spent
        return not left

    def missing(self, until: float = float("inf")) -> list[str]:
        """What happened by then and was not told, and by which way."""
        told, expected = self.bench.rig.told, self._expected(until)
        milestones = {"endpoint": expected - told.endpoint(), "feed": expected - told.feed()}
        reached = Counter({each: 1 for each in expected if each[0] not in self.bouncing})
        found = [f"{way}: {each}" for way, left in milestones.items() for each in sorted(left)]
        found += [f"letter: {each}" for each in sorted(of_letters(reached) - told.written())]
        bounced = {number for number, *_ in expected} & self.bouncing
        return found + [f"not given up: {each}" for each in sorted(bounced) if not told.given_up(each)]

    def _expected(self, until: float = float("inf")) -> Counter[Milestone]:
        return Counter(
            each
            for number, since in self.since.items()
            for each in happened(self.trips[number], since, until)
        )

    def report(self, felt: int, odd: tuple[str, ...], unbooked: str) -> Survived:
        mine, told = set(self.numbers), self.bench.rig.told
        ever = Counter(each for trip in self.trips.values() for each in happened(trip))
        by_events = [
            Counter({k: n for k, n in way.items() if k[0] in mine}) for way in (told.endpoint(), told.feed())
        ]
        letters = Counter({each: count for each, count in told.written().items() if each[0] in mine})
        handled = self.bench.rig.receiver.handled
        ids = {
            each.id for each in self.bench.rig.receiver.requests if each.event["data"].get("number") in mine
        }
        proof = self.bench.proof
        unregistered = [each for each in self.numbers if each not in self.since]
        return Survived(
            name=self.fault.name,
            parcels=len(self.numbers),
            struck=felt,
            calls=sum(each["number"] in mine for each in proof.simulated("calls")),
            violations=sum(each["number"] in mine for each in proof.simulated("violations")),
            lost=(*self.missing(), *(f"never registered: {each}" for each in unregistered)),
            twice=max(sum((way - ever).values()) for way in by_events),
            again=sum(handled[each] - 1 for each in ids if handled[each] > 1)
            + sum((letters - of_letters(ever)).values()),
            recovered=self.recovered,
            odd=odd,
            unbooked=unbooked,
        )


class Callers:
    """Who uses the API meanwhile: asks about parcels, opens pages, reads the feed, registers and tries again until it is so."""

    def __init__(self, bench: Bench, riders: Sequence[Rider]) -> None:
        self._bench, self._stack = bench, bench.rig.stack
        self._left = [(rider, number) for rider in riders for number in rider.numbers[1::2]]
        self._asked = itertools.cycle([number for rider in riders for number in rider.numbers])
        self.odd: set[str] = set()
        with self._stack.client() as client:
            order = f"f-{riders[0].numbers[0]}"
            page = client.post(f"/v1/shipments/{order}/share").json()["url"]
        self._places = itertools.cycle((page, "/v1/events?after=0&limit=1", "/v1/operations", "/v1/docs"))
        self._turns = itertools.cycle((self._track, self._register, self._look, self._unsubscribe))

    def step(self) -> None:
        """One request, of each kind in its turn."""
        with self._stack.client() as client:
            next(self._turns)(client)

    def _track(self, client: httpx.Client) -> None:
        self._note(client.post("/v1/track", json={"expCode": COURIER, "expNo": next(self._asked)}))

    def _register(self, client: httpx.Client) -> None:
        if self._left:
            rider, number = self._left.pop(0)
            if not rider.registered(client, number):
                self._left.append((rider, number))

    def _look(self, client: httpx.Client) -> None:
        self._note(client.get(next(self._places)))

    def _unsubscribe(self, client: httpx.Client) -> None:
        """The page that the newest letter leads to; nobody says there that no more are wanted."""
        for letter in self._bench.rig.told.letters()[-1:]:
            self._note(client.get(letter.unsubscribe))

    def finish(self) -> None:
        """The rest is registered now that all is well, by the same means."""
        until = time.monotonic() + 60
        with self._stack.client() as client:
            while self._left and time.monotonic() < until:
                rider, number = self._left.pop(0)
                if not rider.registered(client, number):
                    self._left.append((rider, number))
                    time.sleep(LOOK_SECONDS)

    def _note(self, answer: httpx.Response) -> None:
        """An answer is good, or says in a known way what is wrong. Those of the page may be pages."""
        self._bench.refused += answer.status_code == 503
        if answer.is_success or answer.headers.get("content-type", "").startswith("text/html"):
            return
        try:
            content = answer.json()
        except ValueError:
            content = {}
        if answer.status_code < 429 or not {"code", "error"} & content.keys():
            self.odd.add(f"{answer.status_code} {answer.request.url.path}: {answer.text[:200]}")


def _put(url: str, content: dict[str, Any]) -> None:
    answer = loopback.put(url, json=content)
    assert answer.is_success, answer.text
