"""Members' webhook endpoints in the Tracking table: `MEMBER#<member>`, `ENDPOINT#<webhook id>`.

Beside them stands `ENDPOINTS`, which counts them, so that the write of one too many fails by itself; and `OPERATORS`, `<member>`
has the members that hear what concerns everybody. What the owner decides changes under a revision; what deliveries find out of an
endpoint are marks of their own, so that neither waits for the other. One that fails is among the `concerns` of operators, and so is
`GAVE_UP#<webhook id>`, for as long as a delivery that was parked is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from waybill import concern, notifications, outbox, retries
from waybill.errors import StoreUnavailable
from waybill.notifications import OPERATOR_TYPES, WEBHOOK_DISABLED
from waybill.table import as_number, batch, rows, served, transacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.notifications import Notification

Item = dict[str, Any]
State = Literal["active", "paused", "disabled"]
Reason = Literal["gone", "failing"]

LIMIT: Final = 20
"""Webhooks of one member."""
EVERYTHING: Final = ("*",)
ROUNDS: Final = 8
OPERATORS: Final = "OPERATORS"
_COUNTER: Final = "ENDPOINTS"
_ENDPOINT: Final = "ENDPOINT#"
_GAVE_UP: Final = "GAVE_UP#"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint. `events` are types, or EVERYTHING.

    `version` is that of its secret; the one before signs, too, until `previous_until`, in epoch seconds of wall time. `reason` is
    why it is disabled. `failing_since`, `failed_at`, when it was seen to fail last (both service time), and `slow` are marks of
    deliveries; `operator` tells that a token with `admin` made it.
    """

    member: str
    id: str
    url: str
    events: tuple[str, ...]
    description: str
    created_at: float
    state: State = "active"
    reason: Reason | None = None
    version: int = 1
    previous_until: float | None = None
    failing_since: float | None = None
    failed_at: float | None = None
    slow: bool = True
    operator: bool = False
    revision: int = 0


def wants(webhook: Webhook, told: Notification) -> bool:
    """Whether an endpoint is to hear of this, whatever its state. What is for it alone is not asked about."""
    if webhook.events != EVERYTHING and told["type"] not in webhook.events:
        return False
    return webhook.operator or not _of_all(told)


def _of_all(told: Notification) -> bool:
    """Whether it concerns everybody together, which only operators are told of."""
    return told["type"] in OPERATOR_TYPES or ("member" in told["data"] and told["data"]["member"] is None)


class Webhooks:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `pause` waits wall seconds, where transactions meet.
    """

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._pause = pause

    def get(self, member: str, webhook_id: str) -> Webhook | None:
        answer = served(
            lambda: self._dynamodb.get_item(
                TableName=self._table, Key=_key(member, webhook_id), ConsistentRead=True
            )
        )
        return _to_webhook(answer["Item"]) if "Item" in answer else None

    def all(self, member: str) -> list[Webhook]:
        """Every webhook of a member, in whatever state; the latest made first."""
        items = self._rows(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :endpoint)",
            ExpressionAttributeValues={
                ":pk": {"S": f"MEMBER#{member}"},
                ":endpoint": {"S": _ENDPOINT},
            },
        )
        return sorted(map(_to_webhook, items), key=lambda found: (-found.created_at, found.id))

    def create(self, webhook: Webhook) -> bool:
        """Write a new one; False where its member has as many as there may be. Who makes one as an operator is one from then on."""
        actions: list[Any] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": {**_key(webhook.member, webhook.id), **_attributes(webhook)},
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            self._counted(webhook.member, 1, "attribute_not_exists(endpoints) OR endpoints < :bound", LIMIT),
        ]
        if webhook.operator:
            actions.append({"Put": {"TableName": self._table, "Item": _operator(webhook.member)}})
        return transacted(self._dynamodb, actions, self._pause)

    def change(self, webhook: Webhook, how: Callable[[Webhook], Webhook]) -> Webhook | None:
        """The webhook as `how` makes it of what stands, written; None when it is gone.

        `webhook` is what the caller saw last, which may be old: then `how` is asked again. Marks that `how` leaves as they are
        are not written.
        """
        stands: Webhook | None = webhook
        for _ in range(ROUNDS):
            if stands is None:
                return None
            changed = replace(how(stands), revision=stands.revision + 1)
            if self._write(stands, changed):
                return changed
            stands = self.get(webhook.member, webhook.id)
        raise StoreUnavailable("Too many change this webhook at once. Ask again.", retry_after=1)

    def delete(self, member: str, webhook_id: str) -> bool:
        """Whether it was there."""
        gone = {
            "Delete": {
                "TableName": self._table,
                "Key": _key(member, webhook_id),
                "ConditionExpression": "attribute_exists(pk)",
            }
        }
        return transacted(
            self._dynamodb, [gone, self._counted(member, -1, "endpoints > :bound", 0)], self._pause
        )

    def disable(self, webhook: Webhook, reason: Reason, now: float) -> bool:
        """Send it nothing more and have its member told.

        False where it is not active, its owner has just changed it, or it has not failed since it is said to.
        """
        told = notifications.of_webhook(
            WEBHOOK_DISABLED, {"webhook_id": webhook.id, "url": webhook.url, "reason": reason}, now
        )
        notice: Item = {
            "pk": {"S": f"MEMBER#{webhook.member}"},
            "sk": {"S": f"NOTICE#{webhook.id}#{round(now * 1000)}"},
            **outbox.own(webhook.member, told, now),
            "expires_at": {"N": str(int(now + outbox.KEPT))},
        }
        since = now if webhook.failing_since is None else webhook.failing_since
        changed = replace(
            webhook, state="disabled", reason=reason, failing_since=since, revision=webhook.revision + 1
        )
        return webhook.state == "active" and self._write(
            webhook,
            changed,
            {"Put": {"TableName": self._table, "Item": notice}},
            still=("failing_since",) if reason == "failing" and webhook.failing_since is not None else (),
        )

    def failing(self, webhook: Webhook, now: float) -> None:
        """Mark that it fails, and since when, in service time; an earlier beginning stays, unless it was QUIET meanwhile."""
        found = _concern(webhook, now)
        begun = self._mark(
            webhook,
            "SET failing_since = :now, failed_at = :now, concern = :concern, concerned_at = :at",
            {
                ":now": as_number(now),
                ":quiet": as_number(now - retries.QUIET),
                ":concern": found["concern"],
                ":at": found["concerned_at"],
            },
            "attribute_not_exists(failing_since) OR attribute_not_exists(failed_at) OR failed_at <= :quiet",
        )
        if not begun:
            self._mark(
                webhook, "SET failed_at = :now", {":now": as_number(now)}, "attribute_exists(failing_since)"
            )

    def gave_up(self, webhook: Webhook, now: float) -> None:
        """Have an operator find a webhook for which a delivery was parked, as long as that is kept."""
        note = {
            "pk": {"S": f"MEMBER#{webhook.member}"},
            "sk": {"S": f"{_GAVE_UP}{webhook.id}"},
            **_concern(webhook, now),
            "expires_at": {"N": str(int(now + outbox.KEPT))},
        }
        served(lambda: self._dynamodb.put_item(TableName=self._table, Item=note))

    def well(self, webhook: Webhook) -> None:
        self._mark(webhook, "REMOVE failing_since, failed_at, concern, concerned_at", {})

    def of_keys(self, keys: Iterable[tuple[str, str]]) -> list[Webhook]:
        """The webhooks that keys of the index `concerns` speak of, of any members, each once; not those that are gone."""
        wanted = {
            (pk.removeprefix("MEMBER#"), sk.removeprefix(_ENDPOINT).removeprefix(_GAVE_UP)) for pk, sk in keys
        }
        items = batch(self._dynamodb, self._table, [_key(*each) for each in sorted(wanted)])
        return [_to_webhook(item) for item in items]

    def paced(self, webhook: Webhook, *, slow: bool) -> None:
        self._mark(webhook, "SET slow = :slow", {":slow": {"BOOL": slow}})

    def operators(self) -> list[str]:
        """The members that hear what concerns everybody."""
        rows = self._rows(
            KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": OPERATORS}}
        )
        return [item["sk"]["S"] for item in rows]

    def join_operators(self, member: str) -> None:
        """Have a member hear what concerns everybody, from now on."""
        served(lambda: self._dynamodb.put_item(TableName=self._table, Item=_operator(member)))

    def _write(self, stands: Webhook, changed: Webhook, *beside: Any, still: Sequence[str] = ()) -> bool:
        """From what stands to what shall stand, and no attribute else.

        False where the owner has changed it since, or one of the marks that are `still` to be as they were is not.
        """
        before, after = _attributes(stands), _attributes(changed)
        named = [name for name in before | after if before.get(name) != after.get(name)]
        sets = ", ".join(f"#{name} = :{name}" for name in named if name in after)
        removes = ", ".join(f"#{name}" for name in named if name not in after)
        update = {
            "TableName": self._table,
            "Key": _key(stands.member, stands.id),
            "UpdateExpression": f"SET {sets} REMOVE {removes}" if removes else f"SET {sets}",
            "ConditionExpression": " AND ".join(
                ["#revision = :seen", *(f"{name} = :was_{name}" for name in still)]
            ),
            "ExpressionAttributeNames": {f"#{name}": name for name in named},
            "ExpressionAttributeValues": {
                ":seen": before["revision"],
                **{f":was_{name}": before[name] for name in still},
                **{f":{name}": after[name] for name in named if name in after},
            },
        }
        return transacted(self._dynamodb, [{"Update": update}, *beside], self._pause)

    def _mark(self, webhook: Webhook, update: str, values: Item, condition: str = "") -> bool:
        """A mark on an endpoint that is still there, and whether it was made.

        As a transaction, since one is tried again where it meets another.
        """
        mark: Item = {
            "TableName": self._table,
            "Key": _key(webhook.member, webhook.id),
            "UpdateExpression": update,
            "ConditionExpression": f"attribute_exists(pk) AND ({condition})"
            if condition
            else "attribute_exists(pk)",
        }
        if values:
            mark["ExpressionAttributeValues"] = values
        return transacted(self._dynamodb, [{"Update": mark}], self._pause)

    def _counted(self, member: str, change: int, condition: str, bound: int) -> Any:
        """The update of how many webhooks a member has; `condition` holds the number against `bound`."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S": f"MEMBER#{member}"}, "sk": {"S": _COUNTER}},
                "UpdateExpression": "ADD endpoints :change",
                "ConditionExpression": condition,
                "ExpressionAttributeValues": {
                    ":change": {"N": str(change)},
                    ":bound": {"N": str(bound)},
                },
            }
        }

    def _rows(self, **asked: Any) -> Iterator[Item]:
        return rows(self._dynamodb, TableName=self._table, ConsistentRead=True, **asked)


def _key(member: str, webhook_id: str) -> Item:
    return {"pk": {"S": f"MEMBER#{member}"}, "sk": {"S": f"{_ENDPOINT}{webhook_id}"}}


def _operator(member: str) -> Item:
    return {"pk": {"S": OPERATORS}, "sk": {"S": member}}


def _attributes(webhook: Webhook) -> Item:
    """What an item says beside its key; what is None is left out."""
    item: Item = {
        "url": {"S": webhook.url},
        "events": {"L": [{"S": each} for each in webhook.events]},
        "description": {"S": webhook.description},
        "created_at": as_number(webhook.created_at),
        "state": {"S": webhook.state},
        "version": as_number(webhook.version),
        "slow": {"BOOL": webhook.slow},
        "operator": {"BOOL": webhook.operator},
        "revision": as_number(webhook.revision),
    }
    if webhook.reason:
        item["reason"] = {"S": webhook.reason}
    for name in ("previous_until", "failing_since"):
        if (moment := getattr(webhook, name)) is not None:
            item[name] = as_number(moment)
    if webhook.failing_since is not None:
        item |= _concern(webhook, webhook.failing_since)
        if webhook.failed_at is not None:
            item["failed_at"] = as_number(webhook.failed_at)
    return item


def _concern(webhook: Webhook, at: float) -> Item:
    return concern.shared(concern.WEBHOOK, webhook.id, at)


def _to_webhook(item: Item) -> Webhook:
    return Webhook(
        member=item["pk"]["S"].removeprefix("MEMBER#"),
        id=item["sk"]["S"].removeprefix(_ENDPOINT),
        url=item["url"]["S"],
        events=tuple(each["S"] for each in item["events"]["L"]),
        description=item["description"]["S"],
        created_at=float(item["created_at"]["N"]),
        state=cast("State", item["state"]["S"]),
        reason=cast("Reason", item["reason"]["S"]) if "reason" in item else None,
        version=int(item["version"]["N"]),
        previous_until=_moment(item, "previous_until"),
        failing_since=_moment(item, "failing_since"),
        failed_at=_moment(item, "failed_at"),
        slow=item["slow"]["BOOL"],
        operator=item["operator"]["BOOL"],
        revision=int(item["revision"]["N"]),
    )


def _moment(item: Item, name: str) -> float | None:
    return float(item[name]["N"]) if name in item else None
