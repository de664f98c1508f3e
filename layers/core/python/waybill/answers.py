"""What every answer looks like, field by field: the type checker holds the code to it, and the OpenAPI document is made of it.

A field's docstring is its description in the document. Fields are never left out but where `NotRequired` says so; what is not known
is null or empty. Times are ISO 8601.
"""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from waybill.freshness import Source
from waybill.model import Lang, Status, Zone
from waybill.numbers import Confidence

# ---- Contract A


class TraceA(TypedDict):
    """One thing that happened to the parcel."""

    time: str
    """`YYYY-MM-DD hh:mm:ss` on the courier's clock; empty where the courier's own could not be read."""
    desc: str
    """The courier's text. Names and phone numbers are masked."""


class TrackedA(TypedDict):
    """Where a parcel is."""

    status: str
    """The status in a word or two; `暂无轨迹` or `No tracking data yet` while the courier knows nothing of the number."""
    statusDesc: str
    """The status in a sentence."""
    traces: list[TraceA]
    """Newest first; empty while there is none."""


class SuccessA(TypedDict):
    """Contract A's answer."""

    code: Literal["SUCCESS"]
    message: Literal["success"]
    data: TrackedA


class RefusalA(TypedDict):
    """Contract A's error."""

    code: str
    """What went wrong, for programs: `INVALID_PARAMETER`, `PHONE_REQUIRED`, ..."""
    message: str
    """What went wrong and what to do, for people; begins with the field that has to be mended, where it is one."""
    data: None


# ---- Parcels


class CourierName(TypedDict):
    """A courier."""

    code: str
    """Kuaidi100's code."""
    name: str
    """In the language asked for."""


class RawStatus(TypedDict):
    """What the status was made of."""

    state: str | None
    """Kuaidi100's code as it was sent; null while there is no trace."""


class Area(TypedDict):
    """An administrative region."""

    code: str | None
    """As `CN120113000000`."""
    name: str | None
    """As `天津,天津,北辰区`."""
    lng: float | None
    """Longitude of its centre, in degrees."""
    lat: float | None
    """Latitude of its centre, in degrees."""


class Event(TypedDict):
    """One thing that happened to the parcel."""

    id: str
    """The same for the same event in every answer."""
    time: str | None
    """With its zone; null where the courier's own could not be read."""
    time_zone: Zone
    """Whether the courier gave the zone, or Asia/Shanghai was assumed."""
    text: str
    """The courier's text in the parcel's `lang`. Names and phone numbers are masked."""
    status: Status | None
    """What the parcel came to by it; null where the courier sent no code with it."""
    substatus: str | None
    """Which kind of that status (`GET /v1/statuses`)."""
    code: str | None
    """Kuaidi100's code as it was sent."""
    location: str | None
    area: Area | None


class Route(TypedDict):
    """From where to where, as far as the courier tells."""

    origin: Area | None
    current: Area | None
    destination: Area | None


class Stop(TypedDict):
    """A stop to come."""

    arrives: str | None
    leaves: str | None
    name: str


class Eta(TypedDict):
    """Kuaidi100's forecast."""

    arrives_at: str | None
    """To the hour."""
    total_time: str | None
    """In Kuaidi100's words."""
    remaining_time: str | None
    """In Kuaidi100's words."""
    probability: str | None
    stops: list[Stop]


class Milestone(TypedDict):
    """The parcel came to a status: for the first time, or, where a status may come again, for the `occurrence`-th."""

    status: Status
    substatus: str | None
    occurrence: int
    occurred_at: str
    event_id: str
    """The `id` of its event."""


class Freshness(TypedDict):
    """Where the answer came from, how old it is, why it is not fresher and when it can be."""

    source: Source
    """Asked of the courier just now (`live`), known and fresh (`cache`), from a call that another caller had under way
    (`coalesced`), or known and no longer fresh (`stale`)."""
    fetched_at: str
    """When the courier was asked, in UTC."""
    age_seconds: int
    next_allowed_at: str
    """Before this nobody can make the courier be asked about this parcel again."""
    next_refresh_at: str
    """From here on a question makes the courier be asked again."""
    reason: str
    """Why the answer is not fresher: `fetched_now`, `within_gap`, `terminal`, `pending_backoff`, `another_reader_asked`,
    `gap_not_over`, `phone_not_accepted`, `budget_exhausted`, `circuit_open`, `no_call_possible`, or `upstream_` and what the last
    call came to. More may come."""


class Parcel(TypedDict):
    """A parcel with everything that is known of it."""

    courier: CourierName
    number: str
    """The tracking number as it was understood: upper case, no space around it."""
    status: Status
    substatus: str | None
    """Which kind of that status (`GET /v1/statuses`)."""
    status_name: str
    """Status and substatus in the language asked for."""
    terminal: bool
    """Whether the journey is over."""
    raw: RawStatus
    lang: Lang
    """The language of the texts of the events, which is the one of whoever asked first."""
    events: list[Event]
    """Newest first; empty while there is none."""
    route: Route | None
    eta: Eta | None
    milestones: list[Milestone]
    """What the parcel reached, each once, oldest first; what may come again (a tour, an attempt) once for each time."""
    freshness: Freshness


# ---- Couriers and statuses


class Courier(TypedDict):
    """A courier that can be asked about."""

    code: str
    """Kuaidi100's code."""
    name: str
    """In the language asked for; Chinese where there is no English one."""
    name_zh: str
    name_en: str | None
    category: str
    """Kuaidi100's word for its kind: `国内运输商` (domestic), `国际运输商` (international), `国际邮政` (postal); empty where it
    has none."""
    requires_phone: bool
    """Whether it shows a parcel only to who knows a phone number of it."""


class Couriers(TypedDict):
    """Couriers, the best match first."""

    couriers: list[Courier]
    """20 at most."""
    next_cursor: None
    """There is no next page: narrow the search instead."""


class Candidate(TypedDict):
    """A courier that the number may belong to."""

    courier: CourierName
    confidence: Confidence
    """`auto` takes a courier only where exactly one has `high`."""
    check_digit: bool | None
    """Whether the check digit of a postal number is right; null for a number that has none."""
    requires_phone: bool
    """Whether it shows a parcel only to who knows a phone number of it."""


class Candidates(TypedDict):
    """The couriers that a number may belong to."""

    number: str
    """The tracking number as it was understood: upper case, no space around it."""
    candidates: list[Candidate]
    """Most likely first; empty where no known pattern fits."""


class StatusCode(TypedDict):
    """A code of Kuaidi100's."""

    code: str
    state: str
    """The family that it belongs to."""
    substatus: str | None
    name: str
    """In the language asked for."""
    terminal: bool
    """Whether the journey is over."""


class StatusEntry(TypedDict):
    """A status with Kuaidi100's codes that lead to it."""

    status: Status
    name: str
    """In the language asked for."""
    codes: list[StatusCode]


class Statuses(TypedDict):
    """Every status, in the order a parcel's life usually takes."""

    statuses: list[StatusEntry]


class Health(TypedDict):
    status: Literal["ok"]


# ---- Errors


class ErrorTrace(TypedDict):
    """What of the request has to be mended."""

    field: str
    """A field of the body, a parameter, a header, or `body`."""
    message: str


class ErrorCandidate(TypedDict):
    """A courier that the number may belong to."""

    code: str
    """Kuaidi100's code."""
    name: str
    """In the language asked for."""
    confidence: Confidence


class Error(TypedDict):
    """What went wrong and what to do."""

    code: str
    """The HTTP status and three digits: `400000`, `500999`."""
    code_reason: str
    """The HTTP status in words: `BAD_REQUEST`."""
    message: str
    """What went wrong and what to do, for people."""
    error_code: NotRequired[str]
    """What went wrong, for programs: `COURIER_UNKNOWN`. Not there where the gateway itself refused, and for faults of ours."""
    error_trace: NotRequired[list[ErrorTrace]]
    """There where it is a field that has to be mended."""
    candidates: NotRequired[list[ErrorCandidate]]
    """There with `COURIER_AMBIGUOUS`, the most likely first."""


class ErrorEnvelope(TypedDict):
    """Every error but those of contract A."""

    error: Error
