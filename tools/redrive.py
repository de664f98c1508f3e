"""Send dead letters back to the queue that they failed in, once what made them fail is mended.

Each is received, sent and then deleted, in this order: whatever breaks in between leaves it in one of the queues, or in both, and a
parcel that is asked about twice costs nothing. AWS credentials and region are those of the AWS command line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from waybill.queues import BATCH, Queue

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN_SECONDS: Final = 60
"""How long a letter that is being moved is hidden from others, and one that could not be moved from the next try at the latest."""


class Redrive:
    """From the dead-letter queue at `dead` to `target`."""

    def __init__(self, sqs: Any, dead: str, target: Queue) -> None:
        self._sqs = sqs
        self._dead = dead
        self._target = target

    def look(self, limit: int | None = None) -> list[str]:
        """The bodies of the letters that are there, which stay as they are."""
        batches = list(self._received(limit))
        for letters in batches:
            self._show(letters)
        return [letter["Body"] for letters in batches for letter in letters]

    def move(self, limit: int | None = None) -> tuple[int, int]:
        """How many letters were moved, and how many stay, since they could not be sent or not be deleted."""
        moved = 0
        kept: list[Any] = []
        for letters in self._received(limit):
            left = set(self._target.send([letter["Body"] for letter in letters]))
            sent = [entry for entry in _entries(letters) if int(entry["Id"]) not in left]
            if sent:
                answer = self._sqs.delete_message_batch(QueueUrl=self._dead, Entries=sent)
                left |= {int(failed["Id"]) for failed in answer.get("Failed", [])}
            kept += [letters[place] for place in left]
            moved += len(letters) - len(left)
        for first in range(0, len(kept), BATCH):
            self._show(kept[first : first + BATCH])
        return moved, len(kept)

    def _received(self, limit: int | None) -> Iterator[list[Any]]:
        """Letters in batches, until there are none to be seen or `limit` is reached."""
        left = limit
        while left is None or left > 0:
            answer = self._sqs.receive_message(
                QueueUrl=self._dead,
                MaxNumberOfMessages=BATCH if left is None else min(BATCH, left),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=1,
            )
            letters: list[Any] = answer.get("Messages", [])
            if not letters:
                return
            left = left and left - len(letters)
            yield letters

    def _show(self, letters: list[Any]) -> None:
        """Have letters that were hidden seen again at once."""
        entries = [{**entry, "VisibilityTimeout": 0} for entry in _entries(letters)]
        self._sqs.change_message_visibility_batch(QueueUrl=self._dead, Entries=entries)


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    make: Any = boto3.client  # no types are installed for SQS
    try:
        sqs = make("sqs", endpoint_url=given.endpoint_url)
        dead = _dead_letters_of(sqs, given.queue)
        if dead is None:
            print("This queue has no dead-letter queue, so nothing can go back to it.", file=sys.stderr)
            return 1
        redrive = Redrive(sqs, dead, Queue(sqs, given.queue, time.sleep))
        if given.dry_run:
            print("\n".join(redrive.look(given.limit)))
            return 0
        moved, kept = redrive.move(given.limit)
    except (ClientError, BotoCoreError) as error:
        print(f"{error} The queue is the stack's output RefreshQueue.", file=sys.stderr)
        return 1
    print(f"{moved} messages went back to their queue.")
    if kept:
        print(f"{kept} could not be moved and stay; try again.", file=sys.stderr)
    return 1 if kept else 0


def _dead_letters_of(sqs: Any, url: str) -> str | None:
    """The URL of the dead-letter queue that a queue names."""
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    policy = answer.get("Attributes", {}).get("RedrivePolicy")
    if not policy:
        return None
    name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _entries(letters: list[Any]) -> list[dict[str, Any]]:
    return [
        {"Id": str(place), "ReceiptHandle": letter["ReceiptHandle"]} for place, letter in enumerate(letters)
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.redrive", description=__doc__.partition("\n")[0])
    parser.add_argument("--queue", required=True, help="URL of the queue (output RefreshQueue of the stack)")
    parser.add_argument("--limit", type=int, help="at most so many messages; all without it")
    parser.add_argument("--dry-run", action="store_true", help="show the messages and leave them")
    parser.add_argument("--endpoint-url", help="of another SQS than that of AWS")
    return parser


if __name__ == "__main__":
    sys.exit(main())
