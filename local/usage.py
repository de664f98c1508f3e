"""By which API key each caller is counted, where the authorizer says it (`ApiKeySourceType: AUTHORIZER`).

The emulator enforces usage plans, but takes the key from the header X-API-Key only. So the runner notes what the authorizer says of
each token, and the front sends that key along. One difference to API Gateway stays: with a token, open routes are counted too.
"""

from __future__ import annotations

import json


class UsageKeys:
    """The last `usageIdentifierKey` for each value of Authorization. The emulator asks again whenever its cached answer ends."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def note(self, event: bytes, answer: bytes) -> None:
        """Learn from a call of the authorizer, its event and its answer, both JSON."""
        token, key = json.loads(event)["authorizationToken"], json.loads(answer).get("usageIdentifierKey")
        if key:
            self._keys[token] = key
        else:
            self._keys.pop(token, None)

    def of(self, authorization: bytes) -> bytes | None:
        key = self._keys.get(authorization.decode("latin-1"))
        return key.encode() if key else None
