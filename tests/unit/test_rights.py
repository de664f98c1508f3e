"""What a request to DynamoDB needs, and whether a role has it."""

from __future__ import annotations

from typing import Any

import pytest

from local.rights import Access, Role, Statement, accesses, statements

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/t"


def key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "s"}}


def allowing(*actions: str, keys: list[str] | str | None = None, resource: str = TABLE) -> dict[str, Any]:
    statement = {"Action": [f"dynamodb:{each}" for each in actions], "Resource": resource}
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
    return {**statement, "Condition": condition} if keys else statement


def refused(operation: str, asked: dict[str, Any], *allowed: dict[str, Any]) -> bool:
    role = Role("f", "AKIA", statements([{"Statement": list(allowed)}]))
    return role.refuses(accesses(operation, asked)) is not None


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("GetItem", {"TableName": "t", "Key": key("A#1")}),
        ("PutItem", {"TableName": "t", "Item": key("A#1")}),
        (
            "Query",
            {
                "TableName": "t",
                "KeyConditionExpression": "#k = :pk AND begins_with(sk, :sk)",
                "ExpressionAttributeNames": {"#k": "pk"},
                "ExpressionAttributeValues": {":pk": {"S": "A#1"}, ":sk": {"S": "B#"}},
            },
        ),
    ],
)
def test_a_condition_opens_the_keys_that_it_names_and_no_others(
    operation: str, asked: dict[str, Any]
) -> None:
    assert not refused(operation, asked, allowing(operation, keys="A#*"))
    assert not refused(operation, asked, allowing(operation))
    assert refused(operation, asked, allowing(operation, keys=["B#*", "A"]))
    assert refused(operation, asked, allowing("DeleteItem", keys="A#*"))
    assert refused(operation, asked, allowing(operation, keys="A#*", resource=f"{TABLE}2"))


def test_a_transaction_needs_each_items_action_on_its_own_key() -> None:
    asked = {
        "TransactItems": [
            {"Put": {"TableName": "t", "Item": key("A#1")}},
            {"ConditionCheck": {"TableName": "t", "Key": key("B#1")}},
        ]
    }
    put = allowing("PutItem", keys="A#*")
    assert refused("TransactWriteItems", asked, put)
    assert refused("TransactWriteItems", asked, put, allowing("GetItem", "PutItem", keys="B#*"))
    assert not refused("TransactWriteItems", asked, put, allowing("ConditionCheckItem", keys="B#*"))


def test_all_keys_of_a_batch_have_to_be_opened_by_one_statement() -> None:
    asked = {"RequestItems": {"t": {"Keys": [key("A#1"), key("B#1")]}}}
    apart = [allowing("BatchGetItem", keys=each) for each in ("A#*", "B#*")]
    assert refused("BatchGetItem", asked, *apart)
    assert not refused("BatchGetItem", asked, allowing("BatchGetItem", keys=["A#*", "B#*"]))


def test_an_index_is_opened_by_itself() -> None:
    asked = {"TableName": "t", "IndexName": "due", "KeyConditionExpression": "due_shard = :s"}
    assert refused("Query", asked, allowing("Query", keys="A#*"))
    assert not refused("Query", asked, allowing("Query", resource=f"{TABLE}/index/*"))
    assert accesses("Query", asked) == [Access("Query", "t/index/due", ())]


def test_a_condition_that_nobody_knows_is_no_condition_that_is_passed() -> None:
    with pytest.raises(ValueError, match="StringEquals"):
        Statement.read({**allowing("GetItem"), "Condition": {"StringEquals": {"aws:x": "y"}}})
