"""The tables of the template, made on whatever DynamoDB a test has."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types

from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

_WANTED = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@cache
def _resources() -> dict[str, Any]:
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return dict(template["Resources"])


def create_table(client: DynamoDBClient, logical_id: str, name: str) -> str:
    """A table with the keys and indexes that the template gives to this resource."""
    properties = _resources()[logical_id]["Properties"]
    client.create_table(TableName=name, **{key: properties[key] for key in _WANTED if key in properties})
    return name


def create_tables(client: DynamoDBClient, environment: Mapping[str, str]) -> None:
    """Both, under the names that functions get."""
    create_table(client, "CacheTable", environment["CACHE_TABLE"])
    create_table(client, "TrackingTable", environment["TRACKING_TABLE"])
