"""Counters of budgets in the Tracking table, `BUDGET#<period>#<scope>#<shard>`, and the marks that warnings leave beside them.

A mark is born into the outbox, so that whoever is to hear of it does.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from waybill import notifications, outbox
from waybill.budgets import SHARDS, WARNED_AT
from waybill.errors import DAY, StoreUnavailable
from waybill.table import as_number, batch, served

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.budgets import Budget

Item = dict[str, Any]

KEEP: Final = 400 * DAY


EXACT: Final = 50 * SHARDS
"""Budgets of up to so many calls are looked at with every call; larger ones with the calls of one shard."""


class Spending:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `on_warning` hears once in a period, whoever sees it first, that 80 or 100 percent of a budget are used.
    """

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, on_warning: Callable[[Budget, int], None]
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._on_warning = on_warning
        self._told: set[tuple[str, str, int]] = set()

    def used(self, budget: Budget, now: float) -> list[int]:
        """Calls taken from each shard in the running period."""
        pks = {_pk(budget, shard, now): shard for shard in range(SHARDS)}
        counts = [0] * SHARDS
        for item in batch(self._dynamodb, self._table, map(_key, pks)):
            counts[pks[item["pk"]["S"]]] = int(item["used"]["N"])
        return counts

    def taking(self, budget: Budget, shard: int, now: float, *, scheduled: bool) -> Item:
        """A transaction's action: one call from a shard that has one left."""
        allotment = budget.allotment(shard, scheduled=scheduled)
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(_pk(budget, shard, now)),
                "UpdateExpression": "ADD used :one SET expires_at = :expires",
                "ConditionExpression": f"{'attribute_not_exists(used) OR ' if allotment else ''}used < :allotment",
                "ExpressionAttributeValues": {
                    ":one": {"N": "1"},
                    ":allotment": as_number(allotment),
                    ":expires": as_number(int(now + KEEP)),
                },
            }
        }

    def giving_back(self, budget: Budget, shard: int, taken_at: float) -> Item:
        """A transaction's action: a call that was taken and not made."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(_pk(budget, shard, taken_at)),
                "UpdateExpression": "ADD used :minus",
                "ExpressionAttributeValues": {":minus": {"N": "-1"}},
            }
        }

    def look(self, budget: Budget, shard: int, now: float) -> None:
        """After a call: see whether a warning is due. A store that is away delays it to a later call."""
        if budget.limit <= EXACT or shard == 0:
            with contextlib.suppress(StoreUnavailable):
                self.warn(budget, sum(self.used(budget, now)), now)

    def warn(self, budget: Budget, used: int, now: float) -> None:
        """Warn of what is used, if that is news."""
        for percent in (round(100 * WARNED_AT), 100):
            mark = (budget.scope, budget.name(now), percent)
            if used * 100 < budget.limit * percent or mark in self._told:
                continue
            if self._mark(budget, now, percent):
                self._on_warning(budget, percent)
            self._told.add(mark)

    def _mark(self, budget: Budget, now: float, percent: int) -> bool:
        """Whether this is the first time that so much of the running period's budget is seen to be used."""
        item: Item = {
            "pk": {"S": f"BUDGET#{budget.name(now)}"},
            "sk": {"S": f"WARNED#{percent:03}"},
            "at": as_number(now),
            "limit": as_number(budget.limit),
            **outbox.entry(notifications.of_budget(budget, percent, now), now),
            "expires_at": as_number(int(now + KEEP)),
        }
        try:
            served(
                lambda: self._dynamodb.put_item(
                    TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _pk(budget: Budget, shard: int, now: float) -> str:
    return f"BUDGET#{budget.name(now)}#{shard}"


def _key(pk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": "COUNTER"}}
