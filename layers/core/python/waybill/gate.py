"""The gate before slow endpoints, in the Cache table: a dead or slow one has few of the workers and delays nobody else.

A webhook begins slow, and is quick from its first quick answer on, but not within STEADY after a time-out: one that answers now and
then would hold up workers of the quick ones again and again. Quick ones pass without a gate. As soon as a try of a quick one has
waited for PATIENCE the webhook is slow again, and that try, which still waits, has the first place: one more may begin beside it::

    quick     post post post po............x time-out
    slow                       ^ marked slow          | an answer: one place more
    place 0                    [...........]          [probe]
    place 1                       [........... x
    shut                                   |<--5 s--->|     then 10 s, 20 s, ... 5 min, for one probe each

Each answer makes one place more. While the try in the first place waits and nothing has been answered for STUCK, no other begins,
so that one that dies has no more tries under way than it was sent in its usual time and those seconds.

A place is taken by one conditional write and has an end, so a worker that dies gives it back. Whoever finds none is put off, which
is no try: the longer it has waited, the longer it is put off, so that a thousand that wait cost little, and the next is never far.
Times here are wall time: what is slow is a socket.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from waybill.retries import DEADLINE
from waybill.table import as_number, sent_again, served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

MOST: Final = 20
"""Tries at a time, over all workers, of a slow webhook that has answered often. One that has not has one."""
STUCK: Final = 3.0
"""Seconds without an answer to the try in the first place, or any other, after which no other begins."""
TRIES: Final = 4
"""Places that are tried to take: those that meet at a gate may choose the same one."""
HELD: Final = DEADLINE + 5.0
"""Seconds after which a place is free again whatever became of its holder."""
QUICK: Final = 1.0
"""An answer within so many seconds makes a slow webhook quick."""
FIRST_SHUT: Final = 5.0
LONGEST_SHUT: Final = 300.0
STEADY: Final = 300.0
"""Seconds after a time-out in which no answer, however quick, makes a webhook quick."""
FIRST_PUT_OFF: Final = 3.0
LONGEST_PUT_OFF: Final = 1800.0
KEPT: Final = 24 * 3600
"""Seconds after its last use that a gate's item is dropped."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place, held until `until`, after so many `timeouts` in a row. `number` None: that of a quick webhook, which has no gate.

    `timed_out_at` is when a try timed out last; 0 where none is known to have.
    """

    webhook: str
    number: int | None = None
    until: float = 0.0
    timeouts: int = 0
    timed_out_at: float = 0.0

    def steady(self, now: float) -> bool:
        """Whether nothing has timed out of late, so that a quick answer tells what the next ones will be like."""
        return now - self.timed_out_at >= STEADY


@dataclass(frozen=True, slots=True)
class Full:
    """There is no place, and hardly one before `until` if that is in the future."""

    until: float = 0.0


def shut_for(timeouts: int) -> float:
    """Seconds for which the gate is shut after so many time-outs in a row."""
    return float(min(FIRST_SHUT * 2 ** min(timeouts - 1, 16), LONGEST_SHUT))


def put_off(full: Full, waited: float, now: float, chance: float) -> float:
    """Seconds until somebody that found no place, and has waited for `waited` seconds, comes back. `chance` is from [0, 1)."""
    longest = min(max(FIRST_PUT_OFF, waited), LONGEST_PUT_OFF)
    return max(0.0, full.until - now) + longest * (0.5 + chance / 2)


class Gates:
    """`GATE#<webhook>`: `place_0`, ... (until when each is held), `answered` since the last of `timeouts`, the last `answered_at`.

    It is shut until `shut_until`; at `timed_out_at` a try timed out last.

    Every method raises StoreUnavailable when DynamoDB does not serve it.
    """

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def enter(self, webhook: str, now: float) -> Place | Full:
        """A place at a slow webhook. One that has not answered yet, or since it timed out, has one only."""
        number, full = 0, Full()
        for _ in range(TRIES):
            taken = self._take(webhook, number, now)
            if isinstance(taken, Place):
                return taken
            free, full = _free(taken, now), Full(_shut_until(taken))
            if full.until > now or not free:
                break
            number = random.choice(free)  # noqa: S311 - spreads those who meet, keeps no secret
        return full

    def hold(self, webhook: str, now: float) -> Place:
        """The first place for a quick webhook's try that waits, and one beside it until an answer, however many there were.

        One that is none, as Place tells, where another try has it or the gate is shut.
        """
        taken = self._take(webhook, 0, now, answered=1)
        return taken if isinstance(taken, Place) else Place(webhook)

    def leave(self, place: Place, now: float, *, timed_out: bool | None) -> None:
        """Give a place back. `timed_out` is what its try came to, or None where nothing is known of it."""
        if timed_out:
            self._shut(place, now)
        if place.number is None:
            return
        name = f"place_{place.number}"
        values = {":mine": as_number(place.until)}
        update = f"REMOVE {name}"
        if timed_out is False:
            update += ", timeouts, shut_until SET answered_at = :now ADD answered :one"
            values |= {":now": as_number(now), ":one": {"N": "1"}}
        try:
            served(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(place.webhook),
                    UpdateExpression=update,
                    ConditionExpression=f"{name} = :mine",
                    ExpressionAttributeValues=values,
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def _take(self, webhook: str, number: int, now: float, answered: int | None = None) -> Place | Item:
        """The place, or the gate as it stands where the place cannot be had. `answered` is counted from there on, if given."""
        name, until = f"place_{number}", round(now + HELD, 3)
        condition = (
            f"(attribute_not_exists({name}) OR {name} <= :now)"
            " AND (attribute_not_exists(shut_until) OR shut_until <= :now)"
        )
        values = {":until": as_number(until), ":now": as_number(now), ":expires": as_number(int(now) + KEPT)}
        update = f"SET {name} = :until, expires_at = :expires"
        if number:
            condition += " AND answered >= :number"
            values[":number"] = as_number(number)
        if answered is not None:
            update += ", answered = :answered"
            values[":answered"] = as_number(answered)
        try:
            answer = served(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(webhook),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            )
            gate: Item = dict(answer["Attributes"])
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refusal:
            found: Any = refusal.response
            gate = found.get("Item", {})
            if not (sent_again(refusal) and _number(gate, name) == until):
                return gate
        return Place(webhook, number, until, int(_number(gate, "timeouts")), _number(gate, "timed_out_at"))

    def _shut(self, place: Place, now: float) -> None:
        """Shut the gate, unless another try's time-out has just done so."""
        timeouts = place.timeouts + 1
        try:
            served(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(place.webhook),
                    UpdateExpression=(
                        "SET timeouts = :timeouts, timed_out_at = :now, shut_until = :until, expires_at = :expires "
                        "REMOVE answered"
                    ),
                    ConditionExpression="attribute_not_exists(shut_until) OR shut_until <= :now",
                    ExpressionAttributeValues={
                        ":timeouts": as_number(timeouts),
                        ":until": as_number(now + shut_for(timeouts)),
                        ":now": as_number(now),
                        ":expires": as_number(int(now) + KEPT),
                    },
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return


def _free(gate: Item, now: float) -> list[int]:
    """The places that nobody has, of as many as may be taken now."""
    first = _number(gate, "place_0")
    stuck = first > now and max(first - HELD, _number(gate, "answered_at")) <= now - STUCK
    places = 1 if stuck else min(1 + int(_number(gate, "answered")), MOST)
    return [each for each in range(places) if _number(gate, f"place_{each}") <= now]


def _shut_until(gate: Item) -> float:
    """Where the last try timed out, the probe is taken to do so as well."""
    probe = _number(gate, "place_0") - HELD + DEADLINE if "timeouts" in gate else 0.0
    return max(_number(gate, "shut_until"), probe)


def _key(webhook: str) -> Item:
    return {"pk": {"S": f"GATE#{webhook}"}}


def _number(item: Item, name: str) -> float:
    return float(item[name]["N"]) if name in item else 0.0
