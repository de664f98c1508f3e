"""Links to a parcel's page: `SHARE#<SHA-256 of the link's token>` in the Tracking table. Who has the link needs no other token.

A link is of one shipment in one generation: revoking counts the shipment's up, and whatever was made before shows nothing from then
on, without a list of links. One that was registered again is another shipment, which its time of birth tells. Times are wall time:
`expires_at` is the table's TTL, too, but DynamoDB deletes when it pleases, so it is always compared.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from waybill.shipments import Link
from waybill.table import served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.shipments import Shipment

TOKEN: Final = "^[A-Za-z0-9_-]{43}$"  # noqa: S105 - what one looks like
"""256 bits in base64url."""
PATH: Final = "/v1/t/"


@dataclass(frozen=True, slots=True)
class Share:
    """What a link shows; `created_at` is when the shipment was registered, as it is written there."""

    member: str
    order_id: str
    link: Link
    generation: int
    created_at: str
    expires_at: int

    @classmethod
    def of(cls, ship: Shipment, expires_at: int) -> Self:
        return cls(
            member=ship.member,
            order_id=ship.order_id,
            link=ship.link,
            generation=ship.share_generation,
            created_at=repr(ship.created_at),
            expires_at=expires_at,
        )

    def opens(self, ship: Shipment, wall: float) -> bool:
        """Whether the link still shows this shipment, which is the one that stands under its names."""
        return wall < self.expires_at and self == Share.of(ship, self.expires_at)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_of(key: bytes, ship: Shipment) -> str:
    """The same for one shipment and generation, so that all its letters have one link; nobody guesses it without the key."""
    said = f"share:{ship.id}:{ship.created_at!r}:{ship.share_generation}"
    raw = hmac.new(key, said.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Shares:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, token: str, share: Share) -> None:
        """Let a token show what the share says; again, with another end."""
        item: dict[str, Any] = {
            **_key(token),
            "member": {"S": share.member},
            "order_id": {"S": share.order_id},
            "courier": {"S": share.link.courier},
            "number": {"S": share.link.number},
            "generation": {"N": str(share.generation)},
            "created_at": {"S": share.created_at},
            "expires_at": {"N": str(share.expires_at)},
        }
        served(lambda: self._dynamodb.put_item(TableName=self._table, Item=item))

    def get(self, token: str) -> Share | None:
        """What a token was made to show, also when that is over; None for one that was never made, or that is none."""
        if not re.fullmatch(TOKEN, token):
            return None
        answer = served(
            lambda: self._dynamodb.get_item(TableName=self._table, Key=_key(token), ConsistentRead=True)
        )
        if "Item" not in answer:
            return None
        item = answer["Item"]
        return Share(
            member=item["member"]["S"],
            order_id=item["order_id"]["S"],
            link=Link(item["courier"]["S"], item["number"]["S"]),
            generation=int(item["generation"]["N"]),
            created_at=item["created_at"]["S"],
            expires_at=int(item["expires_at"]["N"]),
        )


def _key(token: str) -> dict[str, Any]:
    return {
        "pk": {"S": f"SHARE#{hashlib.sha256(token.encode()).hexdigest()}"},
        "sk": {"S": "SHARE"},
    }
