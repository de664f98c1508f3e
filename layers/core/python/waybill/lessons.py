"""What stays have taught, in the Tracking table: `LEARNED#<courier>` and, of all couriers together, `LEARNED#*`; a row a leg.

What journeys cost is one row more, of all couriers together.

Statistics: a line may get lost where two containers count at once, and a container may plan for a while with what it read before.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from waybill.errors import HOUR, StoreUnavailable
from waybill.pace import Learned
from waybill.table import served, transacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    """Reads and writes of one table. Any thread of a container may plan by it and add to it; one writes. `now` is service time."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        now: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._now = now
        self._pause = pause
        self._read: dict[str, _Read] = {}
        self._stays: deque[tuple[str, Stay]] = deque()
        self._journeys: deque[tuple[int, float]] = deque()
        self._reading = RLock()

    def of(self, courier: str) -> Learned:
        """What is learned of a courier, over what is learned of all. Where that cannot be read, the tables have to do."""
        try:
            with self._reading:
                own, common = self._rows(courier), self._rows(ALL)
        except StoreUnavailable:
            return Learned()
        return replace(own.learned, common=common.learned)

    def add(self, courier: str, stays: Iterable[Stay]) -> None:
        """Keep these stays for `write`."""
        self._stays.extend((courier, stay) for stay in stays)

    def over(self, calls: int, lasted: float) -> None:
        """Keep a journey at its end for `write`: what it cost, and its seconds from registration until that end was seen."""
        self._journeys.append((calls, lasted))

    def write(self) -> None:
        """Count what was kept, all at once. Where others count too, it is tried once more, and then dropped."""
        stays: dict[str, list[Stay]] = {}
        while self._stays:
            courier, stay = self._stays.popleft()
            stays.setdefault(courier, []).append(stay)
        journeys = [self._journeys.popleft() for _ in range(len(self._journeys))]
        with contextlib.suppress(StoreUnavailable):
            for courier, together in stays.items():
                any(self._add(courier, together, fresh=fresh) for fresh in (False, True))
            if journeys:
                any(self._over(journeys, fresh=fresh) for fresh in (False, True))

    def _over(self, journeys: list[tuple[int, float]], *, fresh: bool) -> bool:
        common = self._rows(ALL, fresh=fresh)
        learned = common.learned
        for calls, lasted in journeys:
            learned = learned.over(calls, lasted)
        return self._put({ALL: _counted(common, learned, {_JOURNEYS})}, {_JOURNEYS})

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
        return self._put(counted, legs)

    def _put(self, counted: Mapping[str, _Read], legs: set[str]) -> bool:
        """Whether the rows of these legs were written, and nobody had changed them since they were read."""
        actions = []
        for scope, row in counted.items():
            few = {leg: tally for leg, tally in row.learned.tallies.items() if leg in legs}
            told = replace(row.learned, tallies=few).to_dict()
            actions += [
                self._action(scope, leg, row.revisions[leg], told.get(leg, {})) for leg in sorted(legs)
            ]
        if not transacted(self._dynamodb, actions, self._pause, TRIES):
            return False
        self._read.update(counted)
        return True

    def _action(self, scope: str, leg: str, revision: int, told: Mapping[str, Any]) -> Any:
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
            "tally": {"S": json.dumps(told)},
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
