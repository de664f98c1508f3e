"""The tokens of unsubscribe links: whoever has not got the key can neither make nor read one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.shipments import Registration, Shipment
from waybill.suppression import Recipient, address_hash

KEY = b"k" * 64
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def recipient(member: str = "acme", email: str = "someone@example.com") -> Recipient:
    ship = Shipment(member, "1001", "yuantong", "YT7450353838751", Registration(), 1.0, 1.0)
    return Recipient.of(KEY, ship, email)


@given(NAMES, NAMES)
def test_a_token_is_read_as_it_was_made_and_fits_into_a_path(member: str, email: str) -> None:
    made = recipient(member, email)
    token = made.token(KEY)
    assert Recipient.read(KEY, token) == made
    assert len(token) == 78
    assert token.replace("-", "").replace("_", "").isalnum()


@given(st.integers(0, 57), st.integers(1, 255))
def test_a_token_of_which_anything_was_changed_is_none(place: int, change: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(recipient().token(KEY) + "=="))
    raw[place] ^= change
    with pytest.raises(ValueError, match="not made with this key"):
        Recipient.read(KEY, base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@given(st.text(max_size=100))
def test_what_anybody_writes_is_no_token(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's words, or ours
        Recipient.read(KEY, text)


def test_a_token_of_another_key_is_none() -> None:
    with pytest.raises(ValueError, match="not made with this key"):
        Recipient.read(b"another", recipient().token(KEY))


def test_a_token_holds_neither_address_nor_member() -> None:
    raw = base64.urlsafe_b64decode(recipient().token(KEY) + "==")
    for word in (b"someone", b"example", b"acme"):
        assert word not in raw


def test_an_address_is_the_same_however_it_is_written_and_another_under_another_key() -> None:
    assert address_hash(KEY, " Some.One@Example.COM ") == address_hash(KEY, "some.one@example.com")
    assert address_hash(KEY, "someone@example.com") != address_hash(KEY, "some.one@example.com")
    assert address_hash(b"another", "someone@example.com") != address_hash(KEY, "someone@example.com")


def test_members_and_shipments_are_stopped_each_for_itself() -> None:
    assert recipient("acme").of_member != recipient("other").of_member
    assert recipient("acme").of_shipment != recipient("other").of_shipment
    assert recipient("acme").address == recipient("other").address
