"""What a request says of usage in its query, declared once as in `fields`: which days, and whose. All days are China's."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from waybill.access import MEMBER_LENGTH, is_member
from waybill.calls import CHINA
from waybill.errors import InvalidField
from waybill.fields import Optional

if TYPE_CHECKING:
    from waybill.gateway import Request

LONGEST: Final = 92


@dataclass(frozen=True, slots=True)
class Period:
    """Days from the first to the last, both included."""

    first: date
    last: date

    def days(self, today: date) -> list[date]:
        """Those that have begun."""
        last = min(self.last, today)
        return [self.first + timedelta(days=each) for each in range((last - self.first).days + 1)]


def period(request: Request, now: float) -> Period:
    """The days that a request asks for: a month, the running one where it names nothing, or from a day to a day.

    Raises:
        InvalidField: what it says are no days, or too many.
    """
    month, first, last = MONTH.read(request.query), FROM.read(request.query), TO.read(request.query)
    today = datetime.fromtimestamp(now, CHINA).date()
    if first is None:
        if last is not None:
            raise InvalidField("from", "Say from which day on, too: ?from=2026-11-01&to=2026-11-15.")
        return month or _month_of(today)
    if month is not None:
        raise InvalidField("month", "Say a month, or from when to when, not both.")
    last = max(first, today) if last is None else last
    if last < first:
        raise InvalidField("to", "The last day is before the first one.")
    if (last - first).days >= LONGEST:
        raise InvalidField("to", f"Ask for {LONGEST} days at most; a month at a time, for instance.")
    return Period(first, last)


def _month_of(day: date) -> Period:
    return Period(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def _month(text: str, name: str) -> Period:
    if not re.fullmatch(_MONTH, text):
        raise InvalidField(name, "Say a month as 2026-11.")
    return _month_of(date.fromisoformat(f"{text}-01"))


def _day(text: str, name: str) -> date:
    try:
        # Shorter forms of ISO 8601 are not asked for.
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CHINA).date()
    except ValueError as error:
        raise InvalidField(name, "Say a day as 2026-11-22.") from error


def _member(text: str, name: str) -> str:
    if not is_member(text):
        raise InvalidField(name, f"A member's name has 1 to {MEMBER_LENGTH} printable characters.")
    return text


_MONTH: Final = "^2[0-9]{3}-(0[1-9]|1[0-2])$"
MONTH: Final = Optional(
    name="month",
    place="query",
    parse=_month,
    schema={"type": "string", "pattern": _MONTH},
    description="The month, in China (Asia/Shanghai), by whose calendar all is counted. Left out, the running one.",
    example="2026-11",
)
FROM: Final = Optional(
    name="from",
    place="query",
    parse=_day,
    schema={"type": "string", "format": "date"},
    description="The first day instead of a month, in China.",
    example="2026-11-01",
)
TO: Final = Optional(
    name="to",
    place="query",
    parse=_day,
    schema={"type": "string", "format": "date"},
    description=f"The last day, in China; left out, today. {LONGEST} days at most.",
    example="2026-11-15",
)
MEMBER: Final = Optional(
    name="member",
    place="query",
    parse=_member,
    schema={"type": "string", "pattern": rf"^[ -~\u4e00-\u9fef]{{1,{MEMBER_LENGTH}}}$"},
    description="Only this member's calls. Another one's are shown to the scope `admin` alone.",
    example="acme",
)
USAGE: Final = (MONTH, FROM, TO, MEMBER)
