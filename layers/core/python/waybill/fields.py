"""What the query function takes from a request, each value declared once, for the code and for the OpenAPI document.

A field knows how it is read, what is said when it is wrong, and its JSON Schema.

By hand and not by pydantic, which would cost more than all else on the way of a cached answer. A schema never promises more than
the parser takes; the parser takes a little more (full-width letters, say), which is nobody's right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast
from urllib.parse import unquote

from waybill import numbers, phones
from waybill.errors import InvalidField

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from waybill.model import Lang

T = TypeVar("T")

MAX_AGE_LIMIT: Final = 40 * 86_400
"""An answer is kept no longer than this, so a higher limit asks for nothing more."""


def whole(least: int, most: int, message: str) -> Callable[[str, str], int]:
    """A parser of whole numbers in decimal digits from `least` to `most`; `message` says what is wrong with anything else."""

    def parse(text: str, name: str) -> int:
        if not re.fullmatch(rf"[0-9]{{1,{len(str(most))}}}", text) or not least <= int(text) <= most:
            raise InvalidField(name, message)
        return int(text)

    return parse


def blank_or(parse: Callable[[str, str], T]) -> Callable[[str, str], T | None]:
    """A parser to which a blank text is one that was left out: clients fill in what they have not got as `?courier=`."""

    def parsed(text: str, name: str) -> T | None:
        return parse(text, name) if text.strip() else None

    return parsed


def blank_or_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a text that may be empty, too."""
    return {**schema, "pattern": f"^$|{schema['pattern']}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Generic[T]):
    """One value of a request. `parse` gets its text, and the name under which it was sent for the error."""

    name: str
    place: Literal["path", "query", "header", "body"]
    parse: Callable[[str, str], T]
    schema: Mapping[str, Any]
    description: str
    example: Any

    def sent(self, values: Mapping[str, Any]) -> Any:
        """The value as it stands among the path's, the query's, the headers' (names in lower case) or the body's."""
        value = values.get(self.name.lower() if self.place == "header" else self.name)
        return unquote(value) if self.place == "path" and value else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Required(Field[T]):
    def read(self, values: Mapping[str, Any]) -> T:
        """The parsed value.

        Raises:
            InvalidField: not there, or not as it should be.
        """
        value = self.sent(values)
        if self.place == "body" and (not isinstance(value, str) or not value.strip()):
            raise InvalidField(self.name, f"{self.name} is required, as a text that is not empty.")
        return self.parse(value or "", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optional(Field[T]):
    def read(self, values: Mapping[str, Any]) -> T | None:
        """The parsed value, or None where it was left out.

        Raises:
            InvalidField: not as it should be.
        """
        value = self.sent(values)
        if value is None:
            return None
        if not isinstance(value, str):
            raise InvalidField(self.name, f"{self.name} must be a text.")
        return self.parse(value, self.name)


def _lang(text: str, name: str) -> Lang | None:
    if text not in {"zh", "en", ""}:
        raise InvalidField(name, "The languages are zh and en.")
    return cast("Lang", text) if text else None


def _as_sent(text: str, _name: str) -> str:
    """A courier's code is read together with the number (`numbers.named_courier`)."""
    return text


def _seconds(text: str, name: str) -> float:
    if not re.fullmatch(r"[0-9]{1,8}", text):
        raise InvalidField(name, f"{name} is a whole number of seconds, 0 or more.")
    return float(min(int(text), MAX_AGE_LIMIT))


def _search(text: str, name: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= 50:
        raise InvalidField(name, "Say what to look for, in 1 to 50 characters: ?q=中通.")
    return text


_LANG: Final = {"type": "string", "enum": ["zh", "en", ""]}
_COURIER: Final = {"type": "string", "pattern": "^[0-9A-Za-z_]{1,64}$"}
_NUMBER: Final = {"type": "string", "pattern": numbers.PATTERN}
_PHONE: Final = blank_or_schema({"type": "string", "pattern": phones.PATTERN})
_COURIER_TEXT: Final = (
    "Kuaidi100's code of the courier (`GET /v1/couriers` finds it by name), one of its usual misspellings (`sf`, `yto`, ...), or "
    "`auto`, which takes the courier that the number surely belongs to."
)
_NUMBER_TEXT: Final = "The tracking number: 6 to 32 letters, digits and inner dashes. Case does not matter."
_PHONE_TEXT: Final = (
    "A phone number of the sender or the recipient, which some couriers demand (`requires_phone`). Its last four digits are "
    "enough, and nothing else of it goes any further."
)

EXP_CODE: Final = Required(
    name="expCode",
    place="body",
    parse=_as_sent,
    schema=_COURIER,
    description=_COURIER_TEXT,
    example="yuantong",
)
EXP_NO: Final = Required(
    name="expNo",
    place="body",
    parse=numbers.normalise,
    schema=_NUMBER,
    description=_NUMBER_TEXT,
    example="YT7450353838751",
)
PHONE: Final = Optional(
    name="phone",
    place="body",
    parse=blank_or(phones.tail),
    schema=_PHONE,
    description=_PHONE_TEXT,
    example="13801388000",
)
LANG_IN_BODY: Final = Optional(
    name="lang",
    place="body",
    parse=_lang,
    schema=_LANG,
    description="The language of names and, for whoever asks first, of the courier's texts. Left out, the operator's choice.",
    example="en",
)

COURIER: Final = Required(
    name="courier",
    place="path",
    parse=_as_sent,
    schema=_COURIER,
    description=_COURIER_TEXT,
    example="yuantong",
)
NUMBER: Final = Required(
    name="number",
    place="path",
    parse=numbers.normalise,
    schema=_NUMBER,
    description=_NUMBER_TEXT,
    example="YT7450353838751",
)
PHONE_TAIL: Final = Optional(
    name="X-Phone-Tail",
    place="header",
    parse=blank_or(phones.tail),
    schema=_PHONE,
    description=_PHONE_TEXT,
    example="8000",
)
MAX_AGE: Final = Optional(
    name="max_age",
    place="query",
    parse=_seconds,
    schema={"type": "integer", "minimum": 0, "maximum": 99_999_999},
    description=(
        "The oldest answer you accept, in seconds: lower asks for a fresher one where the rules allow it, higher saves a call."
    ),
    example=3600,
)
LANG: Final = Optional(
    name="lang",
    place="query",
    parse=_lang,
    schema=_LANG,
    description=LANG_IN_BODY.description,
    example="en",
)
SEARCH: Final = Required(
    name="q",
    place="query",
    parse=_search,
    schema={"type": "string", "minLength": 1, "maxLength": 50, "pattern": r"[^\s\x1c-\x1f\x85]"},
    description="A code or a part of a Chinese or English name.",
    example="中通",
)
NUMBER_TO_DETECT: Final = Required(
    name="number",
    place="query",
    parse=numbers.normalise,
    schema=_NUMBER,
    description=_NUMBER_TEXT,
    example="SF7444700499701",
)
