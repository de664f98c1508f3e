"""The index `concerns` of the Tracking table, as it is read: what an operator should look at, by its keys, newest first.

It is behind its table by moments, so whoever reads an item by its key looks whether it still is what it was.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waybill import concern
from waybill.table import as_number, served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True, order=True)
class Concern:
    """The key of an item, and since when it is a concern, in epoch seconds of service time."""

    at: float
    pk: str
    sk: str


class Concerns:
    """Reads of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def newest(self, kind: str, limit: int) -> tuple[list[Concern], bool]:
        """Up to `limit` of a kind that is found among all members, and whether there are more."""
        parts = [self._read(concern.part(kind, shard), limit + 1) for shard in range(concern.SHARDS)]
        found = heapq.nlargest(limit + 1, (each for part in parts for each in part))
        return found[:limit], len(found) > limit

    def deliveries(
        self, member: str, webhook: str, state: str, limit: int, since: float = 0.0
    ) -> list[Concern]:
        """Up to `limit` deliveries of a webhook that have come to be in a state after `since`."""
        return self._read(concern.deliveries(member, webhook, state), limit, since)

    def _read(self, part: str, limit: int, since: float = 0.0) -> list[Concern]:
        answer = served(
            lambda: self._dynamodb.query(
                TableName=self._table,
                IndexName=concern.INDEX,
                KeyConditionExpression="concern = :part AND concerned_at > :since",
                ExpressionAttributeValues={":part": {"S": part}, ":since": as_number(since)},
                ScanIndexForward=False,
                Limit=limit,
            )
        )
        return [_to_concern(item) for item in answer["Items"]]


def _to_concern(item: dict[str, Any]) -> Concern:
    return Concern(float(item["concerned_at"]["N"]), item["pk"]["S"], item["sk"]["S"])
