"""The route that tells what was asked of Kuaidi100, what of it is charged, and what is left of the budgets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from waybill import access, budgets, forecast, tallies, usage_fields, usage_views
from waybill.calls import CHINA
from waybill.gateway import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.budgets import Limits
    from waybill.gateway import Handler, Request
    from waybill.ledger import Ledger
    from waybill.member_budgets import MemberBudgets
    from waybill.spending import Spending


@dataclass(frozen=True, slots=True)
class Accounting:
    """`limits` are those of all calls together, and of members that have none of their own."""

    ledger: Ledger
    spending: Spending
    member_budgets: MemberBudgets
    limits: Limits
    now: Callable[[], float]

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {("GET", "/v1/usage"): self.usage}

    def usage(self, request: Request) -> Response:
        """One's own calls; with the scope `admin` everybody's and the schedule's, or any one member's."""
        access.demand(request.scopes, "track")
        now, named = self.now(), usage_fields.MEMBER.read(request.query)
        if named not in {None, request.member}:
            access.demand(request.scopes, "admin")
        period = usage_fields.period(request, now)
        member = named if "admin" in request.scopes else request.member
        wanted = set(period.days(datetime.fromtimestamp(now, CHINA).date()))
        days = self.ledger.days(wanted | forecast.wanted(now), now)
        if member is not None:
            days = {each: tallies.narrowed(day, member) for each, day in days.items()}
        answer = usage_views.usage(
            period,
            {each: days[each] for each in wanted},
            self._budgets(member, now),
            forecast.forecast(days, now),
            now,
            members="admin" in request.scopes,
        )
        return Response(200, answer)

    def _budgets(self, member: str | None, now: float) -> list[tuple[budgets.Budget, int]]:
        """The member's own, or those of all together, with what is used of them."""
        if member is None:
            found = budgets.of("", self.limits)
        else:
            both = budgets.of(member, self.limits, self.member_budgets.get(member))
            found = tuple(each for each in both if each.scope)
        return [(budget, sum(self.spending.used(budget, now))) for budget in found]
