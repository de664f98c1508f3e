"""One call to Kuaidi100, as the ledger keeps it: on whose behalf, why, and what it came to. Pure.

The row is opened with the call's slot, as `unknown`, and closed with what came of it; a call whose process died stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

from waybill.errors import DAY

Cause = Literal["track", "parcel", "order", "shipment", "refresh", "schedule"]
"""What a call is made for: a route of the API, or the schedule."""
SCHEDULE: Final = "schedule"
ROW_SHARDS: Final = 8
"""The rows of an hour lie in so many partitions, by the number that was asked about."""
KEEP_ROWS: Final = 45 * DAY
"""Rows are summed up long before."""
CHINA: Final = timezone(timedelta(hours=8))
"""Days and months of money are the vendor's."""


@dataclass(frozen=True, slots=True)
class Call:
    """`member` is whom it is booked on, "" for the schedule; `at` is when its slot was taken, in epoch seconds of service time.

    `sequence` tells the calls of a number apart. `outcome` is `200`, the word of an upstream error, or `unknown`; `billed`: whether
    the vendor charges for it, by its published rules.
    """

    courier: str
    number: str
    member: str
    cause: Cause
    at: float
    sequence: int
    outcome: str = "unknown"
    billed: bool = False
    unknown_codes: tuple[str, ...] = ()


def hour_of(at: float) -> str:
    """The hour that a call is counted in, in China: `2026-11-22T17`."""
    return datetime.fromtimestamp(at, UTC).astimezone(CHINA).strftime("%Y-%m-%dT%H")
