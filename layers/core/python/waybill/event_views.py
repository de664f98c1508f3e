"""How events are shown to who asks for them."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class EventView(TypedDict):
    """An event, as webhooks are told of it, and its place among yours."""

    sequence: int
    """One more with each event, without gaps."""
    type: str
    """What happened: `parcel.delivered`, ... More may come."""
    id: str
    """The same wherever you hear of it."""
    timestamp: str
    """When Waybill learned of it, in UTC."""
    data: Any
    """As the section `webhooks` of this document has it for each type."""


class EventPage(TypedDict):
    """Events in their order."""

    events: list[EventView]
    next_after: int
    """Ask with it as `after` for what comes next."""
