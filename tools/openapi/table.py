"""The form of the table of operations: what there is to say of each method of each path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from waybill import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

Contract = str
NATIVE: Final[Contract] = "native"
A: Final[Contract] = "A"
B: Final[Contract] = "B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    place: str
    schema: Mapping[str, Any]
    description: str
    example: Any = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request: texts by name, and a body that is sent as JSON unless it is a text."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    scopes: str = "track manage"
    operation: str = ""
    """Of a request that comes before another one: which operation it asks; "" for the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request that shows something, after those of `before`; `status` is what it comes to."""

    name: str
    summary: str
    status: int
    sent: Sent = Sent()
    before: tuple[Sent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`model` is a type whose schema is the body's, or a schema; None for no body. `headers` are names out of `words.HEADERS`."""

    description: str
    model: Any = None
    headers: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ("application/json",)
    example: Any = None
    """Where no example of the operation can show one."""
    links: tuple[str, ...] = ()
    """Operations that the shipment in this answer can be given to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`scope` is None where no token is needed. `body` is a pydantic model or fields; `contract` words the errors.

    `errors` are the statuses that it may come to besides those that every operation may.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    scope: str | None
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | tuple[fields.Field[Any], ...] | None = None
    media_types: tuple[str, ...] = ("application/json",)
    errors: tuple[int, ...] = ()
    contract: Contract = NATIVE
    examples: tuple[Example, ...] = ()


def parameter(of: fields.Field[Any]) -> Parameter:
    return Parameter(
        name=of.name,
        place=of.place,
        schema=of.schema,
        description=of.description,
        example=of.example,
        required=isinstance(of, fields.Required),
    )


IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    place="header",
    schema={"type": "string"},
    description="The `ETag` of the copy that you have. If it is still good, the answer is 304 and has no body.",
    example='"f3a9b0c1d2e4f5061728394a5b6c7d8e"',
)
FETCHED: Final = ("X-Waybill-Source", "X-Waybill-Fetched-At")
CACHED: Final = ("ETag", "Cache-Control")
FAST: Final = "Costs no call to Kuaidi100."

DELIVERED: Final = "YT7450353838751"
PHONE_BOUND: Final = "SF7444700499701"
NO_TRACE: Final = "YT7450353838752"
BUSY: Final = "YT7450353838753"
LOST: Final = "YT7450353838754"
FORWARDED: Final = "YT7450353838755"
AMBIGUOUS: Final = "773039762404825"
"""The numbers of the examples, and what `examples` lets Kuaidi100 say of each."""


def unchanged(*headers: str) -> Answer:
    return Answer(description="Your copy is still good.", headers=(*CACHED, *headers))
