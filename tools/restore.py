"""Bring back what the Tracking table has lost, out of a copy that DynamoDB restored to an earlier moment.

The stack keeps its table, and with it names, stream and subscribers. Breaking off loses nothing: the same command goes through the
copy again. Whoever was erased since stays so (`erasure`). AWS credentials and region are those of the AWS command line.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools import holdings
from tools.erasure import TOMBSTONES
from tools.holdings import Subject
from waybill.errors import StoreUnavailable
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

SEGMENTS: Final = 8
"""Parts of the copy that are read at once."""
_NEVER_REPLACED: Final = ("TOKEN", TOMBSTONES)
"""An older line of the register would hide that a token was revoked, an older tombstone that somebody was erased again."""


@dataclass(frozen=True, slots=True)
class Restored:
    """How many items were `written`, and how many `kept`.

    Kept is what the table has an item for, what DynamoDB was about to delete, and what was erased or revoked since.
    """

    written: int
    kept: int

    def __add__(self, other: Restored) -> Restored:
        return Restored(self.written + other.written, self.kept + other.kept)


@dataclass(frozen=True, slots=True)
class Restore:
    """From the table `copy` to `table`, of items whose partition begins with `begins`; `now` is in seconds of wall time.

    Without `replace`, what the table has stays: only what it lost comes back. Tokens and tombstones always stay.
    """

    client: DynamoDBClient
    copy: str
    table: str
    now: float
    begins: str = ""
    replace: bool = False
    dry_run: bool = False

    def run(self) -> Restored:
        erased = frozenset(self._tombstones(self.table).items() - self._tombstones(self.copy).items())
        digests = frozenset(digest for digest, _ in erased)
        with ThreadPoolExecutor(SEGMENTS) as threads:
            return sum(
                threads.map(lambda each: self._segment(each, digests), range(SEGMENTS)), Restored(0, 0)
            )

    def _tombstones(self, table: str) -> dict[str, str]:
        """When each erasure was begun; of those in a copy only what was complete by then, since it has nothing of before."""
        pages = self.client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": TOMBSTONES}},
            ConsistentRead=True,
        )
        return {
            item["sk"]["S"]: item["at"]["N"]
            for page in pages
            for item in page["Items"]
            if table == self.table or "done" in item
        }

    def _segment(self, segment: int, erased: frozenset[str]) -> Restored:
        return sum((self._item(item, erased) for item in self._items(segment)), Restored(0, 0))

    def _items(self, segment: int) -> Iterator[Mapping[str, Any]]:
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.copy, Segment=segment, TotalSegments=SEGMENTS
        )
        for page in pages:
            yield from (item for item in page["Items"] if item["pk"]["S"].startswith(self.begins))

    def _item(self, item: Mapping[str, Any], erased: frozenset[str]) -> Restored:
        if erased:
            allowed = self._allowed(dict(item), erased)
            if allowed is None:
                return Restored(0, 1)
            item = allowed
        ended = float(item.get("expires_at", {}).get("N", "inf")) <= self.now
        if (
            ended
            or self._is_revoked(item)
            or not (self._missing(item) if self.dry_run else self._write(item))
        ):
            return Restored(0, 1)
        return Restored(1, 0)

    def _allowed(self, item: dict[str, Any], erased: frozenset[str]) -> dict[str, Any] | None:
        """An item of the copy without those who were erased since; None where nothing of it is left."""
        held = holdings.read("Tracking", item)
        if holdings.blocked(held, erased):
            return None
        if held.kind.owner == "sums":
            gone = [each for each in held.members if Subject(each).digest in erased]
            return {**item, **holdings.without_member(held, gone)} if gone else item
        if held.kind.name != "delivery":
            return item
        (member,) = held.members
        key: dict[str, Any] = {
            "pk": {"S": f"EVENTS#{member}"},
            "sk": {"S": item["sk"]["S"].partition("#")[0]},
        }
        event = self.client.get_item(TableName=self.copy, Key=key).get("Item")
        return None if event and holdings.blocked(holdings.read("Tracking", dict(event)), erased) else item

    def _is_revoked(self, item: Mapping[str, Any]) -> bool:
        """Whether it is a token that the table's register knows as revoked or replaced: its own item was deleted then."""
        if item["sk"]["S"] != "TOKEN":
            return False
        register = Tokens(self.client, self.table).registered(item["member"]["S"])
        return any(
            item["pk"]["S"] == f"TOKEN#{token.hash}"
            and (token.revoked_at is not None or token.replaced_by is not None)
            for token in register
        )

    def _replaces(self, item: Mapping[str, Any]) -> bool:
        return self.replace and not item["pk"]["S"].startswith(_NEVER_REPLACED)

    def _missing(self, item: Mapping[str, Any]) -> bool:
        """Whether it would be written."""
        key = {name: item[name] for name in ("pk", "sk")}
        return self._replaces(item) or "Item" not in self.client.get_item(
            TableName=self.table, Key=key, ProjectionExpression="pk", ConsistentRead=True
        )

    def _write(self, item: Mapping[str, Any]) -> bool:
        if self._replaces(item):
            self.client.put_item(TableName=self.table, Item=item)
            return True
        try:
            self.client.put_item(
                TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        client = boto3.client("dynamodb", endpoint_url=given.endpoint_url)
        restore = Restore(
            client, given.copy, given.table, time.time(), given.begins, given.replace, given.dry_run
        )
        restored = restore.run()
    except (ClientError, BotoCoreError, StoreUnavailable) as error:
        print(
            f"{error.__cause__ or error} What was brought back stays; run the command again.", file=sys.stderr
        )
        return 1
    print(
        f"{restored.written} items {'would come' if given.dry_run else 'came'} back, {restored.kept} stay as they are."
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.restore", description=__doc__.partition("\n")[0])
    parser.add_argument("--copy", required=True, help="table that DynamoDB restored")
    parser.add_argument("--table", required=True, help="table of the stack (its output TrackingTable)")
    parser.add_argument("--begins", default="", help="only items whose partition key begins so, as PARCEL#")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="also write over what the table has, but for tokens and tombstones",
    )
    parser.add_argument("--dry-run", action="store_true", help="count, and write nothing")
    parser.add_argument("--endpoint-url", help="of another DynamoDB than that of AWS")
    return parser


if __name__ == "__main__":
    sys.exit(main())
