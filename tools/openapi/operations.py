"""What the API does, one entry for each method of each path: what it takes, what it answers, and requests that show it.

Inputs and answers are those that the code itself runs by; here they only get their place. What an example answers is not written
here: `examples` asks the code.
"""

from __future__ import annotations

from typing import Final

from tools.openapi.orders import ORDERS
from tools.openapi.parcels import PARCELS, TABLES
from tools.openapi.shipments import SHIPMENTS
from tools.openapi.table import (
    CACHED,
    IF_NONE_MATCH,
    Answer,
    Example,
    Operation,
    Parameter,
    Sent,
    unchanged,
)
from tools.openapi.usage import USAGE
from waybill import answers, documents

OPEN: Final = (
    Operation(
        id="getHealth",
        method="GET",
        path="/v1/health",
        tag="service",
        summary="Is the service there?",
        description="Open: whoever watches the service needs no token.",
        scope=None,
        answers={200: Answer(description="It is.", model=answers.Health, headers=("Cache-Control",))},
        examples=(Example(name="ok", summary="It is", status=200),),
    ),
    Operation(
        id="getOpenApi",
        method="GET",
        path="/v1/openapi.json",
        tag="service",
        summary="This document",
        description="Open.",
        scope=None,
        parameters=(IF_NONE_MATCH,),
        answers={
            200: Answer(
                description="The document. `servers` is the address at which it was asked for.",
                model={
                    "type": "object",
                    "required": ["openapi", "info", "servers", "paths", "components"],
                    "properties": {"openapi": {"type": "string", "pattern": r"^3\.1\."}},
                },
                headers=CACHED,
                # The whole would hold itself.
                example={
                    "openapi": "3.1.0",
                    "info": {"title": "Waybill", "version": "1.0.0"},
                    "servers": [{"url": "https://api.example.com"}],
                    "paths": {},
                    "components": {},
                },
            ),
            304: unchanged(),
        },
    ),
    Operation(
        id="getDocs",
        method="GET",
        path="/v1/docs",
        tag="service",
        summary="A page to read and try this API",
        description="Open. It asks nothing of other hosts.",
        scope=None,
        parameters=(IF_NONE_MATCH,),
        answers={
            200: Answer(
                description="The page.",
                model={"type": "string"},
                headers=(*CACHED, "Content-Security-Policy"),
                media_types=("text/html",),
            ),
            304: unchanged(),
        },
        examples=(Example(name="page", summary="The page", status=200),),
    ),
    Operation(
        id="getDocsAsset",
        method="GET",
        path="/v1/docs/{asset}",
        tag="service",
        summary="A file of that page",
        description="Open.",
        scope=None,
        parameters=(
            Parameter(
                name="asset",
                place="path",
                schema={"type": "string", "enum": sorted(documents.ASSETS)},
                description="Its name.",
                example="page.js",
                required=True,
            ),
            IF_NONE_MATCH,
        ),
        answers={
            200: Answer(
                description="The file.",
                model={"type": "string"},
                headers=CACHED,
                media_types=("text/javascript", "text/css"),
            ),
            304: unchanged(),
        },
        errors=(404,),
        examples=(
            Example(name="script", summary="A script", status=200, sent=Sent(path={"asset": "page.js"})),
            Example(
                name="unknown", summary="No such file", status=404, sent=Sent(path={"asset": "logo.png"})
            ),
        ),
    ),
)

OPERATIONS: Final = (*PARCELS, *ORDERS, *SHIPMENTS, *USAGE, *TABLES, *OPEN)
TAGS: Final = {
    "parcels": "Any parcel, by courier and number.",
    "orders": "Contract B: the parcels of your orders.",
    "shipments": "Register the parcels of your orders once and ask by order ever after.",
    "usage": "What was asked of Kuaidi100, and what it costs.",
    "couriers": "The tables behind the answers.",
    "service": "What the API says of itself.",
}
