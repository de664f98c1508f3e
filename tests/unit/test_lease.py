"""The lease's arithmetic: the gap, the cap of a day, the waits after refusals."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.lease import Lease, Rules, settle, take
from waybill.outcomes import (
    OUTCOMES,
    CompanyNotFound,
    NoResult,
    NotSent,
    OutcomeUnknown,
    ServerBusy,
    UnlistedCode,
    WrongPhone,
)

NOW = 1_800_000_000.0
RULES = Rules()
KEEPS_GAP = {"500", "unlisted"}


def taken(now: float = NOW, standing: Lease | None = None, rules: Rules = RULES) -> Lease:
    lease = take(standing, "flight", now, rules)
    assert lease is not None
    return lease


def test_the_slot_is_taken_as_if_the_call_ended_at_its_deadline() -> None:
    lease = taken()
    assert lease.next_allowed_at == NOW + 12 + 1860
    assert lease.flight_until == NOW + 12
    assert take(lease, "other", NOW + 12 + 1859.9, RULES) is None
    assert take(lease, "other", NOW + 12 + 1860, RULES) is not None


def test_an_answer_starts_the_gap_when_it_comes() -> None:
    assert settle(taken(), None, NOW + 3, RULES).next_allowed_at == NOW + 3 + 1860


@pytest.mark.parametrize("outcome", sorted(OUTCOMES))
def test_what_may_have_reached_the_courier_holds_the_gap_and_the_rest_does_not(outcome: str) -> None:
    settled = settle(taken(), OUTCOMES[outcome](), NOW + 3, RULES)
    held = settled.next_allowed_at - NOW
    if outcome == "unknown":
        assert held == 12 + 1860
    elif outcome in KEEPS_GAP:
        assert held == 3 + 1860
    else:
        assert held < 3 + 3601
    assert settled.flight_until is None


def test_a_wrong_phone_leaves_the_way_free_for_the_right_one() -> None:
    assert settle(taken(), WrongPhone(), NOW + 3, RULES).next_allowed_at == NOW + 3


@pytest.mark.parametrize("outcome", ["501", "502"])
def test_a_busy_vendor_is_left_alone_for_a_minute_and_longer_each_time(outcome: str) -> None:
    lease, waits, now = None, [], NOW
    for _ in range(6):
        lease = settle(taken(now, lease), OUTCOMES[outcome](), now, RULES)
        waits.append(lease.next_allowed_at - now)
        now = lease.next_allowed_at
    assert waits == [60, 120, 300, 900, 1800, 1800]


def test_a_number_is_asked_about_again_soon_after_the_account_was_recharged() -> None:
    lease, waits, now = None, [], NOW
    for _ in range(4):
        lease = settle(taken(now, lease), CompanyNotFound(), now, RULES)
        waits.append(lease.next_allowed_at - now)
        now = lease.next_allowed_at
    assert waits == [60, 300, 1800, 1800]


@pytest.mark.parametrize("outcome", ["400", "408", "501", "502", "503", "601"])
def test_the_strict_switch_makes_refusals_hold_the_gap_too(outcome: str) -> None:
    rules = Rules(strict=True)
    settled = settle(taken(rules=rules), OUTCOMES[outcome](), NOW + 1, rules)
    assert settled.next_allowed_at == NOW + 1 + rules.gap


def test_a_slot_is_given_back_only_if_the_request_was_not_sent() -> None:
    before = settle(taken(), None, NOW, RULES)
    again = taken(before.next_allowed_at, before)
    unsent = settle(again, NotSent(), before.next_allowed_at + 1, RULES)
    assert unsent.calls == before.calls
    assert unsent.next_allowed_at == before.next_allowed_at + 1 + 5
    assert settle(again, OutcomeUnknown(), before.next_allowed_at + 1, RULES).calls == again.calls


def test_an_answer_ends_a_row_of_failures() -> None:
    lease = settle(taken(), ServerBusy(), NOW, RULES)
    assert lease.failures == 1
    assert settle(taken(NOW + 60, lease), NoResult(), NOW + 61, RULES).failures == 0
    assert settle(taken(NOW + 60, lease), UnlistedCode(), NOW + 61, RULES).failures == 0


@given(
    st.lists(
        st.tuples(st.sampled_from([None, *OUTCOMES]), st.floats(0, 4000), st.floats(-5, 5), st.booleans()),
        min_size=45,
        max_size=120,
    )
)
def test_no_day_has_more_calls_than_the_cap_and_no_gap_is_broken(
    steps: list[tuple[str | None, float, float, bool]],
) -> None:
    """Whatever comes back, whenever the next caller comes, whatever its clock says, and whether or not it lives to settle."""
    lease: Lease | None = None
    now, started, reached = NOW, [], []
    for outcome, wait, skew, dies in steps:
        now += wait
        wanted = take(lease, "flight", now + skew, RULES)
        if wanted is None:
            continue
        started.append(now)
        if dies:
            lease = wanted
            reached.append(now)
            continue
        error = OUTCOMES[outcome]() if outcome else None
        now += 0.5
        lease = settle(wanted, error, now + skew, RULES)
        if outcome == "not_sent":
            started.pop()
        elif error is None or outcome in KEEPS_GAP | {"unknown"}:
            reached.append(now)
    assert all(later - earlier >= 1800 for earlier, later in pairwise(reached))
    for index, start in enumerate(started):
        assert sum(start <= each <= start + 86_400 for each in started[index:]) <= RULES.cap


def test_the_cap_holds_when_every_call_is_refused_at_once() -> None:
    lease, now, started = None, NOW, 0
    while now < NOW + 86_400:
        lease = settle(taken(now, lease), WrongPhone(), now, RULES)
        started += 1
        now = max(lease.next_allowed_at, now + 1)
    assert started == RULES.cap


def test_a_sequence_grows_though_a_clock_went_back() -> None:
    lease = settle(taken(), WrongPhone(), NOW, RULES)
    assert taken(NOW - 4, replace(lease, next_allowed_at=NOW - 10)).sequence == lease.sequence + 1
