"""The index `unpublished` of the Tracking table: what is in the outbox, read as it stands, and taken out of it when it is sent."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waybill.outbox import NOTICE, SHARDS
from waybill.table import as_number, batch, rows, served

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Unpublished:
    """An item of the outbox: its key, when it was born (epoch seconds of service time), and what to send to which channel."""

    key: Key
    born_at: float
    message: str
    channel: str = ""


class Outbox:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def waiting(self, until: float, page: int) -> Iterator[tuple[float, Key]]:
        """When it was born and the key of all that was by `until`, the oldest first, read in pages of `page` as it is asked for.

        The index is a moment behind: what was just sent may show itself once more, and `read` then leaves it out.
        """
        return heapq.merge(*(self._shard(f"UNPUBLISHED#{shard:02}", until, page) for shard in range(SHARDS)))

    def read(self, keys: Iterable[Key]) -> list[Unpublished]:
        """Those of these that are still to be sent, the oldest first."""
        wanted = [_key(key) for key in dict.fromkeys(keys)]
        items = batch(self._dynamodb, self._table, wanted)
        found = (_to_unpublished(item) for item in items if "unpublished" in item)
        return sorted(found, key=lambda each: (each.born_at, each.key))

    def sent(self, each: Unpublished) -> None:
        """Take it out of the outbox; what has gone, or is another by now, stays as it is."""
        where: Any = {
            "TableName": self._table,
            "Key": _key(each.key),
            "ConditionExpression": "attribute_exists(unpublished) AND born_at = :born",
            "ExpressionAttributeValues": {":born": as_number(each.born_at)},
        }
        try:
            if each.key[1].startswith(NOTICE):
                served(lambda: self._dynamodb.delete_item(**where))
            else:
                remove = "REMOVE unpublished, message, channel"
                served(lambda: self._dynamodb.update_item(UpdateExpression=remove, **where))
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def _shard(self, shard: str, until: float, page: int) -> Iterator[tuple[float, Key]]:
        items = rows(
            self._dynamodb,
            TableName=self._table,
            IndexName="unpublished",
            KeyConditionExpression="unpublished = :shard AND born_at <= :until",
            ExpressionAttributeValues={":shard": {"S": shard}, ":until": as_number(until)},
            Limit=page,
        )
        return ((float(item["born_at"]["N"]), (item["pk"]["S"], item["sk"]["S"])) for item in items)


def _key(key: Key) -> Any:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _to_unpublished(item: dict[str, Any]) -> Unpublished:
    return Unpublished(
        key=(item["pk"]["S"], item["sk"]["S"]),
        born_at=float(item["born_at"]["N"]),
        message=item["message"]["S"],
        channel=item["channel"]["S"] if "channel" in item else "",
    )
