"""The authorizer: which bearer tokens get in, and the policy that the gateway keeps for them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import ROOT, load, sample
from waybill.access import Token, hash_token
from waybill.errors import ConfigurationError, StoreUnavailable
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from types import ModuleType

TOKEN = "wb_an-example-token-of-some-length"
JWT = {
    "JWT_ISSUER": "https://login.example.com",
    "JWT_AUDIENCE": "waybill",
    "JWT_MEMBER_CLAIM": "sub",
    "JWT_SCOPE_CLAIM": "scope",
    "JWT_DEFAULT_SCOPES": "track",
}


@pytest.fixture
def app(aws: None) -> ModuleType:  # noqa: ARG001 - in force, not used
    return load("authorizer")


def authorize(app: ModuleType, header: str) -> dict[str, Any]:
    event = {**sample("authorizer"), "authorizationToken": header}
    policy: dict[str, Any] = app.handler(event, None)
    return policy


def tokens() -> Tokens:
    return Tokens(boto3.client("dynamodb"), "tracking")


def give(expires_in: int | None = None) -> Token:
    now = int(time.time())
    scopes, ends_at = frozenset({"track", "manage"}), None if expires_in is None else now + expires_in
    token = Token(hash_token(TOKEN), "acme", scopes, now, ends_at)
    tokens().create(token)
    return token


@pytest.mark.parametrize("expires_in", [None, 3600])
def test_a_known_token_opens_the_whole_stage(app: ModuleType, expires_in: int | None) -> None:
    give(expires_in)
    policy = authorize(app, f"Bearer {TOKEN}")
    statement = policy["policyDocument"]["Statement"][0]
    assert statement["Effect"] == "Allow"
    arn = sample("authorizer")["methodArn"]
    assert statement["Resource"] == "/".join(arn.split("/")[:2]) + "/*"
    assert policy["principalId"] == "acme"
    assert policy["context"] == {"member": "acme", "scopes": "manage track"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN} {TOKEN}",
        "Bearer " + "a" * 300,
        "Bearer a\nb",
    ],
)
def test_anything_else_is_denied(app: ModuleType, header: str) -> None:
    give()
    policy = authorize(app, header)
    assert policy["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert "context" not in policy


def test_an_expired_token_is_denied_though_its_item_is_still_there(app: ModuleType) -> None:
    give(-1)
    assert authorize(app, f"Bearer {TOKEN}")["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_the_token_itself_is_nowhere_in_the_table(app: ModuleType) -> None:
    give()
    authorize(app, f"Bearer {TOKEN}")
    assert TOKEN not in str(boto3.client("dynamodb").scan(TableName="tracking")["Items"])


def test_a_revoked_token_is_denied(app: ModuleType) -> None:
    tokens().revoke(give(), int(time.time()))
    assert authorize(app, f"Bearer {TOKEN}")["policyDocument"]["Statement"][0]["Effect"] == "Deny"


# ---- Usage keys


@pytest.fixture
def limited(aws: None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:  # noqa: ARG001 - in force, not used
    """With a default key, as behind a usage plan."""
    monkeypatch.setenv("DEFAULT_USAGE_KEY", "the-default-key-of-the-plan")
    return load("authorizer")


def test_a_member_without_limits_of_its_own_counts_on_the_default_key(limited: ModuleType) -> None:
    give()
    assert authorize(limited, f"Bearer {TOKEN}")["usageIdentifierKey"] == "the-default-key-of-the-plan"


def test_a_member_with_limits_of_its_own_counts_on_its_own_key(limited: ModuleType) -> None:
    give()
    tokens().put_usage_key("acme", "the-key-of-acme-alone")
    assert authorize(limited, f"Bearer {TOKEN}")["usageIdentifierKey"] == "the-key-of-acme-alone"


def test_who_is_denied_counts_on_no_key(limited: ModuleType) -> None:
    assert "usageIdentifierKey" not in authorize(limited, f"Bearer {TOKEN}")


@pytest.mark.parametrize("value", ["", " ", None])
def test_without_a_plan_the_gateway_is_told_no_key(
    aws: None,  # noqa: ARG001 - in force, not used
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
) -> None:
    monkeypatch.delenv("DEFAULT_USAGE_KEY")
    if value is not None:
        monkeypatch.setenv("DEFAULT_USAGE_KEY", value)
    give()
    assert "usageIdentifierKey" not in authorize(load("authorizer"), f"Bearer {TOKEN}")


# ---- What it costs, and what it does not hide


def test_a_token_costs_two_reads_of_single_items_and_a_wrong_one_costs_one(app: ModuleType) -> None:
    calls: list[str] = []
    app.TOKENS._dynamodb.meta.events.register(  # noqa: SLF001 - the function's own client, to be watched
        "before-send", lambda request, **_: calls.append(request.headers["X-Amz-Target"].decode())
    )
    give()
    authorize(app, f"Bearer {TOKEN}")
    assert calls == ["DynamoDB_20120810.GetItem"] * 2
    calls.clear()
    authorize(app, f"Bearer {TOKEN}x")
    assert calls == ["DynamoDB_20120810.GetItem"]
    calls.clear()
    authorize(app, "Bearer " + "a" * 300)
    assert calls == []


def test_opaque_tokens_load_no_cryptography(environment: dict[str, str]) -> None:
    """In an interpreter of its own, with an issuer configured."""
    script = """
import sys
from moto import mock_aws
import botocore.awsrequest
before = set(sys.modules)
with mock_aws():
    import boto3
    boto3.client("dynamodb").create_table(
        TableName="tracking", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
    )
    for name in [name for name in sys.modules if name.split(".")[0] in ("jwt", "cryptography")]:
        del sys.modules[name]  # moto's own
    sys.path.insert(0, "functions/authorizer")
    import app
    event = {"authorizationToken": "Bearer " + "a" * 43, "methodArn": "arn:aws:execute-api:r:a:api/dev/GET/v1/track"}
    assert app.handler(event, None)["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    loaded = {name.split(".")[0] for name in sys.modules} | set(sys.modules)
    print(sorted(loaded & {"jwt", "cryptography", "waybill.openid", "httpx", "pydantic", "aws_lambda_powertools"}))
"""
    variables = {**environment, **JWT, "PATH": os.environ["PATH"], "PYTHONPATH": "layers/core/python"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_table_that_does_not_answer_is_an_error_and_no_denial(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway answers an error with 500 and keeps nothing; a Deny would be kept, and the token thrown away."""
    assert environment
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        silent.close()
        with pytest.raises(StoreUnavailable):
            authorize(load("authorizer"), f"Bearer {TOKEN}")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"JWT_AUDIENCE": ""}, "JWT_AUDIENCE"),
        ({"JWT_ISSUER": "http://login.example.com"}, "JWT_ISSUER"),
        ({"JWT_DEFAULT_SCOPES": "track everything"}, "everything"),
        ({"TRACKING_TABLE": ""}, "TRACKING_TABLE"),
    ],
)
def test_an_impossible_environment_keeps_it_from_starting(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    for name, value in {**JWT, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=named):
        load("authorizer")
