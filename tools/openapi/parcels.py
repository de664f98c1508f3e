"""Operations about any parcel, and the tables behind them."""

from __future__ import annotations

from typing import Final

from tools.openapi.table import (
    AMBIGUOUS,
    BUSY,
    CACHED,
    DELIVERED,
    FAST,
    FETCHED,
    IF_NONE_MATCH,
    LOST,
    NO_TRACE,
    PHONE_BOUND,
    A,
    Answer,
    Example,
    Operation,
    Sent,
    parameter,
    unchanged,
)
from waybill import answers, fields


def _track(exp_code: str, exp_no: str, **more: str) -> Sent:
    return Sent(body={"expCode": exp_code, "expNo": exp_no, **more})


def _parcel(courier: str, number: str, tail: str = "", **query: str) -> Sent:
    headers = {"X-Phone-Tail": tail} if tail else {}
    return Sent(path={"courier": courier, "number": number}, query=query, headers=headers)


PARCELS: Final = (
    Operation(
        id="track",
        method="POST",
        path="/v1/track",
        tag="parcels",
        summary="Where is this parcel?",
        description="Contract A. Kuaidi100 is asked only where it may be and nothing fresh is known.",
        scope="track",
        body=(fields.EXP_CODE, fields.EXP_NO, fields.PHONE, fields.LANG_IN_BODY),
        answers={
            200: Answer(
                description="What is known of the parcel.",
                model=answers.SuccessA,
                headers=("Cache-Control", *FETCHED),
            )
        },
        errors=(413, 415, 422),
        contract=A,
        examples=(
            Example(
                name="delivered", summary="A delivered parcel", status=200, sent=_track("yuantong", DELIVERED)
            ),
            Example(
                name="phone",
                summary="A courier that demands a phone number, asked in English",
                status=200,
                sent=_track("shunfeng", PHONE_BOUND, phone="13801388000", lang="en"),
            ),
            Example(name="pending", summary="No trace yet", status=200, sent=_track("yuantong", NO_TRACE)),
            Example(
                name="field",
                summary="A field is missing",
                status=400,
                sent=Sent(body={"expCode": "yuantong"}),
            ),
            Example(
                name="scope",
                summary="A token without the scope",
                status=403,
                sent=Sent(body={}, scopes="manage"),
            ),
            Example(
                name="media_type",
                summary="A body that is not JSON",
                status=415,
                sent=Sent(
                    body="expCode=yuantong", headers={"Content-Type": "application/x-www-form-urlencoded"}
                ),
            ),
            Example(
                name="unknown",
                summary="No courier has this code",
                status=422,
                sent=_track("yuanton", DELIVERED),
            ),
            Example(
                name="ambiguous",
                summary="The number does not tell the courier",
                status=422,
                sent=_track("auto", AMBIGUOUS),
            ),
            Example(
                name="phone_required",
                summary="A phone number is needed",
                status=422,
                sent=_track("sf", PHONE_BOUND),
            ),
            Example(
                name="phone_mismatch",
                summary="Not the phone number of this parcel",
                status=422,
                sent=_track("shunfeng", PHONE_BOUND, phone="13801380001"),
            ),
            Example(name="busy", summary="Kuaidi100 is busy", status=503, sent=_track("yuantong", BUSY)),
        ),
    ),
    Operation(
        id="getParcel",
        method="GET",
        path="/v1/parcels/{courier}/{number}",
        tag="parcels",
        summary="A parcel with everything that is known of it",
        description="Events with places, milestones, a forecast where there is one, and how fresh all of it is and why.",
        scope="track",
        parameters=(
            parameter(fields.COURIER),
            parameter(fields.NUMBER),
            parameter(fields.PHONE_TAIL),
            parameter(fields.MAX_AGE),
            parameter(fields.LANG),
            IF_NONE_MATCH,
        ),
        answers={
            200: Answer(
                description="The parcel.",
                model=answers.Parcel,
                headers=(*CACHED, "Age", "Vary", *FETCHED),
            ),
            304: unchanged("Age", "Vary", *FETCHED),
        },
        errors=(404, 422),
        examples=(
            Example(
                name="delivered", summary="A delivered parcel", status=200, sent=_parcel("auto", DELIVERED)
            ),
            Example(
                name="phone",
                summary="A courier that demands a phone number, asked in English",
                status=200,
                sent=_parcel("shunfeng", PHONE_BOUND, "8000", lang="en"),
            ),
            Example(
                name="field", summary="No tracking number", status=400, sent=_parcel("yuantong", "YT-1-")
            ),
            Example(
                name="unknown",
                summary="No courier has this code",
                status=422,
                sent=_parcel("yuanton", DELIVERED),
            ),
            Example(
                name="ambiguous",
                summary="The number does not tell the courier",
                status=422,
                sent=_parcel("auto", AMBIGUOUS),
            ),
            Example(
                name="phone_required",
                summary="A phone number is needed",
                status=422,
                sent=_parcel("sf", PHONE_BOUND),
            ),
            Example(
                name="phone_mismatch",
                summary="Not the phone number of this parcel",
                status=422,
                sent=_parcel("shunfeng", PHONE_BOUND, "0001"),
            ),
            Example(
                name="phone_unverified",
                summary="Whether it is the phone number of this parcel can be found out later only",
                status=422,
                sent=_parcel("shunfeng", PHONE_BOUND, "7777"),
                before=(_parcel("shunfeng", PHONE_BOUND, "8000"),),
            ),
            Example(
                name="phones",
                summary="Five wrong phone numbers in a day",
                status=429,
                sent=_parcel("shunfeng", PHONE_BOUND, "0006"),
                before=tuple(_parcel("shunfeng", PHONE_BOUND, f"000{n}") for n in range(1, 6)),
            ),
            Example(name="busy", summary="Kuaidi100 is busy", status=503, sent=_parcel("yuantong", BUSY)),
            Example(
                name="lost", summary="Kuaidi100's answer was lost", status=503, sent=_parcel("yuantong", LOST)
            ),
        ),
    ),
)

TABLES: Final = (
    Operation(
        id="findCouriers",
        method="GET",
        path="/v1/couriers",
        tag="couriers",
        summary="Couriers by code or name",
        description=f"Finds codes, usual misspellings, Chinese and English names. {FAST}",
        scope="track",
        parameters=(parameter(fields.SEARCH), parameter(fields.LANG), IF_NONE_MATCH),
        answers={
            200: Answer(description="The couriers that match.", model=answers.Couriers, headers=CACHED),
            304: unchanged(),
        },
        examples=(
            Example(name="name", summary="By a Chinese name", status=200, sent=Sent(query={"q": "中通快递"})),
            Example(name="field", summary="Nothing to look for", status=400),
        ),
    ),
    Operation(
        id="detectCourier",
        method="GET",
        path="/v1/couriers/detect",
        tag="couriers",
        summary="Whose tracking number is this?",
        description=f"Tells by the form of the number alone. {FAST}",
        scope="track",
        parameters=(parameter(fields.NUMBER_TO_DETECT), parameter(fields.LANG), IF_NONE_MATCH),
        answers={
            200: Answer(description="The couriers that it may be.", model=answers.Candidates, headers=CACHED),
            304: unchanged(),
        },
        examples=(
            Example(
                name="sure",
                summary="A number of one form only",
                status=200,
                sent=Sent(query={"number": PHONE_BOUND}),
            ),
            Example(name="field", summary="No tracking number", status=400, sent=Sent(query={"number": "1"})),
        ),
    ),
    Operation(
        id="listStatuses",
        method="GET",
        path="/v1/statuses",
        tag="couriers",
        summary="Every status, and Kuaidi100's codes behind it",
        description=FAST,
        scope="track",
        parameters=(parameter(fields.LANG), IF_NONE_MATCH),
        answers={
            200: Answer(description="The statuses.", model=answers.Statuses, headers=CACHED),
            304: unchanged(),
        },
        examples=(
            Example(name="english", summary="In English", status=200, sent=Sent(query={"lang": "en"})),
            Example(
                name="field",
                summary="A language that there is not",
                status=400,
                sent=Sent(query={"lang": "fr"}),
            ),
        ),
    ),
)
