"""Links to a parcel's page: made and ended by members, followed by anybody who has one."""

from __future__ import annotations

from typing import Final

from tools.openapi import pages
from tools.openapi.shipments import OF_ORDER, ORDERED, SEVERAL, UNKNOWN_ORDER, WHICH
from tools.openapi.table import CACHED, IF_NONE_MATCH, Answer, Example, Operation, Parameter, Sent, unchanged
from waybill import assets, requests, shares, sharing

TOKEN: Final = "x5nR0Wq0m7Zc3S1xg8d2Jv4hT9yLbKfPuEoAiQrDsGM"  # noqa: S105 - of the examples
HERE: Final = Sent(path={"token": TOKEN})
SHARED: Final = (
    ORDERED,
    Sent(path=OF_ORDER.path, operation="refreshShipment"),
    Sent(path=OF_ORDER.path, body={}, operation="shareShipment"),
)
LINK: Final = (
    Parameter(
        name="token",
        place="path",
        schema={"type": "string", "pattern": shares.TOKEN},
        description="As it is in the link.",
        example=TOKEN,
        required=True,
    ),
    Parameter(
        name="lang",
        place="query",
        schema={"type": "string"},
        description="`zh` or `en`; anything else is what `Accept-Language` says, or else the shipment's.",
        example="en",
    ),
    IF_NONE_MATCH,
)
PAGE: Final = ("Content-Security-Policy", "Vary", "X-Robots-Tag")


def _page(description: str, media_type: str, *headers: str) -> Answer:
    return Answer(
        description=description,
        model={"type": "string"},
        headers=(*PAGE, *headers),
        media_types=(media_type,),
    )


LINKS: Final = (
    Operation(
        id="shareShipment",
        method="POST",
        path=sharing.PATH,
        tag="links",
        summary="A link to a parcel's page",
        description=(
            "Each request makes one more link. Whoever has it sees status, timeline and route of the parcel, and nothing else of "
            "the shipment. It is shown only here. No body is needed."
        ),
        scope="manage",
        parameters=WHICH,
        body=requests.NewShare,
        answers={201: Answer(description="The link.", model=sharing.ShareView, headers=("Cache-Control",))},
        errors=(404, 409, 413, 415, 422),
        examples=(
            Example(
                name="month",
                summary="For a month",
                status=201,
                sent=Sent(path=OF_ORDER.path, body={"days": 30}),
                before=(ORDERED,),
            ),
            Example(
                name="days",
                summary="For too long",
                status=400,
                sent=Sent(path=OF_ORDER.path, body={"days": 1000}),
                before=(ORDERED,),
            ),
            Example(
                name="unknown",
                summary="No such order of yours",
                status=404,
                sent=Sent(path={"order_id": "999"}, body={}),
            ),
        ),
    ),
    Operation(
        id="unshareShipment",
        method="DELETE",
        path=sharing.PATH,
        tag="links",
        summary="End all links to a parcel's page",
        description="All that were made for this shipment, also those in letters, show nothing any more.",
        scope="manage",
        parameters=WHICH,
        answers={204: Answer(description="Ended.", headers=("Cache-Control",))},
        errors=(404, 409, 422),
        examples=(
            Example(name="done", summary="Ended", status=204, sent=OF_ORDER, before=(ORDERED,)),
            UNKNOWN_ORDER,
            SEVERAL,
        ),
    ),
    Operation(
        id="showParcel",
        method="GET",
        path="/v1/t/{token}",
        tag="links",
        summary="A parcel's page",
        description="Open: the link is what allows it. Costs no call to Kuaidi100.",
        scope=None,
        parameters=LINK,
        answers={
            200: _page("The page.", "text/html", *CACHED),
            304: unchanged(*PAGE),
            404: _page(
                "A page that says that the link does not work, whyever that is.", "text/html", "Cache-Control"
            ),
        },
        examples=(
            Example(name="page", summary="The page", status=200, sent=HERE, before=SHARED),
            Example(name="unknown", summary="A link that is over", status=404, sent=HERE),
        ),
    ),
    Operation(
        id="showBadge",
        method="GET",
        path="/v1/t/{token}/badge.svg",
        tag="links",
        summary="A parcel's status as a picture",
        description="Open. For other pages to show; whoever sees its address can open the page, too.",
        scope=None,
        parameters=LINK,
        answers={
            200: _page("The picture.", "image/svg+xml", *CACHED),
            304: unchanged(*PAGE),
            404: _page("A picture that says that the link does not work.", "image/svg+xml", "Cache-Control"),
        },
        examples=(
            Example(name="badge", summary="The picture", status=200, sent=HERE, before=SHARED),
            Example(name="unknown", summary="A link that is over", status=404, sent=HERE),
        ),
    ),
    pages.asset(
        "getPageAsset",
        "links",
        "A file of the pages",
        assets.PAGES,
        "/v1/page/{asset}",
        {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"},
        ("icon", "The icon", "icon.svg"),
    ),
)
