"""Random schedules of concurrent lookups: interleavings, crashes, skewed clocks, lost and repeated writes, in virtual time.

Every caller runs the real `Lookup` in a greenlet. Each step that leaves the process (a read, a write, a call, a pause) hands
control to the scheduler, which picks who goes on, lets time pass, or kills. One seed is one schedule, so a failing one can be
run again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, NoReturn, TypeVar

from greenlet import GreenletExit, greenlet

from tests.doubles import FixedSecrets, MemorySlots, MemoryStore
from waybill import couriers
from waybill.errors import StoreUnavailable, WaybillError
from waybill.flights import Flights
from waybill.lease import Lease, Rules
from waybill.lookup import Found, Lookup, Wanted
from waybill.model import Answer, Event, Parcel, Query
from waybill.outcomes import BadSignature, NoResult, NotSent, OutcomeUnknown, ServerBusy, WrongPhone

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.budgets import Budget
    from waybill.calls import Call
    from waybill.circuit import Circuit
    from waybill.freshness import Guess, Known
    from waybill.slots import Slot

T = TypeVar("T")
NUMBER = "SF0000000000001"
RIGHT_TAIL = "8000"
LOCK_SECONDS = 1800.0
EPOCH = 1_800_000_000.0


@dataclass(frozen=True)
class Plan:
    """What a schedule may do. Odds are per step."""

    callers: int = 4
    crash: float = 0.03
    skew: float = 5.0
    pause: float = 8.0
    write_trouble: float = 0.03
    failures: float = 0.4
    courier: str = "yuantong"
    tails: tuple[str | None, ...] = (None,)
    rules: Rules = field(default_factory=Rules)
    budgets: tuple[Budget, ...] = ()
    spread: tuple[float, ...] = (0, 1, 5, 12, 60, 900, 1795, 1850, 1861, 1875, 1900, 4000, 7300)


@dataclass
class UpstreamCall:
    at: float
    outcome: str
    reached: bool
    tail: str
    ended: float | None = None


@dataclass
class Outcome:
    """What a schedule came to: the calls that the upstream saw and the ledger has, and what each caller that was not killed got."""

    calls: list[UpstreamCall]
    rows: list[Call]
    used: int
    answers: list[tuple[Wanted, Found | WaybillError]]
    killed: int = 0

    def locked(self, within: float = LOCK_SECONDS) -> bool:
        reached = sorted(call.at for call in self.calls if call.reached)
        return any(later - earlier < within for earlier, later in pairwise(reached))

    def overlapping(self) -> bool:
        spans = sorted((call.at, call.ended) for call in self.calls if call.ended is not None)
        return any(end > start for (_, end), (start, _) in pairwise(spans))


class Schedule:
    def __init__(self, seed: int, plan: Plan, make_slots: Callable[[Schedule], MemorySlots]) -> None:
        self.random = Random(seed)
        self.plan = plan
        self.time = EPOCH
        self.calls: list[UpstreamCall] = []
        self.answers: list[tuple[Wanted, Found | WaybillError]] = []
        self.store = SteppingStore(self)
        self.slots = make_slots(self)
        self.holders = 0
        self.killed = 0
        self.wakes: dict[greenlet, float] = {}
        self.main = greenlet.getcurrent()

    def run(self) -> Outcome:
        for _ in range(self.plan.callers):
            start = self.time + self.random.choice(self.plan.spread) + self.random.random()
            self.wakes[greenlet(self._caller)] = start
        while self.wakes:
            caller = self._next()
            self.time = max(self.time, self.wakes[caller])
            self.time += self.random.random() * 0.01
            if self.random.random() < self.plan.crash:
                del self.wakes[caller]
                self.killed += 1
                caller.throw(GreenletExit)
            else:
                caller.switch()
                if caller.dead:
                    del self.wakes[caller]
        rows, used = list(self.slots.rows.values()), sum(self.slots.used.values())
        return Outcome(self.calls, rows, used, self.answers, self.killed)

    def _next(self) -> greenlet:
        """Who goes on: one of those whose time has come, or the next to wake; a caller may also oversleep for a while."""
        ready = [caller for caller, at in self.wakes.items() if at <= self.time]
        if ready:
            return self.random.choice(ready)
        return min(self.wakes, key=lambda caller: self.wakes[caller])

    def step(self, seconds: float = 0.0) -> None:
        """Let the others go on; come back after `seconds`, or a little later."""
        late = self.random.random() * self.plan.pause if self.random.random() < 0.05 else 0.0
        self.wakes[greenlet.getcurrent()] = self.time + seconds + late
        self.main.switch()

    def trouble(self) -> str | None:
        """What befalls a write."""
        random = self.random
        return random.choice(("repeated", "lost")) if random.random() < self.plan.write_trouble else None

    def _caller(self) -> None:
        skew = self.random.uniform(-self.plan.skew, self.plan.skew)
        courier = couriers.find(self.plan.courier)
        assert courier is not None
        tail = self.random.choice(self.plan.tails)
        wanted = Wanted(courier, NUMBER, "member", tail, max_age=self.random.choice((None, None, 0.0)))
        lookup = Lookup(
            store=self.store,
            flights=Flights(
                slots=self.slots,
                query=self._query,
                secrets=FixedSecrets(),
                rules=self.plan.rules,
                now=lambda: self.time + skew,
                holder=self._holder,
                budgets=lambda _: self.plan.budgets,
                on_call=_ignore_call,
                on_circuit=_ignore_circuit,
            ),
            tail_hash=FixedSecrets().tail_hash,
            now=lambda: self.time + skew,
            pause=self.step,
            on_known=lambda _: None,
            on_loss=_ignore_loss,
        )
        try:
            self.answers.append((wanted, lookup.track(wanted)))
        except WaybillError as error:
            self.answers.append((wanted, error))

    def _holder(self) -> str:
        self.holders += 1
        return f"flight-{self.holders}"

    def _query(self, query: Query, _credentials: tuple[str, str]) -> Answer:
        self.step(self.random.random() * 0.05)
        failing = self.random.random() < self.plan.failures
        kind = self.random.choice(("unsent", "refused", "lost", "lost unseen", "500")) if failing else "200"
        if kind == "unsent":
            raise NotSent
        wrong_phone = query.com == "shunfeng" and query.phone != RIGHT_TAIL
        if kind == "refused" or wrong_phone:
            refusal = WrongPhone() if wrong_phone else self.random.choice((ServerBusy(), BadSignature()))
            self._record(query, refusal.outcome, reached=False)
            raise refusal
        call = self._record(query, kind, reached=kind != "lost unseen")
        self.step(self.random.choice((0.05, 0.3, 2.0, 11.0)) if "lost" not in kind else 12.0)
        call.ended = self.time
        if kind == "500":
            raise NoResult
        if "lost" in kind:
            raise OutcomeUnknown
        event = Event(
            f"event-{len(self.calls)}", "2026-01-01T10:00:00+08:00", "assumed", "已揽收", "1", "in_transit"
        )
        return Answer(Parcel(query.com, query.num, "in_transit", "picked_up", state="1", events=(event,)))

    def _record(self, query: Query, outcome: str, *, reached: bool) -> UpstreamCall:
        call = UpstreamCall(self.time, outcome, reached, query.phone)
        self.calls.append(call)
        return call


class SteppingStore(MemoryStore):
    """The store in memory, reached over a network: every request is a step, reads may lag, writes may get lost or be repeated."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.before: list[Known | None] = []

    def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None:
        self.schedule.step()
        if not consistent and self.before and self.schedule.random.random() < 0.3:
            return self.before[-1]
        return super().known(courier, number, consistent=consistent)

    def store(self, courier: str, number: str, known: Known) -> None:
        self.schedule.step()
        self.before.append(self.results.get((courier, number)))
        super().store(courier, number, known)
        if self.schedule.trouble() == "lost":
            _lose()

    def note_guess(self, courier: str, number: str, guess: Guess) -> tuple[Guess, ...]:
        self.schedule.step()
        return super().note_guess(courier, number, guess)


class SteppingSlots(MemorySlots):
    """The slots in memory, reached over the same network."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def lease(self, courier: str, number: str) -> Lease | None:
        self.schedule.step()
        return super().lease(courier, number)

    def circuit(self) -> Circuit | None:
        self.schedule.step()
        return super().circuit()

    def take(
        self,
        wanted: Lease,
        standing: Lease | None,
        call: Call,
        budgets: tuple[Budget, ...] = (),
        probe: tuple[Circuit, Circuit] | None = None,
    ) -> tuple[Slot | None, Lease | None]:
        return self._write(lambda: super(SteppingSlots, self).take(wanted, standing, call, budgets, probe))

    def settle(self, slot: Slot, lease: Lease, call: Call) -> None:
        self._write(lambda: super(SteppingSlots, self).settle(slot, lease, call))

    def _write(self, write: Callable[[], T]) -> T:
        self.schedule.step()
        answer = write()
        match self.schedule.trouble():
            case "repeated":
                answer = write()
            case "lost":
                _lose()
        self.schedule.step()
        return answer


def _lose() -> NoReturn:
    raise StoreUnavailable("the answer to a write got lost", retry_after=1)


def _ignore_call(_: Call) -> None:
    pass


def _ignore_circuit(_: Circuit) -> None:
    pass


def _ignore_loss(_: WaybillError) -> None:
    pass


def run(seed: int, plan: Plan, make_slots: Callable[[Schedule], MemorySlots] | None = None) -> Outcome:
    return Schedule(seed, plan, make_slots or SteppingSlots).run()
