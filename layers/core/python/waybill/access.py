"""Who may ask: bearer tokens, kept as hashes only. Expiry is wall time, since outsiders rely on it."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from waybill.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPES: Final = frozenset({"track", "manage", "pii", "admin"})
_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9\-._~+/]{8,200}=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: a member, scopes out of `SCOPES`, and an end in epoch seconds, or None."""

    member: str
    scopes: frozenset[str]
    expires_at: float | None = None


def new_token() -> str:
    """A token nobody can guess: 256 random bits behind a prefix that secret scanners can know."""
    return f"wb_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored instead of a token. Tokens have 256 random bits, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate(authorization: str, find: Callable[[str], Grant | None], wall: float) -> Grant | None:
    """The grant of an `Authorization` header, or None for no, a malformed, an unknown or an expired token (RFC 6750)."""
    match = _BEARER.fullmatch(authorization.strip())
    grant = find(hash_token(match[1])) if match else None
    if grant is None or (grant.expires_at is not None and grant.expires_at <= wall):
        return None
    return grant


def demand(scopes: frozenset[str], scope: str) -> None:
    if scope not in scopes:
        raise Forbidden(f"This token lacks the scope {scope!r}. Ask the operator for a token that has it.")
