"""Publish what was born: the way out of the outbox, for the table's stream and, where that did not, for the dispatch.

::

    item in the outbox --read--> still unpublished --send--> topic, or the queue behind it --mark--> out of the outbox
      ^                                                 |
      '------ whoever died here: it is sent again ------'

What the stream shows may be long sent, and a stream shows everything again from the first record that failed. So the item is read
before it is sent, and nothing is sent again but what died between send and mark, or could not be marked: the one window. Whoever
receives drops the second by its id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from waybill import notifications, operator_text
from waybill.errors import StoreUnavailable
from waybill.outbox import FANOUT
from waybill.queues import BATCH
from waybill.topics import Post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Executor

    from waybill.notifications import Notification
    from waybill.outboxes import Key, Outbox, Unpublished
    from waybill.queues import Queue
    from waybill.topics import Topic

NO_ATTENTION: Final = "none"
"""The attribute `attention` of a parcel that needs none: a filter policy can ask for it."""


@dataclass(frozen=True, slots=True)
class Published:
    """How many were sent, and the keys of what is left: nobody took it, or it cannot be read."""

    sent: int
    left: list[Key]


@dataclass(frozen=True, slots=True)
class Publishing:
    """`queue` is the one that the topic feeds. `threads` take ten messages each; `on_unmarked` hears of what was not marked."""

    outbox: Outbox
    topic: Topic
    queue: Queue
    threads: Executor
    on_unmarked: Callable[[StoreUnavailable], None]

    def __call__(self, keys: Iterable[Key]) -> Published:
        """Publish what is unpublished of these.

        Raises:
            StoreUnavailable: it could not be read, and nothing was sent.
        """
        found = self.outbox.read(keys)
        tens = [found[first : first + BATCH] for first in range(0, len(found), BATCH)]
        left = [each.key for some in self.threads.map(self._publish, tens) for each in some]
        return Published(len(found) - len(left), left)

    def _publish(self, some: list[Unpublished]) -> list[Unpublished]:
        """What of these is left."""
        own = [each for each in some if each.channel == FANOUT]
        posts: list[tuple[Unpublished, Post]] = []
        left: list[Unpublished] = []
        for each in some:
            if each.channel != FANOUT:
                try:
                    posts.append((each, post_of(each.message)))
                except ValueError:
                    left.append(each)
        left += [posts[place][0] for place in self.topic.publish([post for _, post in posts])]
        left += [own[place] for place in self.queue.send([each.message for each in own])]
        for each in some:
            if each not in left:
                self._mark(each)
        return left

    def _mark(self, each: Unpublished) -> None:
        """Where that fails it was published all the same: the dispatch does it again."""
        try:
            self.outbox.sent(each)
        except StoreUnavailable as error:
            self.on_unmarked(error)


def post_of(message: str) -> Post:
    """What the topic is given of a notification: the message as it was born, and text for operators.

    Raises:
        ValueError: the message is no notification.
    """
    try:
        told: Notification = json.loads(message)
        return Post(message, operator_text.subject(told), operator_text.text(told), _attributes(told))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a notification") from error


def key_of(record: Mapping[str, Any]) -> Key | None:
    """The key of what a record of the table's stream shows; None where it is not in the outbox.

    Records are as DynamoDB hands them to a function: `{"dynamodb": {"Keys": ..., "NewImage": ..., "SequenceNumber": ...}}`.

    Raises:
        ValueError: the record cannot be read.
    """
    match record.get("dynamodb"):
        case {"NewImage": {"message": _, "pk": {"S": str(pk)}, "sk": {"S": str(sk)}}}:
            return pk, sk
        case {"NewImage": {"message": _}}:
            raise ValueError("an image without a key")
        case {"Keys": _}:
            return None
    raise ValueError("not a record of a table's stream")


def _attributes(told: Notification) -> dict[str, str]:
    """For subscribers' filter policies; all of them strings."""
    attributes = {"type": told["type"]}
    if told["type"].startswith(notifications.PARCEL):
        data = told["data"]
        attributes["status"] = data["status"]
        attributes["courier"] = data["courier"]["code"]
        attributes["attention"] = data["attention"] or NO_ATTENTION
        if data["substatus"]:
            attributes["substatus"] = data["substatus"]
    return attributes
