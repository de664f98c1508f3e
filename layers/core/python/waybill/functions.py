"""A function of Lambda that is run by its name, for what takes more than one process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Functions:
    """`client` is botocore's of Lambda, for which no types are installed."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def begin(self, name: str, event: Mapping[str, Any]) -> bool:
        """Have the function run with this event, whose end nobody waits for; False where Lambda did not take it."""
        try:
            self._client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
        except (ClientError, BotoCoreError):
            return False
        return True
