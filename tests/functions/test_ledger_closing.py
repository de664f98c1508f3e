"""The dispatch function: the ledger is summed up by it, whether or not anybody asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import Context, load
from tests.ledgers import begin, call, put_rows
from waybill.errors import HOUR

if TYPE_CHECKING:
    from tests.outlets import Outlets


@pytest.fixture
def dispatch(outlets: Outlets) -> Any:  # noqa: ARG001 - in force, not used
    return load("dispatch")


def test_a_run_sums_up_what_is_over(dispatch: Any) -> None:
    dynamodb, now = boto3.client("dynamodb"), time.time()
    begin(dynamodb, "tracking", now - 6 * HOUR)
    put_rows(dynamodb, "tracking", [call(now - 5 * HOUR)])
    for _ in range(2):
        dispatch.handler({}, Context())
    items = dynamodb.scan(TableName="tracking")["Items"]
    assert [item["lines"] for item in items if item["pk"]["S"].startswith("LEDGER#2")][:1]
    (until,) = [int(item["until"]["N"]) for item in items if item["sk"]["S"] == "CLOSED"]
    assert now - 2 * HOUR < until <= time.time()
