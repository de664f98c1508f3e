"""How usage is shown. Pure. All days and months are China's (Asia/Shanghai), where the vendor is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from typing_extensions import TypedDict

from waybill import tallies, views
from waybill.budgets import WARNED_AT
from waybill.tallies import Count, Day, Line, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from waybill.budgets import Budget
    from waybill.forecast import Forecast
    from waybill.usage_fields import Period

_Days = TypedDict("_Days", {"from": str, "to": str})


class PeriodView(_Days):
    """The days that are summed up, both included, in China (Asia/Shanghai)."""


class Counts(TypedDict):
    """Calls to Kuaidi100. A call that could not be sent is none."""

    calls: int
    billed: int
    """How many of them the vendor charges, by its published rules."""
    unknown: int
    """How many came to nobody knows what: their function ended in the midst of them, or their answer was lost."""


class Total(Counts):
    failed: int
    """How many were refused by Kuaidi100, or answered by it with a fault. That a parcel has no trace yet is an answer."""


class OfDay(Counts):
    day: str
    """In China, as `2026-11-22`."""


class OfMember(Counts):
    member: str | None
    """Null for the schedule, which refreshes shipments by itself."""


class OfCourier(Counts):
    courier: str
    """Kuaidi100's code."""


class OfCause(Counts):
    cause: str
    """What the calls were made for: `track`, `parcel`, `order`, `shipment`, `refresh`, or `schedule`. More may come."""


class OfOutcome(Counts):
    outcome: str
    """What they came to: Kuaidi100's code, `unlisted` for one that its documentation does not have, or `unknown`."""


class BudgetView(TypedDict):
    """How many calls may be made in a day or a month."""

    scope: Literal["all", "member"]
    """Whether all calls count in it, or one member's."""
    member: str | None
    period: Literal["day", "month"]
    """The running one, in China."""
    limit: int
    used: int
    """Calls that were begun. One that could not be sent is given back."""
    left: int
    warned: bool
    """Whether 80 % are used, or more."""
    exhausted: bool
    """Then answers come from what is known, and nothing is bought."""
    resets_at: str
    """When the next day or month begins, in UTC."""


class Expected(TypedDict):
    calls: int
    billed: int


class Basis(TypedDict):
    """What the forecast was concluded from: the average of the same hours of these days, or where there are none, today's pace."""

    days: int
    """How many days before today, 7 at most."""


class ForecastView(TypedDict):
    """What the running day and month will come to, whatever was asked for: calls so far, and the usual ones of the hours left."""

    day: Expected
    month: Expected
    basis: Basis


class UsageView(TypedDict):
    """Calls to Kuaidi100 and what they cost: one's own, or with the scope `admin`, everybody's and the schedule's."""

    period: PeriodView
    total: Total
    by_day: list[OfDay]
    """Every day of the period up to today."""
    by_member: list[OfMember] | None
    """Null without the scope `admin`."""
    by_courier: list[OfCourier]
    by_cause: list[OfCause]
    by_outcome: list[OfOutcome]
    budgets: list[BudgetView]
    """Those that there are: the member's own, or for `admin` those of all together; a member's with `?member=`."""
    forecast: ForecastView


def usage(
    period: Period,
    days: Mapping[date, Day],
    budgets: Iterable[tuple[Budget, int]],
    forecast: Forecast,
    now: float,
    *,
    members: bool,
) -> UsageView:
    """`days` are those of the period; `budgets` come with what is used of them; `members`: whether members are told apart."""
    lines = together(day.lines for day in days.values())
    return {
        "period": {"from": period.first.isoformat(), "to": period.last.isoformat()},
        "total": {**_counts(lines), "failed": tallies.failed(lines)},
        "by_day": [{"day": day.isoformat(), **_counts(days[day].lines)} for day in sorted(days)],
        "by_member": [
            {"member": member or None, **counts} for member, counts in _by(lines, lambda line: line.member)
        ]
        if members
        else None,
        "by_courier": [
            {"courier": courier, **counts} for courier, counts in _by(lines, lambda line: line.courier)
        ],
        "by_cause": [{"cause": cause, **counts} for cause, counts in _by(lines, lambda line: line.cause)],
        "by_outcome": [
            {"outcome": outcome, **counts} for outcome, counts in _by(lines, lambda line: line.outcome)
        ],
        "budgets": [_budget(budget, used, now) for budget, used in budgets],
        "forecast": {
            "day": _expected(forecast.day),
            "month": _expected(forecast.month),
            "basis": {"days": forecast.days},
        },
    }


def _by(lines: Mapping[Line, Count], what: Callable[[Line], str]) -> list[tuple[str, Counts]]:
    """Counts of the lines that have the same of something, in its order."""
    parts: dict[str, dict[Line, Count]] = {}
    for line, count in lines.items():
        parts.setdefault(what(line), {})[line] = count
    return [(name, _counts(parts[name])) for name in sorted(parts)]


def _counts(lines: Mapping[Line, Count]) -> Counts:
    return {
        "calls": sum(count.calls for count in lines.values()),
        "billed": sum(count.billed for count in lines.values()),
        "unknown": tallies.unknown(lines),
    }


def _budget(budget: Budget, used: int, now: float) -> BudgetView:
    return {
        "scope": "member" if budget.scope else "all",
        "member": budget.scope or None,
        "period": budget.period,
        "limit": budget.limit,
        "used": used,
        "left": max(0, budget.limit - used),
        "warned": used >= budget.limit * WARNED_AT,
        "exhausted": used >= budget.limit,
        "resets_at": views.instant(budget.resets_at(now)),
    }


def _expected(count: Count) -> Expected:
    return {"calls": count.calls, "billed": count.billed}
