"""The outbox: what was born in a transaction and has still to be told. Pure; `publishing` empties it.

An item of any partition of the Tracking table is in the outbox while it has `unpublished`, which the table's stream and the index
of that name show. It holds the message as it is sent, so that whoever sends it again sends the same. Most messages are for
everybody and go to the topic; what is one member's own goes straight to the queue that the topic feeds.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from waybill import notifications
from waybill.errors import DAY
from waybill.tracked import parcel_key

if TYPE_CHECKING:
    from waybill.notifications import Notification
    from waybill.shipments import Shipment

Item = dict[str, Any]

SHARDS: Final = 4
"""Parts of the index `unpublished`, each of which takes a thousand births a second."""
FANOUT: Final = "fanout"
"""The channel of what goes to the queue; without one it goes to the topic."""
NOTICE: Final = "NOTICE#"
"""So begins the sort key of an item that is nothing but a message."""
KEPT: Final = 30 * DAY
"""How long an item lies that nobody could publish, where it is nothing but a message."""


def entry(told: Notification, now: float) -> Item:
    """The attributes that put an item into the outbox, for everybody."""
    return _entry(notifications.write(told), now)


def own(member: str, told: Notification, now: float, *, webhook: str | None = None) -> Item:
    """The attributes that put an item into the outbox for one member, or for one of its webhooks."""
    return {**_entry(to_member(member, told, webhook=webhook), now), "channel": {"S": FANOUT}}


def backfill(ship: Shipment, now: float) -> Item:
    """An item that has a shipment's member told the newest that happened before, now that the shipment shows it."""
    said = {
        "kind": "backfill",
        "courier": ship.courier,
        "number": ship.number,
        "member": ship.member,
        "order_id": ship.order_id,
    }
    attributes = {**_entry(_json(said), now), "channel": {"S": FANOUT}}
    return notice(parcel_key(ship.link), f"{ship.member}#{ship.order_id}", attributes, now)


def notice(pk: str, name: str, attributes: Item, now: float) -> Item:
    """An item that is nothing but the message of these attributes; it is deleted when that is sent."""
    return {
        "pk": {"S": pk},
        "sk": {"S": f"{NOTICE}{name}"},
        **attributes,
        "expires_at": {"N": str(int(now + KEPT))},
    }


def to_member(member: str, told: Notification, *, webhook: str | None = None) -> str:
    """A message of the fan-out queue: one member is told, or one of its webhooks alone."""
    return _json({"kind": "member", "member": member, "notification": told, "webhook": webhook})


def to_replay(member: str, webhook: str, series: str, first: int, last: int, since: str, until: str) -> str:
    """A message of the fan-out queue: a webhook hears again the events of a member's feed with a time in [since, until).

    `first` and `last` bound the sequence numbers that are looked at; `series` names the replay.
    """
    return _json(
        {
            "kind": "replay",
            "member": member,
            "webhook": webhook,
            "series": series,
            "first": first,
            "last": last,
            "since": since,
            "until": until,
        }
    )


def _entry(message: str, now: float) -> Item:
    shard = hashlib.sha256(message.encode()).digest()[0] % SHARDS
    return {
        "message": {"S": message},
        "born_at": {"N": repr(round(now, 3))},
        "unpublished": {"S": f"UNPUBLISHED#{shard:02}"},
    }


def _json(said: dict[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
