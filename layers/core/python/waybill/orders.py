"""The routes of the query function that speak of members' orders: contract B, and a shipment with its parcel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from waybill import access, couriers, shipment_fields, shipment_views, views
from waybill.errors import (
    CourierUnknown,
    RequestError,
    ServiceError,
    StoreUnavailable,
)
from waybill.gateway import Response
from waybill.lookup import Wanted
from waybill.shipments import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.calls import Cause
    from waybill.errors import WaybillError
    from waybill.gateway import Handler, Request
    from waybill.lookup import Found, Lookup
    from waybill.reflection import Reflection
    from waybill.registration import Shipments
    from waybill.shipments import Link, Shipment
    from waybill.tracked import Tracked


@dataclass(frozen=True, slots=True)
class Orders:
    """`row` is what the schedule has of a parcel, if it is followed."""

    shipments: Shipments
    lookup: Lookup
    reflection: Reflection
    row: Callable[[Link], Tracked | None]

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", "/v1/tracking/get/{order_id}"): self.by_order,
            ("GET", "/v1/tracking/get"): self.by_number,
            ("GET", "/v1/shipments/{order_id}"): self.shipment,
            ("POST", "/v1/shipments/{order_id}/refresh"): self.refresh,
        }

    def by_order(self, request: Request) -> Response:
        """Contract B: the parcel of an order, or the one of several that `?tracking_number=` names."""
        access.demand(request.scopes, "track")
        return self._contract_b(self.shipments.find(shipment_fields.which(request)))

    def by_number(self, request: Request) -> Response:
        """Contract B: the member's order that a number belongs to."""
        access.demand(request.scopes, "track")
        number = shipment_fields.NUMBER_OF_AN_ORDER.read(request.query)
        return self._contract_b(self.shipments.find_number(request.member, number))

    def _contract_b(self, ship: Shipment) -> Response:
        ship, found, error = self._look(ship, "order")
        if isinstance(error, RequestError):
            raise error
        headers = views.origin(found) if found else {}
        return Response(200, shipment_views.contract_b(ship, found, error), headers)

    def shipment(self, request: Request) -> Response:
        """A shipment with its parcel, as fresh as the rules allow."""
        access.demand(request.scopes, "track")
        return self._shown(
            request, *self._look(self.shipments.find(shipment_fields.which(request)), "shipment")
        )

    def refresh(self, request: Request) -> Response:
        """The same, and now, if the rules allow; the freshness says why not."""
        access.demand(request.scopes, "track")
        return self._shown(
            request, *self._look(self.shipments.find(shipment_fields.which(request)), "refresh", max_age=0)
        )

    def _shown(
        self, request: Request, ship: Shipment, found: Found | None, error: WaybillError | None
    ) -> Response:
        body = shipment_views.with_parcel(
            ship, self.row(ship.link), found, error, pii="pii" in request.scopes
        )
        headers = {"ETag": shipment_views.etag(body), **(views.origin(found) if found else {})}
        return Response(200, body, headers)

    def _look(
        self, ship: Shipment, cause: Cause, max_age: float | None = None
    ) -> tuple[Shipment, Found | None, WaybillError | None]:
        """What is known of a shipment's parcel, asked for if due; an error instead where nothing may be shown.

        One that the member has completed is not asked for any more.
        """
        ship = self.reflection.arm(ship)
        said, courier = ship.registration, couriers.find(ship.courier)
        if courier is None:
            raise CourierUnknown(f"Kuaidi100 has no courier {ship.courier} any more.")
        wanted = Wanted(
            courier=courier,
            number=ship.number,
            member=ship.member,
            tail=said.tail,
            lang=said.lang,
            max_age=max_age,
            origin=said.origin,
            to=said.to,
            followed=ship.completed_at is None,
            cause=cause,
        )
        try:
            found = self.lookup.track(wanted)
        except StoreUnavailable:
            raise
        except (RequestError, ServiceError) as error:
            return ship, None, error
        return self.reflection.show(ship, Standing.of(found.parcel, found.fetched_at)), found, None
