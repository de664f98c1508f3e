"""What SES says of letters, in the shapes of its developer guide: who is not to be written to any more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from waybill import mail_feedback
from waybill.mail_feedback import Feedback

MAIL = {
    "timestamp": "2026-11-22T09:00:00.000Z",
    "source": "Shop <no-reply@shop.example>",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": ["someone@example.com"],
    "tags": {"ses:configuration-set": ["waybill"]},
}


def bounce(kind: str, *addresses: str) -> dict[str, Any]:
    who = [{"emailAddress": each, "action": "failed", "status": "5.1.1"} for each in addresses]
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": "General",
            "bouncedRecipients": who,
            "feedbackId": "1",
        },
        "mail": MAIL,
    }


def complaint(*addresses: str, **more: str) -> dict[str, Any]:
    who = [{"emailAddress": each} for each in addresses]
    return {"eventType": "Complaint", "complaint": {"complainedRecipients": who, "feedbackId": "1", **more}}


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (
            bounce("Permanent", "a@example.com", "b@example.com"),
            Feedback("bounce", ("a@example.com", "b@example.com")),
        ),
        (bounce("Permanent", "Some One <a@example.com>"), Feedback("bounce", ("a@example.com",))),
        (bounce("Transient", "a@example.com"), Feedback("bounce")),
        (bounce("Undetermined", "a@example.com"), Feedback("bounce")),
        (complaint("a@example.com"), Feedback("complaint", ("a@example.com",))),
        (
            complaint("a@example.com", complaintFeedbackType="abuse"),
            Feedback("complaint", ("a@example.com",)),
        ),
        (complaint("a@example.com", complaintFeedbackType="not-spam"), Feedback("complaint")),
    ],
)
def test_permanent_bounces_and_complaints_name_addresses_and_what_passes_names_none(
    said: dict[str, Any], heard: Feedback
) -> None:
    assert mail_feedback.read(json.dumps(said)) == heard


def test_what_ses_says_when_it_is_told_of_the_topic_is_no_fault() -> None:
    assert mail_feedback.read(f"{mail_feedback.VALIDATION}\n").addresses == ()


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        "{}",
        json.dumps({"eventType": "Delivery", "mail": MAIL}),
        json.dumps({"eventType": "Bounce", "bounce": {"bounceType": "Permanent"}}),
        json.dumps(bounce("Permanent")),
        json.dumps(bounce("Permanent", "nobody")),
        json.dumps({**complaint("a@example.com"), "eventType": "Bounce"}),
        # As SNS has it where raw delivery was forgotten.
        json.dumps({"Type": "Notification", "Message": json.dumps(bounce("Permanent", "a@example.com"))}),
    ],
)
def test_what_is_nothing_of_the_kind_is_told_apart(body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's words, or ours
        mail_feedback.read(body)
