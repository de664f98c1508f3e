"""What the lookup needs of its store, held against every store there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from waybill.errors import DAY
from waybill.freshness import Ask, Guess, Known, Tail, presented
from waybill.model import Area, Event, Parcel, Route

if TYPE_CHECKING:
    from waybill.lookup import Store

NOW = 1_800_000_000.123
KEY = ("yuantong", "YT7450353838751")
AREA = Area("CN12", "天津", 117.2, 39.1)
EVENT = Event(
    "e1", "2026-01-01T10:00:00+08:00", "assumed", "已揽收", "1", "in_transit", "picked_up", "天津市", AREA
)
PARCEL = Parcel(
    *KEY, "in_transit", "picked_up", state="1", events=(EVENT,), route=Route(origin=Area("CN12", "天津"))
)
KNOWN = Known(
    sequence=1_800_000_000_123,
    parcel=PARCEL,
    fetched_at=NOW,
    fresh_until=NOW + 1860,
    next_allowed_at=NOW + 1860,
    misses=2,
    phone_bound=True,
    tails={"a" * 32: Tail("verified", NOW), "b" * 32: Tail("wrong", NOW)},
)


def test_nothing_is_known_of_a_cold_number(store: Store) -> None:
    assert store.known(*KEY) is None


def test_what_is_stored_is_what_is_known(store: Store) -> None:
    store.store(*KEY, KNOWN)
    assert store.known(*KEY, consistent=True) == KNOWN
    assert store.known("yuantong", "YT0000000000000") is None


def test_an_older_flight_does_not_overwrite_a_newer_one(store: Store) -> None:
    store.store(*KEY, KNOWN)
    store.store(*KEY, replace(KNOWN, sequence=KNOWN.sequence - 1, misses=9))
    assert store.known(*KEY) == KNOWN
    store.store(*KEY, replace(KNOWN, sequence=KNOWN.sequence + 1, misses=9))
    assert store.known(*KEY) == replace(KNOWN, sequence=KNOWN.sequence + 1, misses=9)


def test_guesses_are_counted_beside_what_is_known(store: Store) -> None:
    first, second = Guess(NOW, "member with spaces", "a" * 32), Guess(NOW + 1, "member with spaces", "b" * 32)
    assert store.note_guess(*KEY, first) == (first,)
    known = store.known(*KEY)
    assert known is not None
    assert known.parcel is None
    store.store(*KEY, KNOWN)
    assert store.note_guess(*KEY, second) == (first, second)
    assert store.known(*KEY, consistent=True) == replace(KNOWN, guesses=(first, second))


def test_wrong_guesses_are_forgotten_in_days_and_a_right_one_never(store: Store) -> None:
    right, wrong = Guess(NOW, "acme", "a" * 32), Guess(NOW + 1, "acme", "b" * 32)
    for guess in (right, wrong, replace(right, at=NOW + 2)):
        store.note_guess(*KEY, guess)
    for days in (1, 3, 30):
        known = store.known(*KEY, consistent=True)
        assert known is not None
        later = replace(
            KNOWN, sequence=KNOWN.sequence + days, guesses=known.guesses, next_allowed_at=NOW + days * DAY
        )
        store.store(*KEY, later)
        known = store.known(*KEY, consistent=True)
        assert known == replace(later, guesses=(right, wrong) if days < 2 else (right,))


def test_a_right_guess_among_too_many_does_not_outlive_the_wrong_ones(store: Store) -> None:
    """Else it would count once they are gone, and many tried at once would be worth it."""
    wrong = [Guess(NOW + each, "acme", f"{each}" * 32) for each in range(5)]
    right = Guess(NOW + 5, "acme", "a" * 32)
    for guess in (*wrong, right):
        store.note_guess(*KEY, guess)
    for days in (1, 2, 3):
        known = store.known(*KEY, consistent=True)
        assert known is not None
        at = NOW + days * DAY + 4.5
        store.store(
            *KEY, replace(KNOWN, sequence=KNOWN.sequence + days, guesses=known.guesses, next_allowed_at=at)
        )
        known = store.known(*KEY, consistent=True)
        assert known is not None
        assert not presented(known, Ask("acme", right.tail))
        assert days < 3 or known.guesses == ()
