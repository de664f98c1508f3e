"""Members' shipments in the Tracking table, beside their parcels: `PARCEL#<courier>#<number>`, `WATCH#<member>#<order id>`.

Every question has an index whose key begins with the member, so that nobody reaches another's. An index is behind its table by
moments; whatever is about to be changed is read from the table itself. Rows of tags, `TAG#<member>#<order id>#<tag>`, only name
their shipment. Shipment and tags change in one transaction, under the revision that the caller saw; a new shipment puts its parcel
on the schedule in the same one, and so does one with another phone number or language. When a shipment first shows where its parcel
is, the same transaction puts `NOTICE#<member>#<order id>` into the outbox: its member is told the newest that happened before.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from waybill import concern, outbox
from waybill.errors import StoreUnavailable
from waybill.shipments import Link, Registration, Shipment, Standing
from waybill.table import as_number, batch, served, transacted
from waybill.tracked import FIRST_LOOK, parcel_key, shard_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

ROUNDS: Final = 8
PARCELS_PER_ORDER: Final = 100
"""More parcels than this of one order, or orders of one number, are not looked at."""


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: its name, and the attributes that are its keys."""

    name: str
    key: str
    order: str = "listed"


ORDERS: Final = Index("orders", "by_order")
NUMBERS: Final = Index("numbers", "by_number")
MEMBERS: Final = Index("members", "by_member")
STATUSES: Final = Index("statuses", "by_status")
COURIERS: Final = Index("couriers", "by_courier")
ATTENTION: Final = Index("attention", "by_attention")
TAGS: Final = Index("tags", "by_tag")
CHANGES: Final = Index("changes", "by_member", "changed")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list ends: what makes the last row's keys, but for the member, who comes from the token."""

    order: str
    courier: str
    number: str
    order_id: str
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of an index in its order, each with its place; a tag's shipment may be gone. `more`: whether the index may go on."""

    rows: list[tuple[Place, Shipment | None]]
    more: bool


class Watches:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `pause` waits wall seconds, where transactions meet.
    """

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._pause = pause

    def get(self, member: str, order_id: str, link: Link) -> Shipment | None:
        answer = served(
            lambda: self._dynamodb.get_item(
                TableName=self._table, Key=watch_key(member, order_id, link), ConsistentRead=True
            )
        )
        return to_shipment(answer["Item"]) if "Item" in answer else None

    def of_order(self, member: str, order_id: str) -> list[Shipment]:
        """The parcels of one of the member's orders, the latest registered first."""
        return self._first(ORDERS, member, order_id)

    def of_number(self, member: str, number: str) -> list[Shipment]:
        """The member's orders that the parcels of this number belong to, the latest registered first."""
        return self._first(NUMBERS, member, number)

    def page(
        self,
        index: Index,
        member: str,
        value: str = "",
        *,
        limit: int,
        after: Place | None = None,
        since: float | None = None,
    ) -> Page:
        """Up to `limit` rows of the member's part of an index: newest first, of `CHANGES` oldest first and from `since` on.

        It reads no more than it answers, but for `TAGS`, whose rows only name their shipments.
        """
        condition, values = f"{index.key} = :key", {":key": {"S": _index_key(member, value)}}
        if since is not None and after is None:
            condition += f" AND {index.order} >= :since"
            values[":since"] = {"S": _moment(since)}
        start: Item = {}
        if after:
            start["ExclusiveStartKey"] = {
                **_row_key(member, after),
                index.key: values[":key"],
                index.order: {"S": after.order},
            }
        answer = served(
            lambda: self._dynamodb.query(
                TableName=self._table,
                IndexName=index.name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ScanIndexForward=index is CHANGES,
                Limit=limit,
                **start,
            )
        )
        places = [_place(item, index) for item in answer["Items"]]
        ships = self._read_all(member, places) if index is TAGS else map(to_shipment, answer["Items"])
        return Page(list(zip(places, ships, strict=True)), "LastEvaluatedKey" in answer)

    def of_keys(self, keys: Iterable[tuple[str, str]]) -> list[Shipment]:
        """The shipments of any members under these keys of the table, in any order; those that are gone are left out."""
        wanted = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in keys]
        return [to_shipment(item) for item in batch(self._dynamodb, self._table, wanted)]

    def _first(self, index: Index, member: str, value: str) -> list[Shipment]:
        """As many as are looked at. DynamoDB ends a page at 1 MB, which fewer large shipments may fill."""
        found: list[tuple[Place, Shipment | None]] = []
        more = True
        while more and len(found) < PARCELS_PER_ORDER:
            after = found[-1][0] if found else None
            page = self.page(index, member, value, limit=PARCELS_PER_ORDER - len(found), after=after)
            found += page.rows
            more = page.more
        return [ship for _, ship in found if ship]

    def create(self, ship: Shipment) -> Shipment | None:
        """Write a shipment that is new: None, or the one that stands there already."""
        for _ in range(ROUNDS):
            if self._write(None, ship):
                return None
            if stands := self.get(ship.member, ship.order_id, ship.link):
                return stands
        raise _busy()

    def change(self, ship: Shipment, how: Callable[[Shipment], Shipment | None]) -> Shipment | None:
        """The shipment as `how` makes it of what stands, written; None when it is gone. `how` answers None to leave it as it is.

        `ship` is what the caller saw last, which may be old: then `how` is asked again.
        """
        stands: Shipment | None = ship
        for _ in range(ROUNDS):
            if stands is None:
                return None
            changed = how(stands)
            if changed is None:
                return stands
            changed = replace(changed, revision=stands.revision + 1)
            if self._write(stands, changed):
                return changed
            stands = self.get(ship.member, ship.order_id, ship.link)
        raise _busy()

    def forget(self, ship: Shipment) -> bool:
        """Delete a shipment and its tags; whether it was there."""
        stands: Shipment | None = ship
        for _ in range(ROUNDS):
            if stands is None:
                return False
            if self._write(stands, None):
                return True
            stands = self.get(ship.member, ship.order_id, ship.link)
        raise _busy()

    def _write(self, before: Shipment | None, after: Shipment | None) -> bool:
        """From what stands to what shall stand, tags included; False where something else stands, or is being written."""
        main: Item = {"TableName": self._table, "ConditionExpression": "attribute_not_exists(pk)"}
        if before:
            # Revisions begin anew with a shipment that was forgotten and registered again.
            main["ConditionExpression"] = "revision = :revision AND created_at = :created"
            main["ExpressionAttributeValues"] = {
                ":revision": {"N": str(before.revision)},
                ":created": _number(before.created_at),
            }
        if after:
            actions: list[Any] = [{"Put": {**main, "Item": _to_item(after)}}]
        else:
            actions = [{"Delete": {**main, "Key": _key_of(before)}}] if before else []
        actions += self._tag_actions(before, after)
        if after and _arms(before, after):
            actions.append({"Update": arming(self._table, after.link, after.updated_at)})
        if after and _shows(before, after):
            notice = outbox.backfill(after, after.updated_at)
            actions.append({"Put": {"TableName": self._table, "Item": notice}})
        return transacted(self._dynamodb, actions, self._pause)

    def _tag_actions(self, before: Shipment | None, after: Shipment | None) -> list[Any]:
        old = dict.fromkeys(before.registration.tags, before) if before else {}
        new = dict.fromkeys(after.registration.tags, after) if after else {}
        return [
            {"Delete": {"TableName": self._table, "Key": _tag_key(old[tag], tag)}}
            for tag in old.keys() - new.keys()
        ] + [
            {"Put": {"TableName": self._table, "Item": _tag_item(new[tag], tag)}}
            for tag in new.keys() - old.keys()
        ]

    def _read_all(self, member: str, places: list[Place]) -> list[Shipment | None]:
        keys = [watch_key(member, each.order_id, Link(each.courier, each.number)) for each in places]
        ships = map(to_shipment, batch(self._dynamodb, self._table, keys))
        found = {(ship.order_id, parcel_key(ship.link)): ship for ship in ships}
        return [found.get((each.order_id, parcel_key(Link(each.courier, each.number)))) for each in places]


def _busy() -> StoreUnavailable:
    return StoreUnavailable("Too many change this shipment at once. Ask again.", retry_after=1)


def _arms(before: Shipment | None, after: Shipment) -> bool:
    """Whether the parcel is put on the schedule by this change: it is new there, or may be seen now, or in other words."""
    if after.completed_at is not None or not after.armed:
        return False
    if before is None or not before.armed:
        return True
    said, says = before.registration, after.registration
    return (said.tail, said.lang) != (says.tail, says.lang)


def _shows(before: Shipment | None, after: Shipment) -> bool:
    """Whether the shipment first shows something by this change, to a member who is not done with it."""
    shown = before is not None and before.standing.as_of > 0
    return after.standing.as_of > 0 and not shown and after.completed_at is None


def arming(table: str, link: Link, now: float) -> Any:
    """The update that puts a parcel on the schedule, due at once; one that is on it keeps its times."""
    return {
        "TableName": table,
        "Key": {"pk": {"S": parcel_key(link)}, "sk": {"S": "PARCEL"}},
        "UpdateExpression": (
            "SET courier = :courier, #number = :number, registered_at = if_not_exists(registered_at, :now), "
            "next_at = if_not_exists(next_at, :now), due_at = if_not_exists(due_at, :now), due_shard = :shard, "
            "reason = if_not_exists(reason, :reason), revision = if_not_exists(revision, :none) + :one "
            "REMOVE ended, expires_at"
        ),
        "ExpressionAttributeNames": {"#number": "number"},
        "ExpressionAttributeValues": {
            ":courier": {"S": link.courier},
            ":number": {"S": link.number},
            ":now": _number(now),
            ":shard": {"S": shard_of(link)},
            ":reason": {"S": FIRST_LOOK},
            ":none": {"N": "0"},
            ":one": {"N": "1"},
        },
    }


def watch_key(member: str, order_id: str, link: Link) -> Item:
    return {"pk": {"S": parcel_key(link)}, "sk": {"S": f"WATCH#{member}#{order_id}"}}


def _key_of(ship: Shipment) -> Item:
    return watch_key(ship.member, ship.order_id, ship.link)


def _tag_key(ship: Shipment, tag: str) -> Item:
    return {"pk": {"S": parcel_key(ship.link)}, "sk": {"S": f"TAG#{ship.member}#{ship.order_id}#{tag}"}}


def _row_key(member: str, place: Place) -> Item:
    kind = f"TAG#{member}#{place.order_id}#{place.tag}" if place.tag else f"WATCH#{member}#{place.order_id}"
    return {"pk": {"S": parcel_key(Link(place.courier, place.number))}, "sk": {"S": kind}}


def _index_key(member: str, value: str) -> str:
    """No value holds a #, so the last one parts the member, who may, from it."""
    return f"{member}#{value}"


def _moment(epoch: float) -> str:
    """Epoch milliseconds, so that texts sort as times do."""
    return f"{round(epoch * 1000):015d}"


def _listed(ship: Shipment) -> str:
    return f"{_moment(ship.created_at)}#{ship.id}"


def _tag_item(ship: Shipment, tag: str) -> Item:
    return {
        **_tag_key(ship, tag),
        "by_tag": {"S": _index_key(ship.member, tag)},
        "listed": {"S": _listed(ship)},
        "order_id": {"S": ship.order_id},
        "tag": {"S": tag},
    }


def _to_item(ship: Shipment) -> Item:
    standing = ship.standing
    item: Item = {
        **_key_of(ship),
        "member": {"S": ship.member},
        "order_id": {"S": ship.order_id},
        "courier": {"S": ship.courier},
        "number": {"S": ship.number},
        "registration": {"S": json.dumps(asdict(ship.registration), ensure_ascii=False)},
        "standing": {"S": json.dumps(asdict(standing))},
        "links": {"S": json.dumps([each and asdict(each) for each in (ship.predecessor, ship.successor)])},
        "digest": {"S": ship.digest},
        "created_at": _number(ship.created_at),
        "updated_at": _number(ship.updated_at),
        "revision": {"N": str(ship.revision)},
        "listed": {"S": _listed(ship)},
        "changed": {"S": _moment(ship.updated_at)},
        "by_order": {"S": _index_key(ship.member, ship.order_id)},
        "by_number": {"S": _index_key(ship.member, ship.number)},
        "by_member": {"S": _index_key(ship.member, "")},
        "by_status": {"S": _index_key(ship.member, standing.status)},
        "by_courier": {"S": _index_key(ship.member, ship.courier)},
    }
    if standing.attention:
        item["by_attention"] = {"S": _index_key(ship.member, "")}
        if ship.completed_at is None:
            item |= concern.shared(concern.SHIPMENT, ship.id, ship.updated_at)
    if ship.armed:
        item["armed"] = {"BOOL": True}
    if ship.share_generation:
        item["share_generation"] = as_number(ship.share_generation)
    if ship.completed_at is not None:
        item["completed_at"] = _number(ship.completed_at)
    return item


def to_shipment(item: Item) -> Shipment:
    said = json.loads(item["registration"]["S"])
    predecessor, successor = (Link(**each) if each else None for each in json.loads(item["links"]["S"]))
    completed = item.get("completed_at")
    return Shipment(
        member=item["member"]["S"],
        order_id=item["order_id"]["S"],
        courier=item["courier"]["S"],
        number=item["number"]["S"],
        registration=Registration(**{**said, "tags": tuple(said["tags"])}),
        created_at=float(item["created_at"]["N"]),
        updated_at=float(item["updated_at"]["N"]),
        standing=Standing(**json.loads(item["standing"]["S"])),
        digest=item["digest"]["S"],
        completed_at=float(completed["N"]) if completed else None,
        predecessor=predecessor,
        successor=successor,
        revision=int(item["revision"]["N"]),
        armed="armed" in item,
        share_generation=int(item.get("share_generation", {}).get("N", 0)),
        overseen="concern" in item or "by_attention" not in item or completed is not None,
    )


def _place(item: Item, index: Index) -> Place:
    courier, number = item["pk"]["S"].split("#")[1:]
    tag = item["tag"]["S"] if index is TAGS else ""
    return Place(item[index.order]["S"], courier, number, item["order_id"]["S"], tag)


def _number(value: float) -> Item:
    return {"N": repr(value)}
