"""The Tracking table, durable: in this stage, the access tokens. Keys `pk` and `sk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from waybill.access import Grant
from waybill.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Tracking:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def grant(self, token_hash: str) -> Grant | None:
        """What the token of this hash allows, expired or not; None for a token that was never given.

        Raises:
            StoreUnavailable: DynamoDB did not serve the read.
        """
        try:
            answer = self._dynamodb.get_item(
                TableName=self._table, Key=_token_key(token_hash), ConsistentRead=True
            )
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(
                "The token could not be checked. Ask again in a moment.", retry_after=2
            ) from error
        item: dict[str, Any] | None = answer.get("Item")
        if item is None:
            return None
        expires = item.get("expires_at")
        return Grant(
            item["member"]["S"], frozenset(item["scopes"]["SS"]), float(expires["N"]) if expires else None
        )

    def put_grant(self, token_hash: str, grant: Grant) -> None:
        """Let the token of this hash in. DynamoDB deletes it some time after it expired."""
        item: dict[str, Any] = {
            **_token_key(token_hash),
            "member": {"S": grant.member},
            "scopes": {"SS": sorted(grant.scopes)},
        }
        if grant.expires_at is not None:
            item["expires_at"] = {"N": str(int(grant.expires_at))}
        self._dynamodb.put_item(TableName=self._table, Item=item)


def _token_key(token_hash: str) -> dict[str, Any]:
    return {"pk": {"S": f"TOKEN#{token_hash}"}, "sk": {"S": "TOKEN"}}
