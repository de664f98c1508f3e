"""Quiet hours, against clocks that are put forward and back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waybill.errors import HOUR, MINUTE
from waybill.member_settings import QuietHours, Settings, quiet_until

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
hours = st.builds(QuietHours, clocks, clocks, st.sampled_from(ZONES)).filter(
    lambda each: each.begin != each.end
)
moments = st.floats(1_750_000_000, 1_850_000_000)


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def clock(moment: float, zone: str) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%H:%M")


def is_inside(quiet: QuietHours, moment: float) -> bool:
    """By minutes of a day that begins with the quiet hours."""

    def minutes(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:])

    begin = minutes(quiet.begin)
    length = (minutes(quiet.end) - begin) % 1440
    return (minutes(clock(moment, quiet.zone)) - begin) % 1440 < length


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-22T21:59:59", None),
        ("2026-11-22T22:00:00", "2026-11-23T08:00:00"),
        ("2026-11-23T00:00:00", "2026-11-23T08:00:00"),
        ("2026-11-23T07:59:59.999", "2026-11-23T08:00:00"),
        ("2026-11-23T08:00:00", None),
    ],
)
def test_a_night_is_quiet_past_midnight(now: str, until: str | None) -> None:
    zone = "Asia/Shanghai"
    settings = Settings(QuietHours("22:00", "08:00", zone))
    assert quiet_until(settings, at(now, zone)) == (at(until, zone) if until else None)


def test_a_noon_is_quiet_within_its_day() -> None:
    settings = Settings(QuietHours("12:00", "13:30", "UTC"))
    assert quiet_until(settings, at("2026-11-22T13:29:00", "UTC")) == at("2026-11-22T13:30:00", "UTC")
    assert quiet_until(settings, at("2026-11-22T11:59:00", "UTC")) is None


def test_without_quiet_hours_no_time_is_quiet() -> None:
    assert quiet_until(Settings(), 1_790_000_000.0) is None


@pytest.mark.parametrize(
    ("now", "end", "wait"),
    [
        ("2026-03-29T01:30:00+01:00", "06:00", 3.5 * HOUR),
        ("2026-03-29T01:30:00+01:00", "02:30", 0.5 * HOUR),
        ("2026-10-25T02:10:00+02:00", "02:30", 20 * MINUTE),
        ("2026-10-25T02:10:00+01:00", "02:30", 20 * MINUTE),
        ("2026-10-25T01:00:00+02:00", "06:00", 6 * HOUR),
    ],
)
def test_clocks_that_are_put_forward_or_back_shorten_or_lengthen_the_night(
    now: str, end: str, wait: float
) -> None:
    moment = datetime.fromisoformat(now).timestamp()
    settings = Settings(QuietHours("22:00", end, "Europe/Berlin"))
    assert quiet_until(settings, moment) == moment + wait


@given(hours, moments)
@example(QuietHours("00:00", "23:59", "UTC"), 1_790_000_000.0)
def test_the_end_is_the_first_minute_outside(quiet: QuietHours, now: float) -> None:
    until = quiet_until(Settings(quiet), now)
    if not is_inside(quiet, now):
        assert until is None
        return
    assert until is not None
    assert until > now
    assert not is_inside(quiet, until)
    assert all(is_inside(quiet, each) for each in _between(now, until))


def _between(now: float, until: float) -> list[float]:
    """Every quarter of an hour until the end, and the moment before it."""
    return [
        *(now + step * 900 for step in range(int((until - now) // 900) + 1) if now + step * 900 < until),
        until - 1,
    ]


@given(hours)
def test_every_night_ends_within_a_day_and_an_hour(quiet: QuietHours) -> None:
    until = quiet_until(Settings(quiet), 1_790_000_000.0)
    assert until is None or until - 1_790_000_000.0 <= 25 * HOUR
