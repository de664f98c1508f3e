"""The budgets that single members have instead of the default ones, in the Tracking table: `MEMBER#<member>`, `BUDGET`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from waybill.table import served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]


class MemberBudgets:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, member: str) -> tuple[int | None, int | None]:
        """The member's own calls a day and a month; None where the default holds."""
        answer = served(lambda: self._dynamodb.get_item(TableName=self._table, Key=_key(member)))
        item = answer.get("Item", {})
        return _limit(item, "day"), _limit(item, "month")

    def put(self, member: str, day: int | None, month: int | None) -> None:
        """Give a member budgets of its own, in the place of those that it had."""
        limits = {"day": day, "month": month}
        item: Item = {**_key(member), **{name: {"N": str(limit)} for name, limit in limits.items() if limit}}
        served(lambda: self._dynamodb.put_item(TableName=self._table, Item=item))

    def delete(self, member: str) -> bool:
        """Take a member's own budgets away; whether there were any."""
        answer = served(
            lambda: self._dynamodb.delete_item(
                TableName=self._table, Key=_key(member), ReturnValues="ALL_OLD"
            )
        )
        return "Attributes" in answer


def _key(member: str) -> Item:
    return {"pk": {"S": f"MEMBER#{member}"}, "sk": {"S": "BUDGET"}}


def _limit(item: Item, name: str) -> int | None:
    return int(item.get(name, {"N": "0"})["N"]) or None
