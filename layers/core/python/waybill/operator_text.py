"""What an operator's e-mail says of a notification, which SNS sends as it is handed over. Pure.

Whoever reads it sits at no API: it tells what happened, to which parcel, and what to do where something has to be done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from waybill import notifications, statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.notifications import Notification

Lines = list[tuple[str, str]]

SUBJECT_LIMIT: Final = 99
"""SNS: "less than 100 characters long", no line breaks or control characters, and for long ASCII only (Publish, `Subject`)."""
_ATTENTION: Final = {
    "exception": "the courier has trouble with the parcel; ask the courier what it needs",
    "failed_attempt": "the courier could not hand it over; see that the recipient is reached",
    "returning": "the parcel is on its way back to the sender",
    "stalled": "quiet for far longer than others like it; ask the courier where it is",
}
_CIRCUIT: Final = {
    "601": "The Kuaidi100 account has no quota left. Recharge it.",
    "503": (
        "Kuaidi100 does not accept the signature. Check customer and key in the secret that the stack names in its outputs "
        "(Kuaidi100Secret)."
    ),
}
_REASONS: Final = {
    "gone": "the endpoint answered 410 Gone",
    "failing": "no delivery to the endpoint went well for days",
}


def subject(told: Notification) -> str:
    """One line of printable ASCII, never empty, `SUBJECT_LIMIT` characters at most."""
    line = f"[Waybill] {_heading(told)}"
    return "".join(each if " " <= each <= "~" else "?" for each in line)[:SUBJECT_LIMIT].rstrip()


def text(told: Notification) -> str:
    """Plain text: a heading, one line a fact, and what to do. Texts of couriers are as masked as the notification has them."""
    data: dict[str, Any] = told["data"]
    facts, advice = _of_type(told["type"])(data)
    facts = [*facts, ("Learned", told["timestamp"]), ("Event", f"{told['id']} ({told['type']})")]
    lines = [f"{name + ':':<12}{_one_line(value)}" for name, value in facts if value]
    parts = [_heading(told), "\n".join(lines), advice]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(told: Notification) -> str:
    data: dict[str, Any] = told["data"]
    match told["type"]:
        case notifications.STALLED_TYPE:
            return f"Stalled: {data['number']} ({data['courier']['code']})"
        case notifications.BUDGET_WARNING | notifications.BUDGET_EXHAUSTED:
            return f"Budget {data['percent']} % used: {data['period']}, {_whose(data)}"
        case notifications.CIRCUIT_OPENED:
            return f"Kuaidi100 refuses all calls: {data['code']}"
        case notifications.WEBHOOK_DISABLED:
            return f"Webhook disabled: {data['webhook_id']}"
        case notifications.WEBHOOK_TEST:
            return f"Webhook test: {data['webhook_id']}"
    return f"{_status(data)}: {data['number']} ({data['courier']['code']})"


def _of_type(kind: str) -> Callable[[dict[str, Any]], tuple[Lines, str]]:
    if kind in {notifications.BUDGET_WARNING, notifications.BUDGET_EXHAUSTED}:
        return _budget
    if kind == notifications.CIRCUIT_OPENED:
        return _circuit
    if kind in {notifications.WEBHOOK_DISABLED, notifications.WEBHOOK_TEST}:
        return _webhook
    return _parcel


def _parcel(data: dict[str, Any]) -> tuple[Lines, str]:
    line = data["event"] or {}
    status = _status(data)
    substatus = f", {data['substatus'].replace('_', ' ')}" if data["substatus"] else ""
    attention = data["attention"]
    facts = [
        ("Parcel", data["number"]),
        ("Courier", f"{data['courier']['name']} ({data['courier']['code']})"),
        ("Status", f"{status}{substatus}{_again(data)}"),
        ("When", data["occurred_at"] or ""),
        ("Last line", line.get("text") or ""),
        ("Place", line.get("location") or ""),
        ("Attention", f"{attention}: {_ATTENTION[attention]}" if attention else ""),
    ]
    return facts, "The journey is over." if data["terminal"] else ""


def _budget(data: dict[str, Any]) -> tuple[Lines, str]:
    facts = [
        ("Budget", f"{data['limit']} calls to Kuaidi100 in {data['period']} (China's calendar)"),
        ("Of", _whose(data)),
        ("Used", f"{data['percent']} %"),
    ]
    spent = data["percent"] >= 100
    happens = (
        "No more calls are made until the next period begins: answers come from what is known."
        if spent
        else "At 100 % no more calls are made, and answers come from what is known."
    )
    raises = (
        "its own budget with `make member-budget`, or the parameters MemberDailyCallBudget and MemberMonthlyCallBudget"
        if data["member"]
        else "the parameters DailyCallBudget and MonthlyCallBudget of the stack"
    )
    return (
        facts,
        f"{happens} GET /v1/usage shows who asked for what. To allow more, raise {raises}.",
    )


def _circuit(data: dict[str, Any]) -> tuple[Lines, str]:
    facts = [("Code", data["code"]), ("Since", data["opened_at"])]
    todo = _CIRCUIT.get(data["code"], "Look the code up at Kuaidi100, and mend what it names.")
    after = "One call is tried now and then, and the first that is answered makes all go on by themselves."
    return facts, f"{todo} {after}"


def _webhook(data: dict[str, Any]) -> tuple[Lines, str]:
    reason = data["reason"]
    facts = [
        ("Webhook", data["webhook_id"]),
        ("Address", data["url"]),
        ("Reason", _REASONS.get(reason, reason)),
    ]
    todo = "Mend the endpoint, then POST /v1/webhooks/{webhook_id}/resume and replay what it missed."
    return facts, todo if reason in _REASONS else ""


def _status(data: dict[str, Any]) -> str:
    names = statuses.NAMES.get(data["status"])
    return names[1] if names else str(data["status"])


def _again(data: dict[str, Any]) -> str:
    return f", occurrence {data['occurrence']}" if data["occurrence"] > 1 else ""


def _whose(data: dict[str, Any]) -> str:
    return f"member {data['member']}" if data["member"] else "all together"


def _one_line(value: str) -> str:
    """A fact cannot begin a line of its own, whatever a courier wrote."""
    return " ".join(value.split())
