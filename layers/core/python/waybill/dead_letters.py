"""A queue and its dead letters: how many there are, what they say, and how they go back to where they failed.

Each is received, sent and then deleted, in this order: whatever breaks in between leaves it in one of the queues, or in both, and
what is said twice is done once.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from waybill.errors import QueueUnavailable
from waybill.queues import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from waybill.queues import Queue

HIDDEN_SECONDS: Final = 60
"""How long a letter that is being moved is hidden from others, and one that could not be moved from the next try at the latest."""
_VISIBLE, _HIDDEN, _DELAYED = (f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed"))


@dataclass(frozen=True, slots=True)
class Letter:
    """`sent_at`: when it was first sent to the queue that it failed in, in epoch seconds of wall time, which SQS keeps."""

    id: str
    body: str
    sent_at: float


@dataclass(frozen=True, slots=True)
class Counts:
    """About how many messages wait, are being worked on, and failed for good."""

    waiting: int
    in_flight: int
    failed: int


class DeadLetters:
    """Those at `dead`, of the queue at `url`, to which `target` sends. `sqs` is boto3's client, for which no types are installed.

    Every method raises QueueUnavailable when SQS does not serve it.
    """

    def __init__(self, sqs: Any, url: str, dead: str, target: Queue) -> None:
        self._sqs = sqs
        self._url = url
        self._dead = dead
        self._target = target

    def counts(self) -> Counts:
        work, dead = self._attributes(self._url), self._attributes(self._dead)
        return Counts(work[_VISIBLE] + work[_DELAYED], work[_HIDDEN], sum(dead.values()))

    def look(self, limit: int | None = None) -> list[Letter]:
        """The letters that are there, which stay as they are."""
        with _served():
            batches = list(self._received(limit, lambda: True))
            for letters in batches:
                self._show(letters)
        return [_to_letter(letter) for letters in batches for letter in letters]

    def move(self, limit: int | None = None, go_on: Callable[[], bool] = lambda: True) -> tuple[int, int]:
        """How many letters were moved, and how many stay, since they could not be sent.

        It begins with no more of them where `go_on` says no.
        """
        moved = 0
        kept: list[Any] = []
        with _served():
            for letters in self._received(limit, go_on):
                left = set(self._target.send([letter["Body"] for letter in letters]))
                for place, letter in enumerate(letters):
                    if place not in left:
                        self._sqs.delete_message(QueueUrl=self._dead, ReceiptHandle=letter["ReceiptHandle"])
                kept += [letters[place] for place in left]
                moved += len(letters) - len(left)
            self._show(kept)
        return moved, len(kept)

    def _attributes(self, url: str) -> dict[str, int]:
        names = [_VISIBLE, _HIDDEN, _DELAYED]
        with _served():
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return {name: int(answer["Attributes"].get(name, 0)) for name in names}

    def _received(self, limit: int | None, go_on: Callable[[], bool]) -> Iterator[list[Any]]:
        """Letters in batches, until there are none to be seen or `limit` is reached."""
        left = limit
        while (left is None or left > 0) and go_on():
            answer = self._sqs.receive_message(
                QueueUrl=self._dead,
                MaxNumberOfMessages=BATCH if left is None else min(BATCH, left),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=1,
                AttributeNames=["SentTimestamp"],
            )
            letters: list[Any] = answer.get("Messages", [])
            if not letters:
                return
            left = left and left - len(letters)
            yield letters

    def _show(self, letters: list[Any]) -> None:
        """Have letters that were hidden seen again at once."""
        for letter in letters:
            self._sqs.change_message_visibility(
                QueueUrl=self._dead, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
            )


@contextmanager
def _served() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise QueueUnavailable(
            "Waybill's own queue did not answer. Ask again in a moment.", retry_after=2
        ) from error


def _to_letter(message: Any) -> Letter:
    return Letter(message["MessageId"], message["Body"], int(message["Attributes"]["SentTimestamp"]) / 1000)
