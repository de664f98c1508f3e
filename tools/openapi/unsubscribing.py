"""Where the links in letters to customers lead: pages, for people and for mail programs."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from tools.openapi.notices import WATCHED
from tools.openapi.table import Answer, Example, Operation, Parameter, Sent
from waybill.suppression import Recipient

KEY: Final = b"example"
TOKEN: Final = Recipient.of(KEY, WATCHED, "someone@example.com").token(KEY)
OURS: Final = {"token": TOKEN}
WHICH: Final = (
    Parameter(
        name="token",
        place="path",
        schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,200}$"},
        description="As it is in the letter.",
        example=TOKEN,
        required=True,
    ),
)
PAGE: Final = ("Cache-Control", "Content-Security-Policy", "Vary")
NO_SUCH: Final = Answer(
    description="A page that says that the link is not complete.",
    model={"type": "string"},
    headers=PAGE,
    media_types=("text/html",),
)


class Unsubscription(BaseModel):
    """What the buttons of the page send."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    scope: Literal["shipment", "member"]
    """Whether no more mails about this parcel are wanted, or none of whoever had them sent."""


def _answers(description: str) -> dict[int, Answer]:
    found = Answer(
        description=description, model={"type": "string"}, headers=PAGE, media_types=("text/html",)
    )
    return {200: found, 404: NO_SUCH}


UNSUBSCRIBING: Final = (
    Operation(
        id="askUnsubscribe",
        method="GET",
        path="/v1/unsubscribe/{token}",
        tag="mail",
        summary="The page behind a letter's link",
        description="Open: the token in the path says what it is about. It asks, and changes nothing.",
        scope=None,
        parameters=WHICH,
        answers=_answers("The page."),
        examples=(
            Example(name="page", summary="The page", status=200, sent=Sent(path=OURS)),
            Example(name="cut", summary="A token that was cut", status=404, sent=Sent(path={"token": "x"})),
        ),
    ),
    Operation(
        id="unsubscribe",
        method="POST",
        path="/v1/unsubscribe/{token}",
        tag="mail",
        summary="Get no more mails",
        description="Open. Mail programs send `List-Unsubscribe=One-Click` instead (RFC 8058), which means `member`.",
        scope=None,
        parameters=WHICH,
        body=Unsubscription,
        media_types=("application/x-www-form-urlencoded",),
        answers=_answers("A page that says so."),
        errors=(413, 415),
        examples=(
            Example(
                name="shipment",
                summary="None about this parcel",
                status=200,
                sent=Sent(path=OURS, body={"scope": "shipment"}),
            ),
            Example(
                name="scope",
                summary="Something else",
                status=400,
                sent=Sent(path=OURS, body={"scope": "everything"}),
            ),
            Example(
                name="cut",
                summary="A token that was cut",
                status=404,
                sent=Sent(path={"token": "x"}, body={"scope": "shipment"}),
            ),
        ),
    ),
)
