"""What Waybill speaks of: a parcel, its events, and the question that is put to Kuaidi100.

A parcel holds nothing personal: texts are masked where an answer is parsed, before a `Parcel` exists.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, Self

Lang = Literal["zh", "en"]
Zone = Literal["given", "assumed"]
Status = Literal[
    "pending",
    "info_received",
    "in_transit",
    "out_for_delivery",
    "available_for_pickup",
    "failed_attempt",
    "exception",
    "returning",
    "delivered",
    "returned",
    "cancelled",
]
PENDING: Final = "pending"


@dataclass(frozen=True, slots=True)
class Area:
    """An administrative region: code as `CN120113000000`, name as `天津,天津,北辰区`, centre in degrees (WGS-like, as sent)."""

    code: str | None
    name: str | None
    lng: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a parcel.

    `time` is ISO 8601 with its zone, None where the courier's own could not be read; `zone` says where the zone came from: `given`
    by the courier or `assumed` (Asia/Shanghai). `code` is the vendor's, kept raw; `status` and `substatus` are ours.
    """

    id: str
    time: str | None
    zone: Zone
    text: str
    code: str | None = None
    status: Status | None = None
    substatus: str | None = None
    location: str | None = None
    area: Area | None = None


@dataclass(frozen=True, slots=True)
class Route:
    origin: Area | None = None
    current: Area | None = None
    destination: Area | None = None


@dataclass(frozen=True, slots=True)
class PredictedStop:
    arrives: str | None
    leaves: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Eta:
    """The vendor's forecast (resultv2=8): arrival to the hour, durations in the vendor's words, and the stops to come."""

    arrives_at: str | None
    total_time: str | None = None
    remaining_time: str | None = None
    probability: str | None = None
    stops: tuple[PredictedStop, ...] = ()


@dataclass(frozen=True, slots=True)
class Milestone:
    """A parcel reached a status: for the first time, or, where a status may come again, for the `occurrence`-th.

    `occurred_at` and `event_id` are the event's as they were at birth. `substatus` tells exceptions apart.
    """

    status: Status
    occurred_at: str
    event_id: str
    substatus: str | None = None
    occurrence: int = 1


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as of its last answer.

    `events` are newest first, `state` is the vendor's raw code, `terminal` says whether the journey is over, `lang` is the language
    of the texts. `milestones` are all that were ever born of it, in order of birth; an answer alone has none (see `merge`).
    """

    courier: str
    number: str
    status: Status = PENDING
    substatus: str | None = None
    terminal: bool = False
    state: str | None = None
    lang: Lang = "zh"
    events: tuple[Event, ...] = ()
    route: Route | None = None
    eta: Eta | None = None
    milestones: tuple[Milestone, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The parcel that `to_dict` made this of."""
        fields = dict(data)
        fields["events"] = tuple(
            Event(**{**event, "area": Area(**event["area"]) if event["area"] else None})
            for event in data["events"]
        )
        if data["route"]:
            fields["route"] = Route(**{k: Area(**v) if v else None for k, v in data["route"].items()})
        if data["eta"]:
            stops = tuple(PredictedStop(**stop) for stop in data["eta"]["stops"])
            fields["eta"] = Eta(**{**data["eta"], "stops": stops})
        fields["milestones"] = tuple(Milestone(**each) for each in data.get("milestones", ()))
        return cls(**fields)


def instant(event: Event) -> float:
    """When an event happened, in epoch seconds; one without a time sorts before all others."""
    return datetime.fromisoformat(event.time).timestamp() if event.time else float("-inf")


def event_id(time: str | None, text: str, code: str | None) -> str:
    """What makes an event the same event in two answers: time, text and code, never its place in the list."""
    return hashlib.sha256(f"{time}\n{code}\n{text}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Query:
    """One question to `query.do`, every parameter of section 1.3 of the vendor's page.

    `resultv2`: "" none, "1" areas and names, "4" advanced codes and route, "8" also a forecast (then `to` is mandatory).
    `show`: "0" JSON, the only one that is parsed, "1" XML, "2" HTML, "3" text. `phone` holds four digits at most.
    """

    com: str
    num: str
    phone: str = ""
    origin: str = ""
    to: str = ""
    resultv2: str = "4"
    show: str = "0"
    order: str = "desc"
    lang: Lang = "zh"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer, and the codes in it that our table does not know."""

    parcel: Parcel
    unknown_codes: tuple[str, ...] = ()
