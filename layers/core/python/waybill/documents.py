"""What the API says of itself: its OpenAPI document, and a page to read and try it, which asks nothing of other hosts.

The page is Swagger UI as Powertools ships it; its files are `assets`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from waybill import assets
from waybill.assets import Assets
from waybill.gateway import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.gateway import Request

DOCUMENT: Final = ("waybill", "data/openapi.json")
PAGE: Final = ("waybill", "data/docs/page.html")
ASSETS: Final = Assets(
    {
        "page.js": ("waybill", "data/docs/page.js"),
        "swagger-ui-bundle.js": (
            "aws_lambda_powertools",
            "event_handler/openapi/swagger_ui/swagger-ui-bundle.min.js",
        ),
        "swagger-ui.css": ("aws_lambda_powertools", "event_handler/openapi/swagger_ui/swagger-ui.min.css"),
    }
)


@dataclass(frozen=True, slots=True)
class Documents:
    """`address` is where the API was asked: `https://host/stage`, without a slash at its end."""

    address: str

    def routes(self) -> dict[tuple[str, str], Callable[[Request], Response]]:
        return {
            ("GET", "/v1/openapi.json"): self.openapi,
            ("GET", "/v1/docs"): self.page,
            ("GET", "/v1/docs/{asset}"): self.asset,
        }

    def openapi(self, _request: Request) -> Response:
        document = json.loads(assets.read(*DOCUMENT))
        document["servers"] = [{"url": self.address}]
        return Response(200, document, {"Cache-Control": "public, max-age=300", **assets.SAFE})

    def page(self, _request: Request) -> Response:
        html = assets.read(*PAGE)
        for name, plain in ASSETS.names().items():
            html = html.replace(f'"docs/{plain}"', f'"docs/{name}"')
        # Swagger UI draws its arrows by data: images, and sets styles by script only.
        return assets.page(html, images="'self' data:", keep="public, no-cache")

    def asset(self, request: Request) -> Response:
        """A file of the page.

        Raises:
            NotFound: no such file.
        """
        return ASSETS.answer(request.path.get("asset", ""))
