"""Reading a query as the vendor does: the form, the signature over the raw `param`, and what the `param` asks for."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from local.simulator.rules import ParcelKey

_DIGESTS: Final = {"": hashlib.md5, "MD5": hashlib.md5, "SHA256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Account:
    customer: str
    key: str


@dataclass(frozen=True, slots=True)
class Form:
    """The posted fields; `param` is the JSON text exactly as it was sent."""

    customer: str
    sign: str
    param: str
    sign_type: str = ""

    @classmethod
    def parse(cls, content_type: str, body: bytes) -> Self | None:
        """The form of a request, or None if it is not form-encoded or lacks a field. Other fields do not matter."""
        if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            return None
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"))
        customer, sign, param = (fields.get(name, "") for name in ("customer", "sign", "param"))
        return cls(customer, sign, param, fields.get("signType", "")) if customer and sign and param else None

    def is_signed_by(self, account: Account) -> bool:
        """Whether the signature is right: upper case, over the raw text, by a supported digest."""
        digest = _DIGESTS.get(self.sign_type)
        if digest is None or self.customer != account.customer:
            return False
        text = self.param + account.key + account.customer
        expected = digest(text.encode()).hexdigest().upper()
        return hmac.compare_digest(expected.encode(), self.sign.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Question:
    """What a `param` asks; an absent field is an empty string."""

    courier: str
    number: str
    phone: str
    to: str
    resultv2: str
    show: str
    order: str
    lang: str

    @classmethod
    def parse(cls, param: str) -> Self | None:
        """The question in a `param`, or None if that is no JSON object."""
        try:
            fields = json.loads(param)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict):
            return None
        names = ("com", "num", "phone", "to", "resultv2", "show", "order", "lang")
        return cls(*(_text(fields.get(name)) for name in names))

    @property
    def parcel(self) -> ParcelKey:
        return self.courier, self.number

    @property
    def is_well_formed(self) -> bool:
        """What the vendor answers 501 to otherwise."""
        return 6 <= len(self.number) <= 32 and not (self.resultv2 == "8" and not self.to)


def phone_tail(phone: str) -> str | None:
    """The last four digits of a mobile, a landline or a virtual number (`13800000000-1234`), however written."""
    digits = re.sub(r"[^0-9]", "", phone)
    return digits[-4:] if len(digits) >= 4 else None


def _text(value: Any) -> str:
    """Clients send numbers as numbers at times; the vendor does not mind. Half a surrogate pair is no character."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).encode("utf-8", "replace").decode()
