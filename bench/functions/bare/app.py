"""The least that a lookup could be: one client of boto3, one GetItem. What ours is held against."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

DYNAMODB = boto3.client("dynamodb")
TABLE = os.environ["CACHE_TABLE"]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    place = event["pathParameters"]
    key = {"pk": {"S": f"RESULT#{place['courier']}#{place['number']}"}}
    item = DYNAMODB.get_item(TableName=TABLE, Key=key)["Item"]
    return {"statusCode": 200, "headers": {}, "body": json.dumps({"fetched_at": item["fetched_at"]["N"]})}
