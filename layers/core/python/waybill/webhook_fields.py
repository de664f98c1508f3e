"""What a request says of webhooks in its path and query, declared once as in `fields`: which one is meant, what of its log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast, get_args

from waybill.deliveries import State
from waybill.errors import InvalidField, WebhookNotFound
from waybill.fields import Optional, Required, whole

if TYPE_CHECKING:
    from waybill.gateway import Request

PAGE: Final = 50
LONGEST_PAGE: Final = 100
ID: Final = r"^whk_[0-9a-f]{20}$"
_CURSOR: Final = r"^[0-9]{12}(-r[0-9a-f]{8})?$"


def which(request: Request) -> str:
    """The id of the webhook that a request is about.

    Raises:
        WebhookNotFound: it can be nobody's.
    """
    return WEBHOOK.read(request.path)


def cursor(sort_key: str) -> str:
    """The place in a log at which a page ends, as it is given away."""
    return sort_key.replace("#", "-")


def _id(text: str, _name: str) -> str:
    if not re.fullmatch(ID, text):
        raise WebhookNotFound("There is no webhook of this id. GET /v1/webhooks lists yours.")
    return text


def _state(text: str, name: str) -> State:
    if text not in get_args(State):
        raise InvalidField(name, f"The states are {', '.join(get_args(State))}.")
    return cast("State", text)


def _cursor(text: str, name: str) -> str:
    if not re.fullmatch(_CURSOR, text):
        raise InvalidField(name, "This is no cursor. Take next_cursor of the page before as it is.")
    return text.replace("-", "#")


WEBHOOK: Final = Required(
    name="webhook_id",
    place="path",
    parse=_id,
    schema={"type": "string", "pattern": ID},
    description="The webhook's id.",
    example="whk_0123456789abcdef0123",
)
STATE: Final = Optional(
    name="state",
    place="query",
    parse=_state,
    schema={"type": "string", "enum": list(get_args(State))},
    description=(
        "Only deliveries that wait for a try, have arrived, or are tried no more. A page may have few of them, or none, and go on."
    ),
    example="parked",
)
LIMIT: Final = Optional(
    name="limit",
    place="query",
    parse=whole(1, LONGEST_PAGE, f"A page has 1 to {LONGEST_PAGE} deliveries."),
    schema={"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE},
    description="How many at most.",
    example=20,
)
CURSOR: Final = Optional(
    name="cursor",
    place="query",
    parse=_cursor,
    schema={"type": "string", "pattern": _CURSOR},
    description="`next_cursor` of the page before.",
    example="000000000042",
)
DELIVERIES: Final = (STATE, LIMIT, CURSOR)
