"""The routes of the query function: what each takes from a request, whom it asks, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from waybill import access, couriers, fields, numbers, views
from waybill.gateway import Request, Response
from waybill.lookup import Wanted

if TYPE_CHECKING:
    from waybill import answers
    from waybill.gateway import Handler
    from waybill.lookup import Found, Lookup
    from waybill.model import Lang

STATIC: Final = {"Cache-Control": "private, max-age=3600"}


@dataclass(frozen=True, slots=True)
class Api:
    """`lang` is the language of an answer where the caller names none."""

    lookup: Lookup
    lang: Lang

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
        lang = fields.LANG_IN_BODY.read(body) or self.lang
        number = fields.EXP_NO.read(body)
        courier = numbers.named_courier("expCode", fields.EXP_CODE.read(body), number, lang)
        tail = fields.PHONE.read(body)
        found = self.lookup.track(Wanted(courier, number, request.member, tail, lang))
        return Response(
            200, views.contract_a(found, lang), {"Cache-Control": "no-store", **views.origin(found)}
        )

    def parcel(self, request: Request) -> Response:
        """The native parcel."""
        access.demand(request.scopes, "track")
        lang = fields.LANG.read(request.query) or self.lang
        number = fields.NUMBER.read(request.path)
        courier = numbers.named_courier("courier", fields.COURIER.read(request.path), number, lang)
        tail = fields.PHONE_TAIL.read(request.headers)
        max_age = fields.MAX_AGE.read(request.query)
        found = self.lookup.track(
            Wanted(courier, number, request.member, tail, lang, max_age, cause="parcel")
        )
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
        lang = fields.LANG.read(request.query) or self.lang
        found = couriers.search(fields.SEARCH.read(request.query))
        return Response(200, views.couriers(found, lang), STATIC)

    def detect(self, request: Request) -> Response:
        """`?number=` tells which couriers a number may belong to, without asking anyone."""
        access.demand(request.scopes, "track")
        lang = fields.LANG.read(request.query) or self.lang
        number = fields.NUMBER_TO_DETECT.read(request.query)
        return Response(200, views.candidates(number, numbers.detect(number), lang), STATIC)

    def statuses(self, request: Request) -> Response:
        access.demand(request.scopes, "track")
        return Response(200, views.all_statuses(fields.LANG.read(request.query) or self.lang), STATIC)

    def health(self, _request: Request) -> Response:
        body: answers.Health = {"status": "ok"}
        return Response(200, body, {"Cache-Control": "no-store"})


def _lifetime(found: Found, max_age: float | None) -> int:
    """How old the answer may get in a client's cache, counted like `Age` from when it was fetched."""
    lifetime = found.fresh_until - found.fetched_at
    return max(0, int(lifetime if max_age is None else min(lifetime, max_age)))
