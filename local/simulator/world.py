"""The simulated vendor as a whole: its clock, its parcels, its memory of calls, and how it answers one query.

Everything here is synchronous and runs on one event loop, so each query is judged and remembered in one piece.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local.simulator.anchors import Anchors
from local.simulator.answers import Answer, success
from local.simulator.faults import ANSWERED, Faults, Kind
from local.simulator.journeys import natural, start_of
from local.simulator.query import Account, Form, Question, phone_tail
from local.simulator.rules import Bill, Call, LockKeeper
from local.simulator.scripted import Script, Scripts, is_courier
from waybill import couriers
from waybill.clock import Clock

if TYPE_CHECKING:
    from local.simulator.history import Journey
    from local.simulator.rules import ParcelKey

SCRIPTS: Final = Path(__file__).with_name("scripts")

WRONG_TAIL: Final = "0000"
"""The one phone that is wrong for every parcel without a phone on record, so that a 408 can be had without a script."""

_REACHES_THE_COURIER: Final = frozenset({"200", "500"})


@dataclass(frozen=True, slots=True)
class Options:
    """How a simulator is set up; `slow_seconds` and `hang_seconds` are real time."""

    state: Path
    seed: int = 1
    account: Account = field(default_factory=lambda: Account("DEMO", "KEY"))
    clock: Clock = field(default_factory=Clock)
    scripts: Path = SCRIPTS
    slow_seconds: float = 32.0
    hang_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, and the fault that spoils its delivery, if any."""

    answer: Answer
    spoiled_by: Kind | None = None


class World:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.account = options.account
        self._advanced = 0.0
        self._latest = float("-inf")
        self._anchors = Anchors(options.state / "anchors")
        self.scripts = Scripts.load(
            options.state / "scripts.json", options.scripts, self._anchors, self.now()
        )
        self._natural: dict[ParcelKey, Journey] = {}
        self._scripted: dict[ParcelKey, Journey] = {}
        self._shown: dict[ParcelKey, float] = {}
        self.calls: list[Call] = []
        self.keeper = LockKeeper()
        self.bill = Bill()
        self.faults = Faults(options.seed)

    # Time

    def now(self) -> float:
        """Simulated epoch seconds; never less than it was, whatever the machine's clock does."""
        self._latest = max(self._latest, self.options.clock.now() + self._advanced)
        return self._latest

    def advance(self, seconds: float) -> None:
        self._advanced += seconds

    # Parcels

    def journey(self, parcel: ParcelKey, now: float) -> Journey:
        """The scripted journey of a number, or its natural one, whose start the first question fixes."""
        placed = self.scripts.get(parcel)
        if placed:
            if parcel not in self._scripted:
                self._scripted[parcel] = placed.script.journey(placed.base)
            return self._scripted[parcel]
        if parcel not in self._natural:
            start = self._anchors.get(parcel)
            if start is None:
                start = start_of(self.options.seed, *parcel, now)
                self._anchors.fix(parcel, start)
            self._natural[parcel] = natural(self.options.seed, *parcel, start)
        return self._natural[parcel]

    def put_script(self, parcel: ParcelKey, script: Script) -> None:
        self._scripted.pop(parcel, None)
        self._shown.pop(parcel, None)
        self.scripts.put(parcel, script, self.now())

    def remove_script(self, parcel: ParcelKey) -> bool:
        self._scripted.pop(parcel, None)
        return self.scripts.remove(parcel)

    # Queries

    def ask(self, form: Form) -> Reply:
        """Answer a query and remember it: the call, what it does to the lock, what it costs.

        A fault with a code is all that happens to its query. A fault of a kind spoils the delivery of the true answer; since
        its caller cannot know how far the query got, it counts as one that may have reached the courier.
        """
        now = self.now()
        question = Question.parse(form.param)
        parcel = question.parcel if question else ("", "")
        fault = self.faults.strike(parcel[1])
        if fault and fault.code:
            answer, journey = Answer.failure(fault.code), self._journey_to_freeze(parcel, now)
        else:
            answer, journey = self._answer(form, question, now)
        kind = fault.kind if fault else None
        self.calls.append(Call(now, time.time(), *parcel, kind or answer.code))
        if question:
            reached = kind is not None or answer.code in _REACHES_THE_COURIER
            self.keeper.record(parcel, now, may_have_reached=reached, journey=journey)
            if fault is None or kind in ANSWERED:
                self.bill.answered(parcel, now, answer.code)
        return Reply(answer, kind)

    def _answer(self, form: Form, question: Question | None, now: float) -> tuple[Answer, Journey | None]:
        """The true answer, checked in the vendor's order: signature, courier, format, phone, result."""
        if not form.is_signed_by(self.account):
            return Answer.failure("503"), self._journey_to_freeze(question.parcel, now) if question else None
        if question is None or not question.number or not is_courier(question.courier):
            return Answer.failure("400"), None
        if not question.is_well_formed:
            return Answer.failure("501"), None
        journey = self.journey(question.parcel, now)
        if not _phone_opens(journey, question):
            shown = self._shown.get(question.parcel) if question.phone and journey.shows_cached else None
            return success(question, journey, shown) if shown else Answer.failure("408"), journey
        self._shown[question.parcel] = now
        lock = self.keeper.lock_of(question.parcel, now)
        if lock:
            return success(question, lock.journey or journey, lock.frozen_at), journey
        return success(question, journey, now), journey

    def _journey_to_freeze(self, parcel: ParcelKey, now: float) -> Journey | None:
        """What a lock freezes if this call is one too many, though it asked for nothing that would fix a journey's start."""
        known = self.scripts.get(parcel) or parcel in self._natural or self._anchors.get(parcel) is not None
        return self.journey(parcel, now) if known else None


def _phone_opens(journey: Journey, question: Question) -> bool:
    courier = couriers.find(question.courier)
    required = courier is not None and courier.requires_phone
    if not question.phone:
        return not required
    tail = phone_tail(question.phone)
    if journey.phone_tail is not None:
        return tail == journey.phone_tail
    return not required or tail not in {None, WRONG_TAIL}
