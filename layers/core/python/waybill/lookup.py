r"""Where is this parcel? The heart: answer from what is known, or make one call that everyone who waits shares.

::

    known --decide--> Serve ------------------------------------------> answer
      ^               Refuse -----------------------------------------> error
      |               Fly --take--> ours: query, learn, store, settle --> answer or error
      |                      \----> another's: in flight? wait for it; over? its rule forbids
      '-------------------------------------'

Collaborators are arguments and so is time: `now` is service time, `pause` waits wall seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from waybill import freshness, lease
from waybill.errors import (
    DAY,
    BadSignature,
    OutcomeUnknown,
    StoreUnavailable,
    UpstreamError,
    UpstreamUnavailable,
    WaybillError,
)
from waybill.freshness import Ask, Fly, Guess, Known, Refuse, Serve
from waybill.model import Answer, Parcel, Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.calls import Cause
    from waybill.couriers import Courier
    from waybill.freshness import Source
    from waybill.lease import Lease, Rules
    from waybill.model import Lang

WRITE_SECONDS: Final = 1.0
"""What a flight's writes may take after its call."""
PATIENCE_SECONDS: Final = 13.0
"""How long a reader waits for another's call: its deadline of 12 s, and its writes."""
LAST_START_SECONDS: Final = 6.0
"""How long after a question came its call may still start: it has to end within the function's time-out of 20 s."""
FIRST_PAUSE: Final = 0.05
LAST_PAUSE: Final = 0.8
"""Waiters look again after growing pauses: a quick answer is seen quickly, a slow one costs few reads."""
ROUNDS: Final = 12

Credentials = tuple[str, str]
"""`(customer, key)`"""


class Store(Protocol):
    """What `cache.Cache` does; see there."""

    def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None: ...
    def lease(self, courier: str, number: str) -> Lease | None: ...
    def swap_lease(
        self, courier: str, number: str, wanted: Lease, standing: Lease | None
    ) -> tuple[bool, Lease | None]: ...
    def store(self, courier: str, number: str, known: Known) -> None: ...
    def note_guess(self, courier: str, number: str, guess: Guess) -> tuple[Guess, ...]: ...


class Secrets(Protocol):
    """What `credentials.Secrets` does; see there."""

    def kuaidi100(self, *, reread: bool = False) -> Credentials: ...
    def tail_hash(self, courier: str, number: str, tail: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks: a courier, a normalised number, on whose behalf. `tail` is the phone's last four digits.

    `max_age`: the oldest answer that will do, in seconds; None leaves it to the rules. What is not `followed` any more is told
    from what is known, without a call. `cause` is what the ledger books a call under.
    """

    courier: Courier
    number: str
    member: str
    tail: str | None = None
    lang: Lang = "zh"
    max_age: float | None = None
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
class Call:
    """One upstream call for whoever keeps count: `outcome` is `200` or the word of an upstream error."""

    courier: str
    number: str
    member: str
    outcome: str
    unknown_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """Tracks parcels over one store, one upstream and one set of rules.

    `query` is imported with its client at the first call only; `holder` gives every flight a name of its own; `on_call` hears
    of every upstream call, `on_known` of what an answer taught, and `on_loss` of a paid answer that could not be stored.
    """

    store: Store
    query: Callable[[Query, Credentials], Answer]
    secrets: Secrets
    rules: Rules
    now: Callable[[], float]
    pause: Callable[[float], None]
    holder: Callable[[], str]
    on_call: Callable[[Call], None]
    on_known: Callable[[Known], None]
    on_loss: Callable[[WaybillError], None]

    def track(self, wanted: Wanted) -> Found:
        """The parcel as fresh as the rules allow.

        Raises:
            PhoneRequired, PhoneMismatch, PhoneUnverified, RateLimited: the phone rules of the courier.
            CourierUnknown: Kuaidi100 does not know it.
            UpstreamUnavailable, UpstreamUnknown, StoreUnavailable: nothing to serve, and when to come back.
        """
        code, number = wanted.courier.code, wanted.number
        asked_at = self.now()
        known = self.store.known(code, number)
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
                credentials = self._may_call(wanted, asked_at)
                flight = self._ask(wanted, known, flies=True)
                ours, before, slot = self._take(code, number)
            except (UpstreamUnavailable, StoreUnavailable) as error:
                return self._without_call(wanted, known, ask, error)
            if not ours:
                slot = self._await(code, number, slot, asked_at)
                known = _behind(self.store.known(code, number, consistent=True), slot)
                waited = True
                continue
            if before and (known is None or known.sequence < before.sequence):
                # Another call came between our read and our slot: what it taught may make ours needless.
                known = self.store.known(code, number, consistent=True)
                flight = self._ask(wanted, known, flies=True)
                if not isinstance(freshness.decide(known, flight, self.now()), Fly):
                    self.store.swap_lease(code, number, before, slot)
                    continue
            return self._fly(wanted, known, flight, slot, credentials, asked_at)
        raise StoreUnavailable("Too many callers ask about this parcel at once. Ask again.", retry_after=1)

    def _may_call(self, wanted: Wanted, asked_at: float) -> Credentials:
        """The credentials for a call, if one is wanted and there is time enough left for it."""
        if not wanted.followed:
            raise UpstreamUnavailable(
                "This parcel is no longer followed, so Kuaidi100 is not asked about it."
            )
        credentials = self.secrets.kuaidi100()
        if self.now() - asked_at > LAST_START_SECONDS * self.rules.second:
            raise UpstreamUnavailable(
                "Another call about this parcel took too long. Ask again.", retry_after=1
            )
        return credentials

    def _ask(self, wanted: Wanted, known: Known | None, *, flies: bool = False) -> Ask:
        bound = wanted.courier.requires_phone or (known is not None and known.phone_bound)
        hashed = None
        if wanted.tail and (bound or flies or (known is not None and known.tails)):
            hashed = self.secrets.tail_hash(wanted.courier.code, wanted.number, wanted.tail)
        return Ask(wanted.member, hashed, wanted.max_age, phone_bound=bound)

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

    def _take(self, courier: str, number: str) -> tuple[bool, Lease | None, Lease]:
        """Write first, read on failure: `(True, the lease before, ours)` or `(False, None, the one that forbids a call)`."""
        holder, now = self.holder(), self.now()
        standing: Lease | None = None
        for _ in range(ROUNDS):
            wanted = lease.take(standing, holder, now, self.rules)
            if wanted is None and standing:
                return False, None, lease.capped(standing, self.rules)
            if wanted:
                done, stands = self.store.swap_lease(courier, number, wanted, standing)
                if done:
                    return True, standing, wanted
                standing = stands
        raise StoreUnavailable("Too many callers ask about this parcel at once. Ask again.", retry_after=1)

    def _await(self, courier: str, number: str, standing: Lease, asked_at: float) -> Lease:
        """The lease once its call has landed, or as it is when waiting longer is no use."""
        pause, second = FIRST_PAUSE, self.rules.second
        patience = asked_at + PATIENCE_SECONDS * second
        while standing.flight_until is not None:
            left = (min(standing.flight_until + WRITE_SECONDS * second, patience) - self.now()) / second
            if left <= 0:
                break
            self.pause(min(pause, left))
            pause = min(2 * pause, LAST_PAUSE)
            standing = self.store.lease(courier, number) or standing
        return standing

    def _fly(
        self,
        wanted: Wanted,
        known: Known | None,
        ask: Ask,
        taken: Lease,
        credentials: Credentials,
        asked_at: float,
        *,
        reread: bool = True,
    ) -> Found:
        """Make the call whose slot is taken, and leave what it taught. A refused signature re-reads the secret, once."""
        code, number = wanted.courier.code, wanted.number
        came = self._query(wanted, known, credentials)
        now = self.now()
        settled = lease.settle(taken, came if isinstance(came, UpstreamError) else None, now, self.rules)
        if isinstance(came, BadSignature) and reread and not self.rules.strict:
            again = self._retake(wanted, settled, taken, credentials, asked_at)
            if again:
                return self._fly(wanted, known, ask, *again, asked_at, reread=False)
        known = freshness.learn(known, came, ask, settled, Parcel(code, number, lang=wanted.lang), now)
        try:
            self.store.store(code, number, known)
            self.store.swap_lease(code, number, settled, taken)
            if known.phone_bound and ask.tail and not isinstance(came, UpstreamError):
                self._note(wanted, known, ask, now)
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

    def _retake(
        self, wanted: Wanted, settled: Lease, taken: Lease, used: Credentials, asked_at: float
    ) -> tuple[Lease, Credentials] | None:
        """A slot for one more call after a refused signature, where the secret has changed since and time is left."""
        code, number = wanted.courier.code, wanted.number
        try:
            fresh = self.secrets.kuaidi100(reread=True)
            if fresh == used:
                return None
            self._may_call(wanted, asked_at)
            free = lease.capped(replace(settled, next_allowed_at=self.now()), self.rules)
            self.store.swap_lease(code, number, free, taken)
            ours, _, again = self._take(code, number)
        except (UpstreamUnavailable, StoreUnavailable):
            return None
        return (again, fresh) if ours else None

    def _query(self, wanted: Wanted, known: Known | None, credentials: Credentials) -> Answer | UpstreamError:
        """One call. A parcel keeps the language of its first answer, so that its events stay the same events."""
        lang = known.parcel.lang if known and known.parcel and known.parcel.events else wanted.lang
        query = Query(
            com=wanted.courier.code,
            num=wanted.number,
            phone=wanted.tail or "",
            origin=wanted.origin,
            to=wanted.to,
            resultv2="8" if wanted.to else "4",
            lang=lang,
        )
        came: Answer | UpstreamError
        try:
            came = self.query(query, credentials)
        except UpstreamError as error:
            came = error
        outcome, unknown = (
            (freshness.ANSWERED, came.unknown_codes) if isinstance(came, Answer) else (came.outcome, ())
        )
        self.on_call(Call(wanted.courier.code, wanted.number, wanted.member, outcome, unknown))
        return came

    def _without_call(self, wanted: Wanted, known: Known | None, ask: Ask, error: WaybillError) -> Found:
        """What can be said when no call can be made though the rule would allow one: the last answer, else the error."""
        now = self.now()
        if known:
            decision = freshness.decide(replace(known, next_allowed_at=now + 1), ask, now)
            if isinstance(decision, Serve):
                self._admit(wanted, known, ask, now)
                return _found(known, Serve("stale", "no_call_possible"), now)
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
