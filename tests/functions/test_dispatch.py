"""The dispatch function: a run and its parts, and who begins them."""

from __future__ import annotations

import json
import time
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import Context, load
from tests.receivers import Receiver, Reply, answering
from waybill.errors import StoreUnavailable

if TYPE_CHECKING:
    from tests.outlets import Outlets


@pytest.fixture
def dispatch(outlets: Outlets) -> Any:  # noqa: ARG001 - in force, not used
    return load("dispatch")


class SoonOver(Context):
    """Of a run whose time alone is over when it begins."""

    def __init__(self) -> None:
        self._remaining = chain([55_000], repeat(40_000))

    def get_remaining_time_in_millis(self) -> int:
        return next(self._remaining)


def put_due(number: str, shard: int) -> None:
    boto3.client("dynamodb").put_item(
        TableName="tracking",
        Item={
            "pk": {"S": f"PARCEL#yuantong#{number}"},
            "sk": {"S": "PARCEL"},
            "due_shard": {"S": f"DUE#{shard:02}"},
            "due_at": {"N": str(int(time.time()) - 60)},
        },
    )


def test_a_part_sends_the_parcels_of_its_shards_and_leaves_the_others_and_the_ledger(
    dispatch: Any, outlets: Outlets
) -> None:
    for shard in range(4):
        put_due(f"YT{shard}", shard)
    dispatch.handler({"shards": ["DUE#01", "DUE#02"]}, Context())
    assert sorted(each["number"] for each in outlets.taken(outlets.refresh)) == ["YT1", "YT2"]
    kept = boto3.client("dynamodb").scan(TableName="tracking")["Items"]
    assert not [each for each in kept if each["pk"]["S"].startswith("LEDGER#")]
    dispatch.handler({}, Context())
    assert sorted(each["number"] for each in outlets.taken(outlets.refresh)) == ["YT0", "YT3"]


def test_a_part_that_goes_wrong_fails(dispatch: Any) -> None:
    boto3.client("dynamodb").delete_table(TableName="cache")
    with pytest.raises(StoreUnavailable):
        dispatch.handler({"shards": ["DUE#01"]}, Context())


@pytest.mark.parametrize(("status", "begun"), [(202, 16), (429, 0)])
def test_a_run_with_more_than_it_can_send_has_its_own_function_begin_for_each_shard(
    dispatch: Any, outlets: Outlets, monkeypatch: pytest.MonkeyPatch, status: int, begun: int
) -> None:
    for number in range(16):
        put_due(f"YT{number}", number)
    with Receiver(behave=answering(Reply(status, b"{}"))) as lambda_:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_.url)
        dispatch.composition.functions.cache_clear()
        dispatch.handler({}, SoonOver())
        dispatch.composition.functions.cache_clear()
    assert {asked.path for asked in lambda_.requests} == {"/hook/2015-03-31/functions/query/invocations"}
    assert {asked.headers["x-amz-invocation-type"] for asked in lambda_.requests} == {"Event"}, (
        "nobody waits for its end"
    )
    events = [json.loads(asked.body) for asked in lambda_.requests]
    assert events == [{"shards": [f"DUE#{shard:02}"]} for shard in range(16)]
    sent = len(outlets.taken(outlets.refresh))
    assert sent == 16 - begun, "what Lambda does not take, the run does itself"
