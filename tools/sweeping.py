"""Messages of a queue that speak of somebody, taken out of it; the others stay."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH: Final = 10
HIDDEN_SECONDS: Final = 300
"""So long a message is kept from its function at most; of a queue that takes longer to go through, it comes back before the end."""


def sweep(sqs: Any, url: str, speaks: Callable[[Any], bool], *, delete: bool) -> int:
    """How many messages speak of whom `speaks` knows; it is given what a body says. Each other one counts as received once more.

    It ends when nothing comes any more, or only what has come before.
    """
    found = 0
    seen: set[str] = set()
    handles: dict[str, str] = {}
    try:
        while received := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=BATCH, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
        ).get("Messages", []):
            before = len(seen)
            handles.update({each["MessageId"]: each["ReceiptHandle"] for each in received})
            for message in received:
                name = message["MessageId"]
                hit = speaks(_said(message["Body"]))
                found += hit and name not in seen
                seen.add(name)
                if hit and delete:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=handles.pop(name))
            if len(seen) == before:
                break
    finally:
        for handle in handles.values():
            # One that came back by itself cannot be given back, and need not be.
            with suppress(ClientError):
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return found


def _said(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
