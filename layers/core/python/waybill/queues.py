"""Queues of SQS: what is sent in batches.

A batch may fail in part: single entries are tried again, and whoever sends is told what was not taken in the end. Messages of a
group share the consumers of a queue fairly with other groups: one that has many messages, or slow ones, does not hold up the others
(Amazon SQS Developer Guide, "Amazon SQS fair queues").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from waybill.errors import QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BATCH: Final = 10
BATCH_BYTES: Final = 262_144
"""Of one message, and of a batch together: what every region and every fake of SQS takes."""
LONGEST_DELAY: Final = 900
PAUSES: Final = (0.1, 0.4, 1.0)
"""Wall seconds before what was not taken is tried again."""


class Queue:
    """One queue by its URL. `pause` waits wall seconds; `sqs` is boto3's client, for which no types are installed.

    `group` names the group of a body, on a queue that is to be fair. Nobody receives what is sent within `delay` wall seconds, up
    to LONGEST_DELAY.
    """

    def __init__(
        self,
        sqs: Any,
        url: str,
        pause: Callable[[float], None],
        group: Callable[[str], str] | None = None,
        delay: int = 0,
    ) -> None:
        self._sqs = sqs
        self._url = url
        self._pause = pause
        self._group = group
        self._delay = delay

    def later(self, delay: int) -> Queue:
        """The same queue, for what is to be received after `delay` wall seconds."""
        return Queue(self._sqs, self._url, self._pause, self._group, delay)

    def send(self, bodies: Sequence[str]) -> list[int]:
        """Send every body; the places in `bodies` of those that were not taken, after some tries.

        Raises:
            ValueError: a body is larger than a message can be.
        """
        sizes = [len(body.encode()) for body in bodies]
        return in_batches(sizes, lambda batch: self._refused(bodies, batch), self._pause)

    def hand_over(self, bodies: Sequence[str]) -> None:
        """Send every body for somebody who waits for it.

        Raises:
            QueueUnavailable: some were not taken.
        """
        if self.send(bodies):
            raise QueueUnavailable(
                "Waybill's own queue did not take this. Ask again in a moment.", retry_after=2
            )

    def _refused(self, bodies: Sequence[str], batch: list[int]) -> list[int]:
        entries = [self._entry(place, bodies[place]) for place in batch]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError):
            return batch
        return [int(failed["Id"]) for failed in answer.get("Failed", [])]

    def _entry(self, place: int, body: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"Id": str(place), "MessageBody": body}
        if self._delay:
            entry["DelaySeconds"] = self._delay
        if self._group:
            entry["MessageGroupId"] = self._group(body)
        return entry


@dataclass(frozen=True, slots=True)
class ByPace:
    """Two queues for the same work, each with consumers of its own: what goes through `quick` does not wait for `slow`."""

    quick: Queue
    slow: Queue

    def of(self, *, slow: bool) -> Queue:
        return self.slow if slow else self.quick


def in_batches(
    sizes: Sequence[int],
    refused: Callable[[list[int]], list[int]],
    pause: Callable[[float], None],
    pauses: Sequence[float] = PAUSES,
) -> list[int]:
    """Send what has these sizes, in batches that SQS and SNS take; the places of what was not taken, after some tries.

    `refused` sends the places of a batch, and answers which of them were not taken.

    Raises:
        ValueError: one is larger than a message can be.
    """
    left = list(range(len(sizes)))
    for wait in (*pauses, None):
        left = [place for batch in _batches(sizes, left) for place in refused(batch)]
        if not left or wait is None:
            break
        pause(wait)
    return left


def _batches(sizes: Sequence[int], places: Sequence[int]) -> Iterator[list[int]]:
    """`places` in batches, by number and by size."""
    batch: list[int] = []
    room = BATCH_BYTES
    for place in places:
        size = sizes[place]
        if size > BATCH_BYTES:
            raise ValueError(f"a message of {size} bytes; the most is {BATCH_BYTES}")
        if batch and (len(batch) == BATCH or size > room):
            yield batch
            batch, room = [], BATCH_BYTES
        batch.append(place)
        room -= size
    if batch:
        yield batch
