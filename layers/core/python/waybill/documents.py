"""What the API says of itself: its OpenAPI document, and a page to read and try it, which asks nothing of other hosts.

The page is Swagger UI as Powertools ships it; no script or style stands in the page itself, so that its policy can forbid both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from waybill.errors import NotFound
from waybill.gateway import Request, Response, base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOCUMENT: Final = ("waybill", "data/openapi.json")
PAGE: Final = ("waybill", "data/docs/page.html")
ASSETS: Final = {
    "page.js": ("waybill", "data/docs/page.js", "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": (
        "aws_lambda_powertools",
        "event_handler/openapi/swagger_ui/swagger-ui-bundle.min.js",
        "text/javascript; charset=utf-8",
    ),
    "swagger-ui.css": (
        "aws_lambda_powertools",
        "event_handler/openapi/swagger_ui/swagger-ui.min.css",
        "text/css; charset=utf-8",
    ),
}
"""Every file of the page: the package that has it, where, and its type."""
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Content Security Policy, level 3. Swagger UI draws its arrows by data: images, and sets styles by script only."""


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
        document = json.loads(_read(*DOCUMENT))
        document["servers"] = [{"url": self.address}]
        return Response(200, document, {"Cache-Control": "public, max-age=300", **_SAFE})

    def page(self, _request: Request) -> Response:
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "public, max-age=300",
            "Content-Security-Policy": _POLICY,
            **_SAFE,
        }
        return Response(200, _read(*PAGE), headers)

    def asset(self, request: Request) -> Response:
        """A file of the page.

        Raises:
            NotFound: no such file.
        """
        found = ASSETS.get(request.path.get("asset", ""))
        if found is None:
            raise NotFound("The page at /v1/docs has no such file.")
        package, path, media_type = found
        headers = {"Content-Type": media_type, "Cache-Control": "public, max-age=3600", **_SAFE}
        return Response(200, _read(package, path), headers)


def address(event: Mapping[str, Any]) -> str:
    """Where the API was asked, of an event of the gateway: with the stage, or with what a custom domain maps it to."""
    context = event.get("requestContext") or {}
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme = "http" if headers.get("x-forwarded-proto") == "http" else "https"
    if domain := context.get("domainName"):
        return f"{scheme}://{domain}{base(context)}"
    return f"{scheme}://{headers.get('host', 'localhost')}"


def _read(package: str, path: str) -> str:
    return files(package).joinpath(path).read_text(encoding="utf-8")
