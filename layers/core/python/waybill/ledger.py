"""The ledger, as it is read: rows of calls in the Tracking table, summed up once an hour is over and again once its day is.

::

    CALL#<hour>#<shard>   <courier>#<number>#<sequence>    a row, written with the slot of its call; gone after 45 days
    LEDGER#<yyyy-mm>      <dd>T<hh>                        an hour's sums
    LEDGER#<yyyy-mm>      <dd>                             a day's sums, and each member's calls by hour
    LEDGER#CLOSED         CLOSED                           `until` when everything is summed up

    ... closed days ...........|. closed hours of the running one .|. rows of open hours .| now
                                                                 until

What is closed is written once and stays. An hour or a day without a call has no item: what lies before `until` and has none was
empty. So a month costs a page of items and the rows of an hour or two, and whoever reads sums up what was left undone since.
Hours and days are China's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from waybill.calls import CHINA, KEEP_ROWS, ROW_SHARDS, hour_of
from waybill.errors import DAY, HOUR, MINUTE, StoreUnavailable
from waybill.table import batch, rows, served
from waybill.tallies import Day, Entry, Line, day_of, hours_of, lines_of, packed, tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.clock import Clock
    from waybill.tallies import Count

Item = dict[str, Any]

SETTLED: Final = 10 * MINUTE
"""So long after an hour nothing of it changes any more: functions end within a minute, and clocks differ by less."""
HOURS_BY_THE_WAY: Final = 48
HOURS_OF_A_READING: Final = 240
"""No more hours than this are closed at once; the next one goes on from there."""
_READERS: Final = 8
_CLOSED: Final[Item] = {"pk": {"S": "LEDGER#CLOSED"}, "sk": {"S": "CLOSED"}}


class Ledger:
    """Reads of one table, and the sums in it. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `clock` says what service time it was when the table was made, and how much of it passes in the minute of a function's life.
    """

    def __init__(self, dynamodb: DynamoDBClient, table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._settled = max(SETTLED, MINUTE * clock.speed)
        self._until = 0

    def close(self, now: float) -> None:
        """Sum up what is over. Costs nothing but once an hour, so it may be called every minute."""
        self._close(now, HOURS_BY_THE_WAY)

    def days(self, wanted: Iterable[date], now: float) -> dict[date, Day]:
        """Days up to now, those that are running included.

        Raises:
            StoreUnavailable: nobody has asked for so long that there is more to sum up than one reading may; the next one goes on.
        """
        until = self._closed(now)
        begun = _midnight(until)
        open_days = self._by_hour(begun, until) | self._rows(_hours(until, now + 1))
        closed = [each for each in wanted if _start(each) < begun]
        items = self._get(_day_key(each) for each in closed)
        found = {each: _to_day(items.get(_name(_day_key(each)))) for each in closed}
        for each in wanted:
            if each not in found:
                found[each] = day_of(
                    {
                        f"{_local(at):%H}": lines
                        for at, lines in open_days.items()
                        if _local(at).date() == each
                    }
                )
        return found

    def hours(self, count: int, now: float) -> dict[int, Mapping[Line, Count]]:
        """The last `count` hours, the running one included, by when each began.

        Raises:
            StoreUnavailable: as `days`.
        """
        until = self._closed(now)
        first = _hour(now) - (count - 1) * int(HOUR)
        found = self._by_hour(first, until) | self._rows(_hours(max(first, until), now + 1))
        return {at: found.get(at, {}) for at in _hours(first, now + 1)}

    def _closed(self, now: float) -> int:
        """Until when everything is summed up, after what was left undone."""
        until = self._close(now, HOURS_OF_A_READING)
        if until < self._closable(now):
            raise StoreUnavailable("The calls of many days are being summed up. Ask again.", retry_after=1)
        return until

    def _closable(self, now: float) -> int:
        """Until when everything is over and settled."""
        return _hour(now - self._settled)

    def _close(self, now: float, most: int) -> int:
        """Sum up hours that are over, and then their days; until when everything is."""
        last = self._closable(now)
        if self._until >= last:
            return self._until
        item = self._get([_CLOSED]).get(_name(_CLOSED))
        until = int(item["until"]["N"]) if item else min(last, self._beginning(now))
        while until < last and most > 0:
            end = min(last, _midnight(until) + int(DAY), until + most * int(HOUR))
            most -= (end - until) // int(HOUR)
            self._close_hours(until, end)
            until = end
        self._until = until
        return until

    def _beginning(self, now: float) -> int:
        """Before this no row can be: the table was made later, or they are gone."""
        table = served(lambda: self._dynamodb.describe_table(TableName=self._table))["Table"]
        made = self._clock.at(table["CreationDateTime"].timestamp())
        return _hour(max(made - HOUR, now - KEEP_ROWS))

    def _close_hours(self, start: int, end: int) -> None:
        """Sum up hours of one day, and the day if that is its end."""
        for at, lines in self._rows(_hours(start, end)).items():
            if lines:
                self._put_once({**_hour_key(at), "lines": {"B": packed(lines)}})
        if end == _midnight(end):
            begun = _midnight(start)
            day = day_of({f"{_local(at):%H}": lines for at, lines in self._by_hour(begun, end).items()})
            if day.lines:
                sums = {"lines": {"B": packed(day.lines)}, "hours": {"B": packed(day.hours)}}
                self._put_once({**_day_key(_local(begun).date()), **sums})
        closed = {**_CLOSED, "until": {"N": str(end)}}
        self._put(
            closed,
            ConditionExpression="attribute_not_exists(pk) OR #until < :until",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues={":until": closed["until"]},
        )

    def _put_once(self, item: Item) -> None:
        """Whoever else sums the same up comes to the same; but rows go, and sums stay."""
        self._put(item, ConditionExpression="attribute_not_exists(pk)")

    def _put(self, item: Item, **condition: Any) -> None:
        try:
            served(lambda: self._dynamodb.put_item(TableName=self._table, Item=item, **condition))
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def _by_hour(self, start: int, end: int) -> dict[int, Mapping[Line, Count]]:
        """Closed hours that had calls."""
        keys = {at: _hour_key(at) for at in _hours(start, end)}
        items = self._get(keys.values())
        return {
            at: lines_of(items[_name(key)]["lines"]["B"]) for at, key in keys.items() if _name(key) in items
        }

    def _rows(self, hours: Iterable[int]) -> dict[int, Mapping[Line, Count]]:
        """Hours, summed up from their rows."""
        starts = list(hours)
        shards = [(at, shard) for at in starts for shard in range(ROW_SHARDS)]
        entries: dict[int, list[Entry]] = {at: [] for at in starts}
        with ThreadPoolExecutor(_READERS) as readers:
            for (at, _), found in zip(
                shards, readers.map(lambda each: self._shard(*each), shards), strict=True
            ):
                entries[at] += found
        return {at: tally(found) for at, found in entries.items()}

    def _shard(self, at: int, shard: int) -> list[Entry]:
        items = rows(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"CALL#{hour_of(at)}#{shard}"}},
            ConsistentRead=True,
        )
        return [_to_entry(item) for item in items]

    def _get(self, wanted: Iterable[Item]) -> dict[tuple[str, str], Item]:
        """The items of these keys that there are, by the texts of their keys."""
        return {_name(item): item for item in batch(self._dynamodb, self._table, wanted)}


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, CHINA)


def _start(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp())


def _hour(at: float) -> int:
    return int(at // HOUR * HOUR)


def _midnight(at: float) -> int:
    return _start(_local(at).date())


def _hours(start: int, end: float) -> Iterator[int]:
    """The hours that begin between."""
    at = start
    while at < end:
        yield at
        at += int(HOUR)


def _hour_key(at: int) -> Item:
    return {"pk": {"S": f"LEDGER#{_local(at):%Y-%m}"}, "sk": {"S": f"{_local(at):%dT%H}"}}


def _day_key(day: date) -> Item:
    return {"pk": {"S": f"LEDGER#{day:%Y-%m}"}, "sk": {"S": f"{day:%d}"}}


def _name(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _to_entry(item: Item) -> Entry:
    member = item["member"]["S"] if "member" in item else ""
    line = Line(member, item["sk"]["S"].split("#")[0], item["cause"]["S"], item["outcome"]["S"])
    return Entry(line, item["billed"]["BOOL"])


def _to_day(item: Item | None) -> Day:
    return Day(lines_of(item["lines"]["B"]), hours_of(item["hours"]["B"])) if item else Day()
