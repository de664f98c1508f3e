"""When to ask about a parcel again, and why then. Pure; the numbers are the tables here and in `pace`.

A call costs money, and news that nobody has seen yet costs its waiting. So the next call comes when the waiting to be expected by
then is worth its price::

    waiting(t) = integral from now to t of P(a line has come by u) * worth(u) du        hours
    next check = the first t with waiting(t) >= PRICE, and never within the gap

Where a line is due any minute this is as often as the gap allows; at night, on the road and in a locker for days it is seldom; and
a call falls not before the hours in which things happen, but into them. How soon lines come is learned (`pace`).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from waybill.errors import DAY, HOUR, MINUTE
from waybill.merge import oldest_first
from waybill.model import instant
from waybill.pace import LEGS, Learned, Rate, leg_of

if TYPE_CHECKING:
    from waybill.model import Event, Parcel

GAP: Final = 1860.0
"""The least time between two calls; the caller's `allowed_at` may demand more."""
PRICE: Final = 0.11
"""What a call costs, in hours that one piece of news waits unseen."""
LONGEST: Final = 36 * HOUR
"""No parcel under way is left alone for longer."""
JITTER: Final = 0.04
"""Of the wait, at most: spread by the number's hash, so that parcels of one morning do not come due in one minute."""

ASLEEP: Final = 0.2
"""News between 23 and 6 o'clock local time waits for somebody who sleeps; what came in the evening is looked for once before."""
AWAKE: Final = (6, 23)

WORTH: Final = {"returning": 0.4, "cancelling": 0.4}
"""News of these legs is worth less than other news, of which an hour of waiting is an hour: no recipient waits for it any more."""
STEP: Final = 15 * MINUTE
"""The grain of the integral; twice as coarse where it is further than six hours away."""
LEAST: Final = 0.002
"""A share of probability too small to follow."""

NOT_FOUND_WAITS: Final = (2 * HOUR, 4 * HOUR, 8 * HOUR, 24 * HOUR)
NEVER_FOUND_AFTER: Final = 30 * DAY
EXPIRED_AFTER: Final = 60 * DAY
DISPUTED_WITHIN: Final = 48 * HOUR
"""A signature is disputed within two days, if at all: one later check, then."""
ETA_FAR: Final = (DAY, 0.4)
"""While the vendor's forecast is further away than this, lines that somebody waits for come so much slower."""

UNLIKELY: Final = 0.05
"""A parcel is stalled when it has been quiet for longer than all but so many of its kind."""
STALLED_NOT_BEFORE: Final = DAY
"""Nobody's attention is asked for within a day."""

ZONES: Final = {
    "JP": 9, "KR": 9, "SG": 8, "MY": 8, "PH": 8, "TH": 7, "VN": 7, "ID": 7, "IN": 5.5, "AE": 4, "RU": 3, "SA": 3,
    "DE": 1, "FR": 1, "IT": 1, "ES": 1, "NL": 1, "BE": 1, "PL": 1, "GB": 0, "BR": -3, "US": -6, "CA": -5, "MX": -6,
    "AU": 10, "NZ": 12,
}  # a table # fmt: skip
"""Hours east of Greenwich by the country that an area's code begins with: good enough to tell day from night. Else China's."""
CHINA: Final = 8 * HOUR


@dataclass(frozen=True, slots=True)
class Watch:
    """How a parcel has been followed, in epoch seconds.

    `checked_at` is its last answer, `misses` how many answers in a row had no trace, `allowed_at` the lease's next slot. `waits`
    weighs who waits for it: 1 is usual, 2 makes its news twice as dear, 0 is nobody.
    """

    registered_at: float
    checked_at: float | None = None
    misses: int = 0
    allowed_at: float = 0.0
    waits: float = 1.0
    gap: float = GAP


def next_check(
    parcel: Parcel, now: float, watch: Watch, learned: Learned | None = None
) -> tuple[float, str] | None:
    """When to ask next (epoch seconds, never in the past or within the gap) and the word why; None when never again (see `end`)."""
    if end(parcel, now, watch):
        return None
    wanted, reason = _wanted(parcel, now, watch, learned or Learned())
    soonest = max(now, watch.allowed_at)
    if watch.checked_at is not None:
        soonest = max(soonest, watch.checked_at + watch.gap)
    if wanted <= soonest:
        return soonest, reason
    return wanted + JITTER * luck(parcel) * (wanted - soonest), reason


def end(parcel: Parcel, now: float, watch: Watch) -> str | None:
    """Why a parcel is followed no longer; None while it is."""
    if watch.waits <= 0:
        return "nobody_waits"
    if not parcel.events:
        return "never_found" if now - watch.registered_at >= NEVER_FOUND_AFTER else None
    if parcel.terminal:
        if parcel.status != "delivered":
            return parcel.status
        checked = watch.checked_at or 0.0
        return "delivered" if checked >= _disputed_until(parcel, now, watch) else None
    return "expired" if now - _happened(parcel.events[0], now, watch) >= EXPIRED_AFTER else None


def stalled(parcel: Parcel, now: float, learned: Learned | None = None) -> bool:
    """Whether a parcel under way has been quiet for longer than 95 in 100 of this courier are in the same leg at the same hours."""
    lines = oldest_first(parcel.events)
    if not lines or parcel.terminal:
        return False
    since = instant(lines[-1])
    if now - since < STALLED_NOT_BEFORE:
        return False
    until = min(now, since + EXPIRED_AFTER)
    return Rate(leg_of(lines), learned or Learned()).quiet(since, until, offset_of(parcel)) < UNLIKELY


def offset_of(parcel: Parcel) -> float:
    """The zone of the place where the parcel is, in seconds east of Greenwich."""
    for event in parcel.events:
        if event.zone == "given" and event.time:
            zone = datetime.fromisoformat(event.time).utcoffset()
            return zone.total_seconds() if zone is not None else CHINA
        if event.area and event.area.code:
            return ZONES.get(event.area.code[:2], 8) * HOUR
    return CHINA


def _wanted(parcel: Parcel, now: float, watch: Watch, learned: Learned) -> tuple[float, str]:
    if watch.checked_at is None:
        return now, "first_look"
    if parcel.terminal:
        return _disputed_until(parcel, now, watch), "signature_check"
    lines = oldest_first(parcel.events)
    if not lines:  # or none whose time could be read
        wait = NOT_FOUND_WAITS[min(max(watch.misses, 1), len(NOT_FOUND_WAITS)) - 1]
        return watch.checked_at + wait, "not_found_yet"
    leg = leg_of(lines)
    return _worth_a_call(parcel, leg, instant(lines[-1]), watch, learned), LEGS[leg].reason


def _disputed_until(parcel: Parcel, now: float, watch: Watch) -> float:
    """Reckoned from the first line of the signature: those that follow it do not put the one later look off."""
    lines = oldest_first(parcel.events) or parcel.events[:1]
    signed = next((line for line in lines if line.status == parcel.status), lines[-1])
    return _happened(signed, now, watch) + DISPUTED_WITHIN


def _happened(line: Event, now: float, watch: Watch) -> float:
    """When it did, or when the parcel was registered if the line does not tell: it has no time, or one further ahead than zones."""
    at = instant(line)
    return at if line.time and at <= now + DAY else watch.registered_at


def _worth_a_call(parcel: Parcel, leg: str, since: float, watch: Watch, learned: Learned) -> float:
    """When the waiting since the last answer is worth a call.

    The parcel may have moved on by more than one leg, unseen: its probability flows from leg to leg, and out of them as news.
    """
    begin = watch.checked_at or 0.0
    offset, price, arrives = offset_of(parcel), PRICE * learned.dearness / watch.waits, _arrival(parcel)
    rates: dict[str, Rate] = {leg: Rate(leg, learned)}
    stages = [Stage(rates[leg], since, 1.0)]
    onward: dict[str, Stage] = {}
    worth = WORTH.get(leg, 1.0)
    at, news, waiting = begin, 0.0, 0.0
    while at < begin + LONGEST:
        width = STEP if at < begin + 6 * HOUR else 2 * STEP
        middle = at + width / 2
        hours = width / HOUR
        if arrives is not None and arrives - middle > ETA_FAR[0]:
            hours *= ETA_FAR[1]
        for stage in stages[:]:
            if stage.share < LEAST:
                continue
            moves, new = stage.rate.at(middle, max(middle - stage.since, 0.0), offset)
            left = stage.share * (1 - math.exp(-(moves + new) * hours))
            stage.share -= left
            moved = left * moves / (moves + new)
            news += (left - moved) * worth
            total = sum(stage.rate.onward.values())
            for then, part in stage.rate.onward.items():
                if then not in onward:
                    if then not in rates:
                        rates[then] = Rate(then, learned)
                    onward[then] = Stage(rates[then], middle, 0.0)
                    stages.append(onward[then])
                onward[then].join(moved * part / total, middle)
        hour = int((middle + offset) // HOUR) % 24
        more = news * (1.0 if AWAKE[0] <= hour < AWAKE[1] else ASLEEP) * width / HOUR
        if waiting + more >= price:
            return at + width * (price - waiting) / more
        waiting += more
        at += width
    return at


@dataclass(slots=True)
class Stage:
    """The share of probability that a parcel is in a leg by now, and since when on the average."""

    rate: Rate
    since: float
    share: float

    def join(self, share: float, at: float) -> None:
        if share > 0:
            self.since = (self.since * self.share + at * share) / (self.share + share)
            self.share += share


def _arrival(parcel: Parcel) -> float | None:
    if parcel.eta is None or parcel.eta.arrives_at is None:
        return None
    return datetime.fromisoformat(parcel.eta.arrives_at).timestamp()


def luck(parcel: Parcel) -> float:
    """0 to 1, always the same for a number."""
    digest = hashlib.sha256(f"{parcel.courier}#{parcel.number}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32
