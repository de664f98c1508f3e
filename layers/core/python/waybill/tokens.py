"""Access tokens in the Tracking table, as hashes only, and the gateway's key of a member that has limits of its own.

A token is two items, written in one transaction, so that neither is ever there without the other:

- `TOKEN#<hash>`, `TOKEN`: what the authorizer reads. Gone as soon as the token is revoked.
- `TOKENS`, `TOKEN#<member>#<id>`: the operator's register, listed by a Query. A line outlives its token by `KEEP_SECONDS`, so that
  a list still tells what became of it.

`expires_at` is the table's TTL. DynamoDB deletes when it pleases, so the end of a token is always compared, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from waybill.access import Grant, Token
from waybill.errors import DAY, TokenChanged
from waybill.table import rows, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

KEEP_SECONDS: Final = int(90 * DAY)
_REGISTER: Final = "TOKENS"
_NEW: Final = "attribute_not_exists(pk)"
_STANDING: Final = "attribute_exists(pk)"
_CURRENT: Final = "attribute_not_exists(revoked_at) AND attribute_not_exists(replaced_by)"


class Tokens:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def grant(self, token_hash: str) -> Grant | None:
        """What the token of this hash allows, expired or not; None for a token that was never given, or revoked."""
        item = self._get(_token_key(token_hash), consistent=True)
        if item is None:
            return None
        return Grant(item["member"]["S"], frozenset(item["scopes"]["SS"]), _whole(item, "expires_at"))

    def usage_key(self, member: str) -> str | None:
        """The member's own key of the gateway's usage plans; None for a member without limits of its own."""
        item = self._get(_member_key(member), consistent=False)
        return str(item["usage_key"]["S"]) if item else None

    def put_usage_key(self, member: str, usage_key: str) -> None:
        item = {**_member_key(member), "usage_key": {"S": usage_key}}
        served(lambda: self._dynamodb.put_item(TableName=self._table, Item=item))

    def delete_usage_key(self, member: str) -> None:
        served(lambda: self._dynamodb.delete_item(TableName=self._table, Key=_member_key(member)))

    def create(self, token: Token) -> None:
        """Let a token in.

        Raises:
            TokenChanged: it is there already.
        """
        self._write(*self._putting(token, _NEW, _NEW))

    def rotate(self, old: Token, new: Token, ends_at: int) -> Token:
        """Let `new` in, in the place of `old`: the old one as it is now.

        It ends at `ends_at`, or before that as it was to; at once where that is not after the birth of the new one.

        Raises:
            TokenChanged: the old one has been revoked, replaced or deleted meanwhile.
        """
        ends_at = ends_at if old.ends_at is None else min(ends_at, old.ends_at)
        if ends_at > new.created_at:
            ending = replace(old, ends_at=ends_at, replaced_by=new.id)
            shortened = self._putting(ending, _STANDING, _CURRENT)
        else:
            ending = replace(old, revoked_at=new.created_at, replaced_by=new.id)
            shortened = [
                self._deleting(old, ConditionExpression=_STANDING),
                self._registering(ending, _CURRENT),
            ]
        self._write(*self._putting(new, _NEW, _NEW), *shortened)
        return ending

    def revoke(self, token: Token, wall: int) -> Token:
        """End a token; again for one that was revoked before changes nothing. The token as it is now."""
        revoked = token if token.revoked_at is not None else replace(token, revoked_at=wall)
        self._write(self._deleting(token), self._registering(revoked))
        return revoked

    def registered(self, member: str | None = None) -> Iterator[Token]:
        """Every token that is known of, or those of one member, by member."""
        prefix = f"TOKEN#{_escaped(member)}#" if member is not None else "TOKEN#"
        items = rows(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :register AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":register": {"S": _REGISTER}, ":prefix": {"S": prefix}},
            ConsistentRead=True,
        )
        return map(_to_token, items)

    def by_id(self, token_id: str) -> Token | None:
        return next((token for token in self.registered() if token.id == token_id), None)

    def by_hash(self, token_hash: str) -> Token | None:
        """The token of this hash, unless it was revoked. It may be older than the register, and then has no line in it."""
        grant = self.grant(token_hash)
        if grant is None:
            return None
        ends_at = None if grant.expires_at is None else int(grant.expires_at)
        token = Token(token_hash, grant.member, grant.scopes, created_at=0, ends_at=ends_at)
        line = self._get(_register_key(token), consistent=True)
        return _to_token(line) if line else token

    def _putting(self, token: Token, unless: str, unless_registered: str) -> list[Item]:
        item: Item = {
            **_token_key(token.hash),
            "id": {"S": token.id},
            "member": {"S": token.member},
            "scopes": {"SS": sorted(token.scopes)},
        }
        if token.ends_at is not None:
            item["expires_at"] = {"N": str(token.ends_at)}
        put = {"TableName": self._table, "Item": item, "ConditionExpression": unless}
        return [{"Put": put}, self._registering(token, unless_registered)]

    def _registering(self, token: Token, unless: str | None = None) -> Item:
        ended = min((at for at in (token.ends_at, token.revoked_at) if at is not None), default=None)
        numbers = {
            "created_at": token.created_at,
            "ends_at": token.ends_at,
            "revoked_at": token.revoked_at,
            "expires_at": None if ended is None else ended + KEEP_SECONDS,
        }
        item: Item = {
            **_register_key(token),
            "id": {"S": token.id},
            "hash": {"S": token.hash},
            "member": {"S": token.member},
            "scopes": {"SS": sorted(token.scopes)},
            "label": {"S": token.label},
            **{name: {"N": str(number)} for name, number in numbers.items() if number is not None},
        }
        if token.replaced_by:
            item["replaced_by"] = {"S": token.replaced_by}
        condition = {"ConditionExpression": unless} if unless else {}
        return {"Put": {"TableName": self._table, "Item": item, **condition}}

    def _deleting(self, token: Token, **condition: str) -> Item:
        return {"Delete": {"TableName": self._table, "Key": _token_key(token.hash), **condition}}

    def _write(self, *writes: Any) -> None:
        """All of them or none.

        Raises:
            TokenChanged: a condition does not hold, or somebody writes the same items right now.
        """
        try:
            served(lambda: self._dynamodb.transact_write_items(TransactItems=writes))
        except self._dynamodb.exceptions.TransactionCanceledException as error:
            raise TokenChanged(
                "The token was changed by somebody else meanwhile, so nothing was written. Look at the list, then try again."
            ) from error

    def _get(self, key: Item, *, consistent: bool) -> Item | None:
        answer = served(
            lambda: self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=consistent)
        )
        item: Item | None = answer.get("Item")
        return item


def _token_key(token_hash: str) -> Item:
    return {"pk": {"S": f"TOKEN#{token_hash}"}, "sk": {"S": "TOKEN"}}


def _register_key(token: Token) -> Item:
    return {"pk": {"S": _REGISTER}, "sk": {"S": f"TOKEN#{_escaped(token.member)}#{token.id}"}}


def _member_key(member: str) -> Item:
    return {"pk": {"S": f"MEMBER#{member}"}, "sk": {"S": "MEMBER"}}


def _escaped(member: str) -> str:
    """A member's name without `#`, so that no name followed by `#` begins another one's key."""
    return member.replace("%", "%25").replace("#", "%23")


def _whole(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def _to_token(item: Item) -> Token:
    return Token(
        hash=item["hash"]["S"],
        member=item["member"]["S"],
        scopes=frozenset(item["scopes"]["SS"]),
        created_at=int(item["created_at"]["N"]),
        ends_at=_whole(item, "ends_at"),
        label=item["label"]["S"],
        revoked_at=_whole(item, "revoked_at"),
        replaced_by=item["replaced_by"]["S"] if "replaced_by" in item else None,
    )
