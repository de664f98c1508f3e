"""The lease: the one record that decides whether a number may be asked about now. Pure; `cache` writes what it returns.

One call and its slot, over time::

    take            answer                    allowed again
     |---- flight ----|------------ gap ------------|
     |---- deadline -----|---------- gap ------------|    no answer, or the caller died: what `take` wrote stays

The slot is taken before the call, as if the call would end at its deadline; an answer moves it to the answer's time. So the record
is never too early, whoever dies at whichever step. Times are service time, in epoch seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from waybill.billing import UNCHARGED, Charges
from waybill.errors import DAY, MINUTE
from waybill.outcomes import NoResult, NotSent, OutcomeUnknown, UnlistedCode, UpstreamError

WINDOW: Final = DAY + MINUTE
"""A day, and a minute for clocks that differ."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the upstream's lock demands. Seconds of service time.

    `gap` lies between two calls that may have reached the courier: the vendor locks under 1,800 s. `cap` calls of any kind start
    in any 24 h: the vendor locks over 48. `deadline` ends a call. `strict`: refused calls start the gap too. `second` is how
    much of service time a wall second is: the clock's speed.
    """

    gap: float = 1860.0
    cap: int = 40
    deadline: float = 12.0
    strict: bool = False
    second: float = 1.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A number's calls: starts within the window, when the next one may start, and until when one is in flight.

    `sequence` grows with every call; `holder` names the flight, so that a repeated write knows itself; `failures` counts those
    in a row that have waits of their own; `charges` is the number's account with the vendor. Times are rounded to the millisecond
    where they enter, so that a lease is the same when read back.
    """

    sequence: int
    holder: str
    calls: tuple[float, ...]
    next_allowed_at: float
    flight_until: float | None = None
    failures: int = 0
    charges: Charges = UNCHARGED


def take(standing: Lease | None, holder: str, now: float, rules: Rules) -> Lease | None:
    """The lease with a slot taken for one call from now on, or None where no call is allowed now."""
    now = round(now, 3)
    if standing and now < capped(standing, rules).next_allowed_at:
        return None
    before = standing.calls if standing else ()
    sequence = max(standing.sequence + 1 if standing else 1, int(now * 1000))
    lease = Lease(
        sequence=sequence,
        holder=holder,
        calls=(*(at for at in before if at > now - WINDOW), now),
        next_allowed_at=now + rules.deadline + rules.gap,
        flight_until=now + rules.deadline,
        failures=standing.failures if standing else 0,
        charges=standing.charges if standing else UNCHARGED,
    )
    return capped(lease, rules)


def settle(lease: Lease, error: UpstreamError | None, now: float, rules: Rules) -> Lease:
    """The lease after its call came to an answer (`error` None) or to a failure; `now` is when."""
    now = round(now, 3)
    match error:
        case OutcomeUnknown():
            return replace(lease, flight_until=None)
        case None | NoResult() | UnlistedCode():
            settled = replace(lease, next_allowed_at=now + rules.gap, failures=0)
        case NotSent():
            settled = replace(
                lease,
                calls=lease.calls[:-1],
                next_allowed_at=now + _wait(error, lease),
                failures=lease.failures + 1,
            )
        case _:
            wait = max(_wait(error, lease), rules.gap if rules.strict else 0.0)
            settled = replace(lease, next_allowed_at=now + wait, failures=lease.failures + bool(error.waits))
    return capped(replace(settled, flight_until=None), rules)


def _wait(error: UpstreamError, lease: Lease) -> float:
    return error.waits[min(lease.failures, len(error.waits) - 1)] if error.waits else 0.0


def capped(lease: Lease, rules: Rules) -> Lease:
    """The lease, with the next call not before the day of the first of the last `cap` calls is over."""
    if len(lease.calls) < rules.cap:
        return lease
    return replace(lease, next_allowed_at=max(lease.next_allowed_at, lease.calls[-rules.cap] + WINDOW))
