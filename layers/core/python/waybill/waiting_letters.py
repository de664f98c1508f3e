"""Letters that wait for the end of quiet hours, in the Tracking table under `messages.letter_key`: one for each shipment.

::

    event 4 --> waits until 8:00
    event 5 --> waits in its place ----- 8:00, in the index `due` --> the letter of event 5, whose timeline tells of 4 as well
    event 4, said again --> nothing: the item stays, out of the index

A newer event takes an older one's place, never the other way round, even when the letter has been sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from waybill.errors import DAY
from waybill.messages import later_shard, letter_key
from waybill.table import as_number, served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.messages import Letter

KEPT: Final = 30 * DAY
"""As long as the event is in the feed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The event that a letter is about, and whether it still has to be sent."""

    sequence: int
    due: bool


class WaitingLetters:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, letter: Letter) -> Waiting | None:
        answer = served(
            lambda: self._dynamodb.get_item(TableName=self._table, Key=_key(letter), ConsistentRead=True)
        )
        item = answer.get("Item")
        return Waiting(int(item["sequence"]["N"]), "due_at" in item) if item else None

    def put(self, letter: Letter, sequence: int, until: float, now: float) -> None:
        """Have the letter of this event wait, unless one of a newer event does."""
        item: dict[str, Any] = {
            **_key(letter),
            "sequence": as_number(sequence),
            "due_shard": {"S": later_shard(*letter_key(letter))},
            "due_at": as_number(until),
            "expires_at": as_number(int(now + KEPT)),
        }
        try:
            served(
                lambda: self._dynamodb.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk) OR #sequence <= :sequence",
                    ExpressionAttributeNames={"#sequence": "sequence"},
                    ExpressionAttributeValues={":sequence": as_number(sequence)},
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def settle(self, letter: Letter, sequence: int) -> None:
        """The letter of this event waits no longer; another's does."""
        try:
            served(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(letter),
                    UpdateExpression="REMOVE due_shard, due_at",
                    ConditionExpression="#sequence = :sequence",
                    ExpressionAttributeNames={"#sequence": "sequence"},
                    ExpressionAttributeValues={":sequence": as_number(sequence)},
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return


def _key(letter: Letter) -> dict[str, Any]:
    pk, sk = letter_key(letter)
    return {"pk": {"S": pk}, "sk": {"S": sk}}
