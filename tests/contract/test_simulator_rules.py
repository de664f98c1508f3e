"""The vendor's lock, bill and memory of calls, and the controls that show them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulators import Simulator, running_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

GAP = 1800.0
HOUR = 3600.0
DAY = 24 * HOUR

Parcel = tuple[str, str]

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def parcel(simulator: Simulator) -> Parcel:
    """A fresh parcel that gets an event an hour, before and after now."""
    parcel = ("shentong", f"77700{next(_numbers):08}")
    hourly = [{"at": at * HOUR + 1, "text": f"第{at}站", "status_code": "1002"} for at in range(-2, 200)]
    simulator.script(*parcel, *hourly)
    return parcel


@pytest.fixture
def pending(simulator: Simulator) -> Parcel:
    """A fresh parcel that is never found."""
    parcel = ("shentong", f"77800{next(_numbers):08}")
    simulator.script(*parcel)
    return parcel


def of(parcel: Parcel, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for entry in entries if (entry["courier"], entry["number"]) == parcel]


def violations(simulator: Simulator, parcel: Parcel) -> list[str]:
    return [violation["rule"] for violation in of(parcel, simulator.get("violations"))]


def causes(simulator: Simulator, parcel: Parcel) -> list[str]:
    return [charge["cause"] for charge in of(parcel, simulator.get("bill")["charges"])]


def newest(simulator: Simulator, parcel: Parcel) -> str:
    return str(simulator.query(*parcel)["data"][0]["context"])


# The gap


def test_calls_half_an_hour_apart_break_no_rule(simulator: Simulator, parcel: Parcel) -> None:
    for _ in range(10):
        assert simulator.code(*parcel) == "200"
        simulator.advance(GAP + 1)
    assert violations(simulator, parcel) == []


def test_two_calls_within_half_an_hour_are_a_violation(simulator: Simulator, parcel: Parcel) -> None:
    simulator.query(*parcel)
    simulator.advance(GAP - 60)
    simulator.query(*parcel)
    (violation,) = of(parcel, simulator.get("violations"))
    assert violation["rule"] == "gap"
    assert GAP - 60 <= violation["second_at"] - violation["first_at"] < GAP


def test_a_pending_answer_counts_as_a_call_that_reached_the_courier(
    simulator: Simulator, pending: Parcel
) -> None:
    assert [simulator.code(*pending), simulator.code(*pending)] == ["500", "500"]
    assert violations(simulator, pending) == ["gap"]


def test_calls_that_stopped_at_the_vendor_neither_start_nor_break_the_gap(
    simulator: Simulator, parcel: Parcel
) -> None:
    simulator.script(*parcel, {"at": -1, "text": "x", "status_code": "103"}, phone="1234")
    assert simulator.code(*parcel, phone="0001") == "408"
    assert simulator.code(*parcel, phone="1234") == "200"
    assert simulator.code(*parcel, phone="0001") == "408"
    assert simulator.code(*parcel, resultv2="8") == "501"
    assert simulator.post(simulator.form(*parcel) | {"sign": "0"}).json()["returnCode"] == "503"
    assert violations(simulator, parcel) == []


def test_the_same_number_of_another_courier_is_another_parcel(simulator: Simulator, parcel: Parcel) -> None:
    simulator.query(*parcel)
    simulator.query("yunda", parcel[1])
    assert violations(simulator, parcel) == []


# The cap


def test_the_49th_call_in_a_day_is_a_violation_whatever_its_answer(
    simulator: Simulator, parcel: Parcel
) -> None:
    for _ in range(48):
        assert simulator.code(*parcel, resultv2="8") == "501"
    assert violations(simulator, parcel) == []
    simulator.query(*parcel, resultv2="8")
    assert violations(simulator, parcel) == ["cap"]


def test_the_day_of_the_cap_moves_on(simulator: Simulator, parcel: Parcel) -> None:
    for _ in range(48):
        simulator.query(*parcel, resultv2="8")
    simulator.advance(DAY + 1)
    simulator.query(*parcel)
    assert violations(simulator, parcel) == []


# The lock


def test_a_locked_number_shows_frozen_data_for_a_day_and_no_error(
    simulator: Simulator, parcel: Parcel
) -> None:
    simulator.query(*parcel)
    frozen = newest(simulator, parcel)
    for _ in range(2):
        simulator.advance(11 * HOUR)
        assert newest(simulator, parcel) == frozen
    simulator.advance(3 * HOUR)
    assert newest(simulator, parcel) != frozen


def test_a_violation_of_a_locked_number_lengthens_the_lock(simulator: Simulator, parcel: Parcel) -> None:
    simulator.query(*parcel)
    frozen = newest(simulator, parcel)
    simulator.advance(20 * HOUR)
    simulator.query(*parcel)
    simulator.query(*parcel)
    simulator.advance(20 * HOUR)
    assert newest(simulator, parcel) == frozen


def test_a_new_script_does_not_thaw_a_locked_number(simulator: Simulator, parcel: Parcel) -> None:
    simulator.query(*parcel)
    frozen = newest(simulator, parcel)
    simulator.script(*parcel, {"at": -1, "text": "新的", "status_code": "103"})
    simulator.advance(GAP + 1)
    assert newest(simulator, parcel) == frozen
    simulator.advance(DAY)
    assert newest(simulator, parcel) == "新的"


# The bill


def test_a_success_is_charged_once_in_forty_days(simulator: Simulator, parcel: Parcel) -> None:
    simulator.query(*parcel)
    simulator.advance(39 * DAY)
    simulator.query(*parcel)
    assert causes(simulator, parcel) == ["success"]
    simulator.advance(2 * DAY)
    simulator.query(*parcel)
    assert causes(simulator, parcel) == ["success", "success"]


def test_five_failures_are_charged_once_in_forty_days(simulator: Simulator, pending: Parcel) -> None:
    for charged in ([], [], [], [], ["failures"], *[["failures"]] * 10):
        simulator.query(*pending)
        simulator.advance(GAP + 1)
        assert causes(simulator, pending) == charged
    simulator.advance(40 * DAY)
    for _ in range(5):
        simulator.query(*pending)
    assert causes(simulator, pending) == ["failures", "failures"]


def test_wrong_phones_are_failures_too_and_other_errors_cost_nothing(
    simulator: Simulator, parcel: Parcel
) -> None:
    simulator.script(*parcel, phone="1234")
    for _ in range(5):
        simulator.query(*parcel, resultv2="8")
        simulator.post(simulator.form(*parcel) | {"sign": "0"})
    assert causes(simulator, parcel) == []
    for _ in range(5):
        simulator.query(*parcel, phone="0001")
    assert causes(simulator, parcel) == ["failures"]


def test_the_bill_says_what_when_and_how_much(simulator: Simulator, parcel: Parcel) -> None:
    before = simulator.get("bill")["total"]
    simulator.query(*parcel)
    bill = simulator.get("bill")
    assert bill["total"] == before + 1 == len(bill["charges"])
    assert bill["charges"][-1] == {
        "at": pytest.approx(simulator.now(), abs=60),
        "courier": parcel[0],
        "number": parcel[1],
        "cause": "success",
    }


# Calls


def test_every_call_is_remembered_with_its_code(simulator: Simulator, parcel: Parcel) -> None:
    simulator.query(*parcel)
    simulator.query(*parcel, resultv2="8")
    simulator.post(simulator.form(*parcel) | {"sign": "0"})
    calls = of(parcel, simulator.get("calls"))
    assert [call["code"] for call in calls] == ["200", "501", "503"]
    assert set(calls[0]) == {"at", "wall", "courier", "number", "code"}
    assert calls[0]["at"] == pytest.approx(simulator.now(), abs=60)


def test_a_call_whose_param_cannot_be_read_is_remembered_without_a_number(simulator: Simulator) -> None:
    simulator.post({"customer": "DEMO", "sign": "0", "param": "?"})
    last = simulator.get("calls")[-1]
    assert (last["courier"], last["number"], last["code"]) == ("", "", "503")


def test_what_is_no_form_is_no_call() -> None:
    with running_simulator() as simulator:
        simulator.http.post(simulator.query_url, json={})
        simulator.post({"customer": "DEMO"})
        assert simulator.get("calls") == []


def test_calls_and_bill_can_be_emptied() -> None:
    with running_simulator() as simulator:
        simulator.query("ems", "EA123456785CN", phone="1")
        simulator.delete("calls")
        simulator.delete("bill")
        assert simulator.get("calls") == []
        assert simulator.get("bill") == {"total": 0, "charges": []}
