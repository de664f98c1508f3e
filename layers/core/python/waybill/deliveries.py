"""What became of each event at each webhook: the delivery log, in the Tracking table (`messages.delivery_key`).

An item is written once a try, or when a delivery is put off, and always as a whole under its revision: where two workers have the
same message, the second one's write fails, and it looks at what the first one knows. An item that waits is in the `due` index, so
that a message that is lost costs its delivery some time and nothing else. One that waits or is parked is among the `concerns` of
operators. One that nobody can send any more, since its event is no longer kept, is over: it has expired, though DynamoDB deletes it
within days.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from waybill import concern, messages
from waybill.errors import DAY
from waybill.messages import Delivery
from waybill.table import as_number, batch, sent_again, served

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
State = Literal["waiting", "delivered", "parked"]

KEPT: Final = 30 * DAY
TRIES: Final = 12
"""The latest of a delivery's tries that are kept."""
ANSWER_BYTES: Final = 1024
"""Of an answer that is kept, in UTF-8."""
LOOKED: Final = 1000
"""Deliveries that one page of a state goes through: the log of a month may have hundreds of thousands."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
"""Characters that steer a terminal or turn a text around; tabs and newlines stay."""


@dataclass(frozen=True, slots=True)
class Try:
    """One request. `at` is service time, `ms` how long it took; `error` says in a word why there was no status.

    `answer` is the beginning of what the endpoint said, cleaned.
    """

    at: float
    ms: int
    status: int | None = None
    error: str | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of a delivery so far. `tries` are the latest, oldest first; times are epoch seconds of service time.

    `failures` counts those that failed since it was sent, or sent again: it is the place in the table of retries. `next_at` is when
    it is tried next, `due_at` when the dispatch sends it on its way; both only while it waits. `wanted_at`: since when it waits for
    a place at a slow endpoint.
    """

    delivery: Delivery
    event_id: str
    type: str
    state: State = "waiting"
    tries: tuple[Try, ...] = ()
    failures: int = 0
    next_at: float | None = None
    due_at: float | None = None
    wanted_at: float | None = None
    revision: int = 0


def tried(progress: Progress, attempt: Try) -> Progress:
    """With one try more in its log."""
    return replace(progress, tries=(*progress.tries, attempt)[-TRIES:], wanted_at=None)


def delivered(progress: Progress, attempt: Try) -> Progress:
    return _done(tried(progress, attempt), "delivered")


def parked(progress: Progress) -> Progress:
    """Nobody tries it any more; it can be sent again."""
    return _done(progress, "parked")


def waiting(progress: Progress, next_at: float, due_at: float) -> Progress:
    return replace(progress, state="waiting", next_at=next_at, due_at=due_at)


def resent(progress: Progress, now: float, due_at: float) -> Progress:
    """Tried from the beginning, with the log of before."""
    return waiting(replace(progress, failures=0, wanted_at=None), now, due_at)


def clean(answer: bytes) -> str:
    """The beginning of an answer as it is kept and shown: text, within ANSWER_BYTES, without characters that steer."""
    text = _CONTROL.sub("\ufffd", answer[:ANSWER_BYTES].decode(errors="replace"))
    return text.encode()[:ANSWER_BYTES].decode(errors="ignore")


def _done(progress: Progress, state: State) -> Progress:
    return replace(progress, state=state, next_at=None, due_at=None, wanted_at=None)


class Deliveries:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, delivery: Delivery) -> Progress | None:
        answer = served(
            lambda: self._dynamodb.get_item(TableName=self._table, Key=_key(delivery), ConsistentRead=True)
        )
        return _to_progress(answer["Item"]) if "Item" in answer else None

    def of_key(self, pk: str, sk: str) -> Progress | None:
        """The delivery under a key of the table."""
        return self.get(cast("Delivery", messages.of_key(pk, sk)))

    def of_keys(self, keys: Iterable[tuple[str, str]]) -> list[Progress]:
        """The deliveries under these keys that there are, those of the newest events first."""
        wanted = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in keys]
        items = batch(self._dynamodb, self._table, wanted)
        return sorted(map(_to_progress, items), key=lambda each: -each.delivery.sequence)

    def put(self, progress: Progress, now: float, kept: float = KEPT) -> bool:
        """Write what became of it; False where somebody else wrote since it was read.

        It is kept for so many seconds from `now` on; 0 where it is over. A write whose answer was lost, and that finds itself when
        botocore sends it again, is one: taken for somebody else's, it would send no message.
        """
        item: Item = {
            **_key(progress.delivery),
            "event_id": {"S": progress.event_id},
            "type": {"S": progress.type},
            "state": {"S": progress.state},
            "tries": {"S": json.dumps([asdict(each) for each in progress.tries], ensure_ascii=False)},
            "failures": as_number(progress.failures),
            "revision": as_number(progress.revision + 1),
            "expires_at": {"N": str(int(now + kept))},
        }
        for name in ("next_at", "due_at", "wanted_at"):
            if (moment := getattr(progress, name)) is not None:
                item[name] = as_number(moment)
        if progress.state != "delivered" and kept:
            item |= concern.of_delivery(progress.delivery, progress.state, now)
        if progress.due_at is not None:
            item["due_shard"] = {"S": messages.later_shard(item["pk"]["S"], item["sk"]["S"])}
        try:
            served(
                lambda: self._dynamodb.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk) OR revision = :seen",
                    ExpressionAttributeValues={":seen": as_number(progress.revision)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refusal:
            found: Any = refusal.response
            own = sent_again(refusal) and "Item" in found
            return own and _to_progress(found["Item"]) == _to_progress(item)
        return True

    def page(
        self,
        member: str,
        webhook: str,
        now: float,
        limit: int,
        after: str | None = None,
        state: State | None = None,
    ) -> tuple[list[Progress], str | None]:
        """Up to `limit` deliveries to a webhook, those of the newest events first, and `after` of the next page if there is one.

        Of one state, it looks at LOOKED deliveries, and what has expired is passed over: fewer than `limit`, or none, may come with
        an `after`. That is a sort key, as this method gave it.
        """
        pk = messages.delivery_key(Delivery(member, webhook, 0))[0]
        asked: Item = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "FilterExpression": "expires_at > :now",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":now": as_number(now)},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": LOOKED if state else limit + 1,
        }
        if state:
            asked["FilterExpression"] += " AND #state = :state"
            asked["ExpressionAttributeNames"] = {"#state": "state"}
            asked["ExpressionAttributeValues"][":state"] = {"S": state}
        if after:
            asked["ExclusiveStartKey"] = {"pk": {"S": pk}, "sk": {"S": after}}
        answer = served(lambda: self._dynamodb.query(**asked))
        items, following = answer["Items"], answer.get("LastEvaluatedKey")
        if len(items) > limit:
            following = items[limit - 1]
        return [_to_progress(item) for item in items[:limit]], following["sk"]["S"] if following else None


def _key(delivery: Delivery) -> Item:
    pk, sk = messages.delivery_key(delivery)
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _to_progress(item: Item) -> Progress:
    delivery = messages.of_key(item["pk"]["S"], item["sk"]["S"])
    return Progress(
        delivery=cast("Delivery", delivery),
        event_id=item["event_id"]["S"],
        type=item["type"]["S"],
        state=cast("State", item["state"]["S"]),
        tries=tuple(Try(**each) for each in json.loads(item["tries"]["S"])),
        failures=int(item["failures"]["N"]),
        next_at=_moment(item, "next_at"),
        due_at=_moment(item, "due_at"),
        wanted_at=_moment(item, "wanted_at"),
        revision=int(item["revision"]["N"]),
    )


def _moment(item: Item, name: str) -> float | None:
    return float(item[name]["N"]) if name in item else None
