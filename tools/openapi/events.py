"""The operation that tells what happened."""

from __future__ import annotations

from typing import Final

from tools.openapi.table import Answer, Example, Operation, Sent, parameter
from waybill import event_fields, event_views

EVENTS: Final = (
    Operation(
        id="listEvents",
        method="GET",
        path="/v1/events",
        tag="events",
        summary="What happened after an event that you have",
        description=(
            "The same events as webhooks tell, oldest first, without gaps, of the last 30 days. With `wait` the answer comes when "
            "there is something to tell, or when the time is over; where too many wait already, at once."
        ),
        scope="track",
        parameters=tuple(parameter(each) for each in event_fields.EVENTS),
        answers={
            200: Answer(
                description="Events, or none yet.",
                model=event_views.EventPage,
                headers=("Cache-Control",),
            )
        },
        errors=(410,),
        examples=(
            Example(name="first", summary="From the beginning", status=200, sent=Sent(query={"limit": "1"})),
            Example(name="none", summary="Nothing new", status=200, sent=Sent(query={"after": "1"})),
            Example(
                name="field",
                summary="A number that no event has had",
                status=400,
                sent=Sent(query={"after": "99"}),
            ),
        ),
    ),
)
