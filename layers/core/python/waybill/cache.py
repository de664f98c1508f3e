"""The Cache table: what is known of a number (`RESULT#`). One key `pk`, no index, TTL on `expires_at`.

Its lease (`slots`) is apart because a write is charged by the whole item: the lease is small and written often, the result large
and rare.
DynamoDB deletes expired items when it pleases, so no rule here ever rests on an item being gone: times are compared.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from waybill import freshness
from waybill.errors import DAY
from waybill.freshness import Guess, Known, Tail
from waybill.model import Parcel
from waybill.table import as_number, served

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]


class Cache:
    """Reads and writes of one table. Every method raises StoreUnavailable when DynamoDB does not serve it."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None:
        """What is known of a number: one read. `consistent` for a reader that was told of a write."""
        item = self._get(f"RESULT#{courier}#{number}", consistent=consistent)
        return _to_known(item) if item else None

    def store(self, courier: str, number: str, known: Known) -> None:
        """Store what a call taught; an older flight never overwrites a newer one.

        Of the guesses only those go that nothing rests on any more (`freshness.needless`).
        """
        values: Item = {
            ":sequence": as_number(known.sequence),
            ":fetched": as_number(known.fetched_at),
            ":fresh": as_number(known.fresh_until),
            ":next": as_number(known.next_allowed_at),
            ":outcome": {"S": known.outcome},
            ":misses": as_number(known.misses),
            ":bound": {"BOOL": known.phone_bound},
            ":tails": {"M": {key: {"M": _tail_item(tail)} for key, tail in known.tails.items()}},
            ":expires": as_number(
                int(max(known.fetched_at + freshness.KEEP, known.next_allowed_at + DAY, known.fresh_until))
            ),
        }
        update = (
            "SET #sequence = :sequence, fetched_at = :fetched, fresh_until = :fresh, next_allowed_at = :next, outcome = :outcome, "
            "misses = :misses, phone_bound = :bound, tails = :tails, expires_at = :expires"
        )
        if known.parcel:
            values[":parcel"] = {
                "B": zlib.compress(json.dumps(known.parcel.to_dict(), ensure_ascii=False).encode())
            }
            update += ", parcel = :parcel"
        needless = freshness.needless(known)
        if needless:
            values[":needless"] = {"SS": [_guess_text(guess) for guess in needless]}
            update += " DELETE guesses :needless"
        self._refused_by(
            lambda: self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"RESULT#{courier}#{number}"}},
                UpdateExpression=update,
                ConditionExpression="attribute_not_exists(#sequence) OR #sequence < :sequence",
                ExpressionAttributeNames={"#sequence": "sequence"},
                ExpressionAttributeValues=values,
            )
        )

    def note_guess(self, courier: str, number: str, guess: Guess) -> tuple[Guess, ...]:
        """Count a member's try with a tail: the number's guesses as they stand just after this one."""
        answer = served(
            lambda: self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"RESULT#{courier}#{number}"}},
                UpdateExpression="SET expires_at = if_not_exists(expires_at, :expires) ADD guesses :guess",
                ExpressionAttributeValues={
                    ":guess": {"SS": [_guess_text(guess)]},
                    ":expires": as_number(int(guess.at + freshness.GUESSES_KEPT)),
                },
                ReturnValues="UPDATED_NEW",
            )
        )
        return _to_guesses(answer["Attributes"]["guesses"]["SS"])

    def _get(self, pk: str, *, consistent: bool) -> Item | None:
        answer = served(
            lambda: self._dynamodb.get_item(
                TableName=self._table, Key={"pk": {"S": pk}}, ConsistentRead=consistent
            )
        )
        item: Item | None = answer.get("Item")
        return item

    def _refused_by(self, write: Callable[[], Any]) -> Item | None:
        """None if the conditional write went through, else the item that refused it (empty if there is none)."""
        try:
            served(write)
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            response: Item = {**error.response}
            refused_by: Item = response.get("Item", {})
            return refused_by
        return None


def _tail_item(tail: Tail) -> Item:
    return {"verdict": {"S": tail.verdict}, "at": as_number(tail.at)}


def _guess_text(guess: Guess) -> str:
    return f"{guess.at!r} {guess.tail} {guess.member}"


def _to_guesses(texts: Sequence[str]) -> tuple[Guess, ...]:
    parts = (text.split(" ", 2) for text in sorted(texts))
    return tuple(Guess(float(at), member, tail) for at, tail, member in parts)


def _to_known(item: Item) -> Known:
    guesses = _to_guesses(item["guesses"]["SS"]) if "guesses" in item else ()
    if "sequence" not in item:
        return Known(guesses=guesses)
    parcel = item.get("parcel")
    return Known(
        sequence=int(item["sequence"]["N"]),
        parcel=Parcel.from_dict(json.loads(zlib.decompress(parcel["B"]))) if parcel else None,
        fetched_at=float(item["fetched_at"]["N"]),
        fresh_until=float(item["fresh_until"]["N"]),
        next_allowed_at=float(item["next_allowed_at"]["N"]),
        outcome=item["outcome"]["S"],
        misses=int(item["misses"]["N"]),
        phone_bound=item["phone_bound"]["BOOL"],
        tails={
            key: Tail(value["M"]["verdict"]["S"], float(value["M"]["at"]["N"]))
            for key, value in item["tails"]["M"].items()
        },
        guesses=guesses,
    )
