"""What an operator should look at, whosever it is: how it puts itself on the index `concerns` of the Tracking table. Pure.

The index is sparse: an item is on it while it has these two attributes, which are written and removed with whatever else its writes
say. What has to be found among all members is in a few parts of it; what belongs to one webhook has a part of its own, which
counting reads and nothing else.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from waybill.messages import Delivery, delivery_key

Item = dict[str, Any]

INDEX: Final = "concerns"
SHARDS: Final = 4
"""In so many parts lie shipments that need attention, and webhooks that fail."""
SHIPMENT: Final = "SHIPMENT"
WEBHOOK: Final = "WEBHOOK"
ATTRIBUTES: Final = ("concern", "concerned_at")


def shared(kind: str, name: str, at: float) -> Item:
    """The attributes of what is found among all members; `name` only spreads it. `at` is when it came to be so."""
    shard = hashlib.sha256(name.encode()).digest()[0] % SHARDS
    return _attributes(part(kind, shard), at)


def of_delivery(delivery: Delivery, state: str, at: float) -> Item:
    """The attributes of a delivery that has not arrived, among those of its webhook that are in the same state."""
    return _attributes(deliveries(delivery.member, delivery.webhook, state), at)


def part(kind: str, shard: int) -> str:
    return f"{kind}#{shard:02}"


def deliveries(member: str, webhook: str, state: str) -> str:
    return f"{state.upper()}#{delivery_key(Delivery(member, webhook, 0))[0]}"


def _attributes(concern: str, at: float) -> Item:
    return {"concern": {"S": concern}, "concerned_at": {"N": repr(round(at, 3))}}
