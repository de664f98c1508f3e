"""The files that pages load, and the headers that pages and their files are sent with.

Each file is loaded under a name that carries a hash of its content (`parcel.3f9a1c0de2b4.css`): a copy may be kept for good, since
a changed file has another name. A page has no script or style in itself, so that its policy can forbid both.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from waybill.errors import NotFound
from waybill.gateway import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}


class Assets:
    """Files of pages, by the plain names that the code has for them: each a package and the path in it."""

    def __init__(self, sources: Mapping[str, tuple[str, str]]) -> None:
        self._sources = sources

    def name(self, plain: str) -> str:
        """The name under which a page loads the file."""
        path = PurePosixPath(plain)
        return f"{path.stem}.{_digest(*self._sources[plain])}{path.suffix}"

    def names(self) -> dict[str, str]:
        """The plain name of every file that there is, by the name under which it is loaded."""
        return {self.name(plain): plain for plain in self._sources}

    def answer(self, name: str) -> Response:
        """The file that is loaded under a name.

        Raises:
            NotFound: no such file, or not with this content.
        """
        plain = self.names().get(name)
        if plain is None:
            raise NotFound("There is no such file. Load the page again: it names those that it has.")
        headers = {
            "Content-Type": _MEDIA_TYPES[PurePosixPath(plain).suffix],
            "Cache-Control": "public, max-age=31536000, immutable",
            **SAFE,
        }
        return Response(200, read(*self._sources[plain]), headers)


def page(html: str, status: int = 200, *, images: str = "'self'", keep: str = "no-cache") -> Response:
    """A page that asks nothing of other hosts and stands in no frame; `images` are its sources of them, `keep` its Cache-Control.

    Content Security Policy, level 3.
    """
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": keep,
        "Content-Security-Policy": policy,
        **SAFE,
    }
    return Response(status, html, headers)


@cache
def read(package: str, path: str) -> str:
    return files(package).joinpath(path).read_text(encoding="utf-8")


@cache
def _digest(package: str, path: str) -> str:
    return hashlib.sha256(read(package, path).encode()).hexdigest()[:12]


PAGES: Final = Assets(
    {
        "icon.svg": ("waybill", "data/page/icon.svg"),
        "operator.css": ("waybill", "data/operator/operator.css"),
        "operator.js": ("waybill", "data/operator/operator.js"),
        "parcel.css": ("waybill", "data/page/parcel.css"),
        "parcel.js": ("waybill", "data/page/parcel.js"),
    }
)
"""What the pages load from `/v1/page/{asset}`."""
