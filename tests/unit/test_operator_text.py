"""The operator's e-mail: a subject that SNS takes, and a text that tells what happened and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import notifications, operator_text, statuses
from waybill.budgets import Budget
from waybill.circuit import Circuit
from waybill.model import Event, Milestone, Parcel

if TYPE_CHECKING:
    from waybill.model import Status
    from waybill.notifications import Notification

NOW = 1_800_000_000.0
NUMBER = "YT7450353838751"
LINE = Event(
    "e1", "2027-01-15T16:00:00+08:00", "given", "已签收，签收人：本人", "301", location="深圳市南山区"
)


def milestone(
    status: Status = "delivered", text: str = LINE.text, occurrence: int = 1, substatus: str | None = None
) -> Notification:
    line = Event("e1", LINE.time, "given", text, "301", location=LINE.location)
    parcel = Parcel("yuantong", NUMBER, status, events=(line,), terminal=status == "delivered")
    reached = Milestone(status, "2027-01-15T16:00:00+08:00", "e1", substatus, occurrence)
    return notifications.of_milestone(parcel, reached, NOW)


def of_type(kind: str) -> Notification:
    webhook: Any = {"webhook_id": "whk_1", "url": "https://shop.example/hook", "reason": "gone"}
    match kind:
        case notifications.STALLED_TYPE:
            return notifications.of_stall(Parcel("yuantong", NUMBER, "in_transit", events=(LINE,)), NOW)
        case notifications.BUDGET_WARNING:
            return notifications.of_budget(Budget("", "day", 100), 80, NOW)
        case notifications.BUDGET_EXHAUSTED:
            return notifications.of_budget(Budget("acme", "month", 100), 100, NOW)
        case notifications.CIRCUIT_OPENED:
            return notifications.of_circuit(Circuit.opened("601", "flight", NOW))
        case notifications.WEBHOOK_DISABLED | notifications.WEBHOOK_TEST:
            return notifications.of_webhook(kind, webhook, NOW)
    return milestone(next(each for each in statuses.NAMES if kind == f"parcel.{each}"))


@pytest.mark.parametrize("kind", notifications.TYPES)
def test_every_type_has_a_subject_that_sns_takes_and_a_text_that_names_the_event(kind: str) -> None:
    told = of_type(kind)
    assert told["type"] == kind
    subject, text = operator_text.subject(told), operator_text.text(told)
    assert subject.isascii()
    assert subject.isprintable()
    assert len("[Waybill] ") < len(subject) < 100
    assert text.startswith(subject.removeprefix("[Waybill] "))
    assert f"{told['id']} ({kind})" in text
    assert told["timestamp"] in text
    assert "None" not in text


def test_a_delivery_tells_parcel_courier_time_and_the_couriers_line() -> None:
    told = milestone()
    assert operator_text.subject(told) == f"[Waybill] Delivered: {NUMBER} (yuantong)"
    assert operator_text.text(told) == (
        f"Delivered: {NUMBER} (yuantong)\n"
        "\n"
        f"Parcel:     {NUMBER}\n"
        "Courier:    圆通速递 (yuantong)\n"
        "Status:     Delivered\n"
        "When:       2027-01-15T16:00:00+08:00\n"
        "Last line:  已签收，签收人：本人\n"
        "Place:      深圳市南山区\n"
        "Learned:    2027-01-15T08:00:00.000Z\n"
        f"Event:      {told['id']} (parcel.delivered)\n"
        "\n"
        "The journey is over.\n"
    )


@pytest.mark.parametrize("status", ["exception", "failed_attempt", "returning"])
def test_what_needs_attention_says_what_somebody_should_do(status: Status) -> None:
    assert f"Attention:  {status}: " in operator_text.text(milestone(status))


def test_a_stalled_parcel_says_so_and_where_it_was_last() -> None:
    text = operator_text.text(of_type(notifications.STALLED_TYPE))
    assert text.startswith(f"Stalled: {NUMBER}")
    assert "Attention:  stalled: quiet for far longer" in text
    assert "Status:     In transit\n" in text


def test_a_status_that_came_again_says_how_often_and_tells_its_substatus() -> None:
    text = operator_text.text(milestone("exception", occurrence=2, substatus="lost_or_damaged"))
    assert "Status:     Exception, lost or damaged, occurrence 2\n" in text


def test_a_budget_names_whose_it_is_and_the_parameters_that_raise_it() -> None:
    of_all = operator_text.text(of_type(notifications.BUDGET_WARNING))
    assert "all together" in of_all
    assert "DailyCallBudget and MonthlyCallBudget of the stack" in of_all
    of_one = operator_text.text(of_type(notifications.BUDGET_EXHAUSTED))
    assert "member acme" in of_one
    assert "make member-budget" in of_one
    assert "No more calls are made" in of_one


@pytest.mark.parametrize(
    ("code", "todo"),
    [("601", "Recharge it."), ("503", "Check customer and key"), ("999", "Look the code up")],
)
def test_an_open_circuit_says_what_the_operator_has_to_mend(code: str, todo: str) -> None:
    told = notifications.of_circuit(Circuit.opened(code, "flight", NOW))
    assert todo in operator_text.text(told)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_no_line_of_a_courier_makes_a_line_of_the_mail(text: str) -> None:
    plain = operator_text.text(milestone(text="x"))
    assert operator_text.text(milestone(text=f"x{text}")).count("\n") == plain.count("\n")


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_whatever_a_name_holds_the_subject_is_one_short_line_of_ascii(scope: str) -> None:
    subject = operator_text.subject(notifications.of_budget(Budget(f"m{scope}", "day", 10), 80, NOW))
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100
