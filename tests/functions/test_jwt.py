"""The authorizer and the JWTs of an OpenID issuer: a real issuer on loopback, real keys, and what goes wrong with both."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.functions.conftest import load, sample
from tests.issuers import (
    AUDIENCE,
    DISCOVERY,
    KEYS,
    RunningIssuer,
    assembled,
    private_key,
    public_jwk,
    running_issuer,
    signed,
)
from waybill.access import Issuer
from waybill.errors import IssuerUnavailable
from waybill.openid import (
    FRESH_SECONDS,
    KEPT_SECONDS,
    RETRY_SECONDS,
    TIMEOUT_SECONDS,
    UNKNOWN_KEY_SECONDS,
    OpenId,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

KINDS = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
    "EdDSA": "Ed25519",
}


@pytest.fixture
def issuer() -> Iterator[RunningIssuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def app(aws: None, issuer: RunningIssuer, monkeypatch: pytest.MonkeyPatch) -> ModuleType:  # noqa: ARG001 - in force, not used
    monkeypatch.setenv("JWT_ISSUER", issuer.url)
    monkeypatch.setenv("JWT_AUDIENCE", AUDIENCE)
    monkeypatch.setenv("JWT_MEMBER_CLAIM", "sub")
    monkeypatch.setenv("JWT_SCOPE_CLAIM", "scope")
    monkeypatch.setenv("JWT_DEFAULT_SCOPES", "track")
    return load("authorizer")


@pytest.fixture
def openid(issuer: RunningIssuer) -> OpenId:
    return OpenId(Issuer(issuer.url, AUDIENCE, "sub", "scope", frozenset({"track"})))


def authorize(app: ModuleType, token: str) -> dict[str, Any]:
    policy: dict[str, Any] = app.handler(
        {**sample("authorizer-jwt"), "authorizationToken": f"Bearer {token}"}, None
    )
    return policy


def effect(app: ModuleType, token: str) -> str:
    return str(authorize(app, token)["policyDocument"]["Statement"][0]["Effect"])


# ---- Tokens


def test_a_jwt_of_the_issuer_lets_its_subject_in(app: ModuleType, issuer: RunningIssuer) -> None:
    policy = authorize(app, issuer.token(scope="openid manage"))
    assert policy["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert policy["principalId"] == "acme"
    assert policy["context"] == {"member": "acme", "scopes": "manage"}


@pytest.mark.parametrize(("algorithm", "kind"), KINDS.items())
def test_every_asymmetric_algorithm_is_taken_with_its_own_kind_of_key(
    app: ModuleType, issuer: RunningIssuer, algorithm: str, kind: str
) -> None:
    issuer.keys = [public_jwk(f"{each} key", each) for each in sorted(set(KINDS.values()))]
    assert effect(app, issuer.token(f"{kind} key", kind, algorithm)) == "Allow"


@pytest.mark.parametrize(
    "algorithm", ["PS384", "PS512", "ES512", "HS256", "none", "None", "rs256", ["RS256"], None]
)
def test_any_other_algorithm_is_refused_before_the_issuer_is_asked(
    app: ModuleType, issuer: RunningIssuer, algorithm: object
) -> None:
    token = assembled(
        {"alg": algorithm, "kid": "first"}, json.dumps(issuer.claims()).encode(), lambda _: b"signature"
    )
    assert effect(app, token) == "Deny"
    assert issuer.asked == []


def test_the_sample_event_is_denied_by_an_issuer_that_did_not_make_it(app: ModuleType) -> None:
    assert app.handler(sample("authorizer-jwt"), None)["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_another_key_under_the_same_name_opens_nothing(app: ModuleType, issuer: RunningIssuer) -> None:
    assert effect(app, issuer.token("thief", headers={"kid": "first"})) == "Deny"
    assert effect(app, issuer.token()) == "Allow"


def test_a_changed_payload_opens_nothing(app: ModuleType, issuer: RunningIssuer) -> None:
    first, _, third = issuer.token().split(".")
    other = issuer.token(sub="another", scope="admin").split(".")[1]
    assert effect(app, f"{first}.{other}.{third}") == "Deny"


def test_no_signature_opens_nothing(app: ModuleType, issuer: RunningIssuer) -> None:
    for header in ({"alg": "none"}, {"alg": "none", "kid": "first"}, {"alg": "RS256", "kid": "first"}):
        token = assembled(header, json.dumps(issuer.claims()).encode(), lambda _: b"")
        assert token.endswith(".")
        assert effect(app, token) == "Deny"


@pytest.mark.parametrize("claimed", ["HS256", "RS256"])
def test_the_public_key_is_no_shared_secret(app: ModuleType, issuer: RunningIssuer, claimed: str) -> None:
    pem = private_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": claimed, "kid": "first", "typ": "JWT"}
    token = assembled(
        header,
        json.dumps(issuer.claims()).encode(),
        lambda text: hmac.new(pem, text, hashlib.sha256).digest(),
    )
    assert effect(app, token) == "Deny"


def test_a_key_of_the_token_itself_is_not_looked_at(app: ModuleType, issuer: RunningIssuer) -> None:
    for header in ({"jwk": public_jwk("thief")}, {"jku": issuer.url + KEYS}, {"x5u": issuer.url}):
        assert effect(app, issuer.token("thief", headers={"kid": "first", **header})) == "Deny"


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        ("RSA", {"use": "enc"}),
        ("RSA", {"alg": "RS512"}),
        ("RSA", {"kty": "EC"}),
        ("RSA", {"n": "AQAB"}),
        ("RSA", {"n": None}),
        ("weak RSA", {}),
    ],
    ids=str,
)
def test_a_key_that_is_not_meant_for_it_or_too_weak_opens_nothing(
    app: ModuleType, issuer: RunningIssuer, kind: str, published: dict[str, Any]
) -> None:
    issuer.keys = [public_jwk("it", kind, **published)]
    assert effect(app, issuer.token("it", kind)) == "Deny"


def test_a_key_of_another_curve_opens_nothing(app: ModuleType, issuer: RunningIssuer) -> None:
    issuer.keys = [public_jwk("it", "P-384")]
    assert effect(app, issuer.token("it", "P-256", "ES256")) == "Deny"


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", 7])
def test_other_kinds_of_jwt_are_no_access_tokens(
    app: ModuleType, issuer: RunningIssuer, kind: object
) -> None:
    assert effect(app, issuer.token(headers={"typ": kind})) == "Deny"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_access_tokens_may_name_their_kind_or_not(
    app: ModuleType, issuer: RunningIssuer, kind: str | None
) -> None:
    assert effect(app, issuer.token(headers={"typ": kind})) == "Allow"


@pytest.mark.parametrize(
    "headers",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"kid": 7},
        {"kid": "x" * 3000},
    ],
    ids=lambda headers: str(headers)[:40],
)
def test_headers_that_are_critical_and_not_understood_or_far_fetched_are_refused(
    app: ModuleType, issuer: RunningIssuer, headers: dict[str, Any]
) -> None:
    assert effect(app, issuer.token(headers=headers)) == "Deny"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://login.example.com"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"exp": 1_700_000_000},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": "a" * 129},
        {"sub": "a\u202eb"},
    ],
    ids=str,
)
def test_right_signatures_under_wrong_claims_open_nothing(
    app: ModuleType, issuer: RunningIssuer, changes: dict[str, Any]
) -> None:
    assert effect(app, issuer.token(**changes)) == "Deny"


def test_a_clock_a_little_off_does_no_harm(app: ModuleType, issuer: RunningIssuer) -> None:
    now = int(time.time())
    assert effect(app, issuer.token(exp=now - 40, iat=now - 400)) == "Allow"
    assert effect(app, issuer.token(exp=now - 70, iat=now - 400)) == "Deny"
    assert effect(app, issuer.token(nbf=now + 40)) == "Allow"


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "e30.e30.e30",
        "bnVsbA.e30.e30",
        "W10.e30.e30",
        "a" * 2600 + "." + "b" * 2600 + "." + "c" * 2600,
    ],
)
def test_what_only_looks_like_a_jwt_is_denied(app: ModuleType, issuer: RunningIssuer, token: str) -> None:
    assert effect(app, token) == "Deny"
    assert issuer.asked == []


def test_a_payload_that_is_no_object_or_never_expires_is_denied(
    app: ModuleType, issuer: RunningIssuer
) -> None:
    header = {"alg": "RS256", "kid": "first"}
    endless = json.dumps(issuer.claims(exp=float("nan"))).encode()
    for payload in (b"[]", b"null", b"{", endless, b"[" * 3000):
        assert effect(app, signed(header, payload, private_key("first"), "RS256")) == "Deny"
    good = json.dumps(issuer.claims()).encode()
    assert effect(app, signed(header, good, private_key("first"), "RS256")) == "Allow"


# ---- Keys


def test_the_keys_are_asked_for_once_while_the_container_is_warm(
    app: ModuleType, issuer: RunningIssuer
) -> None:
    for _ in range(5):
        assert effect(app, issuer.token()) == "Allow"
    assert issuer.asked == [DISCOVERY, KEYS]


def test_a_token_without_a_key_id_is_taken_where_only_one_key_fits(
    app: ModuleType, issuer: RunningIssuer
) -> None:
    issuer.keys = [public_jwk("it"), public_jwk("curve", "P-256")]
    assert effect(app, issuer.token("it", headers={"kid": None})) == "Allow"


def test_of_several_fitting_keys_none_is_guessed(app: ModuleType, issuer: RunningIssuer) -> None:
    issuer.keys = [public_jwk("it"), public_jwk("other")]
    assert effect(app, issuer.token("it", headers={"kid": None})) == "Deny"
    assert effect(app, issuer.token("it")) == "Allow"


def test_a_new_key_is_found_when_a_token_names_it(openid: OpenId, issuer: RunningIssuer) -> None:
    now = time.time()
    assert openid.grant(issuer.token(), now)
    issuer.keys = [public_jwk("second")]
    later = now + UNKNOWN_KEY_SECONDS
    assert openid.grant(issuer.token("second"), later)
    assert openid.grant(issuer.token("first"), later) is None, "the issuer has withdrawn it"


def test_made_up_key_ids_make_one_question_a_minute(openid: OpenId, issuer: RunningIssuer) -> None:
    now = time.time()
    assert openid.grant(issuer.token(), now)
    for second in range(int(2 * UNKNOWN_KEY_SECONDS)):
        made_up = issuer.token("thief", headers={"kid": f"made-up-{second}"})
        assert openid.grant(made_up, now + second) is None
    assert issuer.asked.count(KEYS) == 2


def test_a_withdrawn_key_is_forgotten_within_the_hour(openid: OpenId, issuer: RunningIssuer) -> None:
    now = time.time()
    token = issuer.token(exp=int(now) + 9000)
    assert openid.grant(token, now)
    issuer.keys = [public_jwk("second")]
    assert openid.grant(token, now + FRESH_SECONDS - 1)
    assert openid.grant(token, now + FRESH_SECONDS) is None


# ---- Outages

FAULTS = ["refuses", "redirects", "talks nonsense", "answers a list", "floods"]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_issuer_that_does_not_answer_well_is_an_error_and_no_denial(
    app: ModuleType, issuer: RunningIssuer, fault: str
) -> None:
    issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        authorize(app, issuer.token())
    assert issuer.asked == [DISCOVERY]


@pytest.mark.parametrize("fault", ["is silent", "drips"])
def test_an_issuer_that_is_slow_is_given_up(openid: OpenId, issuer: RunningIssuer, fault: str) -> None:
    issuer.fault = fault
    began = time.monotonic()
    with pytest.raises(IssuerUnavailable):
        openid.grant(issuer.token(), time.time())
    assert TIMEOUT_SECONDS <= time.monotonic() - began < 10, "under the function's time-out"


def test_an_issuer_that_is_not_there_is_an_error(app: ModuleType, issuer: RunningIssuer) -> None:
    token = issuer.token()
    nowhere = OpenId(Issuer("http://127.0.0.1:1", AUDIENCE, "sub", "scope", frozenset()))
    with pytest.raises(IssuerUnavailable):
        nowhere.grant(token, time.time())
    assert effect(app, token) == "Allow"


@pytest.mark.parametrize(
    "keys_at", ["http://login.example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "http://["]
)
def test_keys_are_fetched_by_https_or_from_this_machine_only(
    openid: OpenId, issuer: RunningIssuer, keys_at: str
) -> None:
    issuer.keys_at = keys_at
    with pytest.raises(IssuerUnavailable, match="without https"):
        openid.grant(issuer.token(), time.time())


def test_an_issuer_that_calls_itself_something_else_is_not_trusted(
    openid: OpenId, issuer: RunningIssuer
) -> None:
    issuer.calls_itself = "https://login.example.com"
    with pytest.raises(IssuerUnavailable, match="JwtIssuer"):
        openid.grant(issuer.token(), time.time())


def test_after_an_outage_the_issuer_is_asked_again_soon_but_not_each_time(
    openid: OpenId, issuer: RunningIssuer
) -> None:
    now = time.time()
    issuer.fault = "refuses"
    for wait in (0, 1, RETRY_SECONDS - 1):
        with pytest.raises(IssuerUnavailable):
            openid.grant(issuer.token(), now + wait)
    assert issuer.asked == [DISCOVERY]
    issuer.fault = ""
    assert openid.grant(issuer.token(), now + RETRY_SECONDS)


def test_known_keys_serve_through_an_outage_of_a_day_but_not_for_good(
    openid: OpenId, issuer: RunningIssuer
) -> None:
    now = time.time()
    token = issuer.token(exp=int(now + KEPT_SECONDS) + 9000)
    assert openid.grant(token, now)
    issuer.fault = "refuses"
    for later in (1.0, FRESH_SECONDS, FRESH_SECONDS + 1, KEPT_SECONDS - 1):
        assert openid.grant(token, now + later)
    for later in (KEPT_SECONDS, KEPT_SECONDS + 1, KEPT_SECONDS + 3600):
        with pytest.raises(IssuerUnavailable):
            openid.grant(token, now + later)


def test_during_an_outage_nobody_can_say_whether_an_unknown_key_is_a_new_one(
    openid: OpenId, issuer: RunningIssuer
) -> None:
    now = time.time()
    assert openid.grant(issuer.token(), now)
    issuer.fault = "refuses"
    for later in (UNKNOWN_KEY_SECONDS, UNKNOWN_KEY_SECONDS + 1):
        with pytest.raises(IssuerUnavailable):
            openid.grant(issuer.token("second"), now + later)
        assert openid.grant(issuer.token(), now + later), "tokens of known keys go on"
