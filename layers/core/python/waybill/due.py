"""The `due` index of the Tracking table: parcels that wait to be looked at, what waits to be said, and who sends it on its way.

Followed parcels are in `tracked.SHARDS` parts of it, deliveries and letters that wait in `messages.LATER_SHARDS`, each ordered by
time: what is read is what is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waybill.errors import StoreUnavailable
from waybill.table import as_number, rows, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Due:
    """The key of what waits and the time at which it was due when it was read, in epoch seconds of service time."""

    pk: str
    sk: str
    due_at: float


class DueIndex:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def waiting(self, shard: str, now: float, page: int) -> Iterator[Due]:
        """What is due by `now` in one shard, oldest first, read in pages of `page` as it is asked for.

        The index is a moment behind: what was just claimed may show itself once more, and `claim` then leaves it alone.
        """
        items = rows(
            self._dynamodb,
            TableName=self._table,
            IndexName="due",
            KeyConditionExpression="due_shard = :shard AND due_at <= :now",
            ExpressionAttributeValues={":shard": {"S": shard}, ":now": as_number(now)},
            Limit=page,
        )
        return map(_to_due, items)

    def claim(self, due: Due, until: float) -> bool:
        """Have it due at `until` instead; False where somebody claimed or rescheduled it, or is about to."""
        try:
            served(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": due.pk}, "sk": {"S": due.sk}},
                    UpdateExpression="SET due_at = :until",
                    ConditionExpression="due_at = :seen",
                    ExpressionAttributeValues={":until": as_number(until), ":seen": {"N": repr(due.due_at)}},
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        except StoreUnavailable as error:
            if isinstance(error.__cause__, self._dynamodb.exceptions.TransactionConflictException):
                return False
            raise
        return True


def _to_due(item: dict[str, Any]) -> Due:
    return Due(item["pk"]["S"], item["sk"]["S"], float(item["due_at"]["N"]))
