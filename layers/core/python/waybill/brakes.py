"""The brake in the Cache table: one item, `BRAKE`, that workers add to once a batch and the dispatch judges once a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from waybill.brake import Brake
from waybill.errors import DAY
from waybill.table import as_number, served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY: Final = {"pk": {"S": "BRAKE"}}


class Brakes:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def count(self, calls: int, faults: int, now: float) -> None:
        """Add what a batch's calls came to."""
        served(
            lambda: self._dynamodb.update_item(
                TableName=self._table,
                Key=_KEY,
                UpdateExpression="SET expires_at = :expires ADD calls :calls, faults :faults",
                ExpressionAttributeValues={
                    ":expires": as_number(int(now + DAY)),
                    ":calls": as_number(calls),
                    ":faults": as_number(faults),
                },
            )
        )

    def judge(self) -> Brake:
        """The brake for a run that begins now: what was counted is judged, if it is enough, and counted off."""
        answer = served(lambda: self._dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True))
        if "Item" not in answer:
            return Brake()
        brake = _to_brake(answer["Item"])
        if not brake.can_be_judged:
            return brake
        judged = brake.judged()
        self._settle(brake, judged)
        return judged

    def _settle(self, seen: Brake, judged: Brake) -> None:
        values = {
            ":calls": as_number(-seen.calls),
            ":faults": as_number(-seen.faults),
            ":seen": as_number(seen.calls),
        }
        update = "REMOVE most ADD calls :calls, faults :faults"
        if judged.most is not None:
            update = "SET most = :most ADD calls :calls, faults :faults"
            values[":most"] = as_number(judged.most)
        try:
            served(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_KEY,
                    UpdateExpression=update,
                    ConditionExpression="calls >= :seen",
                    ExpressionAttributeValues=values,
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # another run has judged the same calls


def _to_brake(item: dict[str, Any]) -> Brake:
    return Brake(
        calls=int(item["calls"]["N"]),
        faults=int(item["faults"]["N"]),
        most=int(item["most"]["N"]) if "most" in item else None,
    )
