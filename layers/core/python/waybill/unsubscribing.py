"""Who is not written to any more: by the page behind a letter's link, by the click of a mail program, or by what SES says.

Who follows the link may be a scanner of links: GET only asks, as RFC 8058 demands. The page works without scripts, loads nothing,
and tells nothing of who was written to.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from waybill.errors import InvalidField
from waybill.gateway import Response
from waybill.languages import liked
from waybill.letters import WORDS as LETTER_WORDS
from waybill.letters import render
from waybill.suppression import ALL, Recipient, address_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.gateway import Request
    from waybill.mail_feedback import Feedback
    from waybill.model import Lang
    from waybill.suppression import Suppressions

PATH: Final = "/v1/unsubscribe/{token}"
WHY: Final = "unsubscribed"
WORDS: Final[dict[Lang, dict[str, str]]] = {
    "zh": {
        "ask": "退订邮件",
        "ask_text": "您不想再收到哪些邮件？",
        "shipment": "关于这个包裹的邮件",
        "member": "该发货方的所有邮件",
        "done": "已退订",
        "done_shipment": "您不会再收到关于这个包裹的邮件。",
        "done_member": "您不会再收到该发货方的邮件。",
        "unknown": "链接无效",
        "unknown_text": "此退订链接不完整或已被更改。请从邮件中完整复制链接。",
    },
    "en": {
        "ask": "Unsubscribe",
        "ask_text": "Which mails do you want no more of?",
        "shipment": "Mails about this parcel",
        "member": "All mails from this sender",
        "done": "Unsubscribed",
        "done_shipment": "You will get no more mails about this parcel.",
        "done_member": "You will get no more mails from this sender.",
        "unknown": "This link does not work",
        "unknown_text": "It is not complete, or was changed. Copy all of it from the mail.",
    },
}
_STYLE: Final = (
    ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}"
    "main{max-width:32rem;margin:4rem auto;padding:0 1rem}"
    "button{display:block;width:100%;margin:0 0 1rem;padding:.75rem;font:inherit;cursor:pointer}"
)


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """`key` is what tokens are made with."""

    suppressions: Suppressions
    key: Callable[[], bytes]
    now: Callable[[], float]

    def routes(self) -> dict[tuple[str, str], Callable[[Request], Response]]:
        return {("GET", PATH): self.ask, ("POST", PATH): self.stop}

    def ask(self, request: Request) -> Response:
        return (
            _page(request, "ask", asks=True) if self._recipient(request) else _page(request, "unknown", 404)
        )

    def stop(self, request: Request) -> Response:
        """Done as often as it is asked for.

        Raises:
            InvalidField: neither a button of the page nor a click as RFC 8058 has it.
        """
        recipient = self._recipient(request)
        if recipient is None:
            return _page(request, "unknown", 404)
        match request.form():
            case {"scope": "shipment"}:
                scope, what = "shipment", recipient.of_shipment
            case {"scope": "member"} | {"List-Unsubscribe": "One-Click"}:
                scope, what = "member", recipient.of_member
            case _:
                raise InvalidField(
                    "scope", "Send scope=shipment, scope=member or List-Unsubscribe=One-Click."
                )
        self.suppressions.add(recipient.address, what, WHY, self.now())
        return _page(request, "done", text=f"done_{scope}")

    def heed(self, feedback: Feedback) -> None:
        """Write no more to whom SES names: nobody does."""
        for address in feedback.addresses:
            self.suppressions.add(address_hash(self.key(), address), ALL, feedback.why, self.now())

    def _recipient(self, request: Request) -> Recipient | None:
        try:
            return Recipient.read(self.key(), request.path.get("token", ""))
        except ValueError:
            return None


def _page(request: Request, title: str, status: int = 200, *, text: str = "", asks: bool = False) -> Response:
    lang = liked(request.headers.get("accept-language", "")) or "en"
    words = LETTER_WORDS[lang] | WORDS[lang]
    said: dict[str, Any] = {
        "words": words,
        "title": words[title],
        "text": words[text or f"{title}_text"],
        "asks": asks,
        "style": _STYLE,
    }
    return Response(status, render("unsubscribe.html", **said), _headers())


@cache
def _headers() -> dict[str, str]:
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Vary": "Accept-Language",
    }
