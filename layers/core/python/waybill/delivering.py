"""A delivery: an event of a member's feed, posted to one of its webhooks until that says 2xx, or for three days.

::

    message -> webhook, log, event -> gate -> mark "at work" -> POST -> mark "sent" -> log: delivered
                  |        |           |                          |
                  |        |           '-- no place: put off      '-- failed: log, and again by the table of retries
                  |        '-- delivered, parked, not yet due: dropped
                  '-- paused or disabled: parked; it or the event is gone: its log, if any, is over

Messages come by two queues. Whoever works at the quick one posts to no webhook that is known to be slow: it hands the message over
to the slow one, whose workers are others. So a dead endpoint holds up only who is slow itself, and few of these, but for tries that
were under way when it died.

The log says when a delivery is tried next, and a message that arrives earlier is dropped, so any number of messages for one
delivery come to one. It is written before the next message is sent: a message that is lost costs time, since the dispatch finds in
the `due` index what has waited too long. Only those that are due within SQS's longest delay are sent a message at all.

What was posted well is marked with what came back. Who dies after the mark finds it there and posts nothing; who dies between POST
and mark posts once more, with the same `webhook-id`. That is the one window.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from waybill import deliveries, messages, notifications, retries, signing
from waybill.deliveries import Progress, Try
from waybill.errors import StoreUnavailable
from waybill.gate import QUICK, Full, Place, put_off
from waybill.queues import LONGEST_DELAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.clock import Clock
    from waybill.deliveries import Deliveries, State
    from waybill.feed import Feed
    from waybill.gate import Gates
    from waybill.messages import Delivery
    from waybill.notifications import Notification
    from waybill.post import Outcome, Poster
    from waybill.queues import ByPace
    from waybill.sent import Sent
    from waybill.webhooks import Webhook, Webhooks

GONE: Final = 410
GRACE: Final = 120.0
"""Wall seconds that a message may be late before the dispatch sends another."""
EARLY: Final = 0.5
"""Wall seconds by which a message may be early: clocks differ."""
ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Delivering:
    """`key` is the master key of signatures, `wall` the time of day, `chance` a random number from [0, 1).

    `on_try` hears of each try, and of the state that the delivery is in after it.
    """

    webhooks: Webhooks
    deliveries: Deliveries
    feed: Feed
    gates: Gates
    sent: Sent
    post: Poster
    queues: ByPace
    key: Callable[[], bytes]
    clock: Clock
    wall: Callable[[], float]
    chance: Callable[[], float]
    on_try: Callable[[Delivery, Try, State], None]

    def __call__(self, delivery: Delivery, *, slow: bool = True) -> None:
        """Do what a message asks for, as far as it is still to be done. Unless `slow`, slow webhooks are left to others.

        Raises:
            InProgress: another worker posts it now.
            QueueUnavailable: it could not be left to others.
            StoreUnavailable: it may have been posted or not; what is known comes out when the message comes back.
            UpstreamUnavailable: the key cannot be read.
        """
        webhook = self.webhooks.get(delivery.member, delivery.webhook)
        progress = self.deliveries.get(delivery)
        if progress and not self._due(progress):
            return
        event = self.feed.get(delivery.member, delivery.sequence) if webhook else None
        if event is not None:
            progress = progress or Progress(delivery, event["id"], event["type"])
        if progress is None:
            return
        if webhook is None or event is None:
            # Kept among what is parked, it would be found with each resuming, and come to the same.
            self.deliveries.put(deliveries.parked(progress), self._now(), kept=0)
            return
        if webhook.state != "active":
            self._leave(progress)
            return
        if webhook.slow and not slow:
            self.queues.slow.hand_over([messages.write_delivery(delivery)])
            return
        place = Place(webhook.id) if not webhook.slow else self.gates.enter(webhook.id, self.wall())
        if isinstance(place, Full):
            self._put_off(webhook, progress, place)
            return
        self._try(webhook, progress, event, place)

    def _leave(self, progress: Progress) -> None:
        """Park it until the webhook is resumed. Who has just done so may have looked for what is parked too early for it."""
        now, delivery = self._now(), progress.delivery
        if not self.deliveries.put(deliveries.parked(progress), now):
            return
        webhook = self.webhooks.get(delivery.member, delivery.webhook)
        if webhook and webhook.state == "active":
            self._wait(webhook, replace(progress, revision=progress.revision + 1), now, 0.0)

    def _try(self, webhook: Webhook, progress: Progress, event: Notification, place: Place) -> None:
        delivery = progress.delivery
        held = [place]
        outcomes: list[Outcome] = []
        tries: list[Try] = []
        kept, well = "", True

        def send() -> str:
            at = self._now()
            outcomes.append(self._posted(webhook, event, held))
            tries.append(_attempt(at, outcomes[0]))
            if not outcomes[0].well:
                raise _NotDeliveredError
            # The mark is nobody's to erase, and what an endpoint says may name anybody.
            return json.dumps(asdict(replace(tries[0], answer="")))

        try:
            kept = self.sent.once(event["id"], f"{webhook.id}#{delivery.series}", send)
        except _NotDeliveredError:
            well = False
        finally:
            outcome = outcomes[0] if outcomes else None
            self.gates.leave(held[-1], self.wall(), timed_out=outcome.timed_out if outcome else None)
        attempt = tries[0] if tries else Try(**json.loads(kept))
        quick = outcome is not None and outcome.ms < QUICK * 1000 and not outcome.timed_out
        if webhook.slow and quick and place.steady(self.wall()):
            self.webhooks.paced(webhook, slow=False)
        if well:
            self._delivered(webhook, progress, attempt)
        else:
            self._failed(webhook, progress, attempt, outcomes[0].retry_after)

    def _posted(self, webhook: Webhook, event: Notification, held: list[Place]) -> Outcome:
        """What a POST came to. The place that it takes, where it waits, is `held` at last."""

        def on_waiting() -> None:
            if not webhook.slow:
                # The try goes on, and a later one does what cannot be written now.
                with suppress(StoreUnavailable):
                    held.append(self.gates.hold(webhook.id, self.wall()))
                with suppress(StoreUnavailable):
                    self.webhooks.paced(webhook, slow=True)

        body, wall = notifications.write(event).encode(), self.wall()
        versions = signing.versions(webhook.version, webhook.previous_until, wall)
        headers = signing.sign(self.key(), webhook.id, versions, event["id"], body, wall)
        return self.post(webhook.url, headers, body, on_waiting)

    def _delivered(self, webhook: Webhook, progress: Progress, attempt: Try) -> None:
        """Written whatever another worker has written, since it is true."""
        if webhook.failing_since is not None:
            self.webhooks.well(webhook)
        stands: Progress | None = progress
        for _ in range(ROUNDS):
            if self.deliveries.put(deliveries.delivered(stands or progress, attempt), self._now()):
                self.on_try(progress.delivery, attempt, "delivered")
                return
            stands = self.deliveries.get(progress.delivery)
            if stands and stands.state == "delivered":
                return
        raise StoreUnavailable("Too many write this delivery at once.", retry_after=1)

    def _failed(self, webhook: Webhook, progress: Progress, attempt: Try, asked: float | None) -> None:
        now = self._now()
        disabled = self._suspected(webhook, attempt, now)
        failures = progress.failures + 1
        wait = None if disabled else retries.wait(failures, self.chance(), asked, self.clock.speed)
        if wait is None:
            self.webhooks.gave_up(webhook, now)
        tried = deliveries.tried(replace(progress, failures=failures), attempt)
        for _ in range(ROUNDS):
            if wait is None and self.deliveries.put(deliveries.parked(tried), now):
                self.on_try(progress.delivery, attempt, "parked")
                return
            if wait is not None and self._wait(webhook, tried, now, wait):
                self.on_try(progress.delivery, attempt, "waiting")
                return
            stands = self.deliveries.get(progress.delivery)
            if stands is None or (stands.failures, stands.tries) != (progress.failures, progress.tries):
                return
            # Other messages for it found no place, or nobody to send it to.
            tried = replace(tried, revision=stands.revision)
        raise StoreUnavailable("Too many write this delivery at once.", retry_after=1)

    def _suspected(self, webhook: Webhook, attempt: Try, now: float) -> bool:
        """Mark that an endpoint fails, and disable it where that is enough; whether it was."""
        if attempt.status == GONE:
            return self.webhooks.disable(webhook, "gone", now)
        since, seen = webhook.failing_since, webhook.failed_at
        if since is None or seen is None or now - seen >= retries.QUIET:
            self.webhooks.failing(webhook, now)
            return False
        if now - since >= retries.FAILING:
            return self.webhooks.disable(webhook, "failing", now)
        if now - seen >= retries.NOTED:
            self.webhooks.failing(webhook, now)
        return False

    def _put_off(self, webhook: Webhook, progress: Progress, full: Full) -> None:
        """No place at a slow endpoint, which is no try."""
        now = self._now()
        wanted = now if progress.wanted_at is None else progress.wanted_at
        waited = (now - wanted) / self.clock.speed
        seconds = put_off(full, waited, self.wall(), self.chance())
        self._wait(webhook, replace(progress, wanted_at=wanted), now, seconds * self.clock.speed)

    def _wait(self, webhook: Webhook, progress: Progress, now: float, wait: float) -> bool:
        """Have it tried in `wait` seconds of service time; False where another worker knows more."""
        delay = math.ceil(wait / self.clock.speed)
        soon = delay <= LONGEST_DELAY
        late = GRACE * self.clock.speed if soon else 0.0
        if not self.deliveries.put(deliveries.waiting(progress, now + wait, now + wait + late), now):
            return False
        if soon:
            queue = self.queues.of(slow=webhook.slow).later(delay)
            queue.send([messages.write_delivery(progress.delivery)])
        return True

    def _due(self, progress: Progress) -> bool:
        if progress.state != "waiting" or progress.next_at is None:
            return False
        return progress.next_at <= self._now() + EARLY * self.clock.speed

    def _now(self) -> float:
        return self.clock.at(self.wall())


class _NotDeliveredError(Exception):
    """Past Powertools, which removes its mark then."""


def _attempt(at: float, outcome: Outcome) -> Try:
    return Try(
        at=round(at, 3),
        ms=outcome.ms,
        status=outcome.status,
        error=outcome.error,
        answer=deliveries.clean(outcome.answer),
    )
