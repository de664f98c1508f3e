"""When a webhook is tried again: the table, within its jitter, and what the endpoint asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import waybill
from waybill import gate, retries
from waybill.errors import DAY, HOUR, MINUTE
from waybill.gate import Full

chances = st.floats(0, 1, exclude_max=True)


def test_the_table_is_the_one_that_is_promised() -> None:
    assert retries.WAITS == (
        5,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
    )


@given(st.integers(1, len(retries.WAITS)), chances)
def test_a_wait_is_never_shorter_than_the_tables_and_little_longer(failures: int, chance: float) -> None:
    wait = retries.wait(failures, chance)
    assert wait is not None
    least = retries.WAITS[failures - 1]
    assert least <= wait <= least * 1.2


@given(st.integers(1, len(retries.WAITS) - 1), chances, chances)
def test_waits_grow_whatever_the_jitter(failures: int, one: float, other: float) -> None:
    before, after = retries.wait(failures, one), retries.wait(failures + 1, other)
    assert before is not None
    assert after is not None
    assert before <= after


def test_jitter_spreads_what_failed_together() -> None:
    assert len({retries.wait(1, chance / 10) for chance in range(10)}) == 10


@given(st.integers(len(retries.WAITS) + 1, 1000), chances, st.floats(0, 1e9))
def test_after_the_last_try_there_is_none_whatever_is_asked_for(
    failures: int, chance: float, asked: float
) -> None:
    assert retries.wait(failures, chance, asked) is None


@given(st.integers(1, len(retries.WAITS)), chances, st.floats(0, 1e9), st.sampled_from([1.0, 60.0, 600.0]))
def test_retry_after_is_obeyed_where_it_asks_for_more_up_to_a_day(
    failures: int, chance: float, asked: float, second: float
) -> None:
    wait = retries.wait(failures, chance, asked, second)
    own = retries.wait(failures, chance)
    assert wait is not None
    assert own is not None
    assert wait == max(own, min(asked, DAY) * second)


# ---- The gate's times


def test_a_gate_is_shut_ever_longer_up_to_five_minutes() -> None:
    assert [gate.shut_for(timeouts) for timeouts in range(1, 9)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert gate.shut_for(10**6) == 300


@given(st.floats(0, 1e6), st.floats(-1e6, 1e3), chances)
def test_who_finds_no_place_comes_back_in_time_and_not_before_the_gate_opens(
    waited: float, shut_in: float, chance: float
) -> None:
    now = 1_700_000_000.0
    seconds = gate.put_off(Full(now + shut_in), waited, now, chance)
    assert seconds >= 1
    assert seconds >= shut_in
    assert seconds - max(0.0, shut_in) <= max(gate.FIRST_PUT_OFF, min(waited, gate.LONGEST_PUT_OFF)) + 1e-6


def test_the_version_that_endpoints_are_told_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == waybill.VERSION
