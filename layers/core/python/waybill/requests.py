"""The bodies that the manage function takes, as pydantic models: what validates a body also describes it.

Texts are trimmed, unknown fields are refused, and every bound is one that keeps a shipment a small item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from waybill import numbers, phones, statuses
from waybill.errors import InvalidBody, InvalidField
from waybill.shipments import EMAIL, ORDER_ID, RESERVED_ORDER_ID, STALLED, TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic.config import JsonDict

BATCH_LIMIT: Final = 100
METADATA_LIMIT: Final = 20
FAULTS_TOLD: Final = 20
"""A body of nothing but faults makes no huge answer."""
MAILED: Final = (*statuses.NAMES, STALLED)
"""What a shipment's `notify` may name."""
_TEXT_TOLD: Final = 100
"""So many characters of a field's name or value are given back."""
Model = TypeVar("Model", bound=BaseModel)


def _by(parse: Callable[[str], str]) -> BeforeValidator:
    """A text as a parser of ours takes it, whose error is told as pydantic's."""

    def parsed(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except InvalidField as error:
            raise ValueError(error.message) from error

    return BeforeValidator(parsed)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Of an integer: to JSON Schema 7.0 is one (2020-12, core, section 6.3), and some clients write it so."""


def _not_reserved(order_id: str) -> str:
    if order_id == RESERVED_ORDER_ID:
        raise ValueError("This word names a path of the API; choose another id.")
    return order_id


def distinct(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("Name each only once.")
    return values


def _known_events(values: list[str]) -> list[str]:
    if values != ["*"] and (unknown := sorted(set(values) - set(MAILED))):
        raise ValueError(
            f"Unknown: {_short(', '.join(unknown))}. The events are the statuses of GET /v1/statuses and {STALLED}, or * alone."
        )
    return distinct(values)


_NOT_BLANK: Final[JsonDict] = {"pattern": r"\S"}
OrderId = Annotated[
    str,
    Field(
        pattern=ORDER_ID,
        json_schema_extra={"not": {"const": RESERVED_ORDER_ID}},
        description="Your own id of the order: 1 to 64 letters, digits and . _ : @ + -, beginning with a letter or a digit.",
        examples=["3550875"],
    ),
    AfterValidator(_not_reserved),
]
TrackingNumber = Annotated[
    str,
    Field(
        pattern=numbers.PATTERN,
        description="The courier's number of the parcel: 6 to 32 letters, digits and inner dashes.",
        examples=["YT7450353838751"],
    ),
    _by(numbers.normalise),
]
CourierCode = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        json_schema_extra=_NOT_BLANK,
        description="The courier's code, as GET /v1/couriers finds it. Without it the number has to tell.",
        examples=["yuantong"],
    ),
]
Phone = Annotated[
    str,
    Field(
        pattern=phones.PATTERN,
        description="The sender's or the recipient's phone number, or its last four digits, which are all that is kept.",
        examples=["13800000001"],
    ),
    _by(phones.tail),
]
Place = Annotated[
    str, Field(min_length=1, max_length=100, json_schema_extra=_NOT_BLANK, examples=["广东省深圳市"])
]
Country = Annotated[
    str, Field(min_length=1, max_length=64, json_schema_extra=_NOT_BLANK, examples=["HONG KONG"])
]
Lang = Annotated[Literal["zh", "en"], Field(description="The language of what you are told of the shipment.")]
Tag = Annotated[
    str,
    Field(
        pattern=TAG,
        description="1 to 32 characters without # and without space at its ends.",
        examples=["summer-sale"],
    ),
]
Tags = Annotated[
    list[Tag], Field(max_length=10, json_schema_extra={"uniqueItems": True}), AfterValidator(distinct)
]
MetadataKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
MetadataText = Annotated[str, Field(max_length=500)]


_NAMED_KEYS: Final[JsonDict] = {"additionalProperties": False}
_EVENTS: Final[JsonDict] = {
    "type": "array",
    "items": {"enum": list(MAILED)},
    "minItems": 1,
    "uniqueItems": True,
}


class Body(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, str_strip_whitespace=True, use_attribute_docstrings=True
    )


class Notify(Body):
    """Whom to tell of what happens to the parcel."""

    email: Annotated[
        str,
        Field(
            max_length=254,
            pattern=EMAIL,
            description="An e-mail address, as someone@example.com.",
            examples=["someone@example.com"],
        ),
    ]
    events: Annotated[
        list[str],
        Field(min_length=1, max_length=20),
        AfterValidator(_known_events),
        WithJsonSchema({"anyOf": [{"const": ["*"]}, _EVENTS]}),
    ] = [
        "delivered",
        "exception",
    ]
    """Statuses to tell of, `stalled` for a parcel that is quiet for too long, or `["*"]` for all."""
    lang: Lang | None = None


class _Registration(Body):
    phone: Phone | None = None
    from_: Place | None = Field(default=None, alias="from")
    """Where the parcel starts, for the forecast."""
    to: Place | None = None
    """Where the parcel goes. With it Kuaidi100 is asked for a forecast of the arrival."""
    origin_country: Country | None = None
    destination_country: Country | None = None
    notify: Notify | None = None


class NewShipment(_Registration):
    """A parcel of an order, to be followed."""

    order_id: OrderId
    tracking_number: TrackingNumber
    courier: CourierCode | None = None
    lang: Lang | None = None
    tags: Tags = []
    metadata: Annotated[
        dict[MetadataKey, MetadataText], Field(max_length=METADATA_LIMIT, json_schema_extra=_NAMED_KEYS)
    ] = {}
    """Up to 20 texts of your own, given back as they are."""


class ShipmentPatch(_Registration):
    """What changes, as a JSON merge patch (RFC 7396): what is not named stays, null removes."""

    lang: Lang = "zh"
    tags: Tags | None = None
    metadata: (
        Annotated[
            dict[MetadataKey, MetadataText | None],
            Field(max_length=2 * METADATA_LIMIT, json_schema_extra=_NAMED_KEYS),
        ]
        | None
    ) = None


class Successor(Body):
    """The number under which another courier carries a forwarded parcel on."""

    tracking_number: TrackingNumber
    courier: CourierCode | None = None
    phone: Phone | None = None


class NewShare(Body):
    """How long a link to a parcel's page works."""

    days: Annotated[int, Field(ge=1, le=365), WHOLE] = 30


class Batch(Body):
    """Up to 100 shipments; each is registered or refused by itself."""

    shipments: Annotated[
        list[Any],
        Field(min_length=1, max_length=BATCH_LIMIT, description="Each as the body of POST /v1/shipments."),
        WithJsonSchema({"type": "array", "items": {}, "minItems": 1, "maxItems": BATCH_LIMIT}),
    ]


def parse(model: type[Model], value: object) -> Model:
    """`value` as the model says.

    Raises:
        InvalidBody: with the fields that are wrong, and how.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False)[:FAULTS_TOLD]
        raise InvalidBody([(_path(each["loc"]), _words(model, each)) for each in faults]) from error


def _path(loc: tuple[int | str, ...]) -> str:
    return _short(".".join(str(part) for part in loc if part != "[key]")) or "body"


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_TOLD else f"{text[:_TEXT_TOLD]}..."


def _words(model: type[BaseModel], error: Any) -> str:
    """Pydantic's own words, but for a pattern, which the field's description tells better, and for a class of ours."""
    message: str = error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        message = _description(model, error["loc"]) or message
    if error["type"] == "model_type":
        return "Give it as an object: {...}."
    if error["type"] == "extra_forbidden":
        return "There is no such field here."
    return message if message.endswith(".") else f"{message}."


def _description(model: type[BaseModel], loc: Sequence[int | str]) -> str | None:
    """What a model, or one within it, says of the field at a place."""
    name, *rest = loc
    field = {each.alias or key: each for key, each in model.model_fields.items()}.get(str(name))
    if field is None or not rest:
        return field.description if field else None
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return _description(kind, rest)
    return None
