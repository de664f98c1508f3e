"""From a birth in the table to an operator's e-mail, on the stack as it is started: stream, publish, topic, mailbox."""

from __future__ import annotations

import email
import email.policy
import time
from typing import TYPE_CHECKING

from tests.loopback import wait_until
from waybill import notifications, outbox
from waybill.circuit import Circuit
from waybill.model import Milestone, Parcel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack
    from waybill.model import Status
    from waybill.notifications import Notification

OPERATOR = "somebody@example.com"


def bear(stack: RunningStack, told: Notification) -> None:
    """Put an item into the outbox, as a transaction does that has something to tell."""
    key = {"pk": {"S": "CIRCUIT#1"}, "sk": {"S": f"NOTICE#{told['id']}"}}
    item = {**key, **outbox.entry(told, time.time())}
    stack.aws("dynamodb").put_item(TableName=stack.output("TrackingTable"), Item=item)


def milestone(number: str, status: Status) -> Notification:
    parcel = Parcel("yuantong", number, status)
    return notifications.of_milestone(
        parcel, Milestone(status, "2026-03-01T17:00:00+08:00", "e1"), time.time()
    )


def subjects(state: Path) -> list[str]:
    """Of the mails to the operator, in their order."""
    mails = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in sorted((state / "mailbox").glob("*.eml"))
    ]
    assert {mail["To"] for mail in mails} <= {OPERATOR}
    return [mail["Subject"] for mail in mails]


def test_an_operator_gets_a_mail_of_what_is_wanted_also_after_a_restart(
    start_stack: StartStack, tmp_path: Path
) -> None:
    with start_stack(tmp_path, WAYBILL_OPERATOR_EMAIL=OPERATOR, WAYBILL_SCHEDULE="off") as first:
        bear(first, milestone("YT1", "in_transit"))
        bear(first, notifications.of_circuit(Circuit.opened("601", "h1", time.time())))
        bear(first, milestone("YT2", "delivered"))
        wait_until(lambda: len(subjects(tmp_path)) == 1)
    assert "YT2" in subjects(tmp_path)[0]
    with start_stack(tmp_path, WAYBILL_OPERATOR_EMAIL=OPERATOR, WAYBILL_SCHEDULE="off") as second:
        bear(second, milestone("YT3", "exception"))
        wait_until(lambda: len(subjects(tmp_path)) == 2)
    assert "YT3" in subjects(tmp_path)[1]
