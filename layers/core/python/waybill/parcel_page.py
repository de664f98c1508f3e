"""The routes of the page function: a parcel's page and badge for who has a link to it, and the files of all pages.

It asks nothing of Kuaidi100 and writes nothing, so that nobody who merely looks can cost anything. A link that was never made, is
over or was revoked gets one and the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from waybill import assets, couriers, page_views, page_words, statuses
from waybill.gateway import Response
from waybill.languages import LANGS, liked

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.gateway import Handler, Request
    from waybill.model import Lang
    from waybill.parcels import Parcels
    from waybill.shares import Shares
    from waybill.shipments import Shipment
    from waybill.tracked import Dossier

FILES: Final = "../page/"
"""Where the page's files are, from the page."""
_ROBOTS: Final = {"X-Robots-Tag": "noindex"}


@dataclass(frozen=True, slots=True)
class ParcelPage:
    """`now` is service time, `wall` wall time."""

    shares: Shares
    parcels: Parcels
    now: Callable[[], float]
    wall: Callable[[], float]

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", "/v1/t/{token}"): self.page,
            ("GET", "/v1/t/{token}/badge.svg"): self.badge,
            ("GET", "/v1/page/{asset}"): self.asset,
        }

    def page(self, request: Request) -> Response:
        """The parcel's page, in the language that is asked for, else the reader's, else the shipment's."""
        shown = self._shown(request)
        lang = _lang(request, shown[0].registration.lang if shown else "en")
        if shown is None:
            others = [page_words.WORDS[each] for each in LANGS if each != lang]
            return _page(render("gone.html", lang, others=others), 404)
        view = page_views.page(*shown, lang, self.now())
        return _page(render("parcel.html", lang, view=view, ago=_ago(view.checked, lang)))

    def badge(self, request: Request) -> Response:
        """The status as a small picture, for other pages to show."""
        shown = self._shown(request)
        lang = _lang(request, shown[0].registration.lang if shown else "en")
        words = page_words.WORDS[lang]
        if shown is None:
            return _badge(lang, words["parcel"], words["gone"], "wait", 404)
        ship, dossier = shown
        status = page_views.status(ship, dossier)
        courier = couriers.find(ship.courier)
        name = courier.name(lang) if courier else ship.courier
        return _badge(lang, name, statuses.status_name(status, lang), page_views.TONES[status])

    def asset(self, request: Request) -> Response:
        """A file of a page.

        Raises:
            NotFound: no such file.
        """
        return assets.PAGES.answer(request.path.get("asset", ""))

    def _shown(self, request: Request) -> tuple[Shipment, Dossier] | None:
        share = self.shares.get(request.path.get("token", ""))
        if share is None or share.expires_at <= self.wall():
            return None
        dossier = self.parcels.seen_by(share.member, share.order_id, share.link)
        ships = [ship for ship in dossier.watches if share.opens(ship, self.wall())]
        return (ships[0], dossier) if ships else None


def _lang(request: Request, otherwise: Lang) -> Lang:
    wanted = next((each for each in LANGS if each == request.query.get("lang")), None)
    return wanted or liked(request.headers.get("accept-language", "")) or otherwise


def _page(html: str, status: int = 200) -> Response:
    answer = assets.page(html, status, keep="private, no-cache")
    return Response(status, answer.body, {**answer.headers, **_ROBOTS, "Vary": "Accept-Language"})


def _ago(checked: int | None, lang: Lang) -> str:
    return "" if checked is None else page_words.ago(checked, lang)


def _badge(lang: Lang, name: str, said: str, tone: str, status: int = 200) -> Response:
    left, right = _width(name), _width(said)
    svg = render("badge.svg", lang, name=name, said=said, tone=tone, left=left, right=right)
    headers = {
        "Content-Type": "image/svg+xml; charset=utf-8",
        "Cache-Control": "public, max-age=60",
        "Content-Security-Policy": "default-src 'none'",
        # Pages of other hosts show it, also those that are isolated from them.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Accept-Language",
        **assets.SAFE,
        **_ROBOTS,
    }
    return Response(status, svg, headers)


def _width(text: str) -> int:
    """Pixels of a text at 12 px: Chinese is square, Latin about half as wide. The picture stretches it to just that."""
    return round(sum(12 if ord(each) > 0x2E7F else 6.9 for each in text))


def render(template: str, lang: Lang, **said: object) -> str:
    """A file of `data/page`; values are escaped."""
    words = page_words.WORDS[lang]
    return _templates().get_template(template).render(lang=lang, words=words, langs=LANGS, **said)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("waybill", "data/page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    globals_: dict[str, Any] = {"file": lambda plain: FILES + assets.PAGES.name(plain)}
    made.globals.update(globals_)
    return made
