"""Who is not to be written to: `SUPPRESSED#<hash of the address>` in the Tracking table, and the links that lead there.

::

    ALL                              the address bounced, or its owner complained: nobody writes to it
    MEMBER#<hash of the member>      its owner wants no mails of this member
    SHIPMENT#<shipment id>           nor about this parcel

Neither addresses nor members can be read from an item or from a link: both hold hashes under a key of the deployment's own. A link
works for good, so that key is not to be changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from waybill.table import as_number, served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.shipments import Shipment

ALL: Final = "ALL"
_SHIPMENT: Final = "shp_"
_SHIPMENT_BYTES: Final = 10
_HASH_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who got a letter and about what: `address` and `member` are keyed hashes in hex, `shipment` the shipment's id."""

    address: str
    member: str
    shipment: str

    @classmethod
    def of(cls, key: bytes, ship: Shipment, email: str) -> Recipient:
        return cls(address_hash(key, email), _hash(key, "member", ship.member), ship.id)

    @property
    def of_member(self) -> str:
        """What stops all mails of the member."""
        return f"MEMBER#{self.member}"

    @property
    def of_shipment(self) -> str:
        """What stops mails about the shipment."""
        return f"SHIPMENT#{self.shipment}"

    def token(self, key: bytes) -> str:
        """For a link: base64url, of 78 characters; whoever has not got the key cannot make one."""
        names = (self.shipment.removeprefix(_SHIPMENT), self.member, self.address)
        said = b"".join(map(bytes.fromhex, names))
        return base64.urlsafe_b64encode(said + _mac(key, said)).rstrip(b"=").decode()

    @classmethod
    def read(cls, key: bytes, token: str) -> Recipient:
        """Of a link's token.

        Raises:
            ValueError: it was not made with this key.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise ValueError("not base64url") from error
        said, mac = raw[:-_HASH_BYTES], raw[-_HASH_BYTES:]
        if not hmac.compare_digest(mac, _mac(key, said)):
            raise ValueError("not made with this key")
        shipment, member, address = (
            said[:_SHIPMENT_BYTES],
            said[_SHIPMENT_BYTES:-_HASH_BYTES],
            said[-_HASH_BYTES:],
        )
        return cls(address.hex(), member.hex(), f"{_SHIPMENT}{shipment.hex()}")


def address_hash(key: bytes, email: str) -> str:
    """The same however an address is written in capitals; 32 hex digits."""
    return _hash(key, "address", email.strip().lower())


class Suppressions:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, address: str, what: str, why: str, now: float) -> None:
        """Write no more: `what` is ALL, or a recipient's `of_member` or `of_shipment`. What stands already stays as it is."""
        item = {
            "pk": {"S": _pk(address)},
            "sk": {"S": what},
            "why": {"S": why},
            "at": as_number(now),
        }
        try:
            served(
                lambda: self._dynamodb.put_item(
                    TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def stop(self, recipient: Recipient) -> str | None:
        """Why the recipient is not written to; None: it may be."""
        answer = served(
            lambda: self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": _pk(recipient.address)}},
                ConsistentRead=True,
            )
        )
        stops = {ALL, recipient.of_member, recipient.of_shipment}
        return next((item["why"]["S"] for item in answer["Items"] if item["sk"]["S"] in stops), None)


def _pk(address: str) -> str:
    return f"SUPPRESSED#{address}"


def _hash(key: bytes, kind: str, text: str) -> str:
    return hmac.new(key, f"{kind}:{text}".encode(), hashlib.sha256).digest()[:_HASH_BYTES].hex()


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.new(key, b"unsubscribe:" + said, hashlib.sha256).digest()[:_HASH_BYTES]
