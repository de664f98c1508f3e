"""The routes of operators: how the deployment does, whosever it is, and what is done again. All need the scope `admin`.

Nothing is scanned. What needs attention and what fails is on the index `concerns`, what is due on the index `due`, and both are
read as far as a page can show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from waybill import (
    access,
    budgets,
    concern,
    operation_fields,
    operation_views,
    requests,
    tallies,
    tracked,
)
from waybill.calls import CHINA
from waybill.errors import UpstreamUnavailable
from waybill.gateway import Response
from waybill.notifications import instant
from waybill.operation_requests import Redrive
from waybill.webhook_requests import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from datetime import date

    from waybill.budgets import Limits
    from waybill.circuit import Circuit
    from waybill.concerns import Concerns
    from waybill.dead_letters import DeadLetters
    from waybill.deliveries import Deliveries
    from waybill.due import DueIndex
    from waybill.gateway import Handler, Request
    from waybill.ledger import Ledger
    from waybill.replays import Replays
    from waybill.spending import Spending
    from waybill.watches import Watches
    from waybill.webhooks import Webhook, Webhooks

SHOWN: Final = 50
"""Shipments that need attention, and webhooks that fail."""
COUNTED: Final = 100
"""Deliveries of a webhook, in one state, that are counted."""
DUE: Final = 100
"""Parcels of one part of the due index that are counted."""
HOURS: Final = 24
MOVING_SECONDS: Final = 15.0
"""Wall seconds after which a redrive begins nothing more; the function has 25."""
_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Operations:
    """Handlers over a deployment. `queues` by their names; `credentials` raises UpstreamUnavailable where there are none.

    `now` is service time, `wall` wall time, `monotonic` a clock that never jumps; `threads` read what does not wait for each other.
    """

    concerns: Concerns
    watches: Watches
    webhooks: Webhooks
    deliveries: Deliveries
    due: DueIndex
    circuit: Callable[[], Circuit | None]
    credentials: Callable[[], object]
    ledger: Ledger
    spending: Spending
    limits: Limits
    queues: Mapping[str, DeadLetters]
    replays: Replays
    now: Callable[[], float]
    wall: Callable[[], float]
    monotonic: Callable[[], float]
    threads: Executor

    def routes(self) -> dict[tuple[str, str], Handler]:
        queue = "/v1/operations/queues/{queue}"
        handlers = {
            ("GET", "/v1/operations"): self.show,
            ("GET", f"{queue}/failed"): self.failed,
            ("POST", f"{queue}/redrive"): self.redrive,
            ("POST", "/v1/operations/webhooks/{member}/{webhook_id}/replay"): self.replay,
        }
        return {route: _operating(handler) for route, handler in handlers.items()}

    def show(self, _request: Request) -> Response:
        now = self.now()
        parts: dict[str, Callable[[float], Any]] = {
            "upstream": self._upstream,
            "refresh": self._refresh,
            "attention": self._attention,
            "usage": self._usage,
            "deliveries": self._deliveries,
        }
        counts = [self.threads.submit(each.counts) for each in self.queues.values()]
        read = {name: self.threads.submit(part, now) for name, part in parts.items()}
        body: dict[str, Any] = {
            "now": instant(now),
            "wall": instant(self.wall()),
            **{name: each.result() for name, each in read.items()},
            "queues": [
                operation_views.queue(name, each.result())
                for name, each in zip(self.queues, counts, strict=True)
            ],
        }
        return Response(200, body, _NO_STORE)

    def failed(self, request: Request) -> Response:
        letters = self.queues[operation_fields.QUEUE.read(request.path)]
        limit = operation_fields.LIMIT.read(request.query) or operation_fields.LOOK
        return Response(200, operation_views.failed(letters.look(limit + 1), limit), _NO_STORE)

    def redrive(self, request: Request) -> Response:
        """Up to a thousand, as far as the time goes; what is left can be sent back by the next request."""
        letters = self.queues[operation_fields.QUEUE.read(request.path)]
        said = requests.parse(Redrive, request.json_object())
        until = self.monotonic() + MOVING_SECONDS
        moved, kept = letters.move(said.limit, lambda: self.monotonic() < until)
        view: operation_views.RedriveView = {"moved": moved, "kept": kept}
        return Response(200, view, _NO_STORE)

    def replay(self, request: Request) -> Response:
        member = operation_fields.MEMBER.read(request.path)
        hook = self.webhooks.get(member, operation_fields.WEBHOOK.read(request.path))
        if hook is None:
            raise operation_fields.nobody()
        return Response(202, self.replays(hook, requests.parse(Replay, request.json_object())), _NO_STORE)

    def _upstream(self, now: float) -> operation_views.UpstreamView:
        try:
            self.credentials()
        except UpstreamUnavailable:
            filled = False
        else:
            filled = True
        return operation_views.upstream(self.circuit(), now, filled=filled)

    def _refresh(self, now: float) -> operation_views.RefreshView:
        parts = [
            list(islice(self.due.waiting(f"DUE#{shard:02}", now, DUE + 1), DUE + 1))
            for shard in range(tracked.SHARDS)
        ]
        oldest = min((each.due_at for part in parts for each in part), default=now)
        return {
            "due": sum(len(part[:DUE]) for part in parts),
            "more": any(len(part) > DUE for part in parts),
            "lag_seconds": round(now - oldest, 3),
        }

    def _attention(self, _now: float) -> operation_views.AttentionView:
        found, more = self.concerns.newest(concern.SHIPMENT, SHOWN)
        ships = self.watches.of_keys((each.pk, each.sk) for each in found)
        needing = [ship for ship in ships if ship.standing.attention and ship.completed_at is None]
        needing.sort(key=lambda ship: (-ship.updated_at, ship.id))
        return {"shipments": [operation_views.shipment(ship) for ship in needing], "more": more}

    def _usage(self, now: float) -> operation_views.SpendingView:
        today = datetime.fromtimestamp(now, UTC).astimezone(CHINA).date()
        month = self.ledger.days(_days(today), now)
        of = {budget.period: budget for budget in budgets.of("", self.limits)}
        used = {period: sum(self.spending.used(budget, now)) for period, budget in of.items()}
        lines = tallies.together(day.lines for day in month.values())
        return {
            "today": operation_views.spent(month[today].lines, of.get("day"), used.get("day", 0)),
            "month": operation_views.spent(lines, of.get("month"), used.get("month", 0)),
            "hours": [operation_views.hour(*each) for each in self.ledger.hours(HOURS, now).items()],
        }

    def _deliveries(self, _now: float) -> list[operation_views.FailingWebhook]:
        # One that gave deliveries up is there twice.
        found, _ = self.concerns.newest(concern.WEBHOOK, 2 * SHOWN)
        hooks = self.webhooks.of_keys((each.pk, each.sk) for each in found)
        hooks.sort(key=lambda hook: (hook.failing_since is None, hook.failing_since or 0.0, hook.id))
        return list(islice(filter(None, map(self._failing, hooks)), SHOWN))

    def _failing(self, hook: Webhook) -> operation_views.FailingWebhook | None:
        """None where all is well by now: its member resumed it, which sends again what was given up, or that is no longer kept."""
        waiting = self.concerns.deliveries(hook.member, hook.id, "waiting", COUNTED)
        parked = self.concerns.deliveries(hook.member, hook.id, "parked", COUNTED)
        if hook.failing_since is None and not parked:
            return None
        latest = max((*waiting[:1], *parked[:1]), default=None)
        last = self.deliveries.of_key(latest.pk, latest.sk) if latest else None
        return operation_views.failing(hook, len(waiting), len(parked), last)


def _days(today: date) -> list[date]:
    """Those of its month up to it."""
    return [today.replace(day=1) + timedelta(days=each) for each in range(today.day)]


def _operating(handler: Handler) -> Handler:
    def answer(request: Request) -> Response:
        access.demand(request.scopes, "admin")
        return handler(request)

    return answer
