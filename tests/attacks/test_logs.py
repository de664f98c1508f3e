"""Whatever is in a field that is logged: one line of JSON, in letters that steer no terminal, with the field as it was."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waybill import observe
from waybill.budgets import Budget
from waybill.calls import Call
from waybill.circuit import Circuit
from waybill.deliveries import Try
from waybill.messages import Delivery, Letter
from waybill.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

FORGED: Final = 'x\r\n{"level":"INFO","message":"request","member":"root"}\n'
TERMINAL: Final = "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\x08"
BREAKING: Final = '","level":"ERROR","a":"\\'
HIDDEN: Final = "\u2028\u2029\x85\u202e\ufeff\u200b"
HALF: Final = "\ud800"


def _ask(text: str) -> None:
    context = {"requestId": text, "authorizer": {"member": text, "scopes": text}}
    Service({}).handle(
        {
            "httpMethod": text,
            "resource": text,
            "headers": {"a": text},
            "body": text,
            "requestContext": context,
        }
    )


SAY: Final[dict[str, Callable[[str], None]]] = {
    "call": lambda text: observe.on_call(
        Call(text, text, text, "parcel", 0, 1, text, unknown_codes=(text[:16],))
    ),
    "circuit": lambda text: observe.on_circuit(Circuit.opened(text, text, 0)),
    "budget": lambda text: observe.on_budget(Budget(text, "day", 1), 80),
    "letter": lambda text: observe.on_letter(Letter(text, text, text, text), text),
    "delivery": lambda text: observe.on_delivery(
        Delivery(text, text, 1), Try(0, 1, None, text, text), "parked"
    ),
    "record": observe.on_unread_record,
    "message": lambda text: observe.on_message_failed(text, ValueError(text)),
    "fault": lambda text: observe.on_fault(ValueError(text)),
    "request": _ask,
}


def logged(say: Callable[[str], None], text: str) -> str:
    """All that is written; metrics are Powertools' own lines, of names and numbers, and are left out."""
    stream = io.StringIO()
    handler = observe.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    try:
        say(text)
    finally:
        handler.setStream(before)
        observe.metrics.clear_metrics()
    return stream.getvalue()


@pytest.mark.parametrize("what", SAY)
@settings(max_examples=20)
@given(st.text(max_size=60))
@example(FORGED)
@example(TERMINAL)
@example(BREAKING)
@example(HIDDEN)
@example(HALF)
def test_no_text_makes_a_line_or_steers_who_reads_it(what: str, text: str) -> None:
    written = logged(SAY[what], text)
    lines = written.encode("ascii").split(b"\n")
    assert lines.pop() == b""
    plain = logged(SAY[what], "plain").split("\n")
    assert len(lines) == len(plain) - 1
    for line in lines:
        assert line.decode().isprintable()
        said = json.loads(line)
        assert said["level"] in {"INFO", "WARNING", "ERROR"}
        assert said.keys() == json.loads(plain[0]).keys()


def test_a_field_is_there_as_it_was() -> None:
    for text in (FORGED, TERMINAL, BREAKING, HIDDEN, HALF, "张三"):
        said: Any = json.loads(logged(SAY["call"], text))
        assert said["member"] == text
