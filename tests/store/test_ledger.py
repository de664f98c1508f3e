"""The ledger: whatever is summed up when, by whom and how often, it is what a plain count of the calls says."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.ledgers import begin, call, forget_rows, put_rows
from tests.store.conftest import client_of, new_table
from waybill import tallies
from waybill.calls import CHINA, Call
from waybill.clock import Clock
from waybill.errors import DAY, HOUR, MINUTE, StoreUnavailable
from waybill.ledger import HOURS_BY_THE_WAY, Ledger
from waybill.tallies import Count, Day, Entry, Line

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MADE = datetime(2026, 10, 30, 21, 40, tzinfo=CHINA).timestamp()
"""When the tables of these tests were made, in service time; the next month is near."""


class Books:
    """A table and the functions that write and read it; `speed` is service seconds in a second."""

    def __init__(self, dynamodb: DynamoDBClient, speed: float = 1) -> None:
        self.dynamodb = dynamodb
        self.table = new_table(dynamodb, "TrackingTable")
        self.clock = Clock(time.time(), MADE, speed)
        self.calls: list[Call] = []
        self.requests: list[str] = []
        dynamodb.meta.events.register("before-send", self._note)

    def _note(self, request: object, **_: object) -> None:
        self.requests.append(request.headers["X-Amz-Target"].decode().split(".")[1])  # type: ignore[attr-defined] # botocore hands over its own request

    def ledger(self) -> Ledger:
        """As a function has it that has just started."""
        return Ledger(self.dynamodb, self.table, self.clock)

    def write(self, *calls: Call) -> None:
        put_rows(self.dynamodb, self.table, calls)
        self.calls += calls

    def plain(self, day: date) -> Day:
        """A plain count."""
        hours: dict[str, list[Entry]] = {}
        for each in self.calls:
            local = datetime.fromtimestamp(each.at, CHINA)
            if local.date() == day:
                line = Line(each.member, each.courier, each.cause, each.outcome)
                hours.setdefault(f"{local:%H}", []).append(Entry(line, each.billed))
        return tallies.day_of({hour: tallies.tally(entries) for hour, entries in hours.items()})

    def check(self, ledger: Ledger, now: float) -> None:
        wanted = days_until(now)
        assert ledger.days(wanted, now) == {each: self.plain(each) for each in wanted}


@pytest.fixture
def books(dynamodb: DynamoDBClient) -> Books:
    return Books(dynamodb)


def days_until(now: float) -> list[date]:
    first, last = (datetime.fromtimestamp(at, CHINA).date() for at in (MADE - DAY, now))
    return [first + timedelta(days=each) for each in range((last - first).days + 1)]


def requested(books: Books) -> list[str]:
    made, books.requests = books.requests, []
    return made


# ---- Sums


CALLS = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(["", "acme", "a#b", "顺丰"]),
    st.sampled_from(["yuantong", "shunfeng"]),
    st.sampled_from(["track", "schedule"]),
    st.sampled_from(["200", "500", "unknown", "not_sent"]),
    st.booleans(),
    st.integers(1, 3),
)
STEPS = st.lists(
    st.tuples(
        st.floats(0.01, 12),
        st.lists(CALLS, max_size=4),
        st.sampled_from(["write", "close", "read", "start and close", "start and read", "rows expire"]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=8)
@given(STEPS)
def test_whatever_is_summed_up_in_between_every_reading_is_a_plain_count(
    steps: list[tuple[float, list[tuple[float, str, str, str, str, bool, int]], str]],
) -> None:
    with mock_aws():
        books, now, sequence = Books(client_of()), MADE, 0
        ledger = books.ledger()
        for hours, calls, action in steps:
            for part, member, courier, cause, outcome, billed, number in calls:
                sequence += 1
                said = {"courier": courier, "cause": cause, "outcome": outcome, "billed": billed}
                at = now + part * hours * HOUR
                books.write(call(at, sequence, member=member, number=f"YT{number:010}", **said))
            now += hours * HOUR
            if action.startswith("start"):
                ledger = books.ledger()
            if action.endswith("close"):
                ledger.close(now)
            if action.endswith("read"):
                books.check(ledger, now)
            if action == "rows expire" and not any(now - HOUR - 600 < each.at for each in books.calls):
                ledger.days([], now)
                forget_rows(books.dynamodb, books.table)
        books.check(ledger, now)
        books.check(books.ledger(), now + DAY)


def test_the_schedules_calls_are_told_apart_and_calls_that_were_not_sent_are_none(books: Books) -> None:
    books.write(
        call(MADE, 1, member="acme"),
        call(MADE, 2, member="acme", outcome="500", billed=False),
        call(MADE, 3),
        call(MADE, 4, outcome="not_sent", billed=False),
    )
    day = books.ledger().days([date(2026, 10, 30)], MADE + 60)[date(2026, 10, 30)]
    assert day.lines == {
        Line("acme", "yuantong", "track", "200"): Count(1, 1),
        Line("acme", "yuantong", "track", "500"): Count(1, 0),
        Line("", "yuantong", "schedule", "200"): Count(1, 1),
    }
    assert day.hours == {("acme", "21"): Count(2, 1), ("", "21"): Count(1, 1)}


def test_more_rows_than_a_page_holds_are_all_counted(books: Books) -> None:
    books.write(*(call(MADE, each, cause="x" * 40_000) for each in range(60)))
    books.check(books.ledger(), MADE + 60)
    books.check(books.ledger(), MADE + 3 * HOUR)


def test_an_hours_calls_may_come_to_something_for_ten_minutes_after_it(books: Books) -> None:
    ledger, midnight = books.ledger(), MADE + 140 * MINUTE
    late = call(midnight - 1, 1, member="acme", outcome="unknown", billed=False)
    books.write(late)
    for passed in (0, 5 * MINUTE, 10 * MINUTE - 1):
        ledger.close(midnight + passed)
    books.calls.clear()
    books.write(call(midnight - 1, 1, member="acme"))
    ledger.close(midnight + 10 * MINUTE)
    books.check(books.ledger(), midnight + 11 * MINUTE)


def test_where_time_runs_faster_an_hour_stays_open_for_a_minute_of_wall_time(
    dynamodb: DynamoDBClient,
) -> None:
    books = Books(dynamodb, speed=600)
    ledger = books.ledger()
    books.write(call(MADE, 1, outcome="unknown", billed=False))
    ledger.close(MADE + 59 * 600)
    books.calls.clear()
    books.write(call(MADE, 1))
    now = MADE + 60 * 600 + HOUR
    ledger.close(now)
    books.check(books.ledger(), now)


def test_rows_may_go_and_their_sums_stay(books: Books) -> None:
    books.write(*(call(MADE + each * 5 * HOUR, each) for each in range(12)))
    now = MADE + 3 * DAY
    books.ledger().days([], now)
    forget_rows(books.dynamodb, books.table)
    for later in (now, now + DAY, now + 2 * DAY):
        books.check(books.ledger(), later)


def test_summing_up_again_after_the_rows_are_gone_changes_nothing(books: Books) -> None:
    books.write(*(call(MADE + each * HOUR, each) for each in range(40)))
    now = MADE + 3 * DAY
    books.ledger().days([], now)
    forget_rows(books.dynamodb, books.table)
    begin(books.dynamodb, books.table, MADE - HOUR)
    books.ledger().close(now)
    books.check(books.ledger(), now)


def test_a_hole_is_healed_by_whoever_reads_next_across_months(books: Books) -> None:
    books.write(*(call(MADE + each * 7 * HOUR, each) for each in range(16)))
    books.check(books.ledger(), MADE + 60)
    books.check(books.ledger(), MADE + 5 * DAY)


def test_a_hole_that_is_too_long_for_one_reading_takes_some_more(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.ledger.HOURS_OF_A_READING", 30)
    books.write(*(call(MADE + each * 3 * HOUR, each) for each in range(24)))
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as refused:
            books.ledger().days([], MADE + 3 * DAY)
        assert refused.value.retry_after == 1
    books.check(books.ledger(), MADE + 3 * DAY)


def test_a_table_that_is_older_than_any_row_is_looked_at_as_far_back_as_rows_may_be(
    dynamodb: DynamoDBClient,
) -> None:
    books = Books(dynamodb)
    now = MADE + 300 * DAY
    books.write(call(now - 44 * DAY))
    books.ledger().close(now)
    sums = [
        item["sk"]["S"]
        for item in books.dynamodb.scan(TableName=books.table)["Items"]
        if item["pk"]["S"].startswith("LEDGER#2")
    ]
    first = datetime.fromtimestamp(now - 44 * DAY, CHINA)
    assert sorted(sums) == [f"{first:%d}", f"{first:%dT%H}"]
    assert requested(books).count("Query") == 8 * HOURS_BY_THE_WAY


# ---- Costs


def test_closing_costs_nothing_but_once_an_hour(books: Books) -> None:
    ledger = books.ledger()
    ledger.close(MADE)
    requested(books)
    for minute in range(180):
        ledger.close(MADE + minute * MINUTE)
    made = requested(books)
    assert made.count("Query") == 3 * 8
    assert made.count("PutItem") == 3


def test_hours_without_a_call_leave_no_item(books: Books) -> None:
    books.write(call(MADE))
    books.ledger().close(MADE + 2 * DAY)
    items = [item["pk"]["S"] for item in books.dynamodb.scan(TableName=books.table)["Items"]]
    assert sorted(each.split("#")[0] for each in items) == ["CALL", "LEDGER", "LEDGER", "LEDGER"]


@pytest.mark.parametrize("calls", [0, 60])
def test_a_month_costs_a_bounded_number_of_reads(books: Books, calls: int) -> None:
    books.write(*(call(MADE + each * HOUR, each) for each in range(calls)))
    now = MADE + 3 * DAY
    keeper = books.ledger()
    keeper.days([], now)
    requested(books)
    keeper.days(days_until(now), now)
    warm = requested(books)
    assert (warm.count("Query"), warm.count("BatchGetItem"), len(warm)) == (8, 2, 10)
    books.ledger().days(days_until(now), now)
    assert len(requested(books)) == 11, "a function that has just started asks what is closed"


# ---- At once


def test_many_may_close_and_read_at_once(emulator: str) -> None:
    books = Books(client_of(emulator))
    books.write(*(call(MADE + each * 2 * HOUR, each, member=f"m{each % 3}") for each in range(30)))
    now = MADE + 3 * DAY

    def work(each: int) -> None:
        ledger = books.ledger()
        ledger.close(now - (each % 3) * DAY)
        books.check(ledger, now)

    with ThreadPoolExecutor(6) as functions:
        list(functions.map(work, range(6)))
    books.check(books.ledger(), now)
