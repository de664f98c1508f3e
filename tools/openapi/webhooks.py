"""Operations about webhooks, and about what holds for all of a member's shipments."""

from __future__ import annotations

from typing import Any, Final

from tools.openapi.notices import URL, WEBHOOK
from tools.openapi.shipments import IDEMPOTENCY_KEY
from tools.openapi.table import (
    CACHED,
    FAST,
    IF_NONE_MATCH,
    Answer,
    Example,
    Operation,
    Sent,
    parameter,
    unchanged,
)
from waybill import webhook_fields, webhook_requests, webhook_views

WHICH: Final = (parameter(webhook_fields.WEBHOOK),)
ONE: Final = "/v1/webhooks/{webhook_id}"
OURS: Final = {"webhook_id": WEBHOOK}
NOBODYS: Final = {"webhook_id": "whk_00000000000000000000"}


def _create(**body: Any) -> Sent:
    return Sent(
        body={"url": URL, "events": ["parcel.delivered", "parcel.exception"], **body},
        operation="createWebhook",
    )


CREATED: Final = (_create(),)


def _unknown(body: Any = None) -> Example:
    return Example(
        name="unknown",
        summary="No such webhook of yours",
        status=404,
        sent=Sent(path=NOBODYS, body=body),
    )


def _done(summary: str, status: int = 200, body: Any = None) -> Example:
    return Example(
        name="done", summary=summary, status=status, sent=Sent(path=OURS, body=body), before=CREATED
    )


WEBHOOKS: Final = (
    Operation(
        id="createWebhook",
        method="POST",
        path="/v1/webhooks",
        tag="webhooks",
        summary="Have an endpoint of yours told of events",
        description=(
            "The secret is in this answer and never again. What a token with the scope `admin` makes also hears what concerns "
            "everybody. The url's host is looked up at once, and whenever something is sent to it."
        ),
        scope="manage",
        parameters=(IDEMPOTENCY_KEY,),
        body=webhook_requests.NewWebhook,
        answers={
            201: Answer(
                description="Made.",
                model=webhook_views.NewWebhookView,
                headers=("Location", "Cache-Control"),
            )
        },
        errors=(409, 413, 415, 422),
        examples=(
            Example(name="made", summary="For two types of events", status=201, sent=_create()),
            Example(
                name="all",
                summary="For all, with a note",
                status=201,
                sent=_create(events=["*"], description="The warehouse"),
            ),
            Example(
                name="private",
                summary="A url that leads into a private network",
                status=400,
                sent=_create(url="https://10.0.0.1/hook"),
            ),
            Example(
                name="scope",
                summary="What concerns everybody, for a token without `admin`",
                status=403,
                sent=_create(events=["circuit.opened"]),
            ),
            Example(
                name="event",
                summary="There is no such event",
                status=422,
                sent=_create(events=["parcel.lost"]),
            ),
        ),
    ),
    Operation(
        id="listWebhooks",
        method="GET",
        path="/v1/webhooks",
        tag="webhooks",
        summary="Your webhooks",
        description="The latest made first; there are 20 at most.",
        scope="manage",
        parameters=(IF_NONE_MATCH,),
        answers={
            200: Answer(description="All of them.", model=webhook_views.WebhookPage, headers=CACHED),
            304: unchanged(),
        },
        examples=(Example(name="page", summary="One", status=200, before=CREATED),),
    ),
    Operation(
        id="getWebhook",
        method="GET",
        path=ONE,
        tag="webhooks",
        summary="A webhook",
        description="Without its secret.",
        scope="manage",
        parameters=(*WHICH, IF_NONE_MATCH),
        answers={
            200: Answer(description="The webhook.", model=webhook_views.WebhookView, headers=CACHED),
            304: unchanged(),
        },
        errors=(404,),
        examples=(_done("An active one"), _unknown()),
    ),
    Operation(
        id="changeWebhook",
        method="PATCH",
        path=ONE,
        tag="webhooks",
        summary="Change where events go, and which",
        description="A JSON merge patch (RFC 7396): what is not named stays.",
        scope="manage",
        parameters=WHICH,
        body=webhook_requests.WebhookPatch,
        media_types=("application/json", "application/merge-patch+json"),
        answers={
            200: Answer(
                description="The webhook as it is now.",
                model=webhook_views.WebhookView,
                headers=("Cache-Control",),
            )
        },
        errors=(404, 413, 415, 422),
        examples=(
            _done("Other events", body={"events": ["*"], "description": None}),
            Example(
                name="field",
                summary="A url that leads nowhere",
                status=400,
                sent=Sent(path=OURS, body={"url": "https://localhost/hook"}),
                before=CREATED,
            ),
            _unknown({"events": ["*"]}),
        ),
    ),
    Operation(
        id="deleteWebhook",
        method="DELETE",
        path=ONE,
        tag="webhooks",
        summary="Tell an endpoint no more",
        description="What is on its way there is dropped.",
        scope="manage",
        parameters=WHICH,
        answers={204: Answer(description="Deleted.", headers=("Cache-Control",))},
        errors=(404,),
        examples=(_done("Deleted", 204), _unknown()),
    ),
    Operation(
        id="rotateSecret",
        method="POST",
        path=f"{ONE}/secret",
        tag="webhooks",
        summary="A new secret for a webhook",
        description=(
            "For a day every request is signed with the secret before, too. With an `Idempotency-Key` an answer that was lost "
            "can be had again; without one, a second rotation ends the secret that your endpoint knows. No body is needed."
        ),
        scope="manage",
        parameters=(*WHICH, IDEMPOTENCY_KEY),
        answers={
            200: Answer(
                description="The new secret, which is not shown again.",
                model=webhook_views.SecretView,
                headers=("Cache-Control",),
            )
        },
        errors=(404, 409, 422),
        examples=(_done("The second one"), _unknown()),
    ),
    Operation(
        id="testWebhook",
        method="POST",
        path=f"{ONE}/test",
        tag="webhooks",
        summary="Send a test event",
        description="A `webhook.test`, to this webhook alone, whichever types it asks for. No body is needed.",
        scope="manage",
        parameters=WHICH,
        answers={
            202: Answer(
                description="It is on its way.", model=webhook_views.TestView, headers=("Cache-Control",)
            )
        },
        errors=(404,),
        examples=(_done("A test", 202), _unknown()),
    ),
    Operation(
        id="pauseWebhook",
        method="POST",
        path=f"{ONE}/pause",
        tag="webhooks",
        summary="Send an endpoint nothing for a while",
        description="What happens meanwhile is kept for it. A disabled webhook stays disabled. No body is needed.",
        scope="manage",
        parameters=WHICH,
        answers={
            200: Answer(
                description="The webhook as it is now.",
                model=webhook_views.WebhookView,
                headers=("Cache-Control",),
            )
        },
        errors=(404,),
        examples=(_done("Paused"), _unknown()),
    ),
    Operation(
        id="resumeWebhook",
        method="POST",
        path=f"{ONE}/resume",
        tag="webhooks",
        summary="Go on with a webhook, paused or disabled",
        description=(
            "Sends again what was kept for it or given up, 100 events at a time: while `more` is true, resume it again. No body is "
            "needed."
        ),
        scope="manage",
        parameters=WHICH,
        answers={
            200: Answer(
                description="The webhook as it is now, and how much is on its way.",
                model=webhook_views.ResumedWebhook,
                headers=("Cache-Control",),
            )
        },
        errors=(404,),
        examples=(_done("Active again"), _unknown()),
    ),
    Operation(
        id="listDeliveries",
        method="GET",
        path=f"{ONE}/deliveries",
        tag="webhooks",
        summary="What became of each event at a webhook",
        description="Newest events first, of the last 30 days, with the latest tries of each.",
        scope="manage",
        parameters=(*WHICH, *(parameter(each) for each in webhook_fields.DELIVERIES), IF_NONE_MATCH),
        answers={
            200: Answer(description="A page.", model=webhook_views.DeliveryPage, headers=CACHED),
            304: unchanged(),
        },
        errors=(404,),
        examples=(
            _done("One that arrived with its second try"),
            Example(
                name="field",
                summary="A state that there is not",
                status=400,
                sent=Sent(path=OURS, query={"state": "lost"}),
                before=CREATED,
            ),
            _unknown(),
        ),
    ),
    Operation(
        id="replayEvents",
        method="POST",
        path=f"{ONE}/replay",
        tag="webhooks",
        summary="Send events again",
        description=(
            "One event, or all of a time that this webhook asks for, with the ids that they had. They are kept for 30 days. Each "
            "replay is a series of its own in the log of deliveries."
        ),
        scope="manage",
        parameters=WHICH,
        body=webhook_requests.Replay,
        answers={
            202: Answer(
                description="They are on their way.",
                model=webhook_views.ReplayView,
                headers=("Cache-Control",),
            )
        },
        errors=(404, 413, 415),
        examples=(
            Example(
                name="time",
                summary="All of an hour",
                status=202,
                sent=Sent(path=OURS, body={"since": "2026-03-01T08:00:00Z", "until": "2026-03-01T09:00:00Z"}),
                before=CREATED,
            ),
            Example(
                name="both",
                summary="Neither an event nor a time",
                status=400,
                sent=Sent(path=OURS, body={}),
                before=CREATED,
            ),
            Example(
                name="event",
                summary="No such event of yours",
                status=404,
                sent=Sent(path=OURS, body={"event_id": "evt_000000000000000000000000"}),
                before=CREATED,
            ),
        ),
    ),
)

NIGHT: Final = {"quiet_hours": {"from": "22:00", "to": "08:00", "zone": "Asia/Shanghai"}}
SETTINGS: Final = (
    Operation(
        id="getSettings",
        method="GET",
        path="/v1/settings",
        tag="settings",
        summary="What holds for all your shipments",
        description=FAST,
        scope="manage",
        parameters=(IF_NONE_MATCH,),
        answers={
            200: Answer(description="The settings.", model=webhook_views.SettingsView, headers=CACHED),
            304: unchanged(),
        },
        examples=(
            Example(
                name="night",
                summary="No mail at night",
                status=200,
                before=(Sent(body=NIGHT, operation="changeSettings"),),
            ),
        ),
    ),
    Operation(
        id="changeSettings",
        method="PATCH",
        path="/v1/settings",
        tag="settings",
        summary="Set when no e-mail is sent",
        description="A JSON merge patch (RFC 7396), but for quiet hours, which are given whole; null ends them.",
        scope="manage",
        body=webhook_requests.SettingsPatch,
        media_types=("application/json", "application/merge-patch+json"),
        answers={
            200: Answer(
                description="The settings as they are now.",
                model=webhook_views.SettingsView,
                headers=("Cache-Control",),
            )
        },
        errors=(413, 415),
        examples=(
            Example(name="night", summary="No mail at night", status=200, sent=Sent(body=NIGHT)),
            Example(
                name="zone",
                summary="A zone that there is not",
                status=400,
                sent=Sent(body={"quiet_hours": {**NIGHT["quiet_hours"], "zone": "Mars/Olympus"}}),
            ),
        ),
    ),
)
