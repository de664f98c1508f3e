"""The routes of the query function: what each takes from a request, whom it asks, and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from waybill import access, couriers, numbers, phones, views
from waybill.errors import InvalidField
from waybill.gateway import Request, Response
from waybill.lookup import Wanted

if TYPE_CHECKING:
    from waybill.couriers import Courier
    from waybill.gateway import Handler
    from waybill.lookup import Found, Lookup

MAX_AGE_LIMIT: Final = 40 * 86_400
"""An answer is kept no longer than this, so a higher limit asks for nothing more."""
STATIC: Final = {"Cache-Control": "private, max-age=3600"}


@dataclass(frozen=True, slots=True)
class Api:
    """`lang` is the language of an answer where the caller names none."""

    lookup: Lookup
    lang: str

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", "/v1/track"): self.track,
            ("GET", "/v1/parcels/{courier}/{number}"): self.parcel,
            ("GET", "/v1/couriers"): self.couriers,
            ("GET", "/v1/couriers/detect"): self.detect,
            ("GET", "/v1/statuses"): self.statuses,
            ("GET", "/v1/health"): self.health,
        }

    def track(self, request: Request) -> Response:
        """Contract A: `{expCode, expNo, phone?, lang?}` in, `{code, message, data}` out."""
        access.demand(request.scopes, "track")
        body = request.json_object()
        lang = _lang("lang", body.get("lang"), self.lang)
        number = numbers.normalise(_string("expNo", body.get("expNo")), "expNo")
        courier = numbers.named_courier("expCode", _string("expCode", body.get("expCode")), number, lang)
        phone = _optional_string("phone", body.get("phone"))
        tail = phones.tail(phone) if phone else None
        found = self.lookup.track(Wanted(courier, number, request.member, tail, lang))
        return Response(
            200, views.contract_a(found, lang), {"Cache-Control": "no-store", **views.origin(found)}
        )

    def parcel(self, request: Request) -> Response:
        """The native parcel."""
        access.demand(request.scopes, "track")
        lang = _lang("lang", request.query.get("lang"), self.lang)
        number = numbers.normalise(unquote(request.path.get("number", "")))
        courier = numbers.named_courier("courier", unquote(request.path.get("courier", "")), number, lang)
        phone = request.headers.get("x-phone-tail", "").strip()
        tail = phones.tail(phone, "X-Phone-Tail") if phone else None
        max_age = _seconds("max_age", request.query.get("max_age"))
        found = self.lookup.track(Wanted(courier, number, request.member, tail, lang, max_age))
        body = views.native(found, lang)
        tag = views.etag(body)
        headers = {
            "ETag": tag,
            "Age": str(int(found.age)),
            "Cache-Control": f"private, max-age={_lifetime(found, max_age)}",
            "Vary": "Authorization, X-Phone-Tail",
            **views.origin(found),
        }
        return Response(200, body, headers)

    def couriers(self, request: Request) -> Response:
        """`?q=` finds couriers by code, alias, Chinese or English name; at most 20."""
        access.demand(request.scopes, "track")
        lang = _lang("lang", request.query.get("lang"), self.lang)
        text = request.query.get("q", "").strip()
        if not 1 <= len(text) <= 50:
            raise InvalidField("q", "Say what to look for, in 1 to 50 characters: ?q=中通.")
        found = [_courier_view(each, lang) for each in couriers.search(text)]
        return Response(200, {"couriers": found, "next_cursor": None}, STATIC)

    def detect(self, request: Request) -> Response:
        """`?number=` tells which couriers a number may belong to, without asking anyone."""
        access.demand(request.scopes, "track")
        lang = _lang("lang", request.query.get("lang"), self.lang)
        number = numbers.normalise(request.query.get("number", ""))
        return Response(200, views.candidates(number, numbers.detect(number), lang), STATIC)

    def statuses(self, request: Request) -> Response:
        access.demand(request.scopes, "track")
        return Response(200, views.all_statuses(_lang("lang", request.query.get("lang"), self.lang)), STATIC)

    def health(self, _request: Request) -> Response:
        return Response(200, {"status": "ok"}, {"Cache-Control": "no-store"})


def _lifetime(found: Found, max_age: float | None) -> int:
    """How old the answer may get in a client's cache, counted like `Age` from when it was fetched."""
    lifetime = found.fresh_until - found.fetched_at
    return max(0, int(lifetime if max_age is None else min(lifetime, max_age)))


def _courier_view(courier: Courier, lang: str) -> dict[str, Any]:
    return {
        "code": courier.code,
        "name": courier.name(lang),
        "name_zh": courier.name_zh,
        "name_en": courier.name_en or None,
        "category": courier.category,
        "requires_phone": courier.requires_phone,
    }


def _string(field: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidField(field, f"{field} is required, as a text that is not empty.")
    return value


def _optional_string(field: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidField(field, f"{field} must be a text.")
    return value.strip()


def _lang(field: str, value: object, default: str) -> str:
    if value is None or value == "":
        return default
    if not isinstance(value, str) or value not in {"zh", "en"}:
        raise InvalidField(field, "The languages are zh and en.")
    return value


def _seconds(field: str, text: str | None) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,8}", text):
        raise InvalidField(field, "max_age is a whole number of seconds, 0 or more.")
    return float(min(int(text), MAX_AGE_LIMIT))
