"""JWTs of an OpenID issuer: is the signature one of the issuer's own keys? What the claims allow is for `access` to say.

Only this module imports PyJWT, and only the first JWT imports this module. Sources: OpenID Connect Discovery 1.0; RFC 7515, 7517,
7518 and 8725.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import jwt

from waybill.access import grant_of_claims, is_private
from waybill.errors import DAY, HOUR, MINUTE, IssuerUnavailable

if TYPE_CHECKING:
    from waybill.access import Grant, Issuer

Json = dict[str, Any]

KEY_TYPES: Final = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "EdDSA": "OKP",
}
"""Algorithms that are let in, all asymmetric, and the kind of key that each takes (RFC 7518, section 6.1; RFC 8037, section 2)."""
TYPES: Final = {"jwt", "at+jwt", "application/jwt", "application/at+jwt"}
"""What `typ` may say (RFC 7519, section 5.1; RFC 9068, section 2.1): other kinds of JWT of the same issuer are no access tokens."""

FRESH_SECONDS: Final = HOUR
"""Keys are asked for again after this long, so that one that the issuer withdrew does not open the door for good."""
KEPT_SECONDS: Final = DAY
"""Keys serve this long while the issuer cannot be reached."""
UNKNOWN_KEY_SECONDS: Final = MINUTE
"""Made-up key ids make no more than one question in this time, from each container."""
RETRY_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 2.0
MAX_BYTES: Final = 1_000_000
_HANDLERS: Final = (
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
)
# Keys under 2,048 bits are refused (RFC 7518, section 3.3).
_SIGNATURES: Final = jwt.PyJWS(options={"enforce_minimum_key_length": True})


def fetch(url: str) -> Json:
    """A JSON object by GET, within about `TIMEOUT_SECONDS`. By urllib, which botocore has loaded anyway.

    Raises:
        IssuerUnavailable: no answer in time, or another one.
    """
    if not is_private(url):
        raise IssuerUnavailable(f"The issuer names an address without https: {url!r}.")
    # Neither proxy nor redirection: they would lead past the check above.
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "waybill"})  # noqa: S310 - checked above
    give_up = time.monotonic() + TIMEOUT_SECONDS
    body = b""
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            # Piece by piece: a drip of bytes passes every time-out of the socket.
            while piece := response.read1(65_536):
                body += piece
                if len(body) > MAX_BYTES or time.monotonic() > give_up:
                    raise IssuerUnavailable(f"The answer of {url} is too long or too slow.")
        answer = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise IssuerUnavailable(f"{url} did not answer with JSON: {type(error).__name__}.") from error
    if not isinstance(answer, dict):
        raise IssuerUnavailable(f"{url} answers JSON, but not an object.")
    return answer


class OpenId:
    """One issuer and its keys, for as long as the container is warm. Times are wall seconds."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._keys: list[Json] = []
        self._fetched_at = self._asked_at = float("-inf")

    def grant(self, token: str, wall: float) -> Grant | None:
        """What a JWT allows; None for one that is not right.

        Raises:
            IssuerUnavailable: the issuer's keys could not be had, so nobody can say.
        """
        header = _header(token)
        algorithm, kind = str(header.get("alg")), str(header.get("typ", "JWT"))
        if algorithm not in KEY_TYPES or kind.lower() not in TYPES:
            return None
        key = self._key(header.get("kid"), algorithm, wall)
        claims = _claims(token, key, algorithm) if key else None
        return grant_of_claims(claims, self._issuer, wall) if isinstance(claims, dict) else None

    def _key(self, key_id: str | None, algorithm: str, wall: float) -> Json | None:
        """The issuer's key of a token; None if it has no such key."""
        key = self._known(key_id, algorithm)
        failed = self._asked_at > self._fetched_at
        wait = RETRY_SECONDS if failed and key is None else UNKNOWN_KEY_SECONDS
        if (key is None or wall - self._fetched_at >= FRESH_SECONDS) and wall - self._asked_at >= wait:
            self._asked_at = wall
            try:
                self._keys = self._fetch()
            except IssuerUnavailable:
                if key is None or wall - self._fetched_at >= KEPT_SECONDS:
                    raise
                return key
            self._fetched_at = wall
            return self._known(key_id, algorithm)
        if failed and (key is None or wall - self._fetched_at >= KEPT_SECONDS):
            raise IssuerUnavailable("The issuer did not answer a moment ago.")
        return key

    def _fetch(self) -> list[Json]:
        url = self._issuer.url
        document = fetch(f"{url.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != url:
            raise IssuerUnavailable(
                f"The issuer calls itself {str(document.get('issuer'))[:100]!r}, not {url!r}: JwtIssuer must be the same."
            )
        keys = fetch(str(document.get("jwks_uri"))).get("keys")
        if not isinstance(keys, list):
            raise IssuerUnavailable("The issuer's jwks_uri has no keys.")
        return [key for key in keys if isinstance(key, dict)]

    def _known(self, key_id: str | None, algorithm: str) -> Json | None:
        """The one key that fits: a token may leave out `kid` where the issuer has only one (OpenID Connect Core, section 10.1)."""
        fitting = [
            key
            for key in self._keys
            if key.get("kty") == KEY_TYPES[algorithm]
            and key.get("alg", algorithm) == algorithm
            and key.get("use", "sig") == "sig"
            and (key_id is None or key.get("kid") == key_id)
        ]
        return fitting[0] if len(fitting) == 1 else None


def _header(token: str) -> Json:
    """What a token says of itself, unproved; empty where it cannot be read."""
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        return {}


def _claims(token: str, key: Json, algorithm: str) -> Any:
    """The JSON that a key signed; None for a wrong signature or another text."""
    try:
        return json.loads(_SIGNATURES.decode(token, jwt.PyJWK(key, algorithm), [algorithm]))
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
