"""Who gets in: decisions about headers and claims, without any table, key or network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.access import (
    SCOPES,
    Grant,
    Issuer,
    Token,
    authenticate,
    grant_of_claims,
    hash_token,
    is_member,
    is_private,
    new_token,
)

NOW = 1_800_000_000.0
ISSUER = Issuer(
    url="https://login.example.com/",
    audience="waybill",
    member_claim="sub",
    scope_claim="scope",
    default_scopes=frozenset({"track"}),
)
GOOD = {"iss": ISSUER.url, "aud": "waybill", "sub": "acme", "exp": NOW + 300}
GRANT = Grant("acme", frozenset({"track"}), NOW + 300)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def grant_with(**changes: Any) -> Grant | None:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return grant_of_claims(claims, ISSUER, NOW)


# ---- Headers


def found(header: str, *, jwts: bool = False) -> str:
    """Where a header leads: `opaque`, `jwt`, or nowhere."""
    trace: list[str] = []

    def find(_: str) -> Grant | None:
        trace.append("opaque")
        return GRANT

    def verify(_: str, __: float) -> Grant | None:
        trace.append("jwt")
        return GRANT

    grant = authenticate(header, find, NOW, verify if jwts else None)
    assert (grant is not None) == bool(trace)
    return "".join(trace)


@pytest.mark.parametrize("jwts", [True, False])
def test_our_own_tokens_are_never_taken_for_jwts(*, jwts: bool) -> None:
    for _ in range(200):
        assert found(f"Bearer {new_token()}", jwts=jwts) == "opaque"


@pytest.mark.parametrize(
    ("token", "where"),
    [
        ("eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl", "jwt"),
        ("a" * 4000 + "." + "b" * 3000 + "." + "c" * 998, "jwt"),
        ("a" * 4000 + "." + "b" * 3000 + "." + "c" * 999, ""),
        ("eyJhbGciOi.eyJpc3MiOi.", "opaque"),
        ("eyJhbGciOi.eyJpc3MiOi.c2ln.bmF0dXJl", "opaque"),
        ("eyJhbGciOi.eyJpc3+iOi.c2lnbmF0dXJl", "opaque"),
        ("a" * 201, ""),
    ],
)
def test_a_token_of_three_parts_goes_to_the_issuer_where_there_is_one(token: str, where: str) -> None:
    assert found(f"Bearer {token}", jwts=True) == where
    assert found(f"Bearer {token}") == ("opaque" if len(token) <= 200 else "")


@given(st.text(max_size=300))
def test_a_header_that_is_no_bearer_token_leads_nowhere(text: str) -> None:
    if not text.strip().lower().startswith("bearer "):
        assert found(text, jwts=True) == ""


# ---- Claims


def test_good_claims_let_the_member_in_until_they_expire() -> None:
    assert grant_with() == GRANT


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://login.example.com"},
        {"iss": None},
        {"iss": [ISSUER.url]},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another", "waybil"]},
        {"aud": {"waybill": True}},
        {"exp": None},
        {"exp": NOW - 60},
        {"exp": "2800000000"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"nbf": NOW + 61},
        {"nbf": "0"},
        {"nbf": float("nan")},
        {"iat": NOW + 61},
        {"iat": [0]},
        {"sub": None},
        {"sub": ""},
        {"sub": "a" * 129},
        {"sub": "a\nb"},
        {"sub": 7},
        {"sub": ["acme"]},
        {"scope": 7},
        {"scope": {"track": True}},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_lets_nobody_in(change: dict[str, Any]) -> None:
    assert grant_with(**change) is None


@pytest.mark.parametrize(
    "change",
    [
        {"exp": NOW - 59},
        {"nbf": NOW + 60},
        {"iat": NOW + 60},
        {"aud": ["another", "waybill"]},
        {"exp": NOW + 0.5},
    ],
    ids=str,
)
def test_a_clock_may_be_a_minute_off_and_a_token_for_several(change: dict[str, Any]) -> None:
    assert grant_with(**change) is not None


@pytest.mark.parametrize(
    ("named", "scopes"),
    [
        ("track manage", {"track", "manage"}),
        (["manage", "pii"], {"manage", "pii"}),
        ("openid manage profile", {"manage"}),
        (["manage", 7, None, ["pii"]], {"manage"}),
        ("openid profile", {"track"}),
        ("", {"track"}),
        ([], {"track"}),
        (None, {"track"}),
        ("Track,manage", {"track"}),
    ],
)
def test_scopes_are_those_of_ours_that_the_claim_names_else_the_default_ones(
    named: object, scopes: set[str]
) -> None:
    grant = grant_with(scope=named)
    assert grant is not None
    assert grant.scopes == scopes


def test_member_and_scopes_come_from_the_claims_that_the_operator_chose() -> None:
    issuer = Issuer(ISSUER.url, "waybill", "https://example.com/tenant", "permissions", frozenset())
    claims = {**GOOD, "https://example.com/tenant": "blue", "permissions": ["manage"], "scope": "admin"}
    assert grant_of_claims(claims, issuer, NOW) == Grant("blue", frozenset({"manage"}), NOW + 300)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "scope"]), JSON))
def test_whatever_an_issuer_writes_nothing_breaks_and_no_scope_is_made_up(changes: dict[str, Any]) -> None:
    claims = json.loads(json.dumps({**GOOD, **changes}))
    grant = grant_of_claims(claims, ISSUER, NOW)
    if grant is not None:
        assert claims["iss"] == ISSUER.url
        assert grant.member == claims["sub"]
        assert is_member(grant.member)
        assert grant.scopes <= SCOPES
        assert grant.expires_at is not None
        assert NOW - 60 < grant.expires_at < float("inf")


# ---- Names, addresses, states


@pytest.mark.parametrize("name", ["a", "a#b", "顺丰 合作", "auth0|5f7c8ec7", "x" * 128])
def test_a_member_may_have_any_printable_name(name: str) -> None:
    assert is_member(name)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\tb", "a\u0000", "\ud800", None, 5])
def test_a_member_has_no_name_that_cannot_be_shown(name: object) -> None:
    assert not is_member(name)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://login.example.com", True),
        ("http://127.0.0.1:8300/x", True),
        ("http://[::1]/x", True),
        ("http://localhost", True),
        ("http://login.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("file:///etc/passwd", False),
        ("https:///keys", False),
        ("http://[", False),
        ("None", False),
    ],
)
def test_only_https_and_this_machine_are_private(url: str, *, private: bool) -> None:
    assert is_private(url) == private


def test_the_state_of_a_token_follows_the_time() -> None:
    token = Token(hash_token("wb_x"), "acme", frozenset({"track"}), 100, ends_at=200)
    assert (token.state(199.9), token.state(200)) == ("active", "expired")
    assert token.id == "tok_" + hash_token("wb_x")[:12]
