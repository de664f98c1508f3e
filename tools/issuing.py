"""Access tokens as an operator makes and ends them, whichever command it is that asks. Times are wall time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from waybill.access import Token, hash_token, new_token
from waybill.errors import InvalidField, NotFound

if TYPE_CHECKING:
    from waybill.tokens import Tokens

DAY: Final = 86_400
HOUR: Final = 3600
_REFUSALS: Final = {
    "ResourceNotFoundException": "There is no table {table!r} in this account and region; see the stack's output TrackingTable.",
    "NotFoundException": "There is no such API or stage in this account and region; see the stack's outputs ApiId and ApiStage.",
}


def create(tokens: Tokens, member: str, scopes: frozenset[str], label: str, days: float) -> tuple[str, Token]:
    """A new token, and what is known of it; it ends after so many days, or with 0 never."""
    secret = new_token()
    token = _token(secret, member, scopes, label, days)
    tokens.create(token)
    return secret, token


def rotate(tokens: Tokens, old: Token, days: float, overlap: float) -> tuple[str, Token, Token]:
    """A new token in the place of another, what is known of it, and the other, which works for so many hours yet.

    Raises:
        InvalidField: the other one works no more, or has a successor already.
    """
    if (state := old.state(time.time())) != "active":
        successor = f" by {old.replaced_by}" if old.replaced_by else ""
        raise InvalidField("id", f"{old.id} is {state}{successor}; create a new token instead.")
    secret = new_token()
    new = _token(secret, old.member, old.scopes, old.label, days)
    ended = tokens.rotate(old, new, new.created_at + int(overlap * HOUR))
    return secret, new, ended


def revoke(tokens: Tokens, token: Token) -> Token:
    return tokens.revoke(token, int(time.time()))


def find(tokens: Tokens, *, token_id: str | None = None, secret: str = "") -> Token:
    """The token of an id, or where there is none, the token itself.

    Raises:
        NotFound: there is none.
    """
    token = tokens.by_hash(hash_token(secret)) if token_id is None else tokens.by_id(token_id)
    if token is None:
        raise NotFound("There is no such token in this table. The list shows those that there are.")
    return token


def fields(token: Token) -> dict[str, Any]:
    """What the list tells, with times of RFC 3339."""
    return {
        "id": token.id,
        "member": token.member,
        "scopes": sorted(token.scopes),
        "state": token.state(time.time()),
        "created_at": instant(token.created_at) if token.created_at else None,
        "ends_at": instant(token.ends_at) if token.ends_at else None,
        "revoked_at": instant(token.revoked_at) if token.revoked_at else None,
        "replaced_by": token.replaced_by,
        "label": token.label,
    }


def instant(at: int | None) -> str:
    return "never" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reason(error: BaseException | None, table: str) -> str:
    """What to do about a refusal of AWS."""
    match error:
        case NoCredentialsError():
            return "There are no AWS credentials. Log in, or set AWS_PROFILE; `aws sts get-caller-identity` shows who you are."
        case NoRegionError():
            return "No AWS region is chosen. Set AWS_REGION to the one of the stack."
        case ClientError():
            code = error.response["Error"]["Code"]
            return _REFUSALS[code].format(table=table) if code in _REFUSALS else f"AWS refused: {error}"
    return f"AWS did not answer: {error}"


def _token(secret: str, member: str, scopes: frozenset[str], label: str, days: float) -> Token:
    now = int(time.time())
    ends_at = now + int(days * DAY) if days else None
    return Token(hash_token(secret), member, scopes, now, ends_at, label)
