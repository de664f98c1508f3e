"""The e-mail that a customer gets about a parcel, as SES takes it: two languages, a text and an HTML part. Pure.

The parcel's texts are masked before they are stored, so the only personal thing in a letter is the address that it goes to. What a
courier or a member wrote stays within its line of a header, of the text and of the HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from waybill import couriers, notifications, statuses
from waybill.shipments import EMAIL

if TYPE_CHECKING:
    from waybill.model import Lang, Parcel
    from waybill.notifications import Notification
    from waybill.shipments import Shipment

LINES: Final = 20
"""Of the timeline, the newest first."""
WORDS: Final[dict[Lang, dict[str, str]]] = {
    "zh": {
        "html_lang": "zh-CN",
        "colon": "：",
        "order": "订单号",
        "courier": "快递公司",
        "number": "运单号",
        "status": "当前状态",
        "eta": "预计送达",
        "timeline": "物流轨迹",
        "no_timeline": "暂无轨迹",
        "earlier": "另有更早的轨迹 %d 条",
        "stalled": "物流长时间没有更新",
        "page": "查看包裹",
        "why": "发货方为这个包裹登记了您的邮箱，因此您会收到这封邮件。",
        "unsubscribe": "退订",
    },
    "en": {
        "html_lang": "en",
        "colon": ": ",
        "order": "Order",
        "courier": "Courier",
        "number": "Tracking number",
        "status": "Status now",
        "eta": "Expected",
        "timeline": "Timeline",
        "no_timeline": "Nothing yet",
        "earlier": "and %d earlier ones",
        "stalled": "No news for a while",
        "page": "See the parcel",
        "why": "You get this mail because the sender of the parcel named your address for it.",
        "unsubscribe": "Unsubscribe",
    },
}
_AS_THEY_ARE: Final = frozenset({"list-unsubscribe", "references"})


@dataclass(frozen=True, slots=True)
class Ways:
    """Where a letter comes from and leads to: `sender` is a From, `unsubscribe` an https URL, `page` the parcel's if it has one."""

    sender: str
    unsubscribe: str
    page: str | None = None


class _Policy(EmailPolicy):
    """Headers of long URLs and ids in one line: folding would make encoded words of them, in which RFC 2047 (5) allows neither."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in _AS_THEY_ARE:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_POLICY: Final = _Policy(linesep="\r\n", cte_type="7bit", raise_on_defect=True)


def compose(ship: Shipment, told: Notification, parcel: Parcel, ways: Ways) -> bytes:
    """The message to whom the shipment names, seven-bit: RFC 5322, 2369 and 8058 (List-Unsubscribe), 3834 (Auto-Submitted).

    Raises:
        ValueError: the address is none.
    """
    notify = ship.registration.notify or {}
    lang: Lang = notify.get("lang") or ship.registration.lang
    words = WORDS[lang]
    heading = _heading(told, lang)
    courier = _courier(ship.courier, lang)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = ways.sender
    mail["To"] = _address(notify["email"])
    mail["Subject"] = one_line(f"{heading}{words['colon']}{ship.order_id} ({courier} {ship.number})")
    mail["References"] = f"<{ship.id}@{parseaddr(ways.sender)[1].rpartition('@')[2]}>"
    mail["List-Unsubscribe"] = f"<{ways.unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    said: dict[str, Any] = {
        "words": words,
        "heading": heading,
        "facts": _facts(ship, parcel, courier, lang),
        "timeline": [
            {"time": _time(each.time), "text": one_line(each.text)} for each in parcel.events[:LINES]
        ],
        "timeline_lang": WORDS[parcel.lang]["html_lang"],
        "earlier": max(0, len(parcel.events) - LINES),
        "page": ways.page,
        "unsubscribe": ways.unsubscribe,
    }
    mail.set_content(render("letter.txt", **said))
    mail.add_alternative(render("letter.html", **said), subtype="html")
    return mail.as_bytes()


def render(template: str, **said: object) -> str:
    """A file of `data/mail`; values are escaped in those that end with .html."""
    return _templates().get_template(template).render(**said)


def one_line(text: str) -> str:
    """Without line breaks and control characters, so that it cannot begin a header or a line of its own."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("waybill", "data/mail"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _heading(told: Notification, lang: Lang) -> str:
    if told["type"] == notifications.STALLED_TYPE:
        return WORDS[lang]["stalled"]
    return statuses.status_name(told["data"]["status"], lang)


def _facts(ship: Shipment, parcel: Parcel, courier: str, lang: Lang) -> list[tuple[str, str]]:
    words = WORDS[lang]
    eta = parcel.eta.arrives_at if parcel.eta and not parcel.terminal else None
    facts = [
        (words["status"], statuses.status_name(parcel.status, lang)),
        (words["order"], ship.order_id),
        (words["courier"], courier),
        (words["number"], ship.number),
        (words["eta"], _time(eta)),
    ]
    return [(name, one_line(value)) for name, value in facts if value]


def _address(email: str) -> str:
    if not re.fullmatch(EMAIL, email):
        raise ValueError("no address")
    return email


def _courier(code: str, lang: Lang) -> str:
    found = couriers.find(code)
    return found.name(lang) if found else code


def _time(time: str | None) -> str:
    """As the courier's clock showed it, with its zone; what is no time stays as it is."""
    try:
        return datetime.fromisoformat(time).isoformat(" ") if time else ""
    except ValueError:
        return one_line(time or "")
