"""What is known of a number, and what may be answered with it: freshness, negative knowledge, phone-bound data. Pure.

`decide` says, for one asker, whether what is known is served, a call is worth trying, or the question has to be refused.
`learn` is what is known after a call. Times are service time, in epoch seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from waybill.errors import (
    DAY,
    PhoneMismatch,
    PhoneRequired,
    PhoneUnverified,
    RateLimited,
    RequestError,
    ServiceError,
    UpstreamUnavailable,
    UpstreamUnknown,
)
from waybill.merge import merge
from waybill.model import Answer, Parcel
from waybill.outcomes import (
    OUTCOMES,
    NoResult,
    OutcomeUnknown,
    UnlistedCode,
    UpstreamError,
    WrongPhone,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waybill.lease import Lease

Source = Literal["live", "cache", "coalesced", "stale"]
TERMINAL_FRESH: Final = 30 * DAY
KEEP: Final = 40 * DAY
PHONES: Final = 2
"""A parcel has two phones, the sender's and the recipient's.

For a wrong one Kuaidi100 may answer with "cached data verified by other users" (its page, appendix 2), so not every tail that
gets an answer is right.
"""
WRONG_TAILS_UPSTREAM: Final = 3
WRONG_TAILS_PER_MEMBER: Final = 5
GUESSES_KEPT: Final = 2 * DAY
"""How long wrong guesses are kept: longer than they count."""
ANSWERED: Final = "200"


@dataclass(frozen=True, slots=True)
class Tail:
    """What is known of one phone tail of a number: `verified`, `wrong`, or `asked` (a call with it had no result to show)."""

    verdict: str
    at: float


@dataclass(frozen=True, slots=True)
class Guess:
    """A member has presented a tail, right or wrong."""

    at: float
    member: str
    tail: str


@dataclass(frozen=True, slots=True)
class Known:
    """Everything remembered of one number. `tails` and `guesses` hold keyed hashes, never digits.

    `outcome` is the last call's: `200` or the word of an upstream error; `misses` counts 500s in a row.
    """

    sequence: int = 0
    parcel: Parcel | None = None
    fetched_at: float = 0.0
    fresh_until: float = 0.0
    next_allowed_at: float = 0.0
    outcome: str = ANSWERED
    misses: int = 0
    phone_bound: bool = False
    tails: Mapping[str, Tail] = field(default_factory=dict)
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One caller's question. `tail` is the keyed hash of the phone's last four digits, None without a phone.

    Fresh is what the rules say, or not older than `max_age`, or fetched later than `since`.
    """

    member: str
    tail: str | None = None
    max_age: float | None = None
    since: float | None = None
    phone_bound: bool = False


@dataclass(frozen=True, slots=True)
class Serve:
    source: Source
    reason: str


@dataclass(frozen=True, slots=True)
class Fly:
    """A call is worth trying; whether it is allowed, only the lease knows."""


@dataclass(frozen=True, slots=True)
class Refuse:
    error: RequestError | ServiceError
    counts_as_guess: bool = False


Decision = Serve | Fly | Refuse


def decide(known: Known | None, ask: Ask, now: float) -> Decision:
    """What to do for one asker with what is known."""
    known = _still_known(known, now)
    bound = ask.phone_bound or known.phone_bound
    if bound and (gate := _phone_gate(known, ask, now)):
        return gate
    if known.parcel is None:
        if now < known.next_allowed_at:
            return Refuse(refusal(known.outcome, known.next_allowed_at - now))
        return Fly() if bound else _wrong_phone(known, ask, now) or Fly()
    age = now - known.fetched_at
    if _fresh(known, ask, age, now):
        return Serve("cache", _why_fresh(known.parcel))
    may_call = now >= known.next_allowed_at
    if may_call and (bound or not _wrong_phone(known, ask, now)):
        return Fly()
    return Serve("stale", "phone_not_accepted" if may_call else _why_stale(known, known.parcel))


def _still_known(known: Known | None, now: float) -> Known:
    """What is known, without a parcel that is too old to be served."""
    known = known or Known()
    if known.parcel and now - known.fetched_at > KEEP:
        return replace(known, parcel=None, misses=0)
    return known


def _fresh(known: Known, ask: Ask, age: float, now: float) -> bool:
    if ask.since is not None:
        return known.fetched_at > ask.since
    return age <= ask.max_age if ask.max_age is not None else now < known.fresh_until


def _phone_gate(known: Known, ask: Ask, now: float) -> Fly | Refuse | None:
    """None lets the asker through: the tail is verified, or there is nothing to protect."""
    if ask.tail is None:
        return Refuse(
            PhoneRequired(
                "This courier shows a parcel only to who knows a phone number of it. Send the sender's or the recipient's, "
                "or its last four digits: `phone` in the body, or the header X-Phone-Tail."
            )
        )
    if not has_tries(known, ask, now):
        first = min(tried_tails(known, ask.member, now).values())
        return Refuse(too_many_tails(first + DAY - now))
    tail = known.tails.get(ask.tail)
    if tail and tail.verdict != "wrong":
        return None
    if refused := _wrong_phone(known, ask, now) or _one_phone_too_many(known):
        return refused
    if known.parcel is None and known.outcome != WrongPhone.outcome:
        return None
    return Fly() if now >= known.next_allowed_at else _unverified(known.next_allowed_at - now)


def _wrong_phone(known: Known, ask: Ask, now: float) -> Refuse | None:
    """Whether a call with this tail is known to be in vain, or one wrong tail too many for a day."""
    if ask.tail is None:
        return None
    wrong = {
        key: tail.at for key, tail in known.tails.items() if tail.verdict == "wrong" and tail.at > now - DAY
    }
    if ask.tail in wrong:
        return Refuse(
            PhoneMismatch(
                "The courier did not accept this phone number for this parcel. Send the sender's or the recipient's; asking again "
                "with the same one does not help."
            ),
            counts_as_guess=True,
        )
    if len(wrong) < WRONG_TAILS_UPSTREAM:
        return None
    return _unverified(max(known.next_allowed_at, sorted(wrong.values())[-WRONG_TAILS_UPSTREAM] + DAY) - now)


def _one_phone_too_many(known: Known) -> Refuse | None:
    """Whether as many tails are verified as a parcel has phones, so that no other can be right."""
    verified = sum(tail.verdict == "verified" for tail in known.tails.values())
    return _unverified(DAY) if verified >= PHONES else None


def _unverified(wait: float) -> Refuse:
    return Refuse(
        PhoneUnverified(
            "Whether this phone number belongs to the parcel can only be asked of the courier later. Nothing is shown until then.",
            retry_after=wait,
        ),
        counts_as_guess=True,
    )


def has_tries(known: Known, ask: Ask, now: float) -> bool:
    """Whether the member may ask with this tail: few wrong ones of it within a day, or it has shown this one before."""
    return len(tried_tails(known, ask.member, now)) < WRONG_TAILS_PER_MEMBER or presented(known, ask)


def presented(known: Known, ask: Ask) -> bool:
    """Whether the member has shown this tail before, while it had tries left: one of too many at once does not count."""
    return any(
        _counts(known, shown)
        for shown in known.guesses
        if shown.member == ask.member and shown.tail == ask.tail
    )


def needless(known: Known) -> list[Guess]:
    """The guesses that nothing rests on any more: old wrong ones, and right ones but the first that counts of each member.

    The first lets its member in for as long as the tail is right. One that does not count must not outlive the wrong ones before
    it, or it would count.
    """
    shown: set[tuple[str, str]] = set()
    gone = []
    for guess in sorted(known.guesses, key=lambda each: each.at):
        if not _is_right(known, guess.tail):
            if guess.at <= known.next_allowed_at - GUESSES_KEPT:
                gone.append(guess)
        elif (guess.member, guess.tail) in shown or not _counts(known, guess):
            gone.append(guess)
        else:
            shown.add((guess.member, guess.tail))
    return gone


def _counts(known: Known, shown: Guess) -> bool:
    """Whether the member had tries left when it showed this tail."""
    others = {
        guess.tail
        for guess in known.guesses
        if guess.member == shown.member
        and guess.tail != shown.tail
        and shown.at - DAY < guess.at <= shown.at
        and not _is_right(known, guess.tail)
    }
    return len(others) < WRONG_TAILS_PER_MEMBER


def _is_right(known: Known, tail: str) -> bool:
    return tail in known.tails and known.tails[tail].verdict == "verified"


def tried_tails(known: Known, member: str, now: float) -> dict[str, float]:
    """The tails that a member presented within a day and that are not right, or not yet, each with when."""
    return {
        guess.tail: guess.at
        for guess in known.guesses
        if guess.member == member and guess.at > now - DAY and not _is_right(known, guess.tail)
    }


def too_many_tails(retry_after: float) -> RateLimited:
    return RateLimited(
        f"{WRONG_TAILS_PER_MEMBER} different phone numbers were tried for this parcel within a day and none was right. "
        "Find out the right one and ask again later.",
        retry_after=retry_after,
    )


def refusal(outcome: str, retry_after: float) -> RequestError | ServiceError:
    """What a caller is told of a failed call when there is nothing to serve instead."""
    error = OUTCOMES.get(outcome, OutcomeUnknown)
    if issubclass(error, WrongPhone):
        return PhoneMismatch(error.action)
    if issubclass(error, OutcomeUnknown | UnlistedCode):
        return UpstreamUnknown(error.action, retry_after=retry_after)
    return UpstreamUnavailable(error.action, retry_after=retry_after)


def _why_fresh(parcel: Parcel) -> str:
    if parcel.terminal:
        return "terminal"
    return "within_gap" if parcel.events else "pending_backoff"


def _why_stale(known: Known, parcel: Parcel) -> str:
    """Why nothing fresher could be had: the last call's failure, or the rule alone."""
    pending = known.outcome == NoResult.outcome and not parcel.events
    return "gap_not_over" if pending or known.outcome == ANSWERED else f"upstream_{known.outcome}"


def learn(
    known: Known | None, came: Answer | UpstreamError, ask: Ask, lease: Lease, blank: Parcel, now: float
) -> Known:
    """What is known after a call that ended `now` and left this lease; `blank` is the parcel as it is before any trace.

    A parcel that once had events keeps them when the courier has no result any more. An answer verifies a tail only where the
    courier is known to check it. A wrong phone that nobody had to send says nothing of the parcel; a missing one says that it is
    phone-bound.
    """
    known = _still_known(known, now)
    bound = known.phone_bound or ask.phone_bound
    base = replace(
        known,
        sequence=lease.sequence,
        next_allowed_at=lease.next_allowed_at,
        tails={
            key: tail for key, tail in known.tails.items() if tail.verdict != "wrong" or tail.at > now - DAY
        },
        phone_bound=bound or (isinstance(came, WrongPhone) and ask.tail is None),
    )
    match came:
        case Answer():
            parcel, _ = merge(known.parcel or blank, came)
            fresh_until = now + TERMINAL_FRESH if parcel.terminal else lease.next_allowed_at
            base = replace(
                base, parcel=parcel, fetched_at=now, fresh_until=fresh_until, outcome=ANSWERED, misses=0,
                tails={key: tail for key, tail in base.tails.items() if tail.verdict != "asked"},
            )  # what changes, in one look # fmt: skip
            return _with_tail(base, ask, "verified", now) if bound else base
        case WrongPhone():
            outcome = known.outcome if known.parcel else came.outcome
            return _with_tail(replace(base, outcome=outcome), ask, "wrong", now)
        case NoResult() if not (known.parcel and known.parcel.events):
            fresh_until = max(lease.next_allowed_at, now + came.waits[min(known.misses, len(came.waits) - 1)])
            base = replace(
                base,
                parcel=blank,
                fetched_at=now,
                fresh_until=fresh_until,
                outcome=came.outcome,
                misses=known.misses + 1,
            )
            return _with_tail(base, ask, "asked", now) if bound else base
        case _:
            return replace(base, outcome=came.outcome)


def _with_tail(known: Known, ask: Ask, verdict: str, now: float) -> Known:
    if ask.tail is None:
        return known
    return replace(known, tails={**known.tails, ask.tail: Tail(verdict, now)})
