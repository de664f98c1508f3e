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
from waybill.freshness import Ask, Guess, Known, Refuse, Serve
from waybill.model import Answer, Parcel, Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.couriers import Courier
    from waybill.lease import Lease, Rules

PATIENCE: Final = 13 / 12
"""How long a reader waits for another's call, in call deadlines: the deadline, and a second for its writes."""
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

    `max_age`: the oldest answer that will do, in seconds; None leaves it to the rules.
    """

    courier: Courier
    number: str
    member: str
    tail: str | None = None
    lang: str = "zh"
    max_age: float | None = None
    origin: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A parcel, when its answer was fetched and until when that is fresh, where it came from and why it is not fresher."""

    parcel: Parcel
    source: str
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
    of every upstream call and `on_loss` of a paid answer that could not be stored.
    """

    store: Store
    query: Callable[[Query, Credentials], Answer]
    secrets: Secrets
    rules: Rules
    now: Callable[[], float]
    pause: Callable[[float], None]
    holder: Callable[[], str]
    on_call: Callable[[Call], None]
    on_loss: Callable[[WaybillError], None]

    def track(self, wanted: Wanted) -> Found:
        """The parcel as fresh as the rules allow.

        Raises:
            PhoneRequired, PhoneMismatch, PhoneUnverified, RateLimited: the phone rules of the courier.
            CourierUnknown: Kuaidi100 does not know it.
            UpstreamUnavailable, UpstreamUnknown, StoreUnavailable: nothing to serve, and when to come back.
        """
        code, number = wanted.courier.code, wanted.number
        patience = self.now() + self.rules.deadline * PATIENCE
        known = self.store.known(code, number)
        waited = False
        for _ in range(ROUNDS):
            ask = self._ask(wanted, known)
            now = self.now()
            decision = freshness.decide(known, ask, now)
            if isinstance(decision, Refuse):
                raise self._refusal(decision, wanted, known, ask, now)
            if isinstance(decision, Serve):
                shared = waited and decision.source == "cache"
                return _found(known, Serve("coalesced", "another_reader_asked") if shared else decision, now)
            try:
                credentials = self.secrets.kuaidi100()
                ours, standing = self._take(code, number, now)
            except (UpstreamUnavailable, StoreUnavailable) as error:
                return self._without_call(known, ask, error, now)
            if ours:
                return self._fly(wanted, known, standing, credentials)
            standing = self._await(code, number, standing, patience)
            known = self.store.known(code, number, consistent=True)
            waited = True
            if known is None or known.sequence < standing.sequence:
                known = _lost(known, standing)
        raise StoreUnavailable("Too many callers ask about this parcel at once. Ask again.", retry_after=1)

    def _ask(self, wanted: Wanted, known: Known | None, *, flies: bool = False) -> Ask:
        bound = wanted.courier.requires_phone or (known is not None and known.phone_bound)
        hashed = (
            self.secrets.tail_hash(wanted.courier.code, wanted.number, wanted.tail)
            if wanted.tail and (bound or flies)
            else None
        )
        return Ask(wanted.member, hashed, wanted.max_age, phone_bound=bound)

    def _take(self, courier: str, number: str, now: float) -> tuple[bool, Lease]:
        """Write first, read on failure: `(True, our lease)` or `(False, the one that forbids a call)`."""
        holder = self.holder()
        standing: Lease | None = None
        for _ in range(ROUNDS):
            wanted = lease.take(standing, holder, now, self.rules)
            if wanted is None and standing:
                return False, standing
            if wanted:
                done, standing = self.store.swap_lease(courier, number, wanted, standing)
                if done:
                    return True, wanted
        raise StoreUnavailable("Too many callers ask about this parcel at once. Ask again.", retry_after=1)

    def _await(self, courier: str, number: str, standing: Lease, patience: float) -> Lease:
        """The lease once its call has landed, or as it is when waiting longer is no use."""
        pause = FIRST_PAUSE
        while standing.flight_until is not None and self.now() < min(standing.flight_until, patience):
            self.pause(pause)
            pause = min(2 * pause, LAST_PAUSE)
            standing = self.store.lease(courier, number) or standing
        return standing

    def _fly(
        self,
        wanted: Wanted,
        known: Known | None,
        taken: Lease,
        credentials: Credentials,
        *,
        reread: bool = True,
    ) -> Found:
        """Make the call whose slot is taken, and leave what it taught. A refused signature re-reads the secret, once."""
        code, number = wanted.courier.code, wanted.number
        came = self._query(wanted, known, credentials)
        now = self.now()
        settled = lease.settle(taken, came if isinstance(came, UpstreamError) else None, now, self.rules)
        if isinstance(came, BadSignature) and reread and (changed := self._changed_secret(credentials)):
            if not self.rules.strict:
                settled = replace(settled, next_allowed_at=now)
            self.store.swap_lease(code, number, settled, taken)
            ours, again = self._take(code, number, now)
            if ours:
                return self._fly(wanted, known, again, changed, reread=False)
        ask = self._ask(wanted, known, flies=True)
        known = freshness.learn(known, came, ask, settled, Parcel(code, number, lang=wanted.lang), now)
        try:
            self.store.store(code, number, known)
            self.store.swap_lease(code, number, settled, taken)
        except StoreUnavailable as error:
            self.on_loss(error)
        if isinstance(came, Answer) or known.fetched_at == now:  # the latter: word that there is no trace yet
            return _found(known, Serve("live", "fetched_now"), now)
        decision = freshness.decide(known, ask, now)
        if isinstance(decision, Serve):
            return _found(known, decision, now)
        if isinstance(decision, Refuse):
            raise self._refusal(decision, wanted, known, ask, now) from came
        raise freshness.refusal(came.outcome, 0) from came

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

    def _changed_secret(self, used: Credentials) -> Credentials | None:
        try:
            fresh = self.secrets.kuaidi100(reread=True)
        except UpstreamUnavailable:
            return None
        return fresh if fresh != used else None

    def _without_call(self, known: Known | None, ask: Ask, error: WaybillError, now: float) -> Found:
        """What can be said when no call can be made though the rule would allow one: the last answer, else the error."""
        if known:
            decision = freshness.decide(replace(known, next_allowed_at=now + 1), ask, now)
            if isinstance(decision, Serve):
                return _found(known, Serve("stale", "waybill_" + error.code.lower()), now)  # type: ignore[attr-defined]
        raise error

    def _refusal(
        self, refuse: Refuse, wanted: Wanted, known: Known | None, ask: Ask, now: float
    ) -> WaybillError:
        """The error for the caller; a tail that may be a guess is counted first, and once."""
        if not refuse.counts_as_guess or ask.tail is None:
            return refuse.error
        known = known or Known()
        if ask.tail in freshness.tried_tails(known, ask.member, now):
            return refuse.error
        guess = Guess(round(now, 3), ask.member, ask.tail)
        guesses = self.store.note_guess(wanted.courier.code, wanted.number, guess)
        tried = freshness.tried_tails(replace(known, guesses=guesses), ask.member, now)
        if len(tried) > freshness.WRONG_TAILS_PER_MEMBER:
            return freshness.too_many_tails(min(tried.values()) + DAY - now)
        return refuse.error


def _lost(known: Known | None, standing: Lease) -> Known:
    """What is known when a call's slot is taken and what it came to is not (yet) written."""
    return replace(known or Known(), next_allowed_at=standing.next_allowed_at, outcome=OutcomeUnknown.outcome)


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
