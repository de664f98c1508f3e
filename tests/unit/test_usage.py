"""The keys by which the local stack's callers are counted."""

from __future__ import annotations

import json

from local.usage import UsageKeys


def note(keys: UsageKeys, token: str, **answer: str) -> None:
    keys.note(
        json.dumps({"type": "TOKEN", "authorizationToken": token}).encode(), json.dumps(answer).encode()
    )


def test_a_token_has_the_key_that_the_authorizer_named_last() -> None:
    keys = UsageKeys()
    assert keys.of(b"Bearer a") is None
    note(keys, "Bearer a", usageIdentifierKey="default")
    note(keys, "Bearer b", usageIdentifierKey="own")
    assert (keys.of(b"Bearer a"), keys.of(b"Bearer b")) == (b"default", b"own")
    note(keys, "Bearer a", usageIdentifierKey="own")
    assert keys.of(b"Bearer a") == b"own"


def test_a_token_that_is_denied_has_none() -> None:
    keys = UsageKeys()
    note(keys, "Bearer a", usageIdentifierKey="default")
    note(keys, "Bearer a", principalId="nobody")
    assert keys.of(b"Bearer a") is None
    assert keys.of(b"\xff") is None
