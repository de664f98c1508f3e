"""The `due` index of the Tracking table: which parcels wait to be looked at again, and who sends one on its way.

Only parcels that are followed are in it, each in one of `schedule.SHARDS` parts, ordered by time: what is read is what is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waybill.errors import StoreUnavailable
from waybill.shipments import Link
from waybill.table import as_number, served
from waybill.tracked import parcel_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryOutputTypeDef


@dataclass(frozen=True, slots=True)
class Due:
    """A parcel and the time at which it was due when it was read, in epoch seconds of service time."""

    link: Link
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
        start: dict[str, Any] = {}
        while True:
            answer = self._page(shard, now, page, start)
            yield from (_to_due(item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def claim(self, due: Due, until: float) -> bool:
        """Have the parcel due at `until` instead; False where somebody claimed or rescheduled it, or is about to."""
        try:
            served(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key={
                        "pk": {"S": parcel_key(due.link)},
                        "sk": {"S": "PARCEL"},
                    },
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

    def _page(self, shard: str, now: float, page: int, start: dict[str, Any]) -> QueryOutputTypeDef:
        return served(
            lambda: self._dynamodb.query(
                TableName=self._table,
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues={":shard": {"S": shard}, ":now": as_number(now)},
                Limit=page,
                **start,
            )
        )


def _to_due(item: dict[str, Any]) -> Due:
    _, courier, number = item["pk"]["S"].split("#", 2)
    return Due(Link(courier, number), float(item["due_at"]["N"]))
