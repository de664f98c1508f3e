"""What stays have taught, in the Tracking table: `LEARNED#<courier>` and, of all couriers together, `LEARNED#*`; a row a leg.

What journeys cost is one row more, of all couriers together.

Statistics: a line may get lost where two containers count at once, and a container may plan for a while with what it read before.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, replace
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final

from waybill.errors import HOUR, StoreUnavailable
from waybill.pace import Learned
from waybill.table import served, transacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.pace import Stay

Item = dict[str, Any]

ALL: Final = "*"
KEPT: Final = HOUR
"""So long, in service time, what was read is planned with."""
TRIES: Final = 2
_JOURNEYS: Final = "journeys"


@dataclass(frozen=True, slots=True)
class _Read:
    """One courier's rows as they were at a time: what they teach, and the revision of each."""

    at: float
    learned: Learned
    revisions: dict[str, int]


class Lessons:
    """Reads and writes of one table, for the threads of one container. `now` is service time."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, now: Callable[[], float]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._now = now
        self._read: dict[str, _Read] = {}
        self._pending: deque[tuple[str, Stay]] = deque()
        self._counting, self._reading = Lock(), RLock()

    def of(self, courier: str) -> Learned:
        """What is learned of a courier, over what is learned of all. Where that cannot be read, the tables have to do."""
        try:
            with self._reading:
                own, common = self._rows(courier), self._rows(ALL)
        except StoreUnavailable:
            return Learned()
        return replace(own.learned, common=common.learned)

    def add(self, courier: str, stays: Iterable[Stay]) -> None:
        """Count these stays. Where others count at once, it is tried once more, and then dropped.

        One thread writes at a time, also what others have come with meanwhile, who do not wait for it.
        """
        self._pending.extend((courier, stay) for stay in stays)
        while self._pending and self._counting.acquire(blocking=False):
            try:
                for each, counted in self._taken().items():
                    if not self._add(each, counted, fresh=False):
                        self._add(each, counted, fresh=True)
            except StoreUnavailable:
                return
            finally:
                self._counting.release()

    def over(self, calls: int, lasted: float) -> None:
        """Count a journey at its end: what it cost, and its seconds from registration until that end was seen.

        Tried once more and then dropped, as with stays.
        """
        for fresh in (False, True):
            try:
                common = self._rows(ALL, fresh=fresh)
                counted = _counted(common, common.learned.over(calls, lasted), (_JOURNEYS,))
                if transacted(self._dynamodb, [self._put(ALL, _JOURNEYS, counted)], lambda _: None, TRIES):
                    self._read[ALL] = counted
                    return
            except StoreUnavailable:
                return

    def _taken(self) -> dict[str, list[Stay]]:
        taken: dict[str, list[Stay]] = {}
        while self._pending:
            courier, stay = self._pending.popleft()
            taken.setdefault(courier, []).append(stay)
        return taken

    def _add(self, courier: str, stays: list[Stay], *, fresh: bool) -> bool:
        own, common = self._rows(courier, fresh=fresh), self._rows(ALL, fresh=fresh)
        taught, together = own.learned, common.learned
        for stay in stays:
            taught = replace(taught, common=together).after(stay)
            together = together.after(stay)
        legs = {stay.leg for stay in stays}
        counted = {
            courier: _counted(own, replace(taught, common=None), legs),
            ALL: _counted(common, together, legs),
        }
        puts = [self._put(scope, leg, row) for scope, row in counted.items() for leg in sorted(legs)]
        if not transacted(self._dynamodb, puts, lambda _: None, TRIES):
            return False
        self._read.update(counted)
        return True

    def _put(self, scope: str, leg: str, row: _Read) -> Any:
        revision = row.revisions[leg]
        condition: Item = {"ConditionExpression": "attribute_not_exists(pk)"}
        if revision > 1:
            condition = {
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": {":revision": {"N": str(revision - 1)}},
            }
        item = {
            "pk": {"S": f"LEARNED#{scope}"},
            "sk": {"S": leg},
            "revision": {"N": str(revision)},
            "tally": {"S": json.dumps(row.learned.to_dict().get(leg, {}))},
        }
        return {"Put": {"TableName": self._table, "Item": item, **condition}}

    def _rows(self, scope: str, *, fresh: bool = False) -> _Read:
        now = self._now()
        kept = self._read.get(scope)
        if kept is not None and not fresh and now - kept.at < KEPT:
            return kept
        answer = served(
            lambda: self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"LEARNED#{scope}"}},
                ConsistentRead=fresh,
            )
        )
        tallies = {item["sk"]["S"]: json.loads(item["tally"]["S"]) for item in answer["Items"]}
        revisions = {item["sk"]["S"]: int(item["revision"]["N"]) for item in answer["Items"]}
        self._read[scope] = read = _Read(now, Learned.from_dict(tallies), revisions)
        return read


def _counted(before: _Read, learned: Learned, legs: Iterable[str]) -> _Read:
    return _Read(
        before.at, learned, {**before.revisions, **{leg: before.revisions.get(leg, 0) + 1 for leg in legs}}
    )
