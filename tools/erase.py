"""Commands of the admin tool that export and erase what is held of a member, or of one of its orders."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import boto3

from tools.erasure import Erasure
from tools.holdings import Subject
from tools.sweeping import sweep
from waybill.errors import WaybillError
from waybill.shipments import ORDER_ID

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

SETTLE_SECONDS: Final = 75.0
"""The gateway knows a revoked token for 60 seconds, and a function may run for 20 more; the first reading takes the rest."""


def export(_: Any, given: argparse.Namespace) -> None:
    """Show everything that is held, as JSON lines."""
    lines = 0
    for lines, held in enumerate(_erasure(given).export(), 1):  # noqa: B007 - the last one counts them
        print(json.dumps(held, ensure_ascii=False, default=str))
    _say(f"{lines} items are held of {_subject(given)}.")


def erase(_: Any, given: argparse.Namespace) -> None:
    """Erase everything that is held, and look whether something is left."""
    erasure = _erasure(given)
    outcome = erasure.count() if given.dry_run else erasure.run(0.0 if given.at_once else SETTLE_SECONDS)
    make: Any = boto3.client  # no types are installed for SQS
    messages = 0
    for url in given.queue:
        sqs = make("sqs", endpoint_url=given.endpoint_url)
        messages += sweep(sqs, url, erasure.speaks_of, delete=not given.dry_run)
    _tell("would be erased" if given.dry_run else "erased", outcome.erased)
    _tell("stay for at most three days, so that no number gets locked and no sum gets wrong", outcome.stay)
    print(
        f"{messages} messages {'would be erased' if given.dry_run else 'erased'} in {len(given.queue)} queues"
    )
    if outcome.left:
        raise WaybillError(
            "\n".join(["These still hold a name of whom was erased; look at them:", *outcome.left])
        )
    if not given.dry_run:
        print(f"A search of both tables finds nothing of {_subject(given)} any more.")


def add_arguments(
    command: Callable[..., argparse.ArgumentParser], under: Any, member: Any, *, order: bool
) -> None:
    """The two commands under a group of the admin tool's; `order`: of one order of a member's."""
    whose = "an order of a member's" if order else "a member"
    exporting = command(under, export, f"Show all that is held of {whose}, as JSON lines.")
    erasing = command(under, erase, f"Erase all that is held of {whose}, then search for it.")
    erasing.add_argument(
        "--queue", action="append", default=[], help="URL of a queue to look through, too; repeatable"
    )
    erasing.add_argument("--dry-run", action="store_true", help="count, and write nothing")
    erasing.add_argument(
        "--at-once", action="store_true", help="do not wait until the gateway has forgotten revoked tokens"
    )
    for each in (exporting, erasing):
        each.add_argument("--cache", required=True, help="the stack's output CacheTable")
        each.add_argument("--member", required=True, type=member)
        if order:
            each.add_argument(
                "--order", required=True, type=_order, help="its order id; all parcels of it go together"
            )


def _erasure(given: argparse.Namespace) -> Erasure:
    def pause(seconds: float) -> None:
        if seconds > 1 and not given.at_once:
            _say(f"Waiting {seconds:g} seconds for what is under way; if this is broken off, run it again.")
        time.sleep(min(seconds, 1.0) if given.at_once else seconds)

    given.at_once = getattr(given, "at_once", False)
    dynamodb = boto3.client("dynamodb", endpoint_url=given.endpoint_url)
    return Erasure(dynamodb, given.table, given.cache, _subject(given), time.time, pause)


def _subject(given: argparse.Namespace) -> Subject:
    return Subject(given.member, getattr(given, "order", None))


def _order(text: str) -> str:
    if not re.fullmatch(ORDER_ID, text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no order id: 1 to 64 letters, digits and . _ : @ + -, beginning with a letter or a digit"
        )
    return text


def _tell(what: str, counted: Counter[str]) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items()))
    print(f"{counted.total()} items {what}{f': {kinds}' if kinds else ''}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
