"""The operation that tells what was spent."""

from __future__ import annotations

from typing import Final

from tools.openapi.table import (
    CACHED,
    DELIVERED,
    FAST,
    IF_NONE_MATCH,
    Answer,
    Example,
    Operation,
    Sent,
    parameter,
    unchanged,
)
from waybill import usage_fields, usage_views

ASKED: Final = (Sent(path={"courier": "yuantong", "number": DELIVERED}, operation="getParcel"),)

USAGE: Final = (
    Operation(
        id="getUsage",
        method="GET",
        path="/v1/usage",
        tag="usage",
        summary="Calls to Kuaidi100, what is charged, and what is left",
        description=(
            "Your own calls; with the scope `admin` as well, everybody's and those of the schedule. Days and months are China's "
            f"(Asia/Shanghai). {FAST}"
        ),
        scope="track",
        parameters=(*(parameter(each) for each in usage_fields.USAGE), IF_NONE_MATCH),
        answers={
            200: Answer(description="What was spent.", model=usage_views.UsageView, headers=CACHED),
            304: unchanged(),
        },
        examples=(
            Example(name="own", summary="Your own, of the running month", status=200, before=ASKED),
            Example(
                name="all",
                summary="Everybody's, of some days",
                status=200,
                sent=Sent(query={"from": "2026-02-28", "to": "2026-03-01"}, scopes="track admin"),
                before=ASKED,
            ),
            Example(
                name="days", summary="Days that are none", status=400, sent=Sent(query={"from": "2026-02-30"})
            ),
            Example(
                name="scope", summary="Another member's", status=403, sent=Sent(query={"member": "acme"})
            ),
        ),
    ),
)
