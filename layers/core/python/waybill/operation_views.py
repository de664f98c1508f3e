"""How the state of a deployment is shown to its operator. Pure. Times are in UTC, of service time where nothing else is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from typing_extensions import TypedDict

from waybill import privacy, tallies
from waybill.notifications import instant
from waybill.webhooks import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from waybill.budgets import Budget
    from waybill.circuit import Circuit
    from waybill.dead_letters import Counts, Letter
    from waybill.deliveries import Progress
    from waybill.shipments import Shipment
    from waybill.tallies import Count, Line
    from waybill.webhooks import Webhook


class UpstreamView(TypedDict):
    """How it stands with Kuaidi100."""

    circuit: Literal["closed", "open", "probing"]
    """`closed` is well. `open`: all calls are refused, so none is made; `probing`: the next call shows whether that is over."""
    reason: str | None
    """Kuaidi100's code that opened it."""
    secret: Literal["ok", "missing"]
    """Whether the credentials are filled in and can be read."""


class RefreshView(TypedDict):
    """The schedule of refreshes."""

    due: int
    """How many parcels are due and not yet on their way, as far as they were counted."""
    more: bool
    """Whether there are more of them."""
    lag_seconds: float
    """How long the oldest has been due; 0 for none."""


class AttentionShipment(TypedDict):
    """A shipment that somebody should look at."""

    member: str
    order_id: str
    courier: str
    number: str
    status: str
    attention: str
    """A status, or `stalled`."""
    updated_at: str


class AttentionView(TypedDict):
    """Shipments of all members that need attention and are still followed, the latest changed first."""

    shipments: list[AttentionShipment]
    more: bool


class SpentView(TypedDict):
    """Calls to Kuaidi100 of all members and the schedule, in the running day or month of China's."""

    calls: int
    billed: int
    budget: int | None
    """Null where there is none."""
    left: int | None


class HourView(TypedDict):
    """Calls of one hour."""

    hour: str
    """When it began."""
    calls: int
    billed: int
    failed: int


class SpendingView(TypedDict):
    """What was spent."""

    today: SpentView
    month: SpentView
    hours: list[HourView]
    """The last 24, the running one included and last."""


class FailingWebhook(TypedDict):
    """A webhook to which nothing arrives, or for which deliveries were given up."""

    member: str
    webhook_id: str
    url: str
    """Without its query."""
    state: State
    failing_since: str | None
    waiting: int
    """Deliveries that wait for another try; 100 stands for that many or more."""
    parked: int
    """Deliveries that were given up; 100 stands for that many or more."""
    last_status: int | None
    """What it answered last to one of them; null where it did not answer."""
    last_error: str | None
    """In a word, why it did not."""


class QueueView(TypedDict):
    """A queue, as SQS counts it, which is about right."""

    queue: str
    waiting: int
    in_flight: int
    failed: int
    """Messages that failed again and again, and can be looked at and sent back."""


class OperationsView(TypedDict):
    """What an operator wants to see."""

    now: str
    """Service time."""
    wall: str
    """Wall time, which differs where the local stack runs on a clock of its own."""
    upstream: UpstreamView
    refresh: RefreshView
    attention: AttentionView
    usage: SpendingView
    deliveries: list[FailingWebhook]
    queues: list[QueueView]


class FailedMessage(TypedDict):
    """A message that failed for good."""

    id: str
    body: dict[str, Any]
    """What it says, personal data masked; `text` where it is no JSON object."""
    failed_at: str
    """When it was sent to its queue, in wall time, which is what SQS keeps; it failed soon after."""


class FailedMessages(TypedDict):
    """Messages that failed for good. They stay as they are."""

    messages: list[FailedMessage]
    more: bool


class RedriveView(TypedDict):
    """What became of messages that failed."""

    moved: int
    """How many went back to their queue."""
    kept: int
    """How many could not be moved and stay."""


def upstream(circuit: Circuit | None, now: float, *, filled: bool) -> UpstreamView:
    state: Literal["closed", "open", "probing"] = "closed"
    if circuit:
        state = "probing" if now >= circuit.probe_at else "open"
    return {
        "circuit": state,
        "reason": circuit.code if circuit else None,
        "secret": "ok" if filled else "missing",
    }


def shipment(ship: Shipment) -> AttentionShipment:
    return {
        "member": ship.member,
        "order_id": ship.order_id,
        "courier": ship.courier,
        "number": ship.number,
        "status": ship.standing.status,
        "attention": ship.standing.attention or "",
        "updated_at": instant(ship.updated_at),
    }


def spent(lines: Mapping[Line, Count], budget: Budget | None, used: int) -> SpentView:
    """`used` is what is taken of the budget, where there is one."""
    return {
        "calls": sum(count.calls for count in lines.values()),
        "billed": sum(count.billed for count in lines.values()),
        "budget": budget.limit if budget else None,
        "left": max(0, budget.limit - used) if budget else None,
    }


def hour(began: float, lines: Mapping[Line, Count]) -> HourView:
    return {
        "hour": instant(began),
        "calls": sum(count.calls for count in lines.values()),
        "billed": sum(count.billed for count in lines.values()),
        "failed": tallies.failed(lines) + tallies.unknown(lines),
    }


def failing(hook: Webhook, waiting: int, parked: int, last: Progress | None) -> FailingWebhook:
    """`last` is the delivery that was written last, of those that have not arrived."""
    parts = urlsplit(hook.url)
    attempt = last.tries[-1] if last and last.tries else None
    return {
        "member": hook.member,
        "webhook_id": hook.id,
        "url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        "state": hook.state,
        "failing_since": None if hook.failing_since is None else instant(hook.failing_since),
        "waiting": waiting,
        "parked": parked,
        "last_status": attempt.status if attempt else None,
        "last_error": attempt.error if attempt else None,
    }


def queue(name: str, counts: Counts) -> QueueView:
    return {
        "queue": name,
        "waiting": counts.waiting,
        "in_flight": counts.in_flight,
        "failed": counts.failed,
    }


def failed(letters: Sequence[Letter], limit: int) -> FailedMessages:
    shown: list[FailedMessage] = [
        {"id": each.id, "body": _object(each.body), "failed_at": instant(each.sent_at)}
        for each in letters[:limit]
    ]
    return {"messages": shown, "more": len(letters) > limit}


def _object(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = body
    return _masked(said) if isinstance(said, dict) else {"text": _masked(said)}


def _masked(value: Any) -> Any:
    """As it is, but for addresses, which are in what SES reports."""
    match value:
        case dict():
            return {name: _masked(each) for name, each in value.items()}
        case list():
            return [_masked(each) for each in value]
        case str():
            return privacy.without_addresses(value)
    return value
