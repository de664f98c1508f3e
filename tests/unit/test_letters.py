"""What a customer's letter says, in either language and either part, and that nobody's words get out of their place in it."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import letters, notifications
from waybill.letters import LINES, Ways
from waybill.model import Eta, Event, Milestone, Parcel
from waybill.shipments import Registration, Shipment

if TYPE_CHECKING:
    from email.message import EmailMessage

    from waybill.model import Lang

NUMBER, LINK = "YT7450353838751", f"https://api.example.com/prod/v1/unsubscribe/{'a' * 78}"
SIGNED = Event("e1", "2027-01-15T16:00:00+08:00", "given", "已签收，签收人：本人", "301")
TOUR = Event("e2", "2027-01-15T09:30:00+08:00", "given", "派送中", "5")
PARCEL = Parcel("yuantong", NUMBER, "delivered", terminal=True, events=(SIGNED, TOUR))
WAYS = Ways("Shop <no-reply@shop.example>", LINK)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


def shipment(lang: Lang | None = None, order_id: str = "3550875", **said: Any) -> Shipment:
    notify = {"email": "someone@example.com", "events": ["*"], "lang": lang}
    return Shipment(
        "acme", order_id, "yuantong", NUMBER, Registration(notify=notify, **said), 1_800_000_000.0, 1.0
    )


def message(
    parcel: Parcel = PARCEL, ship: Shipment | None = None, ways: Ways = WAYS, *, stalled: bool = False
) -> EmailMessage:
    now = 1_800_000_000.0
    told = (
        notifications.of_stall(parcel, now)
        if stalled
        else notifications.of_milestone(
            parcel, Milestone(parcel.status, "2027-01-15T16:00:00+08:00", "e1"), now
        )
    )
    raw = letters.compose(ship or shipment(), told, parcel, ways)
    assert raw.isascii(), "SES takes seven bits"
    assert max(map(len, raw.split(b"\r\n"))) <= 998, "RFC 5322, section 2.1.1"
    assert b"\n" not in raw.replace(b"\r\n", b"")
    read: Any = email.message_from_bytes(raw, policy=email.policy.default)
    return read  # type: ignore[no-any-return] # what the default policy makes


def part(of: EmailMessage, kind: str) -> str:
    found = of.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


class Page(HTMLParser):
    """What a reader sees of HTML, where links lead, and the elements in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.elements: list[str] = []
        self.links: list[str | None] = []
        self.langs: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value for name, value in attrs if name == "href"]
        self.langs += [value for name, value in attrs if name == "lang"]

    def handle_data(self, data: str) -> None:
        self.seen += [data.strip()] if data.strip() else []


@pytest.mark.parametrize(
    ("lang", "subject", "words"),
    [
        (
            "zh",
            f"已签收：3550875 (圆通速递 {NUMBER})",
            ("当前状态：已签收", "快递公司：圆通速递", "物流轨迹", "退订："),
        ),
        (
            "en",
            f"Delivered: 3550875 (YTO Express {NUMBER})",
            ("Status now: Delivered", "Courier: YTO Express", "Timeline", "Unsubscribe: "),
        ),
    ],
)
def test_a_letter_tells_in_its_language_what_happened_to_which_parcel(
    lang: Lang, subject: str, words: tuple[str, ...]
) -> None:
    mail = message(ship=shipment(lang))
    assert mail["Subject"] == subject
    assert mail.get_content_type() == "multipart/alternative"
    text, page = part(mail, "plain"), Page(part(mail, "html"))
    for each in (*words, "3550875", NUMBER):
        assert each in text
    for each in (SIGNED.text, TOUR.text, "2027-01-15 16:00:00+08:00", "3550875", NUMBER):
        assert each in text
        assert each in " ".join(page.seen)
    assert text.index(SIGNED.text) < text.index(TOUR.text)
    assert text.startswith(subject.split("：", maxsplit=1)[0].split(":", maxsplit=1)[0])
    assert page.langs == [letters.WORDS[lang]["html_lang"], "zh-CN"], (
        "the courier's lines have a language of their own"
    )


def test_the_shipments_language_is_the_letters_where_it_names_none() -> None:
    assert str(message(ship=shipment(lang=None))["Subject"]).startswith("已签收")
    english = shipment(lang=None)
    english = replace(english, registration=replace(english.registration, lang="en"))
    assert str(message(ship=english)["Subject"]).startswith("Delivered")


def test_the_way_out_is_in_both_parts_and_in_the_headers_that_mail_programs_read() -> None:
    mail = message()
    assert mail["List-Unsubscribe"] == f"<{LINK}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert LINK in part(mail, "plain")
    assert LINK in Page(part(mail, "html")).links


def test_a_long_address_of_the_api_stays_one_word_in_its_header() -> None:
    long = f"https://{'a' * 60}.{'b' * 60}.example.com/{'c' * 60}/v1/unsubscribe/{'d' * 78}"
    raw = letters.compose(
        shipment(),
        notifications.of_milestone(PARCEL, Milestone("delivered", "2027-01-15T16:00:00+08:00", "e1"), 1.0),
        PARCEL,
        replace(WAYS, unsubscribe=long),
    )
    assert f"\r\nList-Unsubscribe: <{long}>\r\n".encode() in raw


def test_the_address_stands_in_to_alone_and_the_member_nowhere() -> None:
    mail = message()
    assert mail["To"] == "someone@example.com"
    assert mail["From"] == "Shop <no-reply@shop.example>"
    del mail["To"]
    left = "".join([str(mail.items()), part(mail, "plain"), part(mail, "html")])
    assert "someone" not in left
    assert "acme" not in left


def test_letters_about_one_parcel_make_one_thread() -> None:
    assert message()["References"] == message(stalled=True)["References"]
    assert message()["References"] != message(ship=shipment(order_id="2"))["References"]


def test_the_parcels_page_is_linked_where_it_has_one() -> None:
    page = "https://api.example.com/p?a=1&b=2"
    mail = message(ways=replace(WAYS, page=page))
    assert page in Page(part(mail, "html")).links
    assert page in part(mail, "plain")
    assert Page(part(message(), "html")).links == [LINK]


def test_a_stalled_parcel_is_told_as_such_with_its_status() -> None:
    mail = message(replace(PARCEL, status="in_transit", terminal=False), shipment("en"), stalled=True)
    assert str(mail["Subject"]).startswith("No news for a while: ")
    assert "Status now: In transit" in part(mail, "plain")


def test_the_forecast_is_told_until_the_journey_is_over() -> None:
    coming = replace(PARCEL, status="in_transit", terminal=False, eta=Eta("2027-01-16T18:00:00+08:00"))
    assert "Expected: 2027-01-16 18:00:00+08:00" in part(message(coming, shipment("en")), "plain")
    assert "Expected" not in part(message(replace(coming, terminal=True), shipment("en")), "plain")


def test_a_long_timeline_is_cut_and_says_so() -> None:
    lines = tuple(replace(SIGNED, id=f"e{n}", text=f"line {n}.") for n in range(LINES + 3))
    mail = message(replace(PARCEL, events=lines), shipment("en"))
    for text in (part(mail, "plain"), " ".join(Page(part(mail, "html")).seen)):
        assert f"line {LINES - 1}." in text
        assert f"line {LINES}." not in text
        assert "and 3 earlier ones" in text


def test_a_parcel_without_lines_and_a_line_without_time_are_no_faults() -> None:
    assert "Nothing yet" in part(message(replace(PARCEL, events=()), shipment("en")), "plain")
    bare = replace(PARCEL, events=(replace(SIGNED, time=None),))
    assert f"* {SIGNED.text}" in part(message(bare), "plain")


@given(ANY_TEXT)
def test_no_line_of_a_courier_makes_an_element_or_a_line_of_the_letter(text: str) -> None:
    plain, hostile = (
        message(replace(PARCEL, events=(replace(SIGNED, text=f"x{each}"),))) for each in ("", f"<b>&\n{text}")
    )
    assert Page(part(hostile, "html")).elements == Page(part(plain, "html")).elements
    assert part(hostile, "plain").count("\n") == part(plain, "plain").count("\n")


@given(ANY_TEXT, ANY_TEXT)
def test_no_name_makes_a_header(order_id: str, number: str) -> None:
    hostile = replace(shipment(order_id=f"1\r\nBcc: x@example.com\r\n\r\n{order_id}"), number=f"Y\n{number}")
    mail = message(ship=hostile)
    assert mail.keys() == message().keys()
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    "address",
    [
        "nobody",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example, c@d.example",
        "",
        "a b@c.example",
        "a@b.example\n",
        "@b.example",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    ship = shipment()
    notify = {"email": address, "events": ["*"], "lang": "en"}
    with pytest.raises(ValueError):  # noqa: PT011 - the library's words
        message(ship=replace(ship, registration=replace(ship.registration, notify=notify)))
