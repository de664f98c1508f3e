"""What couriers write of people, in every sentence and in every field: nothing of it gets past the parser of their answers."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.attacks.people import CHINESE, ENGLISH, Person, Search, people, sentences
from waybill import kuaidi100, privacy
from waybill.model import Query

CROWD = people(400, seed=7)
SEARCH = Search(CROWD)
QUERY = Query("yuantong", "YT7450353838751", resultv2="8")


def test_the_search_finds_everybody_who_is_not_masked() -> None:
    for person in CROWD:
        for sentence in sentences(person):
            assert len(SEARCH(sentence)) >= 1
        assert person.phone in SEARCH(f"…{person.grouped}。")


def test_nobody_is_found_in_the_name_of_another() -> None:
    crowd = people(10_000)
    search = Search(crowd)
    assert all(search(person.name) == set(person.name.split()) for person in crowd)


@pytest.mark.parametrize("form", [*CHINESE, *ENGLISH])
def test_a_sentence_that_says_who_somebody_is_loses_name_and_phone(form: str) -> None:
    told = [person for person in CROWD if person.latin == (form in ENGLISH)]
    assert {
        person.said(form): found for person in told if (found := SEARCH(privacy.mask(person.said(form))))
    } == {}


def spread(text: str, by: str) -> str:
    return by.join(text)


@pytest.mark.parametrize(
    "by",
    [
        "\u200b",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u202e",
        "\x00",
        "\x1b",
        "\ufffe",
        "\uffff",
        "\ud800",
        "\U000e0061",
    ],
)
def test_what_cannot_be_seen_hides_nobody_and_is_not_kept(by: str) -> None:
    masked = privacy.mask(spread("快递员欧阳梓涵（13800000001）正在派件", by))
    assert masked == "快递员***（***）正在派件"


def test_every_character_that_is_kept_may_be_in_a_message_of_sqs() -> None:
    """`#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF` (API reference of SendMessage)."""
    allowed = {0x9, 0xA, 0xD, *range(0x20, 0xD800), *range(0xE000, 0xFFFE), *range(0x10000, 0x110000)}
    texts = ("".join(map(chr, range(first, first + 512))) for first in range(0, 0x110000, 512))
    assert {ord(each) for text in texts for each in privacy.mask(text)} <= allowed


@pytest.mark.parametrize("zero", ["０", "٠", "०", "𝟎", "𝟘"])
def test_a_phone_in_other_digits_is_a_phone(zero: str) -> None:
    other = "".join(chr(ord(zero) + int(digit)) for digit in "13800000001")
    assert privacy.mask(f"call {other} now") == "call *** now"


def test_nothing_steers_a_terminal_or_begins_a_line() -> None:
    masked = privacy.mask("到达\r\nSet-Cookie: a=b\x1b[2J\x1b]0;owned\x07\u2028\x85西安")
    assert masked == "到达 Set-Cookie: a=b[2J]0;owned 西安"


def an_answer(person: Person, rng: random.Random) -> bytes:
    """One in which every text that the vendor has speaks of a person."""

    def said() -> str:
        return person.said(rng.choice(ENGLISH if person.latin else CHINESE))

    row = {
        name: said()
        for name in ("context", "statusCode", "areaCode", "areaName", "location", "status", "areaPinYin")
    }
    place = {"number": said(), "name": said()}
    reply: dict[str, Any] = {
        "status": "200",
        "message": said(),
        "state": said(),
        "com": said(),
        "nu": QUERY.num,
        "data": [{"ftime": "2026-03-09 10:47:53", **row, "areaCenter": said()}],
        "routeInfo": {"from": place, "cur": place, "to": place},
        "arrivalTime": said(),
        "totalTime": said(),
        "remainTime": said(),
        "probability": said(),
        "predictedRoute": [
            {"name": said(), "arriveTime": said()},
            {"province": said(), "city": said(), "district": said()},
        ],
    }
    return json.dumps(reply, ensure_ascii=False).encode()


def test_no_field_of_an_answer_tells_of_anybody() -> None:
    rng = random.Random(3)
    for person in CROWD:
        answer = kuaidi100.parse(an_answer(person, rng), QUERY)
        kept = json.dumps([answer.parcel.to_dict(), answer.unknown_codes], ensure_ascii=False)
        assert SEARCH(kept) == set(), kept
