"""Send dead letters back to the queue that they failed in, once what made them fail is mended.

AWS credentials and region are those of the AWS command line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from waybill.dead_letters import DeadLetters
from waybill.errors import QueueUnavailable
from waybill.queues import Queue

QUEUES: Final = "RefreshQueue, FanoutQueue, WebhookQueue, SlowWebhookQueue, MailQueue, MailFeedbackQueue"


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    make: Any = boto3.client  # no types are installed for SQS
    try:
        sqs = make("sqs", endpoint_url=given.endpoint_url)
        dead = _dead_letters_of(sqs, given.queue)
        if dead is None:
            print("This queue has no dead-letter queue, so nothing can go back to it.", file=sys.stderr)
            return 1
        letters = DeadLetters(sqs, given.queue, dead, Queue(sqs, given.queue, time.sleep))
        if given.dry_run:
            print("\n".join(letter.body for letter in letters.look(given.limit)))
            return 0
        moved, kept = letters.move(given.limit)
    except (ClientError, BotoCoreError, QueueUnavailable) as error:
        print(
            f"{error.__cause__ or error} The queue is one of the stack's outputs ({QUEUES}).", file=sys.stderr
        )
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.redrive", description=__doc__.partition("\n")[0])
    parser.add_argument("--queue", required=True, help=f"URL of the queue (output of the stack: {QUEUES})")
    parser.add_argument("--limit", type=int, help="at most so many messages; all without it")
    parser.add_argument("--dry-run", action="store_true", help="show the messages and leave them")
    parser.add_argument("--endpoint-url", help="of another SQS than that of AWS")
    return parser


if __name__ == "__main__":
    sys.exit(main())
