"""The operator's page: open, since it holds nothing of anybody. Its script asks for a token, and then the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from waybill import assets

if TYPE_CHECKING:
    from waybill.gateway import Handler, Request, Response

PAGE: Final = ("waybill", "data/operator/operator.html")
FILES: Final = ("operator.css", "operator.js")


def show(_request: Request) -> Response:
    html = assets.read(*PAGE)
    for plain in FILES:
        html = html.replace(f'"page/{plain}"', f'"page/{assets.PAGES.name(plain)}"')
    return assets.page(html)


ROUTES: Final[dict[tuple[str, str], Handler]] = {("GET", "/v1/operator"): show}
