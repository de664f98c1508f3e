"""Who may wait for an event: a few at a time, so that whoever waits never keeps out whoever asks.

Each place is an item of the Cache table, `POLL#<n>`, taken by one conditional write and given back by another; whose holder died is
free again when its time is over. Wall time.
"""

from __future__ import annotations

import random
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from waybill.errors import StoreUnavailable
from waybill.table import as_number, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

HELD_SECONDS: Final = 30.0
"""Longer than a function that waits may run."""
TRIES: Final = 3
"""Places that are tried: where these are taken, most are."""


class Polls:
    """`places` of one table; `wall` is the time of day in epoch seconds."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, places: int, wall: Callable[[], float]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._places = range(places)
        self._wall = wall

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether there is a place to wait in, which is held meanwhile. A store that is away has none."""
        holder, taken = uuid.uuid4().hex, None
        for number in random.sample(self._places, min(TRIES, len(self._places))):
            with suppress(StoreUnavailable):
                if self._take(number, holder):
                    taken = number
                    break
        try:
            yield taken is not None
        finally:
            if taken is not None:
                with suppress(StoreUnavailable):
                    self._leave(taken, holder)

    def _take(self, number: int, holder: str) -> bool:
        now = self._wall()
        try:
            served(
                lambda: self._dynamodb.put_item(
                    TableName=self._table,
                    Item={
                        "pk": {"S": f"POLL#{number}"},
                        "holder": {"S": holder},
                        "until": as_number(now + HELD_SECONDS),
                        "expires_at": as_number(int(now + HELD_SECONDS)),
                    },
                    ConditionExpression="attribute_not_exists(pk) OR #until <= :now",
                    ExpressionAttributeNames={"#until": "until"},
                    ExpressionAttributeValues={":now": as_number(now)},
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _leave(self, number: int, holder: str) -> None:
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            served(
                lambda: self._dynamodb.delete_item(
                    TableName=self._table,
                    Key={"pk": {"S": f"POLL#{number}"}},
                    ConditionExpression="holder = :holder",
                    ExpressionAttributeValues={":holder": {"S": holder}},
                )
            )
