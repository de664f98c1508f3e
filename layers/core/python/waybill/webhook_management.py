"""The routes of members' webhooks and settings.

A webhook's secret is kept nowhere: it follows from the operator's key, so it can be shown with an answer that an Idempotency-Key
brings back, though no answer is kept with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from waybill import (
    access,
    addresses,
    deliveries,
    gateway,
    messages,
    notifications,
    outbox,
    requests,
    signing,
    webhook_fields,
    webhook_views,
)
from waybill.errors import (
    DAY,
    MINUTE,
    Forbidden,
    InvalidField,
    TooManyWebhooks,
    WebhookNotFound,
)
from waybill.gateway import Response
from waybill.member_settings import QuietHours, Settings
from waybill.notifications import OPERATOR_TYPES, WEBHOOK_TEST
from waybill.webhook_requests import NewWebhook, Replay, SettingsPatch, WebhookPatch
from waybill.webhooks import LIMIT, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from waybill.concerns import Concerns
    from waybill.deliveries import Deliveries, Progress
    from waybill.gateway import Handler, Request
    from waybill.member_settings import MemberSettings
    from waybill.queues import Queue
    from waybill.replays import Replays
    from waybill.webhooks import Webhooks

ONE: Final = "/v1/webhooks/{webhook_id}"
OVERLAP: Final = DAY
"""Wall seconds for which the secret before signs, too."""
RESENT_AT_ONCE: Final = 100
LOST_AFTER: Final = 15 * MINUTE
"""A message that sends a delivery again is taken for lost after this, and the dispatch sends another."""
_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class WebhookManagement:
    """Handlers over members' webhooks and settings.

    `key` is what secrets follow from; `lookup` finds the addresses of a host and port; `once` keeps a request with an
    Idempotency-Key from being done twice; `random_hex` writes so many
    random bytes. `now` is service time, `wall` wall time; `loopback` allows this machine's own addresses.
    """

    webhooks: Webhooks
    deliveries: Deliveries
    concerns: Concerns
    replays: Replays
    settings: MemberSettings
    fanout: Queue
    outgoing: Queue
    key: Callable[[], bytes]
    lookup: Callable[[str, int], list[str]]
    once: Callable[[Request, Callable[[], Response]], Response]
    random_hex: Callable[[int], str]
    now: Callable[[], float]
    wall: Callable[[], float]
    loopback: bool = False

    def routes(self) -> dict[tuple[str, str], Handler]:
        handlers = {
            ("POST", "/v1/webhooks"): self.create,
            ("GET", "/v1/webhooks"): self.list,
            ("GET", ONE): self.get,
            ("PATCH", ONE): self.change,
            ("DELETE", ONE): self.delete,
            ("POST", f"{ONE}/secret"): self.rotate,
            ("POST", f"{ONE}/test"): self.test,
            ("POST", f"{ONE}/pause"): self.pause,
            ("POST", f"{ONE}/resume"): self.resume,
            ("GET", f"{ONE}/deliveries"): self.log,
            ("POST", f"{ONE}/replay"): self.replay,
            ("GET", "/v1/settings"): self.show_settings,
            ("PATCH", "/v1/settings"): self.change_settings,
        }
        return {route: _managing(handler) for route, handler in handlers.items()}

    def create(self, request: Request) -> Response:
        """201 with a new webhook and its secret."""
        return self._with_secret(self.once(request, lambda: self._created(request)))

    def _created(self, request: Request) -> Response:
        new = requests.parse(NewWebhook, request.json_object())
        events = _events(request, new.events)
        self._check(new.url)
        hook = Webhook(
            member=request.member,
            id=f"whk_{self.random_hex(10)}",
            url=new.url,
            events=events,
            description=new.description,
            created_at=round(self.now(), 3),
            operator="admin" in request.scopes,
        )
        if not self.webhooks.create(hook):
            raise TooManyWebhooks(f"You have {LIMIT} webhooks, which is the most. Delete one, or change one.")
        where = f"{request.base}/v1/webhooks/{hook.id}"
        return Response(201, self._view(hook), {"Location": where, **_NO_STORE})

    def list(self, request: Request) -> Response:
        hooks = self.webhooks.all(request.member)
        return Response(200, {"webhooks": [self._view(hook) for hook in hooks], "next_cursor": None})

    def get(self, request: Request) -> Response:
        return Response(200, self._view(self._one(request)))

    def change(self, request: Request) -> Response:
        """A JSON merge patch (RFC 7396)."""
        patch = requests.parse(WebhookPatch, request.json_object())
        hook, named, admin = self._one(request), patch.model_fields_set, "admin" in request.scopes
        changes: dict[str, Any] = {}
        if "url" in named:
            if hook.operator and not admin:
                raise Forbidden(
                    "This webhook hears what concerns everybody, so only a token with the scope 'admin' may lead it elsewhere. "
                    "Make a webhook of your own for the other url."
                )
            self._check(patch.url)
            changes["url"] = patch.url
            if patch.url != hook.url and hook.state != "disabled":
                changes |= {"failing_since": None, "failed_at": None}  # that was another endpoint
        if "events" in named:
            changes["events"] = _events(request, patch.events)
            if admin:
                self.webhooks.join_operators(request.member)
                changes["operator"] = True
        if "description" in named:
            changes["description"] = patch.description or ""
        return Response(200, self._view(self._changed(hook, **changes)), _NO_STORE)

    def delete(self, request: Request) -> Response:
        if not self.webhooks.delete(request.member, webhook_fields.which(request)):
            raise _unknown()
        return Response(204, None, _NO_STORE)

    def rotate(self, request: Request) -> Response:
        """A new secret; the one before signs, too, for a day."""
        hook = self._one(request)
        # A key that was sent for one webhook is another one's first.
        own = replace(request, resource=f"{request.resource} {hook.id}")
        return self._with_secret(self.once(own, lambda: self._rotated(hook)))

    def _rotated(self, hook: Webhook) -> Response:
        until = round(self.wall(), 3) + OVERLAP
        changed = self._stands(
            self.webhooks.change(
                hook, lambda said: replace(said, version=said.version + 1, previous_until=until)
            )
        )
        view = self._view(changed)
        kept = ("id", "public_key", "secret_version", "previous_until")
        return Response(200, {name: view[name] for name in kept}, _NO_STORE)  # type: ignore[literal-required] # names of it

    def test(self, request: Request) -> Response:
        hook = self._one(request)
        data: notifications.WebhookData = {"webhook_id": hook.id, "url": hook.url, "reason": "test"}
        told = notifications.of_webhook(WEBHOOK_TEST, data, self.now())
        self.fanout.hand_over([outbox.to_member(hook.member, told, webhook=hook.id)])
        return Response(202, {"event_id": told["id"]}, _NO_STORE)

    def pause(self, request: Request) -> Response:
        """Only an active one is paused; a disabled one stays so."""
        hook = self._stands(
            self.webhooks.change(
                self._one(request),
                lambda said: replace(said, state="paused") if said.state == "active" else said,
            )
        )
        return Response(200, self._view(hook), _NO_STORE)

    def resume(self, request: Request) -> Response:
        """Active again, whatever it was, with what was given up meanwhile on its way once more."""
        hook = self._changed(
            self._one(request), state="active", reason=None, failing_since=None, failed_at=None
        )
        resent, more = self._resent(hook)
        return Response(200, {**self._view(hook), "resent": resent, "more": more}, _NO_STORE)

    def _resent(self, hook: Webhook) -> tuple[int, bool]:
        """How many parked deliveries wait again, and whether there are more. A message that is not sent is the dispatch's."""
        now = self.now()
        parked, more = self._parked(hook, now)
        again = [
            each.delivery
            for each in parked
            if self.deliveries.put(deliveries.resent(each, now, now + LOST_AFTER), now)
        ]
        self.outgoing.send([messages.write_delivery(each) for each in again])
        return len(again), more

    def _parked(self, hook: Webhook, now: float) -> tuple[Sequence[Progress], bool]:
        """Up to RESENT_AT_ONCE parked deliveries, and whether there may be more.

        The newest of the log are read as they stand. Of a log that is longer, the index finds the others: it is behind by moments,
        so what was just resent may count as more once again, and what was just parked and is not among the newest is missed.
        """
        parked, following = self.deliveries.page(hook.member, hook.id, now, RESENT_AT_ONCE, state="parked")
        if following is None or len(parked) == RESENT_AT_ONCE:
            return parked, following is not None
        seen = {messages.delivery_key(each.delivery) for each in parked}
        found = self.concerns.deliveries(
            hook.member, hook.id, "parked", deliveries.LOOKED, now - deliveries.KEPT
        )
        others = [(each.pk, each.sk) for each in found if (each.pk, each.sk) not in seen]
        some = others[: RESENT_AT_ONCE - len(parked)]
        older = [each for each in self.deliveries.of_keys(some) if each.state == "parked"]
        return parked + older, len(others) > len(some)

    def log(self, request: Request) -> Response:
        hook = self._one(request)
        limit = webhook_fields.LIMIT.read(request.query) or webhook_fields.PAGE
        after, state = webhook_fields.CURSOR.read(request.query), webhook_fields.STATE.read(request.query)
        page, following = self.deliveries.page(hook.member, hook.id, self.now(), limit, after, state)
        cursor = webhook_fields.cursor(following) if following else None
        return Response(
            200, {"deliveries": [webhook_views.delivery(each) for each in page], "next_cursor": cursor}
        )

    def replay(self, request: Request) -> Response:
        """202: an event, or those of a time, are sent again as a series of their own."""
        said = requests.parse(Replay, request.json_object())
        return Response(202, self.replays(self._one(request), said), _NO_STORE)

    def show_settings(self, request: Request) -> Response:
        return Response(200, webhook_views.settings(self.settings.get(request.member)))

    def change_settings(self, request: Request) -> Response:
        patch = requests.parse(SettingsPatch, request.json_object())
        said = self.settings.get(request.member)
        if "quiet_hours" in patch.model_fields_set:
            hours = patch.quiet_hours
            said = Settings(QuietHours(hours.from_, hours.to, hours.zone) if hours else None)
            self.settings.put(request.member, said)
        return Response(200, webhook_views.settings(said), _NO_STORE)

    def _one(self, request: Request) -> Webhook:
        return self._stands(self.webhooks.get(request.member, webhook_fields.which(request)))

    def _changed(self, hook: Webhook, **changes: Any) -> Webhook:
        return self._stands(self.webhooks.change(hook, lambda said: replace(said, **changes)))

    def _stands(self, hook: Webhook | None) -> Webhook:
        if hook is None:
            raise _unknown()
        return hook

    def _check(self, url: str) -> None:
        """Raises InvalidField where nothing may be sent to a URL. It is looked at again whenever something is."""
        parts = urlsplit(addresses.check_url(url, loopback=self.loopback))
        found = self.lookup(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        if not found:
            raise InvalidField("url", "This host is not known on the internet. Check its name.")
        if any(addresses.refused(each, loopback=self.loopback) for each in found):
            raise InvalidField(
                "url", "This host leads to an address that cannot be reached from the internet."
            )

    def _view(self, hook: Webhook) -> webhook_views.WebhookView:
        return webhook_views.webhook(hook, signing.public_key(self.key(), hook.id, hook.version))

    def _with_secret(self, kept: Response) -> Response:
        """An answer, which may be one that was kept, with the secret that it is about."""
        view = json.loads(gateway.text(kept.body))
        secret = signing.shown(signing.secret(self.key(), view["id"], view["secret_version"]))
        return replace(kept, body={**view, "secret": secret})


def _managing(handler: Handler) -> Handler:
    def answer(request: Request) -> Response:
        access.demand(request.scopes, "manage")
        return handler(request)

    return answer


def _events(request: Request, named: Sequence[str]) -> tuple[str, ...]:
    """The types that somebody asks for. Raises Forbidden: there is one that only operators hear."""
    if "admin" not in request.scopes and (hidden := sorted(set(named) & set(OPERATOR_TYPES))):
        raise Forbidden(
            f"{hidden[0]} concerns everybody, so it needs a token with the scope 'admin'. Leave it out of events."
        )
    return tuple(named)


def _unknown() -> WebhookNotFound:
    return WebhookNotFound("There is no webhook of this id. GET /v1/webhooks lists yours.")
