"""The bodies that the routes of webhooks and settings take, as pydantic models, as in `requests`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from waybill import shipment_fields
from waybill.addresses import LIMIT as URL_LENGTH
from waybill.errors import EventUnknown, InvalidField
from waybill.notifications import TYPES
from waybill.requests import Body, distinct

if TYPE_CHECKING:
    from pydantic.config import JsonDict

CLOCK: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_TOLD: Final = 64
"""So many characters of a type that there is not are given back."""


def _known(values: list[str]) -> list[str]:
    """Raises EventUnknown, which is no fault of the body's form, whatever else is wrong with the list."""
    if unknown := [each for each in values if each not in {*TYPES, "*"}]:
        raise EventUnknown(
            f"There is no event {unknown[0][:_TOLD]!r}. The types are those of `webhooks` in GET /v1/openapi.json: "
            f"{', '.join(TYPES)}; or * alone for all."
        )
    return values


def _alone(values: list[str]) -> list[str]:
    if "*" in values and len(values) > 1:
        raise ValueError("* stands for all, so it stands alone.")
    return distinct(values)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("No such zone in the IANA database. Say one as Asia/Shanghai.") from error
    return name


def _moment(text: str) -> str:
    try:
        shipment_fields.moment(text, "")
    except InvalidField as error:
        raise ValueError(error.message) from error
    return text


Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=URL_LENGTH,
        json_schema_extra={"format": "uri", "pattern": "^https?://"},
        description="Where to send events: https, a host that can be reached from the internet, no user name and no fragment.",
        examples=["https://hooks.example.com/waybill"],
    ),
]
Events = Annotated[
    list[str],
    Field(
        min_length=1,
        description='Types of events, as the section `webhooks` of this document lists them, or `["*"]` for all.',
    ),
    AfterValidator(_known),
    AfterValidator(_alone),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": ["*"]},
                {"type": "array", "items": {"enum": list(TYPES)}, "minItems": 1, "uniqueItems": True},
            ]
        }
    ),
]
Description = Annotated[
    str, Field(max_length=200, description="A note of your own.", examples=["The warehouse"])
]
Moment = Annotated[
    str,
    Field(max_length=40, json_schema_extra={"format": "date-time"}, examples=["2026-03-01T00:00:00Z"]),
    AfterValidator(_moment),
]
Clock = Annotated[str, Field(pattern=CLOCK, description="A time of the day, as 22:00.", examples=["22:00"])]


class NewWebhook(Body):
    """An endpoint of yours that is told of events."""

    url: Url
    events: Events
    description: Description = ""


class WebhookPatch(Body):
    """What changes, as a JSON merge patch (RFC 7396): what is not named stays; a description may be removed by null."""

    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list)
    description: Description | None = None


_NOT_SAID: Final[JsonDict] = {"type": "null"}
_SAID: Final[JsonDict] = {"type": "string"}
_ONE_EVENT: Final[JsonDict] = {
    "properties": {"event_id": _SAID, "since": _NOT_SAID, "until": _NOT_SAID},
    "required": ["event_id"],
}
_A_TIME: Final[JsonDict] = {"properties": {"since": _SAID, "event_id": _NOT_SAID}, "required": ["since"]}


class Replay(Body):
    """What to send again: one event by its id, or all with a timestamp from `since` on and before `until`."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_ONE_EVENT, _A_TIME]})

    event_id: (
        Annotated[str, Field(pattern=r"^evt_[0-9a-f]{24}$", examples=["evt_0123456789abcdef01234567"])] | None
    ) = None
    """An event's id, which is its `webhook-id`: evt_ and 24 hex digits."""
    since: Moment | None = None
    until: Moment | None = None
    """Left out, now."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Replay:
        if (self.event_id is None) == (self.since is None) or (self.event_id and self.until):
            raise ValueError("Say event_id, or since and maybe until, not both.")
        return self


class QuietHours(Body):
    """When no e-mail is sent. What happens meanwhile is told when they end."""

    from_: Clock = Field(alias="from")
    to: Clock
    zone: Annotated[
        str,
        Field(
            max_length=64,
            description="Whose clocks are meant, by its name in the IANA database.",
            examples=["Asia/Shanghai"],
        ),
        AfterValidator(_zone),
    ]

    @model_validator(mode="after")
    def _some_time(self) -> QuietHours:
        if self.from_ == self.to:
            raise ValueError("Quiet hours begin and end at different times.")
        return self


class SettingsPatch(Body):
    """What changes, as a JSON merge patch; quiet hours are given whole, and null ends them."""

    quiet_hours: QuietHours | None = None
