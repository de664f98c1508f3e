"""A topic of SNS: what is published in batches, each message as JSON for machines and as text for readers of e-mail.

A batch may fail in part: single entries are tried again, and whoever publishes is told what was not taken in the end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from waybill.queues import PAUSES, in_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TRIES: Final = PAUSES[:2]
"""Wall seconds before what was not taken is tried again: whoever publishes has a batch of records, or a minute, and no more."""


@dataclass(frozen=True, slots=True)
class Post:
    """`message` goes to all subscribers but those by e-mail, who get `email` under `subject`; by `attributes` they filter."""

    message: str
    subject: str
    email: str
    attributes: Mapping[str, str]


class Topic:
    """One topic by its ARN. `pause` waits wall seconds; `sns` is boto3's client, for which no types are installed."""

    def __init__(self, sns: Any, arn: str, pause: Callable[[float], None]) -> None:
        self._sns = sns
        self._arn = arn
        self._pause = pause

    def publish(self, posts: Sequence[Post]) -> list[int]:
        """Publish every post; the places in `posts` of those that were not taken, after some tries.

        Raises:
            ValueError: a post is larger than a message can be.
        """
        entries = [_entry(place, post) for place, post in enumerate(posts)]
        return in_batches(
            [_size(entry) for entry in entries],
            lambda batch: self._refused([entries[place] for place in batch]),
            self._pause,
            TRIES,
        )

    def _refused(self, entries: list[dict[str, Any]]) -> list[int]:
        try:
            answer = self._sns.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=entries)
        except (ClientError, BotoCoreError):
            return [int(entry["Id"]) for entry in entries]
        return [int(failed["Id"]) for failed in answer.get("Failed", [])]


def _entry(place: int, post: Post) -> dict[str, Any]:
    texts = {"default": post.message, "email": post.email}
    return {
        "Id": str(place),
        "Message": json.dumps(texts, ensure_ascii=False, separators=(",", ":")),
        "MessageStructure": "json",
        "Subject": post.subject,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in post.attributes.items()
        },
    }


def _size(entry: dict[str, Any]) -> int:
    """Bytes that count: SNS adds the attributes' names, types and values to the message; the subject is counted to be safe."""
    attributes = [
        f"{name}{each['DataType']}{each['StringValue']}" for name, each in entry["MessageAttributes"].items()
    ]
    return sum(len(text.encode()) for text in (entry["Message"], entry["Subject"], *attributes))
