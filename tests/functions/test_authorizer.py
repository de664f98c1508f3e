"""The authorizer: which bearer tokens get in, and the policy that the gateway keeps for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import load, sample
from waybill.access import Grant, hash_token
from waybill.tracking import Tracking

if TYPE_CHECKING:
    from types import ModuleType

TOKEN = "wb_an-example-token-of-some-length"


@pytest.fixture
def app(aws: None) -> ModuleType:  # noqa: ARG001 - in force, not used
    return load("authorizer")


def authorize(app: ModuleType, header: str) -> dict[str, Any]:
    event = {**sample("authorizer"), "authorizationToken": header}
    policy: dict[str, Any] = app.handler(event, None)
    return policy


def give(expires_at: float | None = None) -> None:
    grant = Grant("acme", frozenset({"track", "manage"}), expires_at)
    Tracking(boto3.client("dynamodb"), "tracking").put_grant(hash_token(TOKEN), grant)


@pytest.mark.parametrize("expires_in", [None, 3600])
def test_a_known_token_opens_the_whole_stage(app: ModuleType, expires_in: float | None) -> None:
    give(time.time() + expires_in if expires_in else None)
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
    give(time.time() - 1)
    assert authorize(app, f"Bearer {TOKEN}")["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_the_token_itself_is_nowhere_in_the_table(app: ModuleType) -> None:
    give()
    authorize(app, f"Bearer {TOKEN}")
    assert TOKEN not in str(boto3.client("dynamodb").scan(TableName="tracking")["Items"])
