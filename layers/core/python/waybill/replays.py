"""Events are sent to a webhook again, one or those of a time, whoever asks for it: its member, or an operator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from waybill import messages, notifications, outbox, shipment_fields
from waybill.errors import EventNotFound, InvalidField
from waybill.messages import Delivery
from waybill.webhooks import EVERYTHING, Webhook, wants

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.feed import Feed
    from waybill.queues import Queue
    from waybill.webhook_requests import Replay
    from waybill.webhook_views import ReplayView


@dataclass(frozen=True, slots=True)
class Replays:
    """`random_hex` writes so many random bytes, `now` is service time."""

    feed: Feed
    fanout: Queue
    outgoing: Queue
    random_hex: Callable[[int], str]
    now: Callable[[], float]

    def __call__(self, hook: Webhook, said: Replay) -> ReplayView:
        """Send what is said again, as a series of its own.

        Raises:
            EventNotFound: the webhook may hear no such event.
            InvalidField: there is no such time.
            QueueUnavailable: nothing is sent again.
        """
        series = f"r{self.random_hex(4)}"
        if said.event_id is not None:
            sequence = self._heard(hook, said.event_id)
            self.outgoing.hand_over(
                [messages.write_delivery(Delivery(hook.member, hook.id, sequence, series))]
            )
            return {"replay": series, "event_id": said.event_id, "since": None, "until": None}
        since, until = self._range(said)
        last = self.feed.last(hook.member)
        self.fanout.hand_over([outbox.to_replay(hook.member, hook.id, series, 1, last, since, until)])
        return {"replay": series, "event_id": None, "since": since, "until": until}

    def _heard(self, hook: Webhook, event_id: str) -> int:
        """The number of an event that the webhook may hear, whatever types it asks for."""
        sequence = self.feed.find(hook.member, event_id)
        for entry in self.feed.read(hook.member, sequence - 1, 1, sequence) if sequence else []:
            if entry.webhook in {None, hook.id} and wants(replace(hook, events=EVERYTHING), entry.event):
                return entry.sequence
        raise EventNotFound(
            "There is no event of this id that this webhook may hear, or it is no longer kept. GET /v1/events lists yours."
        )

    def _range(self, said: Replay) -> tuple[str, str]:
        now = self.now()
        since = shipment_fields.moment(said.since or "", "since")
        until = min(shipment_fields.moment(said.until, "until") if said.until else now, now)
        if since >= until:
            raise InvalidField(
                "since", "There is no time from since to until: since is before until, and before now."
            )
        return notifications.instant(since), notifications.instant(until)
