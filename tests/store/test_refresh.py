"""One due parcel: asked about only if the schedule still wants it, and never the worse for whatever the courier says."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.doubles import FixedSecrets
from tests.followed import DAY, HOUR, LINK, NINE, Courier, Followed, known, line
from tests.store.conftest import new_table
from waybill.errors import BudgetExhausted, StoreUnavailable
from waybill.freshness import Guess, Known, Tail
from waybill.outcomes import (
    CompanyNotFound,
    NoResult,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    ServerBusy,
    ServerFault,
    UnlistedCode,
    UpstreamError,
)
from waybill.shipments import Link

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JOURNEY = [
    ("103", NINE + 2 * HOUR),
    ("1002", NINE + 10 * HOUR),
    ("1001", NINE + 20 * HOUR),
    ("5", NINE + 24 * HOUR),
    ("301", NINE + 28 * HOUR),
]
SF = Link("shunfeng", "SF0000000000001")


@pytest.fixture
def followed(dynamodb: DynamoDBClient) -> Followed:
    return Followed(dynamodb, new_table(dynamodb, "TrackingTable"), Courier(time=NINE, lines=list(JOURNEY)))


def run(followed: Followed, link: Link = LINK, looks: int = 60) -> int:
    """Every look of a parcel until its end, and how many there were."""
    for count in range(looks):
        if followed.row(link).next_at is None:
            return count
        followed.look(link)
    raise AssertionError(followed.row(link))


def test_a_parcel_is_looked_at_until_it_has_arrived_and_once_more(followed: Followed) -> None:
    ship = followed.register()
    looks = run(followed)
    assert followed.calls == looks
    assert sorted(followed.born()) == ["delivered", "in_transit", "out_for_delivery"]
    assert (followed.row().reason, followed.ship(ship).standing.status) == ("delivered", "delivered")
    signed = JOURNEY[-1][1]
    late = [
        call for call in followed.courier.slots.leases["yuantong", LINK.number].calls if call > signed + DAY
    ]
    assert len(late) == 1
    assert late[0] >= signed + 2 * DAY - 1


def test_no_call_comes_within_the_gap(followed: Followed) -> None:
    followed.register()
    times = []
    while followed.row().next_at is not None:
        followed.look()
        times.append(followed.courier.time)
    assert all(after - before > 1800 for before, after in pairwise(times))


def test_a_message_that_comes_again_or_too_late_is_passed_over(followed: Followed) -> None:
    followed.register()
    row = followed.look()
    for _ in range(3):
        followed.refresh(LINK)
    assert (followed.calls, followed.row()) == (1, row)


def test_a_message_about_a_parcel_that_is_not_there_is_passed_over(followed: Followed) -> None:
    followed.refresh(LINK)
    assert followed.calls == 0
    assert followed.dynamodb.scan(TableName=followed.table)["Items"] == []


def test_what_the_cache_knows_already_is_followed_without_a_call(followed: Followed) -> None:
    followed.register()
    lines = (line("103", NINE - 30 * HOUR),)
    followed.courier.store.results[LINK.courier, LINK.number] = known(NINE, *lines)
    followed.courier.time += 60
    followed.refresh(LINK)
    assert followed.calls == 0
    assert (followed.row().checked_at, followed.born()) == (NINE, ["in_transit"])


def test_an_answer_that_was_lost_on_its_way_to_the_row_is_found_again(followed: Followed) -> None:
    followed.register()
    followed.courier.time = NINE + 3 * HOUR

    def away(**_: object) -> None:
        raise StoreUnavailable("away")

    events = followed.dynamodb.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", away)
    with pytest.raises(StoreUnavailable):
        followed.refresh(LINK)
    events.unregister("before-call.dynamodb.TransactWriteItems", away)
    assert followed.row().checked_at is None
    followed.refresh(LINK)
    assert (followed.calls, followed.born()) == (1, ["in_transit"])


def test_a_parcel_that_nobody_waits_for_ends_without_a_call(followed: Followed) -> None:
    followed.complete(followed.register())
    followed.refresh(LINK)
    assert (followed.row().reason, followed.row().next_at, followed.calls) == ("nobody_waits", None, 0)


def test_a_number_that_was_never_found_ends_without_another_call_and_begins_anew(followed: Followed) -> None:
    followed.courier.lines = []
    followed.register()
    looks = run(followed)
    assert followed.row().reason == "never_found"
    assert followed.calls == looks - 1
    assert followed.courier.time >= NINE + 30 * DAY
    followed.register("2")
    followed.refresh(LINK)
    assert followed.calls == looks
    assert followed.row().reason == "not_found_yet"


def test_a_terminal_parcel_that_is_registered_again_costs_nothing(followed: Followed) -> None:
    followed.register()
    run(followed)
    calls = followed.calls
    followed.register("2", member="other")
    assert followed.row().next_at == followed.courier.time
    followed.refresh(LINK)
    assert (followed.calls, followed.row().reason) == (calls, "delivered")


@pytest.mark.parametrize("error", [NoResult(), OutcomeUnknown()])
def test_the_last_look_at_a_delivered_parcel_is_not_repeated_whatever_becomes_of_it(
    followed: Followed, error: UpstreamError
) -> None:
    followed.register()
    while not followed.row().terminal:
        followed.look()
    calls = followed.calls
    followed.fails(error)
    followed.look()
    assert (followed.calls, followed.row().next_at, followed.row().reason) == (calls + 1, None, "delivered")


@pytest.mark.parametrize("error", [ServerBusy(), NotSent(), QuotaExhausted(), OutcomeUnknown()])
@pytest.mark.parametrize("looked", [False, True])
def test_what_failed_is_tried_again_a_little_later(
    followed: Followed, error: UpstreamError, *, looked: bool
) -> None:
    followed.register()
    if looked:
        followed.courier.time += 5 * HOUR
        followed.look()
    followed.fails(error)
    before = followed.row()
    row = followed.look()
    assert row.next_at is not None
    assert followed.courier.time + 299 < row.next_at < followed.courier.time + HOUR
    assert (row.checked_at, row.reason) == (before.checked_at, before.reason)
    followed.look()
    assert followed.calls == 3 if looked else 2


@pytest.mark.parametrize("error", [OutcomeUnknown(), UnlistedCode("999"), ServerFault()])
@pytest.mark.parametrize("looked", [False, True])
def test_what_fails_for_one_number_again_and_again_is_tried_ever_more_seldom(
    followed: Followed, error: UpstreamError, *, looked: bool
) -> None:
    followed.register()
    if looked:
        followed.courier.time += 5 * HOUR
        followed.look()
    followed.fails(*[error] * 40)
    began, calls, waits = followed.courier.time, followed.calls, []
    while followed.courier.time < began + 10 * DAY:
        asked_at = followed.courier.time
        followed.look()
        waits.append(followed.courier.time - asked_at)
    assert followed.calls - calls == len(waits) < 25
    assert waits[-1] >= DAY
    assert max(waits) < DAY + 2 * HOUR
    assert followed.row().failures == len(waits)
    followed.fails()
    followed.look()
    assert followed.row().failures == 0


def test_what_stops_all_calls_is_not_held_against_a_number(followed: Followed) -> None:
    followed.register()
    followed.fails(*[NotSent() for _ in range(5)])
    for _ in range(5):
        row = followed.look()
    assert row.failures == 0
    assert row.next_at is not None
    assert row.next_at < followed.courier.time + HOUR


@pytest.mark.parametrize("error", [None, NoResult(), ServerFault()])
def test_a_parcel_that_is_quiet_for_too_long_gets_attention_without_an_answer(
    followed: Followed, error: UpstreamError | None
) -> None:
    ship = followed.register()
    other = followed.register("2", member="other")
    followed.courier.time += 21 * HOUR
    followed.look()
    assert followed.ship(ship).standing.attention is None
    standing = followed.ship(ship).standing
    followed.courier.time += 12 * DAY
    if error:
        followed.fails(error)
    else:
        # Another's call has failed just now, and its gap forbids this one.
        key = LINK.courier, LINK.number
        results = followed.courier.store.results
        results[key] = replace(results[key], next_allowed_at=followed.courier.time + HOUR, outcome="501")
    calls = followed.calls
    followed.look()
    assert followed.calls == calls + bool(error)
    assert followed.row().stalled
    for each in (ship, other):
        assert followed.ship(each).standing == replace(standing, attention="stalled")


def test_a_courier_that_has_forgotten_a_parcel_is_asked_at_the_usual_pace(followed: Followed) -> None:
    """An answer without a trace where there was one: the gap alone would have it asked every half hour."""
    followed.register()
    followed.courier.time += 11 * HOUR
    followed.look()
    followed.fails(*[NoResult() for _ in range(20)])
    before = followed.row()
    began = before.next_at
    assert began is not None
    for _ in range(5):
        followed.look()
    assert followed.courier.time - began > 4 * 1860 * 1.5
    assert followed.born() == ["in_transit"]


def test_where_kuaidi100_finds_no_company_the_parcel_is_looked_at_again_soon_and_ever_more_seldom(
    followed: Followed,
) -> None:
    followed.register()
    followed.fails(*[CompanyNotFound() for _ in range(10)])
    waits = []
    for _ in range(10):
        row = followed.look()
        assert row.next_at is not None
        waits.append(row.next_at - followed.courier.time)
    assert 300 <= waits[0] <= 600
    assert DAY <= waits[-1] <= DAY + HOUR


def test_where_the_gap_forbids_a_call_the_look_waits_for_its_end(followed: Followed) -> None:
    followed.register()
    followed.courier.store.results[LINK.courier, LINK.number] = replace(
        known(0.0), parcel=None, next_allowed_at=NINE + 1000, outcome="501"
    )
    followed.refresh(LINK)
    assert (followed.calls, followed.row().next_at) == (0, NINE + 1000)


def test_without_a_budget_the_look_waits_for_an_hour_at_least(followed: Followed) -> None:
    followed.register()
    lookup = followed.courier.lookup()
    spent = replace(lookup, flights=replace(lookup.flights, secrets=_NoBudget()))
    replace(followed.refresh, lookup=spent)(LINK)
    row = followed.row()
    assert row.next_at is not None
    assert NINE + HOUR <= row.next_at <= NINE + 2 * HOUR


class _NoBudget(FixedSecrets):
    def kuaidi100(self, *, reread: bool = False) -> tuple[str, str]:
        raise BudgetExhausted(f"spent, {reread=}", retry_after=8 * DAY)


def test_a_newer_registration_that_does_not_say_where_the_parcel_goes_does_not_end_the_forecast(
    followed: Followed,
) -> None:
    followed.register("forecast", to="北京市朝阳区")
    followed.courier.time += 3 * HOUR
    followed.register("newer", member="other")
    followed.look()
    followed.register("newest", member="third", to="西安市")
    followed.look()
    asked = [(query.to, query.resultv2) for query in followed.courier.queries]
    assert asked == [("北京市朝阳区", "8"), ("西安市", "8")]


# Phones


def test_without_a_phone_a_phone_bound_parcel_is_paused_until_one_is_named(followed: Followed) -> None:
    ship = followed.register(link=SF)
    followed.refresh(SF)
    row = followed.row(SF)
    assert (row.reason, row.next_at, followed.calls) == ("phone_needed", None, 0)
    said = replace(ship.registration, tail="8000")
    followed.watches.change(ship, lambda stands: replace(stands, registration=said, updated_at=NINE))
    followed.courier.time = NINE + 3 * HOUR
    followed.refresh(SF)
    assert followed.calls == 1
    assert followed.row(SF).next_at is not None
    assert followed.ship(ship).standing.status == "in_transit"


def test_the_right_phone_is_found_among_those_that_were_named_and_kept_to(followed: Followed) -> None:
    followed.courier.right_tail = "8000"
    followed.courier.time = NINE + 3 * HOUR
    right = followed.register("right", link=SF, tail="8000")
    followed.courier.time += 1
    wrong = followed.register("wrong", member="other", link=SF, tail="1111")
    followed.look(SF)
    followed.look(SF)
    assert [query.phone for query in followed.courier.queries] == ["1111", "8000"]
    for _ in range(3):
        followed.look(SF)
    assert [query.phone for query in followed.courier.queries[2:]] == ["8000"] * 3
    assert followed.ship(right).standing.as_of > 0
    assert followed.ship(wrong).standing.as_of == 0


def test_a_member_without_tries_left_does_not_keep_the_others_from_news(followed: Followed) -> None:
    followed.courier.right_tail = "8000"
    followed.courier.time = NINE + 3 * HOUR
    owner = followed.register("owner", link=SF, tail="8000")
    followed.look(SF)
    followed.courier.time += 1
    for tail in ("1111", "2222", "3333", "4444", "5555"):
        hashed = followed.courier.secrets.tail_hash(SF.courier, SF.number, tail)
        followed.courier.store.note_guess(
            SF.courier, SF.number, Guess(followed.courier.time, "other", hashed)
        )
    followed.register("newer", member="other", link=SF, tail="8000")
    row = followed.look(SF)
    assert row.checked_at == followed.ship(owner).standing.as_of == followed.courier.time
    assert followed.calls == 2


def test_wrong_phones_alone_pause_a_parcel_after_one_call_each(followed: Followed) -> None:
    followed.courier.right_tail = "8000"
    followed.register("1", link=SF, tail="1111")
    followed.courier.time += 1
    followed.register("2", link=SF, tail="2222")
    run(followed, SF)
    assert followed.row(SF).reason == "phone_needed"
    assert [query.phone for query in followed.courier.queries] == ["2222", "1111"]


def test_a_parcel_that_needs_no_phone_is_asked_for_without_one_that_was_refused(followed: Followed) -> None:
    followed.courier.time += 3 * HOUR
    followed.register(tail="1111")
    hashed = followed.courier.secrets.tail_hash(LINK.courier, LINK.number, "1111")
    followed.courier.store.results[LINK.courier, LINK.number] = Known(tails={hashed: Tail("wrong", NINE)})
    followed.look()
    assert [query.phone for query in followed.courier.queries] == [""]
