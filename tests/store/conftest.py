"""The store suite runs on the double in memory, on moto, and on any DynamoDB that `--dynamodb URL` names."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from tests.doubles import MemoryStore
from waybill.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.lookup import Store


@pytest.fixture(params=["memory", "moto", "emulator"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    match request.param:
        case "memory":
            yield MemoryStore()
        case "moto":
            with mock_aws():
                yield Cache(_client(), _create_table(_client()))
        case _:
            url: str = request.getfixturevalue("emulator")
            yield Cache(_client(url), _create_table(_client(url)))


def _client(url: str | None = None) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _create_table(client: DynamoDBClient) -> str:
    name = f"cache-{uuid.uuid4().hex[:8]}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name
