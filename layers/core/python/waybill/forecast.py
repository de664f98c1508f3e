"""How many calls the running day and month will come to: those that were made, and what is usual for the hours that are left. Pure.

Usual is the average of the same hour of the last seven days, which have each weekday once; days before the first call are no
evidence. Where there is no such day, today's own pace goes on.
"""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Final

from waybill.calls import CHINA
from waybill.errors import HOUR
from waybill.tallies import Count, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from waybill.tallies import Day

LOOK_BACK: Final = 7
_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Forecast:
    """What day and month will come to, and from how many days before today that was concluded; 0: from today alone."""

    day: Count
    month: Count
    days: int


def wanted(now: float) -> set[date]:
    """The days that a forecast wants to know: those of the running month, and the last seven."""
    today = _local(now).date()
    month = {today.replace(day=each) for each in range(1, today.day + 1)}
    return month | {today - timedelta(days=back) for back in range(LOOK_BACK + 1)}


def forecast(days: Mapping[date, Day], now: float) -> Forecast:
    """Of the days that `wanted` names."""
    local = _local(now)
    today = local.date()
    elapsed = local.hour + local.minute / 60 + local.second / HOUR
    past = [_by_hour(days[today - timedelta(days=back)]) for back in range(LOOK_BACK, 0, -1)]
    while past and not any(count.calls for count in past[0]):
        del past[0]
    spent = _all(_by_hour(days[today]))
    usual = [_scaled(_all(hours), 1 / len(past)) for hours in zip(*past, strict=True)]
    if not usual:
        usual = [_scaled(spent, 1 / max(elapsed, 1))] * _HOURS
    left = [max(0.0, min(1.0, hour + 1 - elapsed)) for hour in range(_HOURS)]
    of_day = [sum(count[which] * part for count, part in zip(usual, left, strict=True)) for which in (0, 1)]
    days_left = calendar.monthrange(today.year, today.month)[1] - today.day
    of_month = [more + days_left * sum(count[which] for count in usual) for which, more in enumerate(of_day)]
    month = _all(count for day in days if _is_of(today, day) for count in days[day].hours.values())
    return Forecast(_more(spent, of_day), _more(month, of_month), len(past))


def _local(now: float) -> datetime:
    return datetime.fromtimestamp(now, CHINA)


def _is_of(today: date, day: date) -> bool:
    return (day.year, day.month) == (today.year, today.month) and day <= today


def _by_hour(day: Day) -> list[Count]:
    """The 24 hours of a day, everybody's together."""
    hours = together({(hour,): count} for (_, hour), count in day.hours.items())
    return [hours.get((f"{hour:02}",), Count()) for hour in range(_HOURS)]


def _all(counts: Iterable[Count]) -> Count:
    return reduce(Count.plus, counts, Count())


def _scaled(count: Count, by: float) -> tuple[float, float]:
    return count.calls * by, count.billed * by


def _more(count: Count, expected: list[float]) -> Count:
    """With what is expected yet, to the nearest whole call."""
    calls, billed = (math.floor(each + 0.5) for each in expected)
    return count.plus(Count(calls, billed))
