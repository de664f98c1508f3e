"""Signatures of Standard Webhooks 1.0, and the keys that they are made with. Pure.

No webhook has a secret that is stored: each follows from one master key, the webhook's id and a version, so that to rotate is to
count up. What a receiver checks is `<webhook-id>.<webhook-timestamp>.<body>`, as `v1` with the secret that its owner was shown,
or as `v1a` with a public key. Source: "Signature scheme" in spec/standard-webhooks.md of github.com/standard-webhooks.

While a secret is rotated both versions sign, the newer one first::

    version     1 ------------------------------ 2 -----------------------------------------
    signs       v1,<1> v1a,<1>                   v1,<2> v1a,<2> v1,<1> v1a,<1>     v1,<2> v1a,<2>
                                                 |<----- until `previous_until` ----->|
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with
PUBLIC_PREFIX: Final = "whpk_"


def secret(master: bytes | str, webhook_id: str, version: int) -> bytes:
    """The 32 bytes that `v1` signs with."""
    return _derived(master, "v1", webhook_id, version)


def private_key(master: bytes | str, webhook_id: str, version: int) -> Ed25519PrivateKey:
    """The key that `v1a` signs with; it leaves this module for nobody."""
    return Ed25519PrivateKey.from_private_bytes(_derived(master, "v1a", webhook_id, version))


def shown(secret: bytes) -> str:
    """A secret as its owner gets it: `whsec_` and base64."""
    return SECRET_PREFIX + _base64(secret)


def public_key(master: bytes | str, webhook_id: str, version: int) -> str:
    """The public half of `private_key`: `whpk_` and base64 of its 32 bytes. Anybody may know it."""
    return PUBLIC_PREFIX + _base64(private_key(master, webhook_id, version).public_key().public_bytes_raw())


def versions(version: int, previous_until: float | None, wall: float) -> tuple[int, ...]:
    """The versions of a webhook's secret that sign at a wall time, the newest first."""
    if version > 1 and previous_until is not None and wall < previous_until:
        return version, version - 1
    return (version,)


def sign(
    master: bytes | str,
    webhook_id: str,
    signing: Iterable[int],
    event_id: str,
    body: bytes,
    wall: float,
) -> dict[str, str]:
    """The three headers of a request with this body, signed by these versions at a wall time in epoch seconds.

    An event's id has no full stop, so that no part of what is signed can be taken for another.
    """
    timestamp = str(int(wall))
    content = b".".join((event_id.encode(), timestamp.encode(), body))
    signatures: list[str] = []
    for version in signing:
        keyed = hmac.new(secret(master, webhook_id, version), content, hashlib.sha256).digest()
        signatures += (
            f"v1,{_base64(keyed)}",
            f"v1a,{_base64(private_key(master, webhook_id, version).sign(content))}",
        )
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _derived(master: bytes | str, purpose: str, webhook_id: str, version: int) -> bytes:
    """HKDF-Expand (RFC 5869) of a key that is random already, for its first 32 bytes."""
    key = master.encode() if isinstance(master, str) else master
    info = f"waybill {purpose} {webhook_id} {version}".encode()
    return hmac.new(key, info + b"\x01", hashlib.sha256).digest()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
