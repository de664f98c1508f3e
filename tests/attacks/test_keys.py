"""Names that members choose are parts of keys: whatever they are called, no two things have one key, and none finds another's."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from waybill import feed, messages, numbers, suppression, tokens, watches
from waybill.access import is_member
from waybill.errors import InvalidField
from waybill.messages import Delivery, Letter
from waybill.shipments import ORDER_ID, TAG, Link

LINK = Link("yuantong", "YT7450353838751")
MEMBERS = st.text(st.sampled_from("ab#/%é\u0301e\uff21A"), min_size=1, max_size=6).filter(is_member)
ORDERS = st.text(st.sampled_from("ab:@-"), min_size=1, max_size=4).filter(
    lambda text: bool(re.fullmatch(ORDER_ID, text))
)
TAGS = st.text(st.sampled_from("abé:#"), min_size=1, max_size=4).filter(
    lambda text: bool(re.fullmatch(TAG, text))
)
NAMED = st.tuples(MEMBERS, ORDERS, TAGS)


def keys(member: str, order: str, tag: str) -> dict[str, str]:
    """The keys of all that is told apart by members, and what of the three each is told apart by."""
    place = watches.Place(LINK.courier, LINK.number, order, tag)
    return {
        "member, order": str(watches.watch_key(member, order, LINK)),
        "member, order, tag": str(watches._row_key(member, place)),  # noqa: SLF001 - no other way to it
        "member, tag": watches._index_key(member, tag),  # noqa: SLF001 - how keys are made is what is attacked
        "member,  order": str(messages.letter_key(Letter(member, order, LINK.courier, LINK.number))),
        "member": str(messages.delivery_key(Delivery(member, "wh_1", 1))),
        " member": str(feed._mark(member, "evt_1")),  # noqa: SLF001 - how keys are made is what is attacked
        "  member": str(tokens._member_key(member)),  # noqa: SLF001 - how keys are made is what is attacked
    }


@given(NAMED, NAMED)
@example(("a", "b", "a"), ("a#b", "b", "a"))
@example(("a", "b", "a"), ("a#b#a", "b", "a"))
def test_two_names_have_two_keys(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    named = dict(zip(("member", "order", "tag"), zip(one, other, strict=True), strict=True))
    for (parts, key), (_, another) in zip(keys(*one).items(), keys(*other).items(), strict=True):
        same = all(len(set(named[part.strip()])) == 1 for part in parts.split(","))
        assert (key == another) is same, parts


@given(MEMBERS, ORDERS)
def test_what_waits_under_a_key_is_whose_key_it_is(member: str, order: str) -> None:
    letter = Letter(member, order, LINK.courier, LINK.number)
    assert messages.of_key(*messages.letter_key(letter)) == letter
    delivery = Delivery(member, "wh_1", 7, "r1")
    assert messages.of_key(*messages.delivery_key(delivery)) == delivery


@given(MEMBERS, MEMBERS)
def test_nobodys_tokens_are_listed_with_anothers(one: str, other: str) -> None:
    prefix, another = (f"TOKEN#{tokens._escaped(each)}#" for each in (one, other))  # noqa: SLF001 - how keys are made is what is attacked
    assert another.startswith(prefix) is (one == other)


@given(st.text(max_size=12))
@example("ＡＢＣ１２３４５６")
@example("ABC\u200b123456")
@example("ſf123456789")
@example("K123456789")
@example("ß12345678")
def test_a_number_is_ascii_before_it_is_a_key_or_refused(text: str) -> None:
    try:
        number = numbers.normalise(text)
    except InvalidField:
        return
    assert re.fullmatch(r"[A-Z0-9-]{6,32}", number)
    assert number == unicodedata.normalize("NFKC", text).strip().upper()


@given(st.text(max_size=10))
@example("a\n")
@example("a\u0301")
@example("ａ")
@example("a#b")
def test_an_order_that_could_be_mistaken_for_another_is_none(text: str) -> None:
    if re.fullmatch(ORDER_ID, text):
        assert text.isascii()
        assert text.isprintable()
        assert "#" not in text
        assert "/" not in text


def test_an_address_that_is_written_otherwise_is_the_same_address() -> None:
    key = b"k" * 32
    assert suppression.address_hash(key, "Someone@Example.com") == suppression.address_hash(
        key, "someone@example.COM"
    )
