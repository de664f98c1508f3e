"""The register of tokens and what the authorizer reads, on moto and on the emulator."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from tests.store.conftest import client_of
from waybill.access import Grant, Token, hash_token
from waybill.errors import StoreUnavailable, TokenChanged
from waybill.tokens import KEEP_SECONDS, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_800_000_000
SCOPES = frozenset({"track", "manage"})
_secrets = itertools.count()


@dataclass
class Table:
    dynamodb: DynamoDBClient
    name: str = field(default_factory=lambda: f"tracking-{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.dynamodb.create_table(
            TableName=self.name,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def items(self) -> list[dict[str, Any]]:
        return list(self.dynamodb.scan(TableName=self.name)["Items"])


@pytest.fixture(params=["moto", "emulator"])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    if request.param == "moto":
        with mock_aws():
            yield Table(client_of())
    else:
        yield Table(client_of(request.getfixturevalue("emulator")))


@pytest.fixture
def tokens(table: Table) -> Tokens:
    return Tokens(table.dynamodb, table.name)


def new(member: str = "acme", **more: Any) -> Token:
    return Token(hash_token(f"wb_{next(_secrets)}"), member, SCOPES, NOW, **more)


def created(tokens: Tokens, member: str = "acme", **more: Any) -> Token:
    token = new(member, **more)
    tokens.create(token)
    return token


def test_a_token_is_what_was_written(tokens: Tokens) -> None:
    endless = created(tokens)
    ending = created(tokens, ends_at=NOW + 60, label="nightly import")
    assert tokens.grant(endless.hash) == Grant("acme", SCOPES, None)
    assert tokens.grant(ending.hash) == Grant("acme", SCOPES, NOW + 60)
    assert tokens.grant(hash_token("another")) is None
    assert {token.hash: token for token in tokens.registered()} == {
        endless.hash: endless,
        ending.hash: ending,
    }
    assert tokens.by_id(ending.id) == tokens.by_hash(ending.hash) == ending
    assert tokens.by_id("tok_000000000000") is None


def test_a_token_is_not_created_twice(tokens: Tokens) -> None:
    token = created(tokens)
    tokens.revoke(token, NOW)
    with pytest.raises(TokenChanged):
        tokens.create(token)
    assert tokens.grant(token.hash) is None


@pytest.mark.parametrize("other", ["a#b", "a#", "a%23b", "ab", "a#tok_0", "A"])
def test_a_members_list_has_no_token_of_another(tokens: Tokens, other: str) -> None:
    own, foreign = created(tokens, "a"), created(tokens, other)
    assert [token.id for token in tokens.registered("a")] == [own.id]
    assert [token.id for token in tokens.registered(other)] == [foreign.id]


def test_a_long_list_is_read_page_by_page(tokens: Tokens) -> None:
    made = {created(tokens, label="x" * 90_000).id for _ in range(13)}
    assert {token.id for token in tokens.registered("acme")} == made


def test_a_revoked_token_is_gone_for_the_authorizer_and_stays_in_the_list(
    tokens: Tokens, table: Table
) -> None:
    token = created(tokens, ends_at=NOW + 600)
    assert tokens.revoke(token, NOW + 5) == replace(token, revoked_at=NOW + 5)
    assert tokens.grant(token.hash) is None
    (listed,) = tokens.registered()
    assert listed == replace(token, revoked_at=NOW + 5)
    assert tokens.revoke(listed, NOW + 50) == listed, "it was revoked when it was"
    (line,) = table.items()
    assert line["expires_at"]["N"] == str(NOW + 5 + KEEP_SECONDS)


def test_a_token_deletes_itself_and_its_line_later(tokens: Tokens, table: Table) -> None:
    created(tokens, ends_at=NOW + 600)
    kept = {item["pk"]["S"][:6]: item["expires_at"]["N"] for item in table.items()}
    assert kept == {"TOKEN#": str(NOW + 600), "TOKENS": str(NOW + 600 + KEEP_SECONDS)}
    endless = created(tokens)
    assert not [item for item in table.items() if item["id"]["S"] == endless.id and "expires_at" in item]


def test_a_rotated_token_works_on_for_the_overlap(tokens: Tokens) -> None:
    old, young = created(tokens, ends_at=NOW + 9000), new(ends_at=NOW + 99_000)
    ending = tokens.rotate(old, young, NOW + 3600)
    assert tokens.grant(old.hash) == Grant("acme", SCOPES, NOW + 3600)
    assert tokens.grant(young.hash) == Grant("acme", SCOPES, NOW + 99_000)
    assert ending == replace(old, ends_at=NOW + 3600, replaced_by=young.id)
    assert {token.id: token for token in tokens.registered()} == {old.id: ending, young.id: young}


def test_a_rotated_token_lives_no_longer_than_it_would_have(tokens: Tokens) -> None:
    old = created(tokens, ends_at=NOW + 60)
    assert tokens.rotate(old, new(), NOW + 3600).ends_at == NOW + 60


def test_a_token_rotated_without_overlap_is_gone_at_once(tokens: Tokens) -> None:
    old, young = created(tokens), new()
    ending = tokens.rotate(old, young, NOW)
    assert tokens.grant(old.hash) is None
    assert tokens.grant(young.hash) is not None
    assert (ending.revoked_at, ending.replaced_by) == (NOW, young.id)


@pytest.mark.parametrize("overlap", [0, 3600])
def test_a_token_that_was_revoked_meanwhile_is_not_brought_back_by_rotating_it(
    tokens: Tokens, table: Table, overlap: int
) -> None:
    old, young = created(tokens), new()
    tokens.revoke(old, NOW)
    before = table.items()
    with pytest.raises(TokenChanged):
        tokens.rotate(old, young, NOW + overlap)
    assert table.items() == before, "nothing of it was written"


def test_of_two_who_rotate_the_same_token_one_is_refused(tokens: Tokens) -> None:
    old, second = created(tokens), new()
    tokens.rotate(old, new(), NOW + 3600)
    with pytest.raises(TokenChanged):
        tokens.rotate(old, second, NOW + 3600)
    assert tokens.grant(second.hash) is None


def test_a_token_from_before_the_register_can_be_revoked(tokens: Tokens, table: Table) -> None:
    token_hash = hash_token("wb_from-stage-1")
    item: Any = {
        "pk": {"S": f"TOKEN#{token_hash}"},
        "sk": {"S": "TOKEN"},
        "member": {"S": "acme"},
        "scopes": {"SS": ["track"]},
    }
    table.dynamodb.put_item(TableName=table.name, Item=item)
    token = tokens.by_hash(token_hash)
    assert token is not None
    tokens.revoke(token, NOW)
    assert tokens.grant(token_hash) is None
    assert [listed.revoked_at for listed in tokens.registered("acme")] == [NOW]


def test_a_member_has_a_usage_key_of_its_own_or_none(tokens: Tokens) -> None:
    tokens.put_usage_key("acme", "k" * 40)
    assert tokens.usage_key("acme") == "k" * 40
    assert tokens.usage_key("acm") is None
    tokens.delete_usage_key("acme")
    tokens.delete_usage_key("acme")
    assert tokens.usage_key("acme") is None


def test_a_table_that_is_not_there_is_no_missing_token(table: Table) -> None:
    tokens = Tokens(table.dynamodb, "nowhere")
    for ask in (
        lambda: tokens.grant("0"),
        lambda: tokens.usage_key("acme"),
        lambda: list(tokens.registered()),
    ):
        with pytest.raises(StoreUnavailable):
            ask()
    with pytest.raises(StoreUnavailable):
        created(tokens)
