"""The schedule: when a parcel is asked about next and why, what is learned of a courier, and who is stalled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.history import local_time
from tests.unit.looks import BLANK, MONDAY, at, parcel, wait
from waybill import pace, schedule, statuses
from waybill.errors import DAY, HOUR
from waybill.model import Area, Eta
from waybill.pace import LEGS, leg_of
from waybill.reasons import ENDS, REASONS
from waybill.schedule import GAP, Watch, end, next_check


def test_a_parcel_is_looked_at_as_soon_as_it_is_registered() -> None:
    assert next_check(BLANK, MONDAY, Watch(MONDAY)) == (MONDAY, "first_look")


def test_a_number_not_found_is_asked_about_less_and_less_often() -> None:
    waits = [wait(BLANK, MONDAY, misses=misses) for misses in range(1, 7)]
    assert waits == pytest.approx([2, 4, 8, 24, 24, 24], rel=schedule.JITTER)


def test_a_number_never_found_expires_after_thirty_days() -> None:
    watch = Watch(MONDAY, checked_at=MONDAY + 29 * DAY, misses=30)
    assert next_check(BLANK, MONDAY + 29.9 * DAY, watch) is not None
    assert next_check(BLANK, MONDAY + 30 * DAY, watch) is None
    assert end(BLANK, MONDAY + 30 * DAY, watch) == "never_found"


def test_sixty_days_of_silence_are_the_end() -> None:
    quiet = parcel(("1002", MONDAY))
    watch = Watch(MONDAY, checked_at=MONDAY + 59 * DAY)
    assert next_check(quiet, MONDAY + 59 * DAY, watch) is not None
    assert next_check(quiet, MONDAY + 60 * DAY, watch) is None
    assert end(quiet, MONDAY + 60 * DAY, watch) == "expired"


@pytest.mark.parametrize(("code", "word"), [("4", "returned"), ("14", "returned"), ("401", "cancelled")])
def test_what_is_returned_or_cancelled_is_not_asked_about_again(code: str, word: str) -> None:
    over = parcel((code, MONDAY))
    watch = Watch(MONDAY, checked_at=MONDAY + HOUR)
    assert next_check(over, MONDAY + HOUR, watch) is None
    assert end(over, MONDAY + HOUR, watch) == word


def test_a_wish_to_cancel_is_not_the_end() -> None:
    assert next_check(parcel(("210", at(0, 10))), at(0, 11), Watch(MONDAY, checked_at=at(0, 11))) is not None


def test_a_signature_gets_one_later_look_and_no_second() -> None:
    signed = parcel(("5", at(0, 9)), ("301", at(0, 12)))
    planned = next_check(signed, at(0, 12.2), Watch(MONDAY, checked_at=at(0, 12.2)))
    assert planned is not None
    when, why = planned
    assert why == "signature_check"
    assert at(2, 12) <= when <= at(2, 15)
    assert next_check(signed, when + 1, Watch(MONDAY, checked_at=when)) is None
    assert end(signed, when + 1, Watch(MONDAY, checked_at=when)) == "delivered"


def test_lines_after_a_signature_do_not_put_its_later_look_off() -> None:
    signed = parcel(("5", at(0, 9)), ("301", at(0, 12)), ("301", at(1, 12)), ("301", at(2, 11)))
    planned = next_check(signed, at(2, 11.5), Watch(MONDAY, checked_at=at(2, 11)))
    assert planned is not None
    assert at(2, 12) <= planned[0] < at(2, 13)
    assert end(signed, planned[0], Watch(MONDAY, checked_at=planned[0])) == "delivered"


@pytest.mark.parametrize("time", [None, "9999-12-31T23:59:59+08:00"])
def test_a_signature_that_does_not_tell_its_time_is_looked_at_once_more_two_days_after_registration(
    time: str | None,
) -> None:
    signed = parcel(("301", at(0, 9)))
    signed = replace(signed, events=(replace(signed.events[0], time=time),))
    planned = next_check(signed, at(0, 10), Watch(MONDAY, checked_at=at(0, 10)))
    assert planned is not None
    when, why = planned
    assert why == "signature_check"
    assert at(2, 0) <= when < at(2, 3)
    assert next_check(signed, when, Watch(MONDAY, checked_at=when)) is None
    assert end(signed, when, Watch(MONDAY, checked_at=when)) == "delivered"


def test_what_is_dated_far_ahead_is_given_up_like_all_else() -> None:
    line = parcel(("1002", at(0, 9))).events[0]
    ahead = parcel(("1002", at(0, 9)), events=(replace(line, time="2099-12-31T23:59:59+08:00"),))
    assert end(ahead, at(60, 1), Watch(MONDAY, checked_at=at(60, 0))) == "expired"


def test_a_disputed_signature_puts_the_parcel_back_on_its_way() -> None:
    disputed = parcel(("301", at(0, 12)), ("2", at(1, 12)))
    planned = next_check(disputed, at(2, 13), Watch(MONDAY, checked_at=at(2, 13)))
    assert planned is not None
    assert planned[1] == "problem"


def test_a_parcel_that_nobody_waits_for_is_left_alone_and_one_that_many_wait_for_is_not() -> None:
    road = parcel(("103", at(0, 15)), ("1002", at(0, 20)))
    assert next_check(road, at(1, 9), Watch(MONDAY, checked_at=at(1, 9), waits=0)) is None
    assert end(road, at(1, 9), Watch(MONDAY, waits=0)) == "nobody_waits"
    assert wait(road, at(1, 9), waits=8) < wait(road, at(1, 9))


def test_out_for_delivery_by_day_is_watched_closely_and_by_night_not() -> None:
    tour = parcel(("0", at(1, 7)), ("5", at(1, 8.5)))
    assert wait(tour, at(1, 11)) < 1
    assert wait(tour, at(2, 0)) > 3


def test_what_may_have_come_in_the_evening_is_looked_for_once_before_the_morning() -> None:
    counter = parcel(("5", at(1, 9)), ("501", at(1, 17)))
    asked = [20.0]
    while asked[-1] < 30:
        asked.append(asked[-1] + wait(counter, at(1, asked[-1])))
    assert any(22 <= hour <= 25 for hour in asked)
    assert sum(24 <= hour <= 30 for hour in asked) <= 2


def test_on_the_road_few_calls_are_spent() -> None:
    assert wait(parcel(("103", at(0, 15)), ("1002", at(0, 20))), at(0, 20.5)) > 6


def test_a_parcel_that_reached_its_station_at_night_is_looked_at_when_tours_begin() -> None:
    station = parcel(("1001", at(0, 22)), ("0", at(1, 3)))
    assert 6 < 3.5 + wait(station, at(1, 3.5)) < 10


def test_a_forecast_far_away_makes_calls_rarer() -> None:
    station = parcel(("1001", at(0, 22)), ("0", at(1, 7)))
    late = replace(station, eta=Eta(local_time(at(6, 18)).isoformat()))
    assert wait(late, at(1, 9)) > wait(station, at(1, 9))


def test_hours_are_those_of_the_place() -> None:
    tour = parcel(("5", at(1, 8.5)))
    away = Area("US0000", None)
    abroad = replace(tour, events=tuple(replace(each, area=away) for each in tour.events))
    assert schedule.offset_of(tour) == 8 * HOUR
    assert schedule.offset_of(abroad) == -6 * HOUR
    given_zone = replace(tour.events[0], time="2026-03-03T08:30:00+03:00", zone="given")
    assert schedule.offset_of(replace(tour, events=(given_zone,))) == 3 * HOUR
    assert wait(abroad, at(1, 15)) > wait(tour, at(1, 15))  # an hour past midnight there


def test_long_silence_makes_calls_rarer() -> None:
    hub = parcel(("103", at(0, 15)), ("1002", at(0, 20)))
    waits = [wait(hub, at(day, 10)) for day in (2, 9, 23, 51)]  # all of them Wednesdays
    assert waits == pytest.approx(sorted(waits), rel=0.01)
    assert waits[-1] > 20


def test_an_answer_that_says_nothing_readable_is_not_forgotten() -> None:
    event = replace(parcel(("5", at(0, 9))).events[0], time=None)
    odd = replace(parcel(("5", at(0, 9))), events=(event,))
    assert 1.9 < wait(odd, at(0, 10)) < 2.2
    assert end(odd, at(70, 0), Watch(at(0, 0))) == "expired"


def test_every_reason_and_every_end_has_a_name_in_both_languages() -> None:
    assert {leg.reason for leg in LEGS.values()} < set(REASONS)
    for zh, en in (*REASONS.values(), *ENDS.values()):
        assert any("\u4e00" <= each <= "\u9fff" for each in zh)
        assert en.isascii()


def test_every_code_of_the_vendor_belongs_to_a_leg_or_is_an_end() -> None:
    for code in statuses.codes().values():
        known = parcel((code.code, at(0, 9)))
        if not code.terminal:
            assert leg_of(list(known.events)) in LEGS


def test_legs_lead_only_to_legs_of_the_table() -> None:
    for leg in LEGS.values():
        assert set(leg.onward) <= set(LEGS)
        assert sum(leg.onward.values()) <= 100
    assert set(pace.PACES) == set(LEGS)
    assert all(len(paces) == len(pace.AGES) + 1 for paces in pace.PACES.values())


codes = st.sampled_from(sorted(code.code for code in statuses.codes().values()))


@given(
    lines=st.lists(st.tuples(codes, st.floats(0, 400)), max_size=6),
    checked=st.floats(0, 2000),
    later=st.floats(0, 100),
    allowed=st.floats(-100, 100),
    misses=st.integers(0, 9),
    waits=st.floats(0.01, 50),
)
def test_no_check_is_ever_planned_in_the_past_or_within_the_gap_or_without_a_word_why(
    lines: list[tuple[str, float]], checked: float, later: float, allowed: float, misses: int, waits: float
) -> None:
    ordered = sorted(((code, at(0, hours)) for code, hours in lines), key=lambda each: each[1])
    known = parcel(*ordered) if ordered else BLANK
    checked_at, now = at(0, checked), at(0, checked + later)
    watch = Watch(MONDAY, checked_at, misses, now + allowed * HOUR, waits)
    planned = next_check(known, now, watch)
    word = end(known, now, watch)
    assert (planned is None) == (word is not None)
    if planned is None:
        assert word in ENDS
        return
    when, why = planned
    assert why in REASONS
    assert when >= max(now, checked_at + GAP, watch.allowed_at)
    longest = max(schedule.LONGEST, schedule.DISPUTED_WITHIN) * (1 + schedule.JITTER)
    assert (
        when <= max(now, checked_at + longest, watch.allowed_at, checked_at + GAP) + 1
        or why == "signature_check"
    )


def test_the_same_number_has_the_same_luck() -> None:
    tour = parcel(("1002", at(0, 9)))
    watch = Watch(MONDAY, checked_at=at(0, 10))
    first, again = (
        [next_check(replace(tour, number=f"YT{n:07}"), at(0, 10), watch) for n in range(50)] for _ in range(2)
    )
    assert first == again
    assert len(set(first)) == 50
