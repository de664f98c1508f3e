"""What day and month will come to."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import forecast
from waybill.calls import CHINA
from waybill.forecast import Forecast
from waybill.tallies import Count, Day

TODAY = date(2026, 11, 22)


def china(hour: int, minute: int = 0, day: date = TODAY) -> float:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CHINA).timestamp()


def of(calls: dict[int, int], billed: int = 0) -> Day:
    """A day with so many calls in some hours."""
    return Day(hours={("acme", f"{hour:02}"): Count(count, billed) for hour, count in calls.items()})


def foretold(now: float, days: dict[date, Day]) -> Forecast:
    return forecast.forecast({each: days.get(each, Day()) for each in forecast.wanted(now)}, now)


def back(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_nothing_was_and_nothing_is_foretold() -> None:
    assert foretold(china(9), {}) == Forecast(Count(), Count(), 0)


def test_the_hours_left_come_to_what_they_came_to_in_the_last_days() -> None:
    days = {back(each): of({9: 100, 15: 60, 20: 40}) for each in range(1, 8)}
    told = foretold(china(15), {**days, TODAY: of({9: 90})})
    assert told.days == 7
    assert told.day.calls == 90 + 60 + 40
    assert told.month.calls == 7 * 200 + 190 + 8 * 200


def test_of_the_running_hour_only_what_is_left_of_it_is_to_come() -> None:
    days = {back(each): of({15: 60}) for each in range(1, 8)}
    assert foretold(china(15, 15), {**days, TODAY: of({15: 12})}).day.calls == 12 + 45
    assert foretold(china(16), {**days, TODAY: of({15: 12})}).day.calls == 12


def test_days_before_the_first_call_are_no_evidence_and_quiet_ones_after_it_are() -> None:
    told = foretold(china(0), {back(3): of({9: 30}), back(2): Day(), back(1): of({9: 60})})
    assert (told.days, told.day.calls) == (3, 30)


def test_without_a_day_before_todays_pace_goes_on() -> None:
    told = foretold(china(6), {TODAY: of({2: 6, 3: 6})})
    assert (told.days, told.day.calls) == (0, 12 + 18 * 2)
    assert told.month.calls == told.day.calls + 8 * 24 * 2


def test_the_first_minutes_of_a_day_are_not_blown_up() -> None:
    assert foretold(china(0, 6), {TODAY: of({0: 2})}).day.calls < 60


def test_charged_calls_are_foretold_as_calls_are() -> None:
    days = {back(each): of({9: 10, 20: 10}, billed=4) for each in range(1, 8)}
    told = foretold(china(12), {**days, TODAY: of({9: 10}, billed=4)})
    assert told.day == Count(20, 8)


def test_days_and_months_are_chinas() -> None:
    begin = datetime(2026, 11, 30, 16, tzinfo=CHINA).timestamp() + 8 * 3600
    assert date(2026, 12, 1) in forecast.wanted(begin)
    assert date(2026, 12, 1) not in forecast.wanted(begin - 1)
    days = {date(2026, 11, each): of({9: 24}) for each in range(24, 31)}
    assert foretold(begin, days).month == Count(31 * 24)


HOURS = st.dictionaries(st.integers(0, 23), st.integers(0, 1000), max_size=6)


@given(st.lists(HOURS, min_size=9, max_size=9), st.integers(0, 24 * 60 - 1))
def test_no_forecast_is_under_what_was_used_and_no_month_under_its_day(
    hours: list[dict[int, int]], minute: int
) -> None:
    now = china(minute // 60, minute % 60)
    elapsed = {hour: calls for hour, calls in hours[0].items() if hour <= minute // 60}
    days = {back(each): of(calls) for each, calls in enumerate(hours)} | {TODAY: of(elapsed)}
    told = foretold(now, days)
    used = sum(elapsed.values())
    assert told.day.calls >= used
    assert told.month.calls >= used + sum(sum(calls.values()) for calls in hours[1:])
    assert told.month.calls >= told.day.calls


@pytest.mark.parametrize("days", [1, 4, 7])
def test_when_all_days_are_alike_the_forecast_is_right_at_every_hour(days: int) -> None:
    usual = {hour: hour + 1 for hour in range(24)}
    past = {back(each): of(usual) for each in range(1, days + 1)}
    for hour in range(24):
        today = of({each: usual[each] for each in range(hour)})
        assert foretold(china(hour), {**past, TODAY: today}).day.calls == sum(usual.values())
