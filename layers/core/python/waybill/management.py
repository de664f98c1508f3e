"""The routes of the manage function: members' shipments, registered, listed, changed and forgotten."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from waybill import access, gateway, numbers, requests, shipment_fields, shipment_views
from waybill.errors import InvalidField, RequestError, ServiceError, StoreUnavailable
from waybill.gateway import Response
from waybill.requests import Batch, NewShipment, ShipmentPatch, Successor
from waybill.shipments import Registration
from waybill.watches import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from waybill.errors import WaybillError
    from waybill.gateway import Handler, Request
    from waybill.model import Lang
    from waybill.parcels import Parcels
    from waybill.registration import Filters, Shipments
    from waybill.shipment_views import BatchItem, ShipmentView
    from waybill.shipments import Shipment

SHIPMENT_BYTES: Final = 64 * 1024
"""Room for every text at its longest, in Chinese."""
BATCH_BYTES: Final = 200 * 1024
AWAY: Final = 2
"""Of a batch, so many wait for a store that does not serve them, up to nine seconds each; the others would wait in vain."""
_LONGEST_PART: Final = 64
_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Management:
    """Handlers over members' shipments.

    `parcels` has what the schedule knows of them; `once` keeps a request with an Idempotency-Key from being done twice; `lang` is a
    shipment's where its member names none.
    """

    shipments: Shipments
    parcels: Parcels
    once: Callable[[Request, Callable[[], Response]], Response]
    lang: Lang

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", "/v1/shipments"): self.register,
            ("POST", "/v1/shipments/batch"): self.batch,
            ("GET", "/v1/shipments"): self.list,
            ("PATCH", "/v1/shipments/{order_id}"): self.change,
            ("DELETE", "/v1/shipments/{order_id}"): self.forget,
            ("POST", "/v1/shipments/{order_id}/complete"): self.complete,
            ("POST", "/v1/shipments/{order_id}/successor"): self.succeed,
        }

    def register(self, request: Request) -> Response:
        """201 with a new shipment, 200 with one that was registered with the same content before."""
        access.demand(request.scopes, "manage")
        return self.once(request, lambda: self._registered(request))

    def _registered(self, request: Request) -> Response:
        ship, new = self._register(request.member, request.json_object(SHIPMENT_BYTES))
        return self._created(request, ship, new=new)

    def batch(self, request: Request) -> Response:
        """A result for each of up to 100 shipments, in their order; what is wrong with one does not hinder the others."""
        access.demand(request.scopes, "manage")
        return self.once(request, lambda: self._registered_all(request))

    def _registered_all(self, request: Request) -> Response:
        body = requests.parse(Batch, request.json_object(BATCH_BYTES))
        made: list[tuple[Shipment, bool] | WaybillError] = []
        for value in body.shipments:
            unserved = [each for each in made if isinstance(each, StoreUnavailable)]
            made.append(unserved[-1] if len(unserved) >= AWAY else self._made(request.member, value))
        views = iter(
            self._views(request, [each[0] for each in made if isinstance(each, tuple)], written=True)
        )
        results = [_item(index, each, views) for index, each in enumerate(made)]
        found = [result["status"] for result in results]
        counts = {"registered": found.count(201), "existing": found.count(200)}
        refused = len(found) - sum(counts.values())
        answer = {"results": results, **counts, "refused": refused}
        return Response(200, answer, _NO_STORE, final=max(found) < 500)

    def _made(self, member: str, value: object) -> tuple[Shipment, bool] | WaybillError:
        try:
            return self._register(member, value)
        except (RequestError, ServiceError) as error:
            return error

    def _register(self, member: str, value: object) -> tuple[Shipment, bool]:
        new = requests.parse(NewShipment, value)
        lang = new.lang or self.lang
        courier = numbers.named_courier("courier", new.courier or numbers.AUTO, new.tracking_number, lang)
        registration = Registration(
            tail=new.phone,
            origin=new.from_ or "",
            to=new.to or "",
            origin_country=new.origin_country,
            destination_country=new.destination_country,
            lang=lang,
            notify=new.notify.model_dump() if new.notify else None,
            tags=tuple(new.tags),
            metadata=new.metadata,
        )
        return self.shipments.register(member, new.order_id, courier, new.tracking_number, registration)

    def list(self, request: Request) -> Response:
        """A page of shipments, newest first; with `updated_since`, the least recently changed first."""
        access.demand(request.scopes, "track")
        filters = shipment_fields.filters(request)
        limit = shipment_fields.LIMIT.read(request.query) or shipment_fields.PAGE
        after = _opened(request.query.get("cursor"), filters)
        ships, following = self.shipments.page(request.member, filters, limit, after)
        cursor = _cursor(following, filters) if following else None
        return Response(200, {"shipments": self._views(request, ships), "next_cursor": cursor})

    def change(self, request: Request) -> Response:
        """A JSON merge patch (RFC 7396) over what was registered."""
        access.demand(request.scopes, "manage")
        which = shipment_fields.which(request)
        patch = requests.parse(ShipmentPatch, request.json_object(SHIPMENT_BYTES))
        ship = self.shipments.change(which, lambda said: _patched(said, patch))
        return self._changed(request, ship)

    def complete(self, request: Request) -> Response:
        access.demand(request.scopes, "manage")
        ship = self.shipments.complete(shipment_fields.which(request))
        return self._changed(request, ship)

    def forget(self, request: Request) -> Response:
        access.demand(request.scopes, "manage")
        self.shipments.forget(shipment_fields.which(request))
        return Response(204, None, _NO_STORE)

    def succeed(self, request: Request) -> Response:
        """201 with the shipment that carries a forwarded parcel on, 200 with one that was linked before."""
        access.demand(request.scopes, "manage")
        which = shipment_fields.which(request)
        body = requests.parse(Successor, request.json_object())
        courier = numbers.named_courier(
            "courier", body.courier or numbers.AUTO, body.tracking_number, self.lang
        )
        ship, new = self.shipments.succeed(which, courier, body.tracking_number, body.phone)
        return self._created(request, ship, new=new)

    def _created(self, request: Request, ship: Shipment, *, new: bool) -> Response:
        where = f"{request.base}/v1/shipments/{ship.order_id}?tracking_number={ship.number}"
        (view,) = self._views(request, [ship], written=True)
        return Response(201 if new else 200, view, {"Location": where, **_NO_STORE})

    def _changed(self, request: Request, ship: Shipment) -> Response:
        (view,) = self._views(request, [ship], written=True)
        return Response(200, view, _NO_STORE)

    def _views(
        self, request: Request, ships: Sequence[Shipment], *, written: bool = False
    ) -> Sequence[ShipmentView]:
        """Shipments with when they are looked at next, in one read; just `written` ones as they were written."""
        rows = self.parcels.rows([ship.link for ship in ships], consistent=written)
        pii = "pii" in request.scopes
        return [shipment_views.shipment(ship, rows.get(ship.link), pii=pii) for ship in ships]


def _item(index: int, made: tuple[Shipment, bool] | WaybillError, views: Iterator[ShipmentView]) -> BatchItem:
    if isinstance(made, tuple):
        return {"index": index, "status": 201 if made[1] else 200, "shipment": next(views)}
    refused = gateway.refuse(made)
    return {"index": index, "status": refused.status, "error": refused.body["error"]}


def _patched(said: Registration, patch: ShipmentPatch) -> Registration:
    """What was said, with what the patch names; null takes away."""
    named = patch.model_fields_set
    changed: dict[str, Any] = {
        name: getattr(patch, name) for name in named & {"origin_country", "destination_country", "lang"}
    }
    if "phone" in named:
        changed["tail"] = patch.phone
    if "from_" in named:
        changed["origin"] = patch.from_ or ""
    if "to" in named:
        changed["to"] = patch.to or ""
    if "notify" in named:
        changed["notify"] = patch.notify.model_dump() if patch.notify else None
    if "tags" in named:
        changed["tags"] = tuple(patch.tags or ())
    if "metadata" in named:
        merged = {**said.metadata, **patch.metadata} if patch.metadata is not None else {}
        changed["metadata"] = {key: text for key, text in merged.items() if text is not None}
        if len(changed["metadata"]) > requests.METADATA_LIMIT:
            raise InvalidField(
                "metadata", f"A shipment keeps {requests.METADATA_LIMIT} texts of yours at most."
            )
    return replace(said, **changed)


def _cursor(place: Place, filters: Filters) -> str:
    text = "\n".join([_checksum(place, filters), *astuple(place)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _checksum(place: Place, filters: Filters) -> str:
    """Tells a cursor of this list from one of another and from an invented one. It guards nothing, so it has no key."""
    return hashlib.sha256("\n".join([filters.digest(), *astuple(place)]).encode()).hexdigest()[:8]


def _opened(cursor: str | None, filters: Filters) -> Place | None:
    """Where a cursor says that a list goes on. It names no member: whoever shows it goes on in a list of their own."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        checksum, *parts = text.split("\n")
        place = Place(*parts)
    except (ValueError, TypeError) as error:
        raise InvalidField(
            "cursor", "This is no cursor. Take next_cursor of the page before as it is."
        ) from error
    if checksum != _checksum(place, filters) or not _fits(place):
        raise InvalidField("cursor", "This is no cursor of a list with these filters. Begin anew without it.")
    return place


def _fits(place: Place) -> bool:
    """Whether DynamoDB could have such a row: an invented cursor may have a right checksum."""
    *parts, tag = astuple(place)
    return all(1 <= len(part) <= _LONGEST_PART for part in parts) and len(tag) <= _LONGEST_PART
