"""What a member has set for itself, in the Tracking table: `MEMBER#<member>`, `SETTINGS`. So far the hours without e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from waybill.errors import MINUTE
from waybill.table import served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one minute of the day until before another, as `22:00` and `08:00` on the clocks of a zone of the IANA database."""

    begin: str
    end: str
    zone: str


@dataclass(frozen=True, slots=True)
class Settings:
    quiet_hours: QuietHours | None = None


def quiet_until(settings: Settings, now: float) -> float | None:
    """When the quiet hours end that `now` is in, in epoch seconds; None outside of them.

    That is the first full minute whose clock is outside: so clocks that are put forward or back need no rule of their own.
    """
    hours = settings.quiet_hours
    if hours is None or not _is_quiet(hours, now):
        return None
    end = (now // MINUTE + 1) * MINUTE
    while _is_quiet(hours, end):
        end += MINUTE
    return end


def _is_quiet(hours: QuietHours, moment: float) -> bool:
    clock = datetime.fromtimestamp(moment, ZoneInfo(hours.zone)).strftime("%H:%M")
    if hours.begin <= hours.end:
        return hours.begin <= clock < hours.end
    return clock >= hours.begin or clock < hours.end


class MemberSettings:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, member: str) -> Settings:
        """A member's settings; the default ones where it has set nothing."""
        answer = served(
            lambda: self._dynamodb.get_item(TableName=self._table, Key=_key(member), ConsistentRead=True)
        )
        item = answer.get("Item", {})
        if "quiet_from" not in item:
            return Settings()
        return Settings(QuietHours(item["quiet_from"]["S"], item["quiet_to"]["S"], item["zone"]["S"]))

    def put(self, member: str, settings: Settings) -> None:
        item = _key(member)
        if hours := settings.quiet_hours:
            item |= {
                "quiet_from": {"S": hours.begin},
                "quiet_to": {"S": hours.end},
                "zone": {"S": hours.zone},
            }
        served(lambda: self._dynamodb.put_item(TableName=self._table, Item=item))


def _key(member: str) -> Item:
    return {"pk": {"S": f"MEMBER#{member}"}, "sk": {"S": "SETTINGS"}}
