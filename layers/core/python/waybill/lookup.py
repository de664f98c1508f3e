r"""Where is this parcel? The heart: answer from what is known, or make one call that everyone who waits shares.

::

    known --decide--> Serve ------------------------------------------> answer
      ^               Refuse -----------------------------------------> error
      |               Fly --take--> ours: fly, learn, store, settle ----> answer or error
      |                      \----> another's: in flight? wait for it; over? its rule forbids
      '-------------------------------------'

Collaborators are arguments and so is time: `now` is service time, `pause` waits wall seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from waybill import freshness
from waybill.calls import SCHEDULE
from waybill.errors import (
    DAY,
    BudgetExhausted,
    ServiceError,
    StoreUnavailable,
    UpstreamUnavailable,
    WaybillError,
)
from waybill.flights import Ticket
from waybill.freshness import Ask, Fly, Guess, Known, Refuse, Serve
from waybill.model import Answer, Parcel, Query
from waybill.outcomes import OutcomeUnknown, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.calls import Cause
    from waybill.couriers import Courier
    from waybill.flights import Clearance, Flights
    from waybill.freshness import Source
    from waybill.lease import Lease
    from waybill.model import Lang
    from waybill.slots import Slot

WRITE_SECONDS: Final = 1.0
"""What a flight's writes may take after its call."""
PATIENCE_SECONDS: Final = 13.0
"""How long a reader waits for another's call: its deadline of 12 s, and its writes."""
FIRST_PAUSE: Final = 0.05
LAST_PAUSE: Final = 0.8
"""Waiters look again after growing pauses: a quick answer is seen quickly, a slow one costs few reads."""
ROUNDS: Final = 12


class Store(Protocol):
    """What `cache.Cache` does; see there."""

    def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None: ...
    def store(self, courier: str, number: str, known: Known) -> None: ...
    def note_guess(self, courier: str, number: str, guess: Guess) -> tuple[Guess, ...]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks: a courier, a normalised number, on whose behalf. `tail` is the phone's last four digits.

    `max_age`: the oldest answer that will do, in seconds; `since`: any that was fetched later will do. None of both leaves it
    to the rules. What is not `followed` any more is told from what is known, without a call. `cause` is for the ledger.
    """

    courier: Courier
    number: str
    member: str
    tail: str | None = None
    lang: Lang = "zh"
    max_age: float | None = None
    since: float | None = None
    origin: str = ""
    to: str = ""
    followed: bool = True
    cause: Cause = "track"


@dataclass(frozen=True, slots=True)
class Found:
    """A parcel, when its answer was fetched and until when that is fresh, where it came from and why it is not fresher."""

    parcel: Parcel
    source: Source
    reason: str
    age: float
    fetched_at: float
    fresh_until: float
    next_allowed_at: float


@dataclass(frozen=True, slots=True)
class Lookup:
    """Tracks parcels over one store and one maker of calls.

    `tail_hash` is the keyed hash of a courier's, number's and phone tail; `on_known` hears of what an answer taught, and `on_loss`
    of what a paid answer could not leave in the store.
    """

    store: Store
    flights: Flights
    tail_hash: Callable[[str, str, str], str]
    now: Callable[[], float]
    pause: Callable[[float], None]
    on_known: Callable[[Known], None]
    on_loss: Callable[[WaybillError], None]

    def track(self, wanted: Wanted, known: Known | None = None) -> Found:
        """The parcel as fresh as the rules allow; `known` is what the caller has just read of it.

        Raises:
            PhoneRequired, PhoneMismatch, PhoneUnverified, RateLimited: the phone rules of the courier.
            UpstreamUnavailable, UpstreamUnknown, BudgetExhausted, StoreUnavailable: nothing to serve, and when to come back.
        """
        code, number = wanted.courier.code, wanted.number
        asked_at = self.now()
        known = known or self.store.known(code, number)
        waited = False
        for _ in range(ROUNDS):
            ask = self._ask(wanted, known)
            now = self.now()
            decision = freshness.decide(known, ask, now)
            if isinstance(decision, Refuse):
                raise self._refusal(decision, wanted, known, ask, now)
            if isinstance(decision, Serve):
                self._admit(wanted, known, ask, now)
                shared = waited and decision.source == "cache"
                return _found(known, Serve("coalesced", "another_reader_asked") if shared else decision, now)
            try:
                clearance = self.flights.clearance(self._ticket(wanted, asked_at))
                flight = self._ask(wanted, known, flies=True)
                slot, stands = self.flights.take(clearance)
            except (UpstreamUnavailable, BudgetExhausted, StoreUnavailable) as error:
                return self._without_call(wanted, known, ask, error)
            if slot is None and stands:
                standing = self._await(code, number, stands, asked_at)
                known = _behind(self.store.known(code, number, consistent=True), standing)
                waited = True
            elif slot and stands and (known is None or known.sequence < stands.sequence):
                # Another call came between our read and our slot: what it taught may make ours needless.
                known = self.store.known(code, number, consistent=True)
                flight = self._ask(wanted, known, flies=True)
                if isinstance(freshness.decide(known, flight, self.now()), Fly):
                    return self._fly(wanted, known, flight, slot, clearance)
                self.flights.give_back(slot, stands)
            elif slot:
                return self._fly(wanted, known, flight, slot, clearance)
        raise StoreUnavailable("Too many callers ask about this parcel at once. Ask again.", retry_after=1)

    def _ticket(self, wanted: Wanted, asked_at: float) -> Ticket:
        """For a call, if one is wanted. The schedule's calls are booked on nobody, whoever's phone number they use."""
        if not wanted.followed:
            raise UpstreamUnavailable(
                "This parcel is no longer followed, so Kuaidi100 is not asked about it."
            )
        member = "" if wanted.cause == SCHEDULE else wanted.member
        return Ticket(wanted.courier.code, wanted.number, member, wanted.cause, asked_at)

    def _ask(self, wanted: Wanted, known: Known | None, *, flies: bool = False) -> Ask:
        bound = wanted.courier.requires_phone or (known is not None and known.phone_bound)
        hashed = None
        if wanted.tail and (bound or flies or (known is not None and known.tails)):
            hashed = self.tail_hash(wanted.courier.code, wanted.number, wanted.tail)
        return Ask(wanted.member, hashed, wanted.max_age, wanted.since, phone_bound=bound)

    def _admit(self, wanted: Wanted, known: Known | None, ask: Ask, now: float) -> None:
        """Before a phone-bound parcel is shown to a member that has not shown this tail before, its tries are counted.

        Counted by the write itself: a right tail among many tried at once is let in only if it is one of the first.
        """
        shown = known is not None and known.parcel is not None and bool(known.parcel.events)
        if not known or not shown or not ask.phone_bound or freshness.presented(known, ask):
            return
        if len(self._note(wanted, known, ask, now)) >= freshness.WRONG_TAILS_PER_MEMBER:
            raise freshness.too_many_tails(DAY)

    def _note(self, wanted: Wanted, known: Known, ask: Ask, now: float) -> dict[str, float]:
        """Write down that the member has shown this tail; its wrong ones of a day, as they stand just after."""
        guess = Guess(round(now, 3), ask.member, ask.tail or "")
        guesses = self.store.note_guess(wanted.courier.code, wanted.number, guess)
        return freshness.tried_tails(replace(known, guesses=guesses), ask.member, now)

    def _await(self, courier: str, number: str, standing: Lease, asked_at: float) -> Lease:
        """The lease once its call has landed, or as it is when waiting longer is no use."""
        pause, second = FIRST_PAUSE, self.flights.rules.second
        patience = asked_at + PATIENCE_SECONDS * second
        while standing.flight_until is not None:
            left = (min(standing.flight_until + WRITE_SECONDS * second, patience) - self.now()) / second
            if left <= 0:
                break
            self.pause(min(pause, left))
            pause = min(2 * pause, LAST_PAUSE)
            standing = self.flights.slots.lease(courier, number) or standing
        return standing

    def _fly(self, wanted: Wanted, known: Known | None, ask: Ask, slot: Slot, clearance: Clearance) -> Found:
        """Make the call whose slot is taken, and leave what it taught."""
        code, number = wanted.courier.code, wanted.number
        landing = self.flights.fly(slot, clearance, _query(wanted, known))
        came, now = landing.came, landing.at
        blank = Parcel(code, number, lang=wanted.lang)
        known = freshness.learn(known, came, ask, landing.lease, blank, now)
        try:
            self.store.store(code, number, known)
            answered = known.phone_bound and ask.tail and not isinstance(came, UpstreamError)
            if answered and not freshness.presented(known, ask):
                self._note(wanted, known, ask, now)
        except StoreUnavailable as error:
            self.on_loss(error)
        try:
            self.flights.settle(landing)
        except StoreUnavailable as error:
            self.on_loss(error)
        if isinstance(came, Answer) or known.fetched_at == now:  # the latter: word that there is no trace yet
            self.on_known(known)
            return _found(known, Serve("live", "fetched_now"), now)
        decision = freshness.decide(known, self._ask(wanted, known), now)
        if isinstance(decision, Serve):
            return _found(known, decision, now)
        if isinstance(decision, Refuse):
            raise self._refusal(decision, wanted, known, ask, now) from came
        raise freshness.refusal(came.outcome, 1) from came

    def _without_call(self, wanted: Wanted, known: Known | None, ask: Ask, error: ServiceError) -> Found:
        """What can be said when no call can be made though the rule would allow one: the last answer, else the error.

        A phone that nobody can check now is a try all the same: a right one would have been shown the last answer.
        """
        now = self.now()
        if known:
            decision = freshness.decide(replace(known, next_allowed_at=now + 1), ask, now)
            if isinstance(decision, Serve):
                self._admit(wanted, known, ask, now)
                return _found(known, Serve("stale", error.why_stale), now)
            if isinstance(decision, Refuse):
                raise self._refusal(replace(decision, error=error), wanted, known, ask, now)
        raise error

    def _refusal(
        self, refuse: Refuse, wanted: Wanted, known: Known | None, ask: Ask, now: float
    ) -> WaybillError:
        """The error for the caller; a tail that may be a guess is counted first, and once a day."""
        known = known or Known()
        if not refuse.counts_as_guess or ask.tail in freshness.tried_tails(known, ask.member, now):
            return refuse.error
        tried = self._note(wanted, known, ask, now)
        if len(tried) > freshness.WRONG_TAILS_PER_MEMBER:
            return freshness.too_many_tails(min(tried.values()) + DAY - now)
        return refuse.error


def _query(wanted: Wanted, known: Known | None) -> Query:
    """A parcel keeps the language of its first answer, so that its events stay the same events."""
    return Query(
        com=wanted.courier.code,
        num=wanted.number,
        phone=wanted.tail or "",
        origin=wanted.origin,
        to=wanted.to,
        resultv2="8" if wanted.to else "4",
        lang=known.parcel.lang if known and known.parcel and known.parcel.events else wanted.lang,
    )


def _behind(known: Known | None, standing: Lease) -> Known:
    """What is known, held to a lease that says more: a call's slot is taken, and what it came to is not, or not all, written."""
    known = known or Known()
    if known.sequence < standing.sequence:
        return replace(known, next_allowed_at=standing.next_allowed_at, outcome=OutcomeUnknown.outcome)
    return replace(known, next_allowed_at=max(known.next_allowed_at, standing.next_allowed_at))


def _found(known: Known | None, serve: Serve, now: float) -> Found:
    if known is None or known.parcel is None:
        raise AssertionError("served without a parcel")
    return Found(
        parcel=known.parcel,
        source=serve.source,
        reason=serve.reason,
        age=max(0.0, now - known.fetched_at),
        fetched_at=known.fetched_at,
        fresh_until=known.fresh_until,
        next_allowed_at=known.next_allowed_at,
    )
