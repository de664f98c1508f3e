"""Who may ask: bearer tokens. Ours are opaque and kept as hashes only; those of an OpenID issuer are JWTs and kept nowhere.

Expiry is wall time, since outsiders rely on it.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from waybill.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCOPES: Final = frozenset({"track", "manage", "pii", "admin"})
LEEWAY_SECONDS: Final = 60.0
"""How far the issuer's clock may be from ours."""
MEMBER_LENGTH: Final = 128
_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_JWT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_OPAQUE_LENGTHS: Final = range(8, 201)
_JWT_LENGTHS: Final = range(20, 8001)  # the gateway takes 10,240 bytes of headers in all
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: a member, scopes out of `SCOPES`, and an end in epoch seconds, or None."""

    member: str
    scopes: frozenset[str]
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What an operator is told of a token of ours. Times are whole epoch seconds; no `ends_at`: it does not end by itself.

    `replaced_by` is the id of the token that was made in its place.
    """

    hash: str
    member: str
    scopes: frozenset[str]
    created_at: int
    ends_at: int | None = None
    label: str = ""
    revoked_at: int | None = None
    replaced_by: str | None = None

    @property
    def id(self) -> str:
        """What a token is called in public. It tells nothing of the token, which has 256 random bits."""
        return f"tok_{self.hash[:12]}"

    def state(self, wall: float) -> str:
        if self.revoked_at is not None:
            return "revoked"
        if self.ends_at is not None and self.ends_at <= wall:
            return "expired"
        return "replaced" if self.replaced_by else "active"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose JWTs get in, and what their claims mean: OpenID Connect Discovery 1.0, RFC 7519, RFC 8725."""

    url: str
    audience: str
    member_claim: str
    scope_claim: str
    default_scopes: frozenset[str]


def new_token() -> str:
    """A token nobody can guess: 256 random bits behind a prefix that secret scanners can know."""
    return f"wb_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored instead of a token. Tokens have 256 random bits, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_member(name: object) -> bool:
    """Whether a member may be called so: a text of 1 to 128 printable characters."""
    return isinstance(name, str) and 1 <= len(name) <= MEMBER_LENGTH and name.isprintable()


def is_private(url: str) -> bool:
    """Whether nobody on the way can change what comes from an address: https, or this very machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return loopback or (parts.scheme == "https" and bool(parts.hostname))


def authenticate(
    authorization: str,
    find: Callable[[str], Grant | None],
    wall: float,
    verify: Callable[[str, float], Grant | None] | None = None,
) -> Grant | None:
    """The grant of an `Authorization` header, or None for no, a malformed, an unknown or an expired token (RFC 6750).

    `find` takes the hash of an opaque token; `verify` a JWT and the wall time, where JWTs are let in at all.
    """
    match = _BEARER.fullmatch(authorization.strip())
    token = match[1] if match else ""
    if verify and len(token) in _JWT_LENGTHS and _JWT.fullmatch(token):
        return verify(token, wall)
    grant = find(hash_token(token)) if len(token) in _OPAQUE_LENGTHS else None
    if grant is None or (grant.expires_at is not None and grant.expires_at <= wall):
        return None
    return grant


def grant_of_claims(claims: Mapping[str, Any], issuer: Issuer, wall: float) -> Grant | None:
    """What the claims of a JWT allow whose signature is right; None if it is not for us, not now, or of nobody.

    Scopes are those of ours in the scope claim, a text with spaces (RFC 8693, section 4.2) or a list of texts. Where there is no
    such claim, or nothing of ours in it, they are the issuer's default ones.
    """
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != issuer.url or issuer.audience not in audiences:
        return None
    ends = _seconds(claims.get("exp"))
    starts = [_seconds(claims[name]) for name in ("nbf", "iat") if name in claims]
    if not wall - LEEWAY_SECONDS < ends < math.inf or not all(
        start <= wall + LEEWAY_SECONDS for start in starts
    ):
        return None
    member = claims.get(issuer.member_claim)
    named = claims.get(issuer.scope_claim)
    words = named.split() if isinstance(named, str) else named or []
    if not is_member(member) or not isinstance(words, list):
        return None
    scopes = SCOPES.intersection(word for word in words if isinstance(word, str))
    return Grant(str(member), scopes or issuer.default_scopes, ends)


def demand(scopes: frozenset[str], scope: str) -> None:
    if scope not in scopes:
        raise Forbidden(f"This token lacks the scope {scope!r}. Ask the operator for a token that has it.")


def _seconds(value: object) -> float:
    """A time of a JWT (RFC 7519, section 2); for what is none "not a number", which is neither before nor after any time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
