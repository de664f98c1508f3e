"""Signatures as the official verifier takes them, and nothing that was changed on its way."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from waybill import signing

MASTER = b"a master key of a stack, from its secrets"
WEBHOOK = "whk_0123456789abcdef0123"
EVENT = "evt_0123456789abcdef01234567"
BODY = '{"type":"parcel.delivered","data":{"text":"已签收"}}'.encode()

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200)


def signed(body: bytes = BODY, *, versions: tuple[int, ...] = (1,)) -> dict[str, str]:
    return signing.sign(MASTER, WEBHOOK, versions, EVENT, body, time.time())


def verify(body: bytes, headers: dict[str, str], version: int = 1) -> Any:
    return Webhook(signing.shown(signing.secret(MASTER, WEBHOOK, version))).verify(body, headers)


def verify_publicly(body: bytes, headers: dict[str, str], version: int = 1) -> bool:
    """As the specification has it for `v1a`; the official Python library checks `v1` alone."""
    shown = signing.public_key(MASTER, WEBHOOK, version).removeprefix("whpk_")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(shown))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for each in headers["webhook-signature"].split(" "):
        kind, _, signature = each.partition(",")
        if kind == "v1a":
            try:
                key.verify(base64.b64decode(signature), content)
            except InvalidSignature:
                continue
            return True
    return False


@given(texts)
def test_whatever_is_signed_verifies(text: str) -> None:
    body = json.dumps({"text": text}, ensure_ascii=False).encode()
    headers = signed(body)
    assert verify(body, headers) == {"text": text}
    assert verify_publicly(body, headers)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 127))
def test_a_changed_byte_of_the_body_is_noticed(place: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= change
    headers = signed()
    with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
        verify(bytes(changed), headers)
    assert not verify_publicly(bytes(changed), headers)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp"])
@given(place=st.integers(0, 9), digit=st.sampled_from("0123456789"))
def test_a_changed_id_or_timestamp_is_noticed(header: str, place: int, digit: str) -> None:
    headers = signed()
    text = headers[header]
    changed = text[: -place - 1] + digit + text[len(text) - place :]
    if changed == text:
        return
    headers[header] = changed
    with pytest.raises(WebhookVerificationError):
        verify(BODY, headers)
    assert not verify_publicly(BODY, headers)


def test_both_versions_verify_while_rotating_and_no_third_one() -> None:
    headers = signed(versions=(3, 2))
    for version in (3, 2):
        assert verify(BODY, headers, version)
        assert verify_publicly(BODY, headers, version)
    for version in (1, 4):
        with pytest.raises(WebhookVerificationError):
            verify(BODY, headers, version)
        assert not verify_publicly(BODY, headers, version)
    assert [each.split(",")[0] for each in headers["webhook-signature"].split(" ")] == ["v1", "v1a"] * 2


@given(st.integers(1, 50), st.floats(0, 2e9), st.floats(0, 2e9))
def test_the_version_before_signs_until_its_time_is_over(version: int, until: float, wall: float) -> None:
    signs = signing.versions(version, until, wall)
    assert signs[0] == version
    assert signs[1:] == ((version - 1,) if version > 1 and wall < until else ())
    assert signing.versions(version, None, wall) == (version,)


def test_keys_have_nothing_to_do_with_one_another() -> None:
    secrets = {
        signing.secret(master, webhook, version)
        for master in (MASTER, b"another")
        for webhook in (WEBHOOK, "whk_1")
        for version in (1, 11)
    }
    private = signing.private_key(MASTER, WEBHOOK, 1).private_bytes_raw()
    assert len(secrets | {private}) == 9
    assert {len(each) for each in secrets} == {32}
    assert signing.secret(MASTER.decode(), WEBHOOK, 1) == signing.secret(MASTER, WEBHOOK, 1)


def test_keys_are_the_same_for_ever() -> None:
    """A change of how they are derived would break every receiver; this is what it was on the first day."""
    assert (
        signing.shown(signing.secret("k" * 64, WEBHOOK, 1))
        == "whsec_UmUFOCYo7fUfB803l6iYCVLRlV93YfeiUxreFPtDPhc="
    )
    assert signing.public_key("k" * 64, WEBHOOK, 1) == "whpk_fyw3v3erJ3IUecJHtunjM1DGf/p1IW/5N2l19d9lbEM="
