"""The operations of operators, and what `examples` lets them find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tools.openapi import notices, pages
from tools.openapi.table import (
    FAST,
    Answer,
    Example,
    Operation,
    Sent,
    parameter,
)
from waybill import (
    deliveries,
    operation_fields,
    operation_requests,
    operation_views,
    webhook_requests,
    webhook_views,
)
from waybill.deliveries import Progress, Try
from waybill.messages import Delivery
from waybill.shipments import Registration, Shipment, Standing
from waybill.webhooks import Webhook

if TYPE_CHECKING:
    from waybill.deliveries import Deliveries
    from waybill.watches import Watches
    from waybill.webhooks import Webhooks

MEMBER: Final = "other-shop"
HOOK: Final = "whk_ffffffffffffffffffff"
QUEUES: Final = "/v1/operations/queues/{queue}"
ADMIN: Final = "track admin"
_QUEUE: Final = (parameter(operation_fields.QUEUE),)
_NO_STORE: Final = ("Cache-Control",)
_OURS: Final = {"member": MEMBER, "webhook_id": HOOK}


def prepare(watches: Watches, webhooks: Webhooks, log: Deliveries) -> None:
    """A shipment that has come to nothing, and a webhook that fails."""
    watches.create(
        Shipment(
            member=MEMBER,
            order_id="4711",
            courier="yuantong",
            number="YT7450353838799",
            registration=Registration(),
            created_at=notices.NOW - 86_400,
            updated_at=notices.NOW - 7200,
            standing=Standing("exception", None, "2", attention="exception", as_of=notices.NOW - 7200),
        )
    )
    hook = Webhook(MEMBER, HOOK, "https://shop.example/hook", ("*",), "", notices.NOW - 86_400)
    webhooks.create(hook)
    webhooks.failing(hook, notices.NOW - 3600)
    progress = Progress(Delivery(MEMBER, HOOK, 1), "evt_0123456789abcdef01234567", "parcel.exception")
    progress = deliveries.tried(progress, Try(notices.NOW - 3600, 92, 502, None, "Bad Gateway"))
    log.put(deliveries.waiting(progress, notices.NOW + 60, notices.NOW + 180), notices.NOW)


class Sqs:
    """Queues that take whatever they are given. Each has one message that waits, and one that failed."""

    def send_message_batch(self, **_: object) -> dict[str, Any]:
        return {}

    def get_queue_attributes(self, **_: object) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": "1"}}

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        if self._taken:
            return {}
        self._taken = True
        body = '{"member":"other-shop","webhook":"whk_ffffffffffffffffffff","sequence":1,"series":""}'
        sent = str(int((notices.NOW - 3600) * 1000))
        id_ = "7d3c1f0e-5a52-4d5c-9a55-0c1f3f2c9b11"
        letter = {"MessageId": id_, "ReceiptHandle": "r", "Body": body, "Attributes": {"SentTimestamp": sent}}
        return {"Messages": [letter][: asked["MaxNumberOfMessages"]]}

    def change_message_visibility(self, **_: object) -> dict[str, Any]:
        return {}

    def delete_message(self, **_: object) -> dict[str, Any]:
        return {}

    _taken = False


OPERATING: Final = (
    Operation(
        id="getOperations",
        method="GET",
        path="/v1/operations",
        tag="operations",
        summary="How the deployment does, of all members",
        description=f"What the page at `/v1/operator` shows. {FAST}",
        scope="admin",
        answers={
            200: Answer(
                description="The state of things.", model=operation_views.OperationsView, headers=_NO_STORE
            )
        },
        examples=(
            Example(
                name="all",
                summary="A shipment and a webhook that somebody should look at",
                status=200,
                sent=Sent(scopes=ADMIN),
            ),
            Example(name="scope", summary="A token of no operator", status=403),
        ),
    ),
    Operation(
        id="listFailedMessages",
        method="GET",
        path=f"{QUEUES}/failed",
        tag="operations",
        summary="Messages of a queue that failed for good",
        description="They stay as they are; for a moment nobody else can look at them. Personal data is masked.",
        scope="admin",
        parameters=(*_QUEUE, parameter(operation_fields.LIMIT)),
        answers={
            200: Answer(
                description="Messages, in no order.",
                model=operation_views.FailedMessages,
                headers=_NO_STORE,
            )
        },
        errors=(404,),
        examples=(
            Example(
                name="one", summary="One", status=200, sent=Sent(path={"queue": "webhook"}, scopes=ADMIN)
            ),
            Example(
                name="unknown",
                summary="No such queue",
                status=404,
                sent=Sent(path={"queue": "post"}, scopes=ADMIN),
            ),
        ),
    ),
    Operation(
        id="redriveMessages",
        method="POST",
        path=f"{QUEUES}/redrive",
        tag="operations",
        summary="Send messages that failed back to their queue",
        description=(
            "Once what made them fail is mended: they are done again. As many as the time allows; where `failed` still counts "
            "some afterwards, ask again."
        ),
        scope="admin",
        parameters=_QUEUE,
        body=operation_requests.Redrive,
        answers={
            200: Answer(
                description="What became of them.", model=operation_views.RedriveView, headers=_NO_STORE
            )
        },
        errors=(404, 413, 415),
        examples=(
            Example(
                name="ten",
                summary="Ten at most",
                status=200,
                sent=Sent(path={"queue": "webhook"}, body={"limit": 10}, scopes=ADMIN),
            ),
            Example(
                name="none",
                summary="Less than one",
                status=400,
                sent=Sent(path={"queue": "webhook"}, body={"limit": 0}, scopes=ADMIN),
            ),
        ),
    ),
    Operation(
        id="replayToWebhook",
        method="POST",
        path="/v1/operations/webhooks/{member}/{webhook_id}/replay",
        tag="operations",
        summary="Send events to any member's webhook again",
        description=(
            "As `POST /v1/webhooks/{webhook_id}/replay` does for its member. "
            "A disabled or paused webhook gets them when it is resumed."
        ),
        scope="admin",
        parameters=(parameter(operation_fields.MEMBER), parameter(operation_fields.WEBHOOK)),
        body=webhook_requests.Replay,
        answers={
            202: Answer(
                description="They are on their way.", model=webhook_views.ReplayView, headers=_NO_STORE
            )
        },
        errors=(404, 413, 415),
        examples=(
            Example(
                name="time",
                summary="All of an hour",
                status=202,
                sent=Sent(
                    path=_OURS,
                    body={"since": "2026-03-01T08:00:00Z", "until": "2026-03-01T09:00:00Z"},
                    scopes=ADMIN,
                ),
            ),
            Example(
                name="nobody",
                summary="No such webhook",
                status=404,
                sent=Sent(
                    path={**_OURS, "member": "nobody"}, body={"since": "2026-03-01T08:00:00Z"}, scopes=ADMIN
                ),
            ),
        ),
    ),
    pages.page(
        "getOperatorPage",
        "/v1/operator",
        "operations",
        "The operator's page",
        "Open: the page holds nothing of anybody. It asks for a token with the scope `admin`, and shows what that may see.",
    ),
)
