"""The routes of the manage function that make links to a parcel's page, and end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from typing_extensions import TypedDict

from waybill import access, requests, shares, shipment_fields, views
from waybill.errors import DAY
from waybill.gateway import Response
from waybill.requests import NewShare
from waybill.shares import Share

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.gateway import Handler, Request
    from waybill.registration import Shipments
    from waybill.shares import Shares

PATH: Final = "/v1/shipments/{order_id}/share"
_NO_STORE: Final = {"Cache-Control": "no-store"}


class ShareView(TypedDict):
    """A link to a parcel's page. It is shown once: only its hash is stored."""

    url: str
    """Whoever has it sees the parcel's way, without any token."""
    expires_at: str


@dataclass(frozen=True, slots=True)
class Sharing:
    """`address` is the API's for the world, "" for the one that it was asked at; `wall` is wall time."""

    shipments: Shipments
    shares: Shares
    new_token: Callable[[], str]
    wall: Callable[[], float]
    address: str

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {("POST", PATH): self.share, ("DELETE", PATH): self.revoke}

    def share(self, request: Request) -> Response:
        """201 with one more link, which ends by itself."""
        access.demand(request.scopes, "manage")
        which = shipment_fields.which(request)
        body = requests.parse(NewShare, request.json_object() if request.body else {})
        ship = self.shipments.one(which)
        token, expires_at = self.new_token(), int(self.wall() + body.days * DAY)
        self.shares.put(token, Share.of(ship, expires_at))
        url = f"{self.address or request.address}{shares.PATH}{token}"
        view: ShareView = {"url": url, "expires_at": views.instant(expires_at)}
        return Response(201, view, _NO_STORE)

    def revoke(self, request: Request) -> Response:
        """Every link that there is of the shipment, also those in letters, shows nothing any more."""
        access.demand(request.scopes, "manage")
        self.shipments.unshare(shipment_fields.which(request))
        return Response(204, None, _NO_STORE)
