"""Operations of contract B: where the parcel of an order is."""

from __future__ import annotations

from typing import Final

from tools.openapi.shipments import OF_ORDER, ORDERED, WHICH
from tools.openapi.table import (
    CACHED,
    DELIVERED,
    FETCHED,
    IF_NONE_MATCH,
    NO_TRACE,
    Answer,
    B,
    Example,
    Operation,
    Sent,
    parameter,
    unchanged,
)
from waybill import shipment_fields, shipment_views

ORDERS: Final = (
    Operation(
        id="trackOrder",
        method="GET",
        path="/v1/tracking/get/{order_id}",
        tag="orders",
        summary="Where is the parcel of this order?",
        description="Contract B. Of several parcels, the latest registered that has not arrived, else the latest.",
        scope="track",
        parameters=(*WHICH, IF_NONE_MATCH),
        answers={
            200: Answer(
                description="What is known of the parcel.",
                model=shipment_views.TrackingAnswer,
                headers=(*CACHED, *FETCHED),
            ),
            304: unchanged(*FETCHED),
        },
        errors=(404,),
        contract=B,
        examples=(
            Example(
                name="delivered", summary="A delivered parcel", status=200, sent=OF_ORDER, before=(ORDERED,)
            ),
            Example(
                name="unknown",
                summary="No such order of yours",
                status=400,
                sent=Sent(path={"order_id": "999"}),
            ),
        ),
    ),
    Operation(
        id="trackOrderByNumber",
        method="GET",
        path="/v1/tracking/get",
        tag="orders",
        summary="Where is the parcel with this number?",
        description="Contract B, for a number that you registered.",
        scope="track",
        parameters=(
            parameter(shipment_fields.NUMBER_OF_AN_ORDER),
            IF_NONE_MATCH,
        ),
        answers={
            200: Answer(
                description="What is known of the parcel.",
                model=shipment_views.TrackingAnswer,
                headers=(*CACHED, *FETCHED),
            ),
            304: unchanged(*FETCHED),
        },
        contract=B,
        examples=(
            Example(
                name="delivered",
                summary="A delivered parcel",
                status=200,
                sent=Sent(query={"tracking_number": DELIVERED}),
                before=(ORDERED,),
            ),
            Example(name="missing", summary="Neither order nor number", status=400),
            Example(
                name="unknown",
                summary="No such number of yours",
                status=400,
                sent=Sent(query={"tracking_number": NO_TRACE}),
            ),
        ),
    ),
)
