"""Places to wait in: so many and no more, given back by who leaves and by who died."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.store.conftest import new_table
from waybill.polls import HELD_SECONDS, Polls

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WALL = 1_770_000_000.0


class Places:
    """A table of places, at a time that a test sets."""

    def __init__(self, dynamodb: DynamoDBClient) -> None:
        self.wall = WALL
        self._dynamodb = dynamodb
        self._table = new_table(dynamodb, "CacheTable")

    def of(self, count: int) -> Polls:
        return Polls(self._dynamodb, self._table, count, lambda: self.wall)


@pytest.fixture
def places(dynamodb: DynamoDBClient) -> Places:
    return Places(dynamodb)


def test_no_more_wait_than_there_are_places(places: Places) -> None:
    polls = places.of(3)
    with ExitStack() as waiting:
        got = [waiting.enter_context(polls.place()) for _ in range(5)]
    assert got == [True, True, True, False, False]


def test_who_leaves_makes_room(places: Places) -> None:
    polls = places.of(1)
    for _ in range(3):
        with polls.place() as mine, polls.place() as other:
            assert (mine, other) == (True, False)


def test_an_error_while_waiting_makes_room_as_well(places: Places) -> None:
    polls = places.of(1)
    with pytest.raises(RuntimeError), polls.place():
        raise RuntimeError
    with polls.place() as mine:
        assert mine


def test_the_place_of_who_took_too_long_is_the_next_ones_whenever_the_first_leaves(places: Places) -> None:
    polls = places.of(1)
    late = ExitStack()
    assert late.enter_context(polls.place())
    places.wall += HELD_SECONDS
    with polls.place() as mine:
        assert mine
        late.close()
        with polls.place() as third:
            assert not third


def test_without_places_nobody_waits(places: Places) -> None:
    with places.of(0).place() as mine:
        assert not mine
