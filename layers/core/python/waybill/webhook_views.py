"""How webhooks, the log of their deliveries, and a member's settings are shown. Pure. Times are in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from waybill.deliveries import State as DeliveryState
from waybill.notifications import instant
from waybill.webhooks import Reason, State

if TYPE_CHECKING:
    from waybill.deliveries import Progress, Try
    from waybill.member_settings import Settings
    from waybill.webhooks import Webhook


class WebhookView(TypedDict):
    """An endpoint of yours."""

    id: str
    url: str
    events: list[str]
    """Types of events, or `*` alone for all."""
    description: str
    state: State
    """`paused` by you, `disabled` by Waybill; either way what happens is kept for it until it is resumed."""
    reason: Reason | None
    """Why it is disabled: `gone` (it answered 410) or `failing` (nothing arrived for days)."""
    public_key: str
    """What its `v1a` signatures are checked with: `whpk_` and the ed25519 key in base64."""
    secret_version: int
    """How often its secret has been made."""
    previous_until: str | None
    """Until when signatures of the secret before are sent, too."""
    failing_since: str | None
    """Since when nothing has arrived; null while all is well."""
    operator: bool
    """Whether it hears what concerns everybody, such as `circuit.opened`: a token with the scope `admin` made it."""
    created_at: str


class NewWebhookView(WebhookView):
    """A new endpoint, with its secret, which is not shown again."""

    secret: str
    """What `v1` signatures are made with: `whsec_` and the key in base64."""


class WebhookPage(TypedDict):
    """Your webhooks, the latest made first."""

    webhooks: list[WebhookView]
    next_cursor: None
    """All are on one page."""


class ResumedWebhook(WebhookView):
    """An endpoint that goes on."""

    resent: int
    """How many deliveries that had been given up are on their way again."""
    more: bool
    """Whether there are more of them: then resume it again."""


class SecretView(TypedDict):
    """The new secret, which is not shown again."""

    id: str
    secret: str
    public_key: str
    secret_version: int
    previous_until: str
    """Until then every request is signed with the secret before, too."""


class TestView(TypedDict):
    """A `webhook.test` is on its way."""

    event_id: str
    """Its `webhook-id`."""


class ReplayView(TypedDict):
    """Events are on their way again."""

    replay: str
    """Its name, which the log of deliveries shows as `series`."""
    event_id: str | None
    since: str | None
    until: str | None


class TryView(TypedDict):
    """One request."""

    at: str
    status: int | None
    """What the endpoint answered; null where it did not."""
    ms: int
    """How long it took, in milliseconds."""
    answer: str
    """The beginning of the answer's body, 1 KB at most."""
    error: str | None
    """In a word, why there was no status."""


class DeliveryView(TypedDict):
    """What became of an event at this webhook."""

    sequence: int
    """The event's number in GET /v1/events."""
    event_id: str
    type: str
    series: str | None
    """The replay that sent it again."""
    state: DeliveryState
    """It waits for a try, has arrived, or is tried no more and can be sent again."""
    next_at: str | None
    """When it is tried next."""
    tries: list[TryView]
    """The latest ones, oldest first."""


class DeliveryPage(TypedDict):
    """A page of the log, newest events first."""

    deliveries: list[DeliveryView]
    next_cursor: str | None


_Times = TypedDict("_Times", {"from": str, "to": str})


class QuietHoursView(_Times):
    """When no e-mail is sent."""

    zone: str
    """By its name in the IANA database."""


class SettingsView(TypedDict):
    """What you have set for all your shipments."""

    quiet_hours: QuietHoursView | None


def webhook(hook: Webhook, public_key: str) -> WebhookView:
    return {
        "id": hook.id,
        "url": hook.url,
        "events": list(hook.events),
        "description": hook.description,
        "state": hook.state,
        "reason": hook.reason,
        "public_key": public_key,
        "secret_version": hook.version,
        "previous_until": _instant(hook.previous_until),
        "failing_since": _instant(hook.failing_since),
        "operator": hook.operator,
        "created_at": instant(hook.created_at),
    }


def delivery(progress: Progress) -> DeliveryView:
    return {
        "sequence": progress.delivery.sequence,
        "event_id": progress.event_id,
        "type": progress.type,
        "series": progress.delivery.series or None,
        "state": progress.state,
        "next_at": _instant(progress.next_at),
        "tries": [_try(each) for each in progress.tries],
    }


def settings(said: Settings) -> SettingsView:
    hours = said.quiet_hours
    if hours is None:
        return {"quiet_hours": None}
    return {"quiet_hours": {"from": hours.begin, "to": hours.end, "zone": hours.zone}}


def _try(attempt: Try) -> TryView:
    return {
        "at": instant(attempt.at),
        "status": attempt.status,
        "ms": attempt.ms,
        "answer": attempt.answer,
        "error": attempt.error,
    }


def _instant(moment: float | None) -> str | None:
    return None if moment is None else instant(moment)
