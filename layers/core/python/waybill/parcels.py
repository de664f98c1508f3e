"""Followed parcels in the Tracking table, in one partition with whoever watches them: `PARCEL#<courier>#<number>`.

::

    HISTORY                the merged parcel, compressed; written only with news
    MILESTONE#<status>     one per birth; from the second occurrence on MILESTONE#<status>#<n>
    NOTICE#...             `watches`
    PARCEL                 small, written with every look, under its revision; while it is followed it is in the index `due`
    STALLED#<epoch>        one each time that the parcel turns out to have been quiet for too long
    TAG#..., WATCH#...     `watches`

Row, history and births of one answer are written in one transaction, so that a milestone is there if and only if its parcel knows
it, until a restore brings an older history back. Milestones and stalls are born into the outbox. Only the row and the births are
read by others than this module: the index by the dispatcher, the births by the table's stream.
"""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from waybill import notifications, outbox
from waybill.errors import DAY
from waybill.model import PENDING, Milestone, Parcel
from waybill.shipments import Link
from waybill.table import TRANSACTION_ITEMS, as_number, batch, rows, served, transacted
from waybill.tracked import Dossier, Tracked, parcel_key, shard_of
from waybill.watches import to_shipment, watch_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.model import Status

Item = dict[str, Any]

BIRTHS: Final = TRANSACTION_ITEMS - 10
"""So many milestones are born in one transaction, beside row, history and stall: at most half of the 4 MB that it takes."""
KEPT: Final = 180 * DAY
"""How long history and milestones outlive a change: a parcel is given up after 60 days of silence, its row 90 days later."""
_PARCEL: Final = {"S": "PARCEL"}


class Parcels:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `pause` waits wall seconds, where transactions meet.
    """

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._pause = pause

    def read(self, link: Link) -> Dossier:
        """The whole partition as it is now, in one request for all but the most watched parcels."""
        dossier = Dossier(Parcel(link.courier, link.number))
        for item in rows(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": parcel_key(link)}},
            ConsistentRead=True,
        ):
            dossier = _with(dossier, item)
        return dossier

    def seen_by(self, member: str, order_id: str, link: Link) -> Dossier:
        """The parcel's row and history, and one member's shipment of it if there is one, in one request."""
        pk = {"S": parcel_key(link)}
        keys = [
            watch_key(member, order_id, link),
            {"pk": pk, "sk": _PARCEL},
            {"pk": pk, "sk": {"S": "HISTORY"}},
        ]
        dossier = Dossier(Parcel(link.courier, link.number))
        for item in batch(self._dynamodb, self._table, keys):
            dossier = _with(dossier, item)
        return dossier

    def rows(self, links: Iterable[Link], *, consistent: bool = False) -> dict[Link, Tracked]:
        """The rows of those parcels that have one: a hundred in a request. `consistent` for who has just written."""
        keys = [{"pk": {"S": parcel_key(link)}, "sk": _PARCEL} for link in dict.fromkeys(links)]
        items = batch(self._dynamodb, self._table, keys, consistent=consistent)
        return {row.link: row for row in map(_to_tracked, items)}

    def row(self, link: Link) -> Tracked | None:
        """The row as it is now."""
        answer = served(
            lambda: self._dynamodb.get_item(
                TableName=self._table, Key={"pk": {"S": parcel_key(link)}, "sk": _PARCEL}, ConsistentRead=True
            )
        )
        return _to_tracked(answer["Item"]) if "Item" in answer else None

    def write(
        self,
        seen: Dossier,
        tracked: Tracked,
        parcel: Parcel | None = None,
        born: tuple[Milestone, ...] = (),
        told: Parcel | None = None,
        *,
        now: float,
    ) -> Tracked | None:
        """The row as it was written, over the one that was seen; None if it has changed since, and nothing was written.

        `parcel` is None where the history stays as it is. At most `BIRTHS` are born at once, of the answer `told`, or else of the
        history. A followed parcel whose row says for the first time that it has stalled has that told, too.
        """
        if seen.tracked is None:
            raise AssertionError("a parcel is put on the schedule by who registers it")
        written = replace(tracked, revision=seen.tracked.revision + 1)
        key, expires = {"S": parcel_key(tracked.link)}, as_number(int(now + KEPT))
        actions: list[Any] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": {"pk": key, "sk": _PARCEL, **_to_item(written)},
                    "ConditionExpression": "revision = :revision",
                    "ExpressionAttributeValues": {":revision": as_number(seen.tracked.revision)},
                }
            }
        ]
        if parcel is not None:
            text = json.dumps(parcel.to_dict(), ensure_ascii=False).encode()
            history = {"parcel": {"B": zlib.compress(text)}, "expires_at": expires}
            actions.append(
                {"Put": {"TableName": self._table, "Item": {"pk": key, "sk": {"S": "HISTORY"}, **history}}}
            )
        after = parcel or seen.parcel
        births = [
            (milestone_key(each), _birth(each), notifications.of_milestone(told or after, each, now))
            for each in born
        ]
        if tracked.stalled and not seen.tracked.stalled and tracked.next_at is not None:
            births.append((f"STALLED#{round(now)}", {}, notifications.of_stall(after, now)))
        actions += [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": {
                        "pk": key,
                        "sk": {"S": sk},
                        **item,
                        **outbox.entry(notification, now),
                        "expires_at": expires,
                    },
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for sk, item, notification in births
        ]
        return written if transacted(self._dynamodb, actions, self._pause) else None


def milestone_key(milestone: Milestone) -> str:
    later = f"#{milestone.occurrence}" if milestone.occurrence > 1 else ""
    return f"MILESTONE#{milestone.status}{later}"


def _with(dossier: Dossier, item: Item) -> Dossier:
    """The dossier with one more item of its partition; tags, and what milestones say, stand elsewhere as well."""
    match item["sk"]["S"].split("#")[0]:
        case "HISTORY":
            return replace(dossier, parcel=Parcel.from_dict(json.loads(zlib.decompress(item["parcel"]["B"]))))
        case "MILESTONE":
            return replace(dossier, born=dossier.born | {item["sk"]["S"]})
        case "PARCEL":
            return replace(dossier, tracked=_to_tracked(item))
        case "WATCH":
            return replace(dossier, watches=(*dossier.watches, to_shipment(item)))
    return dossier


def _birth(milestone: Milestone) -> Item:
    item: Item = {
        "status": {"S": milestone.status},
        "occurrence": as_number(milestone.occurrence),
        "occurred_at": {"S": milestone.occurred_at},
        "event_id": {"S": milestone.event_id},
    }
    if milestone.substatus is not None:
        item["substatus"] = {"S": milestone.substatus}
    return item


def _to_item(tracked: Tracked) -> Item:
    """Either `reason`, `next_at` and the keys of the index are there, or `ended` is: an update can tell them apart."""
    item: Item = {
        "courier": {"S": tracked.link.courier},
        "number": {"S": tracked.link.number},
        "revision": as_number(tracked.revision),
        "misses": as_number(tracked.misses),
        "failures": as_number(tracked.failures),
        "looks": as_number(tracked.looks),
        "sequence": as_number(tracked.sequence),
        "stalled": {"BOOL": tracked.stalled},
        "status": {"S": tracked.status},
        "terminal": {"BOOL": tracked.terminal},
        "phone_bound": {"BOOL": tracked.phone_bound},
    }
    if tracked.next_at is None:
        item["ended"] = {"S": tracked.reason}
    else:
        item["reason"] = {"S": tracked.reason}
        item["next_at"] = as_number(tracked.next_at)
        item["due_at"] = as_number(tracked.next_at if tracked.due_at is None else tracked.due_at)
        item["due_shard"] = {"S": shard_of(tracked.link)}
    for name in ("registered_at", "checked_at"):
        value = getattr(tracked, name)
        if value is not None:
            item[name] = as_number(value)
    if tracked.expires_at is not None:
        item["expires_at"] = as_number(int(tracked.expires_at))
    return item


def _to_tracked(item: Item) -> Tracked:
    """From a row of ours, or from one that only arming has written."""

    def read(name: str) -> float | None:
        return float(item[name]["N"]) if name in item else None

    return Tracked(
        link=Link(item["courier"]["S"], item["number"]["S"]),
        revision=int(item["revision"]["N"]),
        registered_at=read("registered_at"),
        checked_at=read("checked_at"),
        misses=int(read("misses") or 0),
        failures=int(read("failures") or 0),
        looks=int(read("looks") or 0),
        sequence=int(read("sequence") or 0),
        next_at=read("next_at"),
        due_at=read("due_at"),
        reason=(item.get("ended") or item["reason"])["S"],
        stalled=bool(item.get("stalled", {}).get("BOOL")),
        status=cast("Status", item.get("status", {}).get("S", PENDING)),
        terminal=bool(item.get("terminal", {}).get("BOOL")),
        phone_bound=bool(item.get("phone_bound", {}).get("BOOL")),
        expires_at=read("expires_at"),
    )
