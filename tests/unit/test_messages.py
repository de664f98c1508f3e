"""What is said on the queues is read as it was written, and so is the key under which it waits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import messages
from waybill.messages import Delivery, Letter
from waybill.shipments import Link

MEMBERS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)
DELIVERIES = st.builds(
    Delivery,
    member=MEMBERS,
    webhook=st.from_regex(r"whk_[a-z0-9]{8}", fullmatch=True),
    sequence=st.integers(1, 10**11),
    series=st.from_regex(r"(r[a-z0-9]{4})?", fullmatch=True),
)
LETTERS = st.builds(
    Letter,
    member=MEMBERS,
    order_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,10}", fullmatch=True),
    courier=st.from_regex(r"[a-z]{2,10}", fullmatch=True),
    number=st.from_regex(r"[A-Z0-9]{6,12}", fullmatch=True),
    sequence=st.integers(0, 10**11),
)


@given(DELIVERIES)
def test_a_delivery_is_read_as_it_was_written(delivery: Delivery) -> None:
    assert messages.read_delivery(messages.write_delivery(delivery)) == delivery
    assert messages.of_key(*messages.delivery_key(delivery)) == delivery


@given(LETTERS)
def test_a_letter_is_read_as_it_was_written_and_its_key_names_all_but_the_event(letter: Letter) -> None:
    assert messages.read_letter(messages.write_letter(letter)) == letter
    waiting = messages.of_key(*messages.letter_key(letter))
    assert waiting == Letter(letter.member, letter.order_id, letter.courier, letter.number)


@pytest.mark.parametrize("said", [{}, [], {"member": "m", "webhook": "", "sequence": 1, "series": ""}, 1])
def test_what_names_no_delivery_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match="not an object"):
        messages.read_delivery(json.dumps(said))


def test_a_parcel_is_known_by_its_key_and_what_never_waits_is_by_none() -> None:
    assert messages.of_key("PARCEL#yuantong#YT1234567890", "PARCEL") == Link("yuantong", "YT1234567890")
    with pytest.raises(ValueError, match="not the key"):
        messages.of_key("MEMBER#acme", "SETTINGS")
