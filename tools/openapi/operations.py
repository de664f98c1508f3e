"""What the API does, one entry for each method of each path: what it takes, what it answers, and requests that show it.

Inputs and answers are those that the code itself runs by; here they only get their place. What an example answers is not written
here: `examples` asks the code.
"""

from __future__ import annotations

from typing import Final

from tools.openapi import pages
from tools.openapi.events import EVENTS
from tools.openapi.links import LINKS
from tools.openapi.operating import OPERATING
from tools.openapi.orders import ORDERS
from tools.openapi.parcels import PARCELS, TABLES
from tools.openapi.shipments import SHIPMENTS
from tools.openapi.table import CACHED, IF_NONE_MATCH, Answer, Example, Operation, unchanged
from tools.openapi.unsubscribing import UNSUBSCRIBING
from tools.openapi.usage import USAGE
from tools.openapi.webhooks import SETTINGS, WEBHOOKS
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
    pages.page(
        "getDocs",
        "/v1/docs",
        "service",
        "A page to read and try this API",
        "Open. It asks nothing of other hosts.",
    ),
    pages.asset(
        "getDocsAsset",
        "service",
        "A file of that page",
        documents.ASSETS,
        "/v1/docs/{asset}",
        {"css": "text/css", "js": "text/javascript"},
        ("script", "A script", "page.js"),
    ),
)

OPERATIONS: Final = (
    *PARCELS,
    *ORDERS,
    *SHIPMENTS,
    *LINKS,
    *WEBHOOKS,
    *EVENTS,
    *SETTINGS,
    *UNSUBSCRIBING,
    *USAGE,
    *OPERATING,
    *TABLES,
    *OPEN,
)
TAGS: Final = {
    "parcels": "Any parcel, by courier and number.",
    "orders": "Contract B: the parcels of your orders.",
    "shipments": "Register the parcels of your orders once and ask by order ever after.",
    "links": "Pages of parcels for people: links for your customers, and a badge.",
    "webhooks": "Endpoints of yours that are told of what happens.",
    "events": "What happened, for who asks: the same events, in order.",
    "settings": "What holds for all your shipments.",
    "mail": "Where the links in letters to customers lead.",
    "usage": "What was asked of Kuaidi100, and what it costs.",
    "operations": "How the deployment does, for its operators.",
    "couriers": "The tables behind the answers.",
    "service": "What the API says of itself.",
}
