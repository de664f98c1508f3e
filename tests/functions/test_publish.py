"""The publish function as Lambda loads it: records of the table's stream in, notifications out, and positions of what failed."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import Context, load
from waybill import notifications, outbox
from waybill.errors import StoreUnavailable, TopicUnavailable
from waybill.model import Event, Milestone, Parcel
from waybill.topics import Topic

if TYPE_CHECKING:
    import io

    from tests.outlets import Outlets

TIME = "2026-01-01T10:00:00+08:00"


@pytest.fixture
def publish(outlets: Outlets) -> Any:  # noqa: ARG001 - in force, not used
    return load("publish")


def told(number: str) -> notifications.Notification:
    event = Event("e1", TIME, "assumed", "快件已签收", "3", "delivered", None)
    parcel = Parcel("yuantong", number, "delivered", terminal=True, events=(event,))
    return notifications.of_milestone(parcel, Milestone("delivered", TIME, "e1"), time.time())


def born(*numbers: str, age: float = 0.0) -> list[dict[str, Any]]:
    """Milestones in the table, and the records of its stream that show them, as the event source mapping hands them over."""
    records: list[dict[str, Any]] = []
    for number in numbers:
        item = {
            "pk": {"S": f"PARCEL#yuantong#{number}"},
            "sk": {"S": "MILESTONE#delivered"},
            "status": {"S": "delivered"},
            **outbox.entry(told(number), time.time() - age),
        }
        boto3.client("dynamodb").put_item(TableName="tracking", Item=item)
        records.append(record(item, f"4421584500000000017450{len(records):04}"))
    return records


def record(item: dict[str, Any], position: str) -> dict[str, Any]:
    return {
        "eventID": f"c4ca4238a0b923820dcc509a6f75849{position[-1]}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_800_000_000.0,
            "Keys": {name: item[name] for name in ("pk", "sk") if name in item},
            "NewImage": item,
            "SequenceNumber": position,
            "SizeBytes": 926,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/tracking/stream/2026-11-22T00:00:00.000",
    }


def failures(publish: Any, records: list[dict[str, Any]]) -> list[str]:
    answer = publish.handler({"Records": records}, Context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def numbers(outlets: Outlets) -> list[str]:
    return sorted(each["data"]["number"] for each in outlets.taken(outlets.fanout))


def test_what_the_stream_shows_is_published_once_however_often_it_does(
    publish: Any, outlets: Outlets
) -> None:
    records = born("YT1", "YT2", "YT3")
    assert failures(publish, [*records, records[1]]) == []
    assert failures(publish, records[::-1]) == []
    assert numbers(outlets) == ["YT1", "YT2", "YT3"]


def test_operators_get_text_and_systems_what_was_born(publish: Any, outlets: Outlets) -> None:
    sent: list[Any] = []
    client = publish.PUBLISHING.topic._sns  # noqa: SLF001 - to see what it sends
    client.meta.events.register(
        "before-parameter-build.sns.PublishBatch", lambda params, **_: sent.append(params)
    )
    failures(publish, born("YT1"))
    (entry,) = sent[0]["PublishBatchRequestEntries"]
    texts = json.loads(entry["Message"])
    assert outlets.taken(outlets.fanout) == [json.loads(texts["default"])]
    assert entry["MessageStructure"] == "json"
    assert entry["Subject"] == "[Waybill] Delivered: YT1 (yuantong)"
    assert "快件已签收" in texts["email"]
    assert "{" not in texts["email"]


def test_a_record_that_nobody_can_read_fails_alone_and_is_told_by_its_position(
    publish: Any, outlets: Outlets, logs: io.StringIO
) -> None:
    records = born("YT1", "YT2")
    broken = record({"message": {"S": "secret"}}, "999")
    assert failures(publish, [records[0], broken, records[1]]) == ["999"]
    assert numbers(outlets) == ["YT1", "YT2"]
    (line,) = [json.loads(line) for line in logs.getvalue().splitlines() if "unreadable" in line]
    assert line["position"] == "999"
    assert "secret" not in logs.getvalue()


def test_what_the_topic_does_not_take_is_reported_and_published_by_the_dispatch(
    publish: Any, outlets: Outlets
) -> None:
    records = born("YT1", "YT2", age=601)
    away = Topic(outlets.sns, f"{outlets.topic}-gone", lambda _: None)
    publish.PUBLISHING = replace(publish.PUBLISHING, topic=away)
    assert failures(publish, records) == [each["dynamodb"]["SequenceNumber"] for each in records]
    dispatch: Any = load("dispatch")
    well = dispatch.DISPATCH
    dispatch.DISPATCH = replace(well, publishing=publish.PUBLISHING)
    with pytest.raises(TopicUnavailable):
        dispatch.handler({}, Context())
    dispatch.DISPATCH = well
    dispatch.handler({}, Context())
    assert numbers(outlets) == ["YT1", "YT2"]
    assert failures(publish, records) == []
    assert numbers(outlets) == []


def test_a_run_of_the_dispatch_measures_the_outbox(
    outlets: Outlets, capsys: pytest.CaptureFixture[str]
) -> None:
    born("YT1", age=700)
    born("YT2", age=60)
    dispatch = load("dispatch")
    capsys.readouterr()
    dispatch.handler({}, Context())
    (measured,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "OutboxLag" in line]
    assert 700 <= measured["OutboxLag"][0] < 760
    assert (measured["Republished"], measured["DueAgain"]) == ([1.0], [0.0])
    assert numbers(outlets) == ["YT1"]


def test_a_table_that_is_away_fails_the_batch(publish: Any) -> None:
    records = born("YT1")
    boto3.client("dynamodb").delete_table(TableName="tracking")
    with pytest.raises(StoreUnavailable):
        failures(publish, records)
