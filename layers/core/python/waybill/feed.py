"""Each member's events in one order, without gaps: what webhooks, mails and `GET /v1/events` all tell of.

::

    Tracking  EVENTS#<member>  SEQUENCE          last
              EVENTS#<member>  000000000042      the event, as JSON; for 30 days
    Cache     EVENT#<member>#<event id>          its number; for as long

The next numbers, the events under them and the marks that they were written are one transaction, and the same event, told again,
keeps the number that it has. DynamoDB commits a transaction item by item, which a query may see (Developer Guide, "Isolation levels
for DynamoDB transactions"): whoever reads in order asks whether a number that is missing is `gone`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from waybill import notifications
from waybill.errors import DAY, StoreUnavailable
from waybill.table import as_number, back_off, batch, rows, served, transacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.notifications import Notification

Item = dict[str, Any]

KEPT: Final = 30 * DAY
AT_ONCE: Final = 40
"""Events in one transaction, with two items each."""
ROUNDS: Final = 20
_LONGEST_PAUSE: Final = 0.5
_SEQUENCE: Final = {"S": "SEQUENCE"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of a feed. `webhook` is the only one that is told of it, where it is one's own."""

    event: Notification
    webhook: str | None = None
    sequence: int = 0


class Feed:
    """Reads and writes of two tables. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `now` is service time; `pause` waits wall seconds, where two append at once.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        tracking_table: str,
        cache_table: str,
        now: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb = dynamodb
        self._tracking = tracking_table
        self._cache = cache_table
        self._now = now
        self._pause = pause

    def append(self, member: str, entries: Sequence[Entry]) -> list[int]:
        """The numbers of these events, in their order; those that are not in the feed yet are put at its end."""
        wanted = {entry.event["id"]: entry for entry in entries}
        numbers = self._numbers(member, wanted)
        conflicts = 0
        while conflicts < ROUNDS:
            new = [entry for id_, entry in wanted.items() if id_ not in numbers]
            if not new:
                return [numbers[entry.event["id"]] for entry in entries]
            written = self._write(member, new[:AT_ONCE])
            if not written:
                self._pause(back_off(conflicts, _LONGEST_PAUSE))
                conflicts += 1
                written = self._numbers(member, wanted)
            numbers |= written
        raise StoreUnavailable("Too much happens to one member at once. Try again.", retry_after=1)

    def last(self, member: str) -> int:
        """The newest event's number; 0 before any."""
        answer = served(
            lambda: self._dynamodb.get_item(
                TableName=self._tracking, Key={"pk": _pk(member), "sk": _SEQUENCE}, ConsistentRead=True
            )
        )
        return int(answer["Item"]["last"]["N"]) if "Item" in answer else 0

    def get(self, member: str, sequence: int) -> Notification | None:
        answer = served(
            lambda: self._dynamodb.get_item(
                TableName=self._tracking,
                Key={"pk": _pk(member), "sk": {"S": _sk(sequence)}},
                ConsistentRead=True,
            )
        )
        item = answer.get("Item")
        return _to_entry(item).event if item and self._kept(item) else None

    def find(self, member: str, event_id: str) -> int | None:
        """The number of an event; None where there is none of this id, or it is no longer kept."""
        return self._numbers(member, [event_id]).get(event_id)

    def read(self, member: str, after: int, limit: int, last: int | None = None) -> list[Entry]:
        """Up to `limit` events after number `after`, in order, and none after number `last`.

        What has expired is passed over: DynamoDB deletes it within days, and in no order.
        """
        if last is not None and last <= after:
            return []  # DynamoDB refuses a lower bound that is above the upper one
        items = rows(
            self._dynamodb,
            TableName=self._tracking,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": _pk(member),
                ":first": {"S": _sk(after + 1)},
                ":last": {"S": _sk(last) if last is not None else "9" * 12},
            },
            ConsistentRead=True,
            Limit=limit,
        )
        return [_to_entry(item) for item in islice(filter(self._kept, items), limit)]

    def gone(self, member: str, sequence: int) -> bool:
        """Whether there is no event of a number any more, and none that is just being written; a transaction's read can tell."""
        key = {"pk": _pk(member), "sk": {"S": _sk(sequence)}}
        try:
            answer = served(
                lambda: self._dynamodb.transact_get_items(
                    TransactItems=[{"Get": {"TableName": self._tracking, "Key": key}}]
                )
            )
        except self._dynamodb.exceptions.TransactionCanceledException:
            return False
        item = answer["Responses"][0].get("Item")
        return not item or not self._kept(item)

    def _kept(self, item: Item) -> bool:
        return float(item["expires_at"]["N"]) > self._now()

    def _numbers(self, member: str, ids: Iterable[str]) -> dict[str, int]:
        keys = [{"pk": _mark(member, id_)} for id_ in ids]
        now = self._now()
        return {
            item["pk"]["S"].rpartition("#")[2]: int(item["sequence"]["N"])
            for item in batch(self._dynamodb, self._cache, keys)
            if float(item["expires_at"]["N"]) > now
        }

    def _write(self, member: str, entries: list[Entry]) -> dict[str, int]:
        """The numbers they got; none, where somebody else appended something since the last number was read."""
        last, now = self.last(member), self._now()
        expires = as_number(int(now + KEPT))
        values: Item = {":new": as_number(last + len(entries))}
        if last:
            values[":last"] = as_number(last)
        actions: list[Any] = [
            {
                "Update": {
                    "TableName": self._tracking,
                    "Key": {"pk": _pk(member), "sk": _SEQUENCE},
                    "UpdateExpression": "SET #last = :new",
                    "ConditionExpression": "#last = :last" if last else "attribute_not_exists(#last)",
                    "ExpressionAttributeNames": {"#last": "last"},
                    "ExpressionAttributeValues": values,
                }
            }
        ]
        numbers = {entry.event["id"]: sequence for sequence, entry in enumerate(entries, last + 1)}
        for entry in entries:
            sequence = numbers[entry.event["id"]]
            item: Item = {
                "pk": _pk(member),
                "sk": {"S": _sk(sequence)},
                "event": {"S": notifications.write(entry.event)},
                "expires_at": expires,
            }
            if entry.webhook is not None:
                item["webhook"] = {"S": entry.webhook}
            mark = {
                "pk": _mark(member, entry.event["id"]),
                "sequence": as_number(sequence),
                "expires_at": expires,
            }
            actions += [
                {"Put": {"TableName": self._tracking, "Item": item}},
                {
                    "Put": {
                        "TableName": self._cache,
                        "Item": mark,
                        # What has expired may still lie there.
                        "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
                        "ExpressionAttributeValues": {":now": as_number(now)},
                    }
                },
            ]
        return numbers if transacted(self._dynamodb, actions, self._pause) else {}


def _pk(member: str) -> Item:
    return {"S": f"EVENTS#{member}"}


def _sk(sequence: int) -> str:
    return f"{sequence:012}"


def _mark(member: str, event_id: str) -> Item:
    return {"S": f"EVENT#{member}#{event_id}"}


def _to_entry(item: Item) -> Entry:
    webhook = item.get("webhook")
    return Entry(json.loads(item["event"]["S"]), webhook and webhook["S"], int(item["sk"]["S"]))
