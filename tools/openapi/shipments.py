"""Operations about members' shipments."""

from __future__ import annotations

from typing import Any, Final

from tools.openapi.table import (
    AMBIGUOUS,
    CACHED,
    DELIVERED,
    FAST,
    FETCHED,
    FORWARDED,
    IF_NONE_MATCH,
    NO_TRACE,
    PHONE_BOUND,
    Answer,
    Example,
    Operation,
    Parameter,
    Sent,
    parameter,
    unchanged,
)
from waybill import idempotency, requests, shipment_fields, shipment_views

IDEMPOTENCY_KEY: Final = Parameter(
    name=idempotency.HEADER,
    place="header",
    schema={"type": "string", "pattern": idempotency.PATTERN},
    description=(
        "A text of your own for this request, as a UUID. Sent again with the same body within a day, it gets the first answer "
        "again, and nothing is done twice."
    ),
    example='"8e03978e-40d5-43dd-bc93-6894a57f9324"',
)
WHICH: Final = tuple(parameter(each) for each in shipment_fields.WHICH)
FILTERS: Final = (
    *(parameter(each) for each in (*shipment_fields.FILTERS, shipment_fields.LIMIT)),
    Parameter(
        name="cursor",
        place="query",
        schema={"type": "string"},
        description="`next_cursor` of the page before, with the same filters; a cursor of other filters is refused.",
    ),
)


def _register(order_id: str, number: str, **more: Any) -> Sent:
    body = {"order_id": order_id, "tracking_number": number, **more}
    return Sent(body=body, operation="registerShipment")


ORDERED: Final = _register("3550875", DELIVERED, courier="yuantong", tags=["summer-sale"])
SPLIT: Final = (ORDERED, _register("3550875", NO_TRACE, courier="yuantong"))
HANDED_ON: Final = (
    _register("3550876", FORWARDED, courier="yuantong"),
    Sent(path={"order_id": "3550876"}, operation="refreshShipment"),
)
OF_ORDER: Final = Sent(path={"order_id": "3550875"})
UNKNOWN_ORDER: Final = Example(
    name="unknown",
    summary="No such order of yours",
    status=404,
    sent=Sent(path={"order_id": "999"}),
)
SEVERAL: Final = Example(
    name="several", summary="An order with several parcels", status=409, sent=OF_ORDER, before=SPLIT
)

OF_A_SHIPMENT: Final = (
    "getShipment",
    "trackOrder",
    "changeShipment",
    "refreshShipment",
    "completeShipment",
    "forgetShipment",
)

SHIPMENTS: Final = (
    Operation(
        id="registerShipment",
        method="POST",
        path="/v1/shipments",
        tag="shipments",
        summary="Register a parcel of an order",
        description=(
            "The same content again is the same shipment. An order may have several parcels, and a parcel several orders. "
            f"{FAST}"
        ),
        scope="manage",
        parameters=(IDEMPOTENCY_KEY,),
        body=requests.NewShipment,
        answers={
            201: Answer(
                description="Registered.",
                model=shipment_views.ShipmentView,
                headers=("Location", "Cache-Control"),
                links=OF_A_SHIPMENT,
            ),
            200: Answer(
                description="It was registered before, with the same content.",
                model=shipment_views.ShipmentView,
                headers=("Location", "Cache-Control"),
            ),
        },
        errors=(409, 413, 415, 422),
        examples=(
            Example(
                name="plain",
                summary="An order and a number",
                status=201,
                sent=_register("3550875", DELIVERED),
            ),
            Example(
                name="full",
                summary="All that can be said",
                status=201,
                sent=_register(
                    "3550877",
                    PHONE_BOUND,
                    courier="shunfeng",
                    phone="13801388000",
                    **{"from": "广东省深圳市", "to": "北京市朝阳区"},
                    origin_country="HONG KONG",
                    destination_country="Hong Kong",
                    lang="en",
                    notify={
                        "email": "someone@example.com",
                        "events": ["delivered", "exception"],
                        "lang": "en",
                    },
                    tags=["summer-sale"],
                    metadata={"warehouse": "HK-2"},
                ),
            ),
            Example(
                name="again",
                summary="The same again",
                status=200,
                sent=_register("3550875", DELIVERED),
                before=(_register("3550875", DELIVERED),),
            ),
            Example(
                name="fields",
                summary="Fields that are wrong",
                status=400,
                sent=Sent(body={"order_id": "#1", "tracking_number": "1", "colour": "red"}),
            ),
            Example(
                name="scope",
                summary="A token without the scope",
                status=403,
                sent=Sent(body={}, scopes="track"),
            ),
            Example(
                name="other",
                summary="Registered before, with other content",
                status=409,
                sent=_register("3550875", DELIVERED, lang="en"),
                before=(_register("3550875", DELIVERED, lang="zh"),),
            ),
            Example(
                name="ambiguous",
                summary="The number does not tell the courier",
                status=422,
                sent=_register("3550875", AMBIGUOUS),
            ),
            Example(
                name="phone_required",
                summary="A phone number is needed",
                status=422,
                sent=_register("3550875", PHONE_BOUND),
            ),
        ),
    ),
    Operation(
        id="registerShipments",
        method="POST",
        path="/v1/shipments/batch",
        tag="shipments",
        summary="Register up to 100 parcels",
        description=f"What is wrong with one does not hinder the others: each has a result of its own. {FAST}",
        scope="manage",
        parameters=(IDEMPOTENCY_KEY,),
        body=requests.Batch,
        answers={
            200: Answer(
                description="A result for each, in their order.",
                model=shipment_views.BatchAnswer,
                headers=("Cache-Control",),
            )
        },
        errors=(409, 413, 415, 422),
        examples=(
            Example(
                name="mixed",
                summary="One registered, one refused",
                status=200,
                sent=Sent(
                    body={
                        "shipments": [
                            {"order_id": "3550875", "tracking_number": DELIVERED},
                            {"order_id": "3550877", "tracking_number": AMBIGUOUS},
                        ]
                    }
                ),
            ),
            Example(name="fields", summary="None at all", status=400, sent=Sent(body={"shipments": []})),
        ),
    ),
    Operation(
        id="listShipments",
        method="GET",
        path="/v1/shipments",
        tag="shipments",
        summary="Your shipments, page by page",
        description=f"Newest first; filters may be combined. A page may be short and yet have a next one. {FAST}",
        scope="track",
        parameters=(*FILTERS, IF_NONE_MATCH),
        answers={
            200: Answer(description="A page.", model=shipment_views.ShipmentPage, headers=CACHED),
            304: unchanged(),
        },
        errors=(422,),
        examples=(
            Example(
                name="page",
                summary="The first page with a tag",
                status=200,
                sent=Sent(query={"tag": "summer-sale", "limit": "20"}),
                before=(ORDERED,),
            ),
            Example(
                name="field",
                summary="A status that there is not",
                status=400,
                sent=Sent(query={"status": "lost"}),
            ),
            Example(
                name="unknown",
                summary="No courier has this code",
                status=422,
                sent=Sent(query={"courier": "dodo"}),
            ),
        ),
    ),
    Operation(
        id="getShipment",
        method="GET",
        path="/v1/shipments/{order_id}",
        tag="shipments",
        summary="A shipment with its parcel",
        description=(
            "Of several parcels of an order, the latest registered that has not arrived, else the latest. The parcel is as fresh "
            "as the rules allow; where there is none to show, `problem` says why."
        ),
        scope="track",
        parameters=(*WHICH, IF_NONE_MATCH),
        answers={
            200: Answer(
                description="The shipment.",
                model=shipment_views.ShipmentWithParcel,
                headers=(*CACHED, *FETCHED),
            ),
            304: unchanged(*FETCHED),
        },
        errors=(404, 422),
        examples=(
            Example(
                name="delivered", summary="A delivered parcel", status=200, sent=OF_ORDER, before=(ORDERED,)
            ),
            UNKNOWN_ORDER,
        ),
    ),
    Operation(
        id="changeShipment",
        method="PATCH",
        path="/v1/shipments/{order_id}",
        tag="shipments",
        summary="Change what was said of a shipment",
        description="A JSON merge patch (RFC 7396): what is not named stays, null takes away.",
        scope="manage",
        parameters=WHICH,
        body=requests.ShipmentPatch,
        media_types=("application/json", "application/merge-patch+json"),
        answers={
            200: Answer(
                description="The shipment as it is now.",
                model=shipment_views.ShipmentView,
                headers=("Cache-Control",),
            )
        },
        errors=(404, 409, 413, 415, 422),
        examples=(
            Example(
                name="tags",
                summary="Other tags, and no text of one's own",
                status=200,
                sent=Sent(
                    path={"order_id": "3550875"}, body={"tags": ["vip"], "metadata": {"warehouse": None}}
                ),
                before=(ORDERED,),
            ),
            Example(
                name="fields",
                summary="A field that cannot be changed",
                status=400,
                sent=Sent(path={"order_id": "3550875"}, body={"order_id": "1"}),
            ),
            Example(
                name="unknown",
                summary="No such order of yours",
                status=404,
                sent=Sent(path={"order_id": "999"}, body={"tags": []}),
            ),
            Example(
                name="several",
                summary="An order with several parcels",
                status=409,
                sent=Sent(path={"order_id": "3550875"}, body={"tags": []}),
                before=SPLIT,
            ),
        ),
    ),
    Operation(
        id="forgetShipment",
        method="DELETE",
        path="/v1/shipments/{order_id}",
        tag="shipments",
        summary="Stop following a parcel and forget it",
        description="Deletes what was said of the parcel for this order.",
        scope="manage",
        parameters=WHICH,
        answers={204: Answer(description="Forgotten.", headers=("Cache-Control",))},
        errors=(404, 409, 422),
        examples=(
            Example(name="done", summary="Forgotten", status=204, sent=OF_ORDER, before=(ORDERED,)),
            UNKNOWN_ORDER,
            SEVERAL,
        ),
    ),
    Operation(
        id="refreshShipment",
        method="POST",
        path="/v1/shipments/{order_id}/refresh",
        tag="shipments",
        summary="A shipment with its parcel, as fresh as can be",
        description="Asks Kuaidi100 now if the rules allow it; `freshness` says why not. No body is needed.",
        scope="track",
        parameters=WHICH,
        answers={
            200: Answer(
                description="The shipment.",
                model=shipment_views.ShipmentWithParcel,
                headers=("ETag", *FETCHED),
            )
        },
        errors=(404, 422),
        examples=(
            Example(
                name="delivered", summary="A delivered parcel", status=200, sent=OF_ORDER, before=(ORDERED,)
            ),
            UNKNOWN_ORDER,
        ),
    ),
    Operation(
        id="completeShipment",
        method="POST",
        path="/v1/shipments/{order_id}/complete",
        tag="shipments",
        summary="You are done with a parcel",
        description="It stays and can be asked for, but nothing is fetched for it any more. No body is needed.",
        scope="manage",
        parameters=WHICH,
        answers={
            200: Answer(
                description="The shipment as it is now.",
                model=shipment_views.ShipmentView,
                headers=("Cache-Control",),
            )
        },
        errors=(404, 409, 422),
        examples=(
            Example(name="done", summary="Completed", status=200, sent=OF_ORDER, before=(ORDERED,)),
            UNKNOWN_ORDER,
            SEVERAL,
        ),
    ),
    Operation(
        id="linkSuccessor",
        method="POST",
        path="/v1/shipments/{order_id}/successor",
        tag="shipments",
        summary="Follow a forwarded parcel under its new number",
        description=(
            "For a parcel that its courier handed to another one (substatus `handed_to_other_carrier`). Registers the new number "
            "for the same order and links both."
        ),
        scope="manage",
        parameters=WHICH,
        body=requests.Successor,
        answers={
            201: Answer(
                description="Registered and linked.",
                model=shipment_views.ShipmentView,
                headers=("Location", "Cache-Control"),
            ),
            200: Answer(
                description="It was linked before.",
                model=shipment_views.ShipmentView,
                headers=("Location", "Cache-Control"),
            ),
        },
        errors=(404, 409, 413, 415, 422),
        examples=(
            Example(
                name="linked",
                summary="The number at the next courier",
                status=201,
                sent=Sent(
                    path={"order_id": "3550876"}, body={"tracking_number": NO_TRACE, "courier": "yuantong"}
                ),
                before=HANDED_ON,
            ),
            Example(
                name="unknown",
                summary="No such order of yours",
                status=404,
                sent=Sent(path={"order_id": "999"}, body={"tracking_number": NO_TRACE}),
            ),
            Example(
                name="not_forwarded",
                summary="A parcel that was not handed on",
                status=422,
                sent=Sent(path={"order_id": "3550875"}, body={"tracking_number": NO_TRACE}),
                before=(ORDERED,),
            ),
        ),
    ),
)
