"""How many calls may be made in a day or a month, by all together and by each member. Pure.

A budget is counted in shards, so that no counter is written by everybody. Each shard has its allotment of the limit, a call takes
from one shard that has something left, and so the limit is never exceeded, whatever happens at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from waybill.calls import CHINA

Period = Literal["day", "month"]
SHARDS: Final = 16
WARNED_AT: Final = 0.8
FOR_CALLERS: Final = 0.1
"""The part of every budget that the schedule leaves to callers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls a day and a month; 0 is no limit. `member_*` hold for each member that has none of its own."""

    day: int = 0
    month: int = 0
    member_day: int = 0
    member_month: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """`scope` is a member, or "" for all calls together; `limit` counts calls in a `period` of China's calendar."""

    scope: str
    period: Period
    limit: int

    def name(self, now: float) -> str:
        """Of the running period, as `2026-11-22#member` or `2026-11#`."""
        local = datetime.fromtimestamp(now, UTC).astimezone(CHINA)
        return f"{local:%Y-%m-%d}#{self.scope}" if self.period == "day" else f"{local:%Y-%m}#{self.scope}"

    def resets_at(self, now: float) -> float:
        """When the next period begins, in epoch seconds."""
        local = datetime.fromtimestamp(now, UTC).astimezone(CHINA)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        days = 1 if self.period == "day" else 32 - midnight.day
        begin = midnight + timedelta(days=days)
        return (begin if self.period == "day" else begin.replace(day=1)).timestamp()

    def allotment(self, shard: int, *, scheduled: bool) -> int:
        """How far a shard may be used: by callers all of it, by the schedule what is not left to them."""
        limit = self.limit - (math.ceil(self.limit * FOR_CALLERS) if scheduled else 0)
        return limit // SHARDS + (shard < limit % SHARDS)


def of(member: str, limits: Limits, own: tuple[int | None, int | None] = (None, None)) -> tuple[Budget, ...]:
    """The budgets that a call counts in. The schedule's calls (no member) count in everybody's only."""
    wanted = [Budget("", "day", limits.day), Budget("", "month", limits.month)]
    if member:
        day, month = own
        wanted.append(Budget(member, "day", limits.member_day if day is None else day))
        wanted.append(Budget(member, "month", limits.member_month if month is None else month))
    return tuple(budget for budget in wanted if budget.limit)
