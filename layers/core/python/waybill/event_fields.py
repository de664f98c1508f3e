"""What a request says of the feed of events in its query, declared once as in `fields`: from where, how many, how long to wait."""

from __future__ import annotations

from typing import Final

from waybill.fields import Optional, whole

PAGE: Final = 50
LONGEST_PAGE: Final = 100
LONGEST_WAIT: Final = 20
LAST_SEQUENCE: Final = 999_999_999_999


AFTER: Final = Optional(
    name="after",
    place="query",
    parse=whole(
        0, LAST_SEQUENCE, "Give next_after of the answer before, or 0 for all that is kept: a whole number."
    ),
    schema={"type": "integer", "minimum": 0, "maximum": LAST_SEQUENCE, "default": 0},
    description="`next_after` of the answer before. Left out or 0, the oldest events that are kept.",
    example=41,
)
WAIT: Final = Optional(
    name="wait",
    place="query",
    parse=whole(0, LONGEST_WAIT, f"Wait for 0 to {LONGEST_WAIT} seconds."),
    schema={"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
    description="How many seconds to wait where there is no event yet. The answer may come earlier, also without one.",
    example=20,
)
LIMIT: Final = Optional(
    name="limit",
    place="query",
    parse=whole(1, LONGEST_PAGE, f"Ask for 1 to {LONGEST_PAGE} events."),
    schema={"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE},
    description="How many at most.",
    example=100,
)
EVENTS: Final = (AFTER, WAIT, LIMIT)
