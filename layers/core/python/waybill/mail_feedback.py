"""What SES says of letters that were sent: which addresses cannot be reached or complained. Pure.

Shapes as in "Contents of event data that Amazon SES publishes to Amazon SNS" of the SES developer guide; SNS hands them on raw.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Final

VALIDATION: Final = "Successfully validated SNS topic for Amazon SES event publishing."
"""What SES publishes once, when it is told of the topic."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """`addresses` are not to be written to any more, for `why`; none where SES tells of something that passes."""

    why: str
    addresses: tuple[str, ...] = ()


def read(body: str) -> Feedback:
    """What an event of SES says.

    A bounce counts that is `Permanent`; a complaint that is not `not-spam`, by which a provider takes one back.

    Raises:
        ValueError: it is no event that SES is asked for.
    """
    if body.strip() == VALIDATION:
        return Feedback("validation")
    match json.loads(body):
        case {"eventType": "Bounce", "bounce": {"bounceType": str(kind), "bouncedRecipients": list(who)}}:
            return Feedback("bounce", _addresses(who) if kind == "Permanent" else ())
        case {"eventType": "Complaint", "complaint": {"complainedRecipients": list(who), **more}}:
            taken_back = more.get("complaintFeedbackType") == "not-spam"
            return Feedback("complaint", () if taken_back else _addresses(who))
    raise ValueError("neither a bounce nor a complaint")


def _addresses(recipients: list[Any]) -> tuple[str, ...]:
    """Of a delivery status notification they may come with a name."""
    found = []
    for each in recipients:
        match each:
            case {"emailAddress": str(written)} if "@" in (address := parseaddr(written)[1]):
                found.append(address)
            case _:
                raise ValueError("a recipient without an address")
    if not found:
        raise ValueError("no recipients")
    return tuple(found)
