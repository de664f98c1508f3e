"""A queue of SQS: what is sent in batches, and what is moved from a dead-letter queue back to where it failed.

A batch may fail in part: single entries are tried again, and whoever sends is told what was not taken in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BATCH: Final = 10
BATCH_BYTES: Final = 262_144
"""Of one message, and of a batch together: what every region and every fake of SQS takes."""
PAUSES: Final = (0.1, 0.4, 1.0)
"""Wall seconds before what was not taken is tried again."""


class Queue:
    """One queue by its URL. `pause` waits wall seconds; `sqs` is boto3's client, for which no types are installed."""

    def __init__(self, sqs: Any, url: str, pause: Callable[[float], None]) -> None:
        self._sqs = sqs
        self._url = url
        self._pause = pause

    def send(self, bodies: Sequence[str]) -> list[int]:
        """Send every body; the places in `bodies` of those that were not taken, after some tries.

        Raises:
            ValueError: a body is larger than a message can be.
        """
        left = list(range(len(bodies)))
        for wait in (*PAUSES, None):
            left = [place for batch in _batches(bodies, left) for place in self._refused(bodies, batch)]
            if not left or wait is None:
                break
            self._pause(wait)
        return left

    def _refused(self, bodies: Sequence[str], batch: list[int]) -> list[int]:
        entries = [{"Id": str(place), "MessageBody": bodies[place]} for place in batch]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError):
            return batch
        return [int(failed["Id"]) for failed in answer.get("Failed", [])]


def _batches(bodies: Sequence[str], places: Sequence[int]) -> Iterator[list[int]]:
    """`places` in batches that SQS takes, by number and by size."""
    batch: list[int] = []
    room = BATCH_BYTES
    for place in places:
        size = len(bodies[place].encode())
        if size > BATCH_BYTES:
            raise ValueError(f"a message of {size} bytes; the most is {BATCH_BYTES}")
        if batch and (len(batch) == BATCH or size > room):
            yield batch
            batch, room = [], BATCH_BYTES
        batch.append(place)
        room -= size
    if batch:
        yield batch
