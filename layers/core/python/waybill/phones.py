"""From whatever a caller calls a phone number to the four digits that couriers check. Nothing else of it goes any further.

Rules from appendix 2 of the vendor's page: a landline without its extension; a virtual number's four digits after the dash; one
number only. `0755-81234567`, `81234567` and `4567` are the same to a courier, and so are `13801380000` and `8000`.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from waybill import fullwidth
from waybill.errors import InvalidField

_ANY_EXTENSION: Final = r"(?: ?(?:[-,#Xx]|[Ee][Xx][Tt]\.?) ?"
PATTERN: Final = (
    r"^(?:"
    r"\+?[0-9](?:[ -]?[0-9]){3,10}|\+?[0-9]{12,15}"
    r"|(?:\+?86[- ]?)?1[3-9][0-9][0-9*]{4}[0-9]{4}" + _ANY_EXTENSION + r"[0-9]{4})?"
    r"|(?:\+?86[- ]?)?(?:\(?0[0-9]{2,3}\)?[- ]?)?[2-9][0-9]{6,7}" + _ANY_EXTENSION + r"[0-9]{1,6})?"
    r")$"
)
"""What may be sent as a phone number, for JSON Schema (ECMA-262); `tail` takes a little more."""
_WANTED: Final = (
    "The phone number of the sender or the recipient: one number, at least its last four digits, as 13801380000, 0755-81234567, "
    "13801380000-1234 (virtual) or 8000."
)


def tail(phone: str, field: str = "phone") -> str:
    """The four digits of a phone number that count.

    Raises:
        InvalidField: not one phone number.
    """
    text = fullwidth.to_ascii(phone).strip()
    if len(text) > 40:
        raise InvalidField(field, _WANTED)
    if re.fullmatch(r"[0-9]{4}", text):
        return text
    mobiles, landlines, plain_numbers = _patterns()
    if mobile := mobiles.fullmatch(text):
        extension = mobile["ext"]
        if extension and len(extension) != 4:
            raise InvalidField(field, _WANTED)
        return extension or _last_four(mobile["number"], field)
    if landline := landlines.fullmatch(text):
        return _last_four(landline["number"], field)
    if plain := plain_numbers.fullmatch(text):
        return _last_four(plain["number"], field)
    raise InvalidField(field, _WANTED)


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Mobile, landline, and whatever else is one number. Most callers send no phone, so nobody waits for these at a cold start."""
    extension = r"(?:\s*(?:-|,|#|转|轉|分机|ext\.?|x)\s*(?P<ext>\d{1,6}))?"
    return (
        re.compile(r"(?:\+?86[- ]?)?(?P<number>1[3-9]\d[\d*]{4}\d{4})" + extension, re.IGNORECASE | re.ASCII),
        re.compile(
            # Only behind an area code may the number be in groups: else what follows the dash is an extension.
            r"(?:\+?86[- ]?)?(?P<number>(?:\(?0\d{2,3}\)?[- ]?[2-9]\d{2,3}[- ]?|[2-9]\d{2,3})\d{4})"
            + extension,
            re.IGNORECASE,
        ),
        re.compile(r"\+?(?P<number>\d[\d\- ]{2,22}\d)", re.ASCII),
    )


def _last_four(number: str, field: str) -> str:
    digits = re.sub(r"[^0-9*]", "", number)
    if not 4 <= len(digits) <= 15 or not digits[-4:].isdecimal():
        raise InvalidField(field, _WANTED)
    return digits[-4:]
