"""What a request of an operator says in its path and query, declared once as in `fields`: which queue, whose webhook, how many."""

from __future__ import annotations

import re
from typing import Final

from waybill.access import MEMBER_LENGTH, is_member
from waybill.errors import NotFound, WebhookNotFound
from waybill.fields import Optional, Required, whole

QUEUES: Final = ("refresh", "fanout", "webhook", "slow-webhook", "mail", "mail-feedback")
LOOK: Final = 20
LONGEST_LOOK: Final = 100
_ANY_ID: Final = r"^whk_[0-9a-f]{20}$"


def _queue(text: str, _name: str) -> str:
    if text not in QUEUES:
        raise NotFound(f"There is no such queue. The queues are {', '.join(QUEUES)}.")
    return text


def _member(text: str, _name: str) -> str:
    if not is_member(text):
        raise nobody()
    return text


def _webhook(text: str, _name: str) -> str:
    if not re.fullmatch(_ANY_ID, text):
        raise nobody()
    return text


def nobody() -> WebhookNotFound:
    return WebhookNotFound("This member has no webhook of this id. GET /v1/operations names those that fail.")


QUEUE: Final = Required(
    name="queue",
    place="path",
    parse=_queue,
    schema={"type": "string", "enum": list(QUEUES)},
    description="The queue's name.",
    example="webhook",
)
MEMBER: Final = Required(
    name="member",
    place="path",
    parse=_member,
    schema={"type": "string", "minLength": 1, "maxLength": MEMBER_LENGTH},
    description="Whose webhook it is.",
    example="acme",
)
WEBHOOK: Final = Required(
    name="webhook_id",
    place="path",
    parse=_webhook,
    schema={"type": "string", "pattern": _ANY_ID},
    description="The webhook's id.",
    example="whk_0123456789abcdef0123",
)
LIMIT: Final = Optional(
    name="limit",
    place="query",
    parse=whole(1, LONGEST_LOOK, f"Look at 1 to {LONGEST_LOOK} messages."),
    schema={"type": "integer", "minimum": 1, "maximum": LONGEST_LOOK, "default": LOOK},
    description="How many at most.",
    example=20,
)
