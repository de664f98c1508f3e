"""When a shipment is looked at next, as its member sees it: in every answer, in its language, and no more than it may know."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3

from tests.functions.conftest import COLLECTED, DELIVERED, App, Query
from tests.functions.registering import COLLECTION, ONE, listed, register

if TYPE_CHECKING:
    import pytest

LOOK = "/v1/shipments/{order_id}"


def check(shipment: Any) -> tuple[str | None, str]:
    return shipment["next_check"]["at"], shipment["next_check"]["reason"]


def shown(query: Query, order_id: str, member: str = "member") -> Any:
    answer = query.send("GET", LOOK, path={"order_id": order_id}, member=member)
    assert answer.status == 200, answer.text
    return answer.body


def moment(text: str | None) -> float:
    assert text is not None
    return datetime.fromisoformat(text).timestamp()


def row(number: str, courier: str = "yuantong") -> Any:
    key = {"pk": {"S": f"PARCEL#{courier}#{number}"}, "sk": {"S": "PARCEL"}}
    return boto3.client("dynamodb").get_item(TableName="tracking", Key=key).get("Item")


def test_what_is_registered_is_due_at_once_in_every_answer(manage: App, number: str) -> None:
    made = register(manage, "1", number).body
    assert check(made) == (made["created_at"], "first_look")
    (again,) = listed(manage)["shipments"]
    batch = {
        "shipments": [{"order_id": "1", "tracking_number": number}, {"order_id": "2", "tracking_number": "x"}]
    }
    answer = manage.send_json("POST", f"{COLLECTION}/batch", batch).body["results"]
    changed = manage.send_json("PATCH", ONE, {"tags": ["a"]}, path={"order_id": "1"}).body
    for each in (again, answer[0]["shipment"], changed):
        assert each["next_check"] == made["next_check"]
    assert answer[1]["status"] == 400


def test_a_batch_reads_the_rows_of_all_its_parcels_at_once(manage: App) -> None:
    batch = [{"order_id": f"{each}", "tracking_number": f"YT{each:013}"} for each in range(5)]
    manage.aws_calls.clear()
    answer = manage.send_json("POST", f"{COLLECTION}/batch", {"shipments": batch})
    assert answer.body["registered"] == 5
    assert manage.aws_calls.count("DynamoDB_20120810.BatchGetItem") == 1


def test_a_callers_own_question_is_a_look(query: Query, manage: App, number: str) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED]})
    register(manage, "1", number, lang="en")
    assert query.parcel("yuantong", number).status == 200
    (ship,) = listed(manage)["shipments"]
    at, reason = check(ship)
    assert reason == "under_way"
    assert ship["next_check"]["text"] == "under way"
    assert moment(at) > time.time() + 1800
    assert check(shown(query, "1")) == (at, reason)
    assert len(query.upstream_calls()) == 1


def test_a_delivered_parcel_is_looked_at_once_more(query: Query, manage: App, number: str) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED, DELIVERED]})
    register(manage, "1", number)
    at, reason = check(shown(query, "1"))
    assert reason == "signature_check"
    assert moment(at) > time.time() + 47 * 3600


def test_who_has_completed_a_shipment_sees_that_nobody_looks_for_them(manage: App, number: str) -> None:
    register(manage, "1", number)
    register(manage, "1", number, member="other")
    done = manage.send("POST", f"{ONE}/complete", path={"order_id": "1"}).body
    assert done["next_check"] == {"at": None, "reason": "nobody_waits", "text": "无人关注"}
    assert check(listed(manage, member="other")["shipments"][0])[1] == "first_look"


def test_what_was_registered_before_the_schedule_is_armed_by_a_look(
    query: Query, manage: App, number: str
) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED]})
    register(manage, "1", number)
    tracking = boto3.resource("dynamodb").Table("tracking")
    tracking.delete_item(Key={"pk": f"PARCEL#yuantong#{number}", "sk": "PARCEL"})
    tracking.update_item(
        Key={"pk": f"PARCEL#yuantong#{number}", "sk": "WATCH#member#1"}, UpdateExpression="REMOVE armed"
    )
    assert listed(manage)["shipments"][0]["next_check"] is None
    answer = query.send("GET", "/v1/tracking/get/{order_id}", path={"order_id": "1"})
    assert answer.status == 200
    assert row(number)["reason"]["S"] == "under_way"
    assert check(listed(manage)["shipments"][0])[1] == "under_way"


def test_a_look_that_costs_no_call_writes_nothing(query: Query, manage: App, number: str) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED]})
    register(manage, "1", number)
    shown(query, "1")
    query.aws_calls.clear()
    shown(query, "1")
    assert [each.partition(".")[2] for each in query.aws_calls] == ["Query", "GetItem", "GetItem"]


def test_the_etag_of_a_shipment_stays_when_only_the_time_of_the_next_look_moves(
    query: Query, manage: App, number: str
) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED]})
    register(manage, "1", number)
    before = query.send("GET", LOOK, path={"order_id": "1"})
    boto3.resource("dynamodb").Table("tracking").update_item(
        Key={"pk": f"PARCEL#yuantong#{number}", "sk": "PARCEL"},
        UpdateExpression="SET next_at = next_at + :hour",
        ExpressionAttributeValues={":hour": 3600},
    )
    after = query.send("GET", LOOK, path={"order_id": "1"})
    assert before.body["next_check"] != after.body["next_check"]
    assert before.headers["ETag"] == after.headers["ETag"]


def test_the_schedule_of_a_phone_bound_parcel_is_told_to_who_has_shown_its_phone(
    query: Query, manage: App, number: str
) -> None:
    """When and why would tell where it is: on its tour, in a locker, arrived."""
    number = f"SF{number[2:]}"
    query.simulator.put(f"journeys/shunfeng/{number}", {"events": [COLLECTED], "phone": "13800008000"})
    register(manage, "1", number, phone="8000")
    register(manage, "1", number, member="stranger", phone="1111")
    assert check(shown(query, "1"))[1] == "under_way"
    hidden = {"at": None, "reason": "phone_needed", "text": "等待核实手机号"}
    assert listed(manage, member="stranger")["shipments"][0]["next_check"] == hidden
    assert shown(query, "1", member="stranger")["next_check"] == hidden
    assert check(listed(manage)["shipments"][0])[1] == "under_way"


def test_answers_from_the_cache_never_load_the_schedule(
    query: Query, manage: App, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys  # noqa: PLC0415 - what this is about

    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED]})
    register(manage, "1", number)
    shown(query, "1")
    for name in ("waybill.schedule", "waybill.pace", "waybill.following", "waybill.lessons"):
        monkeypatch.setitem(sys.modules, name, None)  # whoever imports it fails
    query.app.LOOKUP.on_known.use = None
    assert shown(query, "1")["next_check"]["reason"] == "under_way"
    assert query.parcel("yuantong", number).status == 200
