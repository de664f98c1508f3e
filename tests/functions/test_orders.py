"""Contract B, and shipments with their parcels, through the query function."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.functions.conftest import COLLECTED, DELIVERED, Answer, App, Query, error

if TYPE_CHECKING:
    import io

COLLECTION, ONE = "/v1/shipments", "/v1/shipments/{order_id}"
BY_ORDER, BY_NUMBER = "/v1/tracking/get/{order_id}", "/v1/tracking/get"


def register(manage: App, order_id: str, number: str, member: str = "member", **rest: Any) -> Any:
    body = {"order_id": order_id, "tracking_number": number, **rest}
    answer = manage.send_json("POST", COLLECTION, body, member=member)
    assert answer.status == 201, answer.text
    return answer.body


def order(query: Query, order_id: str, member: str = "member", **parameters: str) -> Answer:
    return query.send("GET", BY_ORDER, path={"order_id": order_id}, query=parameters, member=member)


def shipment(query: Query, order_id: str, member: str = "member", **parts: Any) -> Answer:
    return query.send("GET", ONE, path={"order_id": order_id}, member=member, **parts)


def listed(manage: App, member: str = "member", **parameters: str) -> list[Any]:
    found: list[Any] = manage.send("GET", COLLECTION, query=parameters, member=member).body["shipments"]
    return found


def test_contract_b_answers_in_its_shape(query: Query, manage: App, number: str) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED, DELIVERED]})
    register(manage, "3550875", number, origin_country="HONG KONG", destination_country="Hong Kong")
    answer = order(query, "3550875")
    assert answer.status == 200
    (data,) = answer.body.values()
    first, last = data.pop("tracking_msg_list")
    assert data == {
        "tracking_number": number,
        "order_id": "3550875",
        "order_status": "本人签收",
        "export_country": "HONG KONG",
        "destination_country": "Hong Kong",
        "shipping_provider": "圆通速递",
        "courier_name": "圆通速递",
        "message": "OK",
    }
    assert first.keys() == {"code", "location", "date", "message"}
    assert (first["code"], first["message"]) == ("delivered", "已签收")
    assert time.strptime(first["date"], "%Y-%m-%d %H:%M:%S")
    assert "张三" not in last["message"]
    assert query.send("GET", BY_NUMBER, query={"tracking_number": number}).body == answer.body


def test_contract_b_speaks_the_shipments_language(query: Query, manage: App, number: str) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED]})
    register(manage, "1", number, lang="en")
    data = order(query, "1").body["data"]
    assert (data["courier_name"], data["order_status"]) == ("YTO Express", "Collected")
    assert data["tracking_msg_list"][0]["message"] == "Collected"


@pytest.mark.parametrize(
    ("resource", "path", "parameters", "code", "field"),
    [
        (BY_NUMBER, None, {}, "TRACKING_NUMBER_REQUIRED", "order_id"),
        (BY_NUMBER, None, {"tracking_number": " "}, "TRACKING_NUMBER_REQUIRED", "order_id"),
        (BY_NUMBER, None, {"tracking_number": "YT0000000000000"}, "ORDER_NOT_FOUND", "tracking_number"),
        (BY_NUMBER, None, {"tracking_number": "no"}, "INVALID_PARAMETER", "tracking_number"),
        (BY_ORDER, {"order_id": "none"}, {}, "ORDER_NOT_FOUND", "order_id"),
        (BY_ORDER, {"order_id": "a%20b"}, {}, "INVALID_PARAMETER", "order_id"),
    ],
)
def test_contract_b_refuses_in_its_own_words(
    query: Query,
    resource: str,
    path: dict[str, str] | None,
    parameters: dict[str, str],
    code: str,
    field: str,
) -> None:
    refused = query.send("GET", resource, path=path, query=parameters)
    assert refused.status == 400
    body = error(refused)
    assert (body["code"], body["code_reason"], body["message"]) == ("400000", "BAD_REQUEST", "Bad Request")
    assert body["error_code"] == code
    assert body["error_trace"][0]["field"] == field
    assert query.upstream_calls() == []


def test_contract_b_needs_the_scope_of_tracking(query: Query) -> None:
    for resource, path in ((BY_ORDER, {"order_id": "1"}), (BY_NUMBER, None)):
        refused = query.send("GET", resource, path=path, scopes="manage")
        assert (refused.status, error(refused)["code"]) == (403, "403000")


def test_an_order_of_several_parcels_answers_with_the_latest_that_is_not_over(
    query: Query, manage: App, number: str
) -> None:
    older, newest = f"{number}A", f"{number}B"
    for each, events in ((number, [COLLECTED]), (older, [COLLECTED]), (newest, [COLLECTED, DELIVERED])):
        query.simulator.put(f"journeys/yuantong/{each}", {"events": events})
        register(manage, "1", each, courier="yuantong")
    assert order(query, "1").body["data"]["tracking_number"] == newest  # until it is known to have arrived
    assert order(query, "1").body["data"]["tracking_number"] == older
    assert order(query, "1", tracking_number=number).body["data"]["tracking_number"] == number
    for each in (number, older):
        path = {"order_id": "1"}
        manage.send("POST", f"{ONE}/complete", path=path, query={"tracking_number": each})
    assert order(query, "1").body["data"]["tracking_number"] == newest


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_number_or_courier_beside_an_order_is_one_that_was_left_out(
    query: Query, manage: App, number: str, blank: str
) -> None:
    register(manage, "1", number, courier="yuantong")
    for said in (
        {"tracking_number": blank},
        {"courier": blank},
        {"tracking_number": number, "courier": blank},
    ):
        found = order(query, "1", **said)
        assert (found.status, found.body["data"]["tracking_number"]) == (200, number)


def test_an_upstream_that_fails_costs_the_answer_nothing_but_its_news(
    query: Query, manage: App, number: str
) -> None:
    register(manage, "1", number)
    query.simulator.put("faults", {"code": "501", "number": number})
    answer = order(query, "1")
    assert answer.status == 200
    data = answer.body["data"]
    assert (data["order_status"], data["tracking_msg_list"]) == ("暂无轨迹", [])
    assert "Kuaidi100 had a fault" in data["message"]
    whole = shipment(query, "1").body
    assert whole["parcel"] is None
    assert whole["problem"]["error_code"] == "UPSTREAM_UNAVAILABLE"
    assert whole["problem"]["retry_after"] > 0


def test_a_shipment_shows_its_parcel_and_how_fresh_it_is(query: Query, manage: App, number: str) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED, DELIVERED]})
    made = register(manage, "1", number)
    first, again = shipment(query, "1"), shipment(query, "1")
    assert first.body["id"] == made["id"]
    assert first.body["parcel"]["freshness"]["source"] == "live"
    assert again.body["parcel"]["freshness"]["source"] == "cache"
    assert again.headers["X-Waybill-Source"] == "cache"
    assert (first.body["status"], first.body["terminal"]) == ("delivered", True)
    assert first.body["problem"] is None
    assert len(query.upstream_calls()) == 1


def test_a_shipment_that_has_not_changed_is_not_sent_again(query: Query, manage: App, number: str) -> None:
    register(manage, "1", number)
    shipment(query, "1")
    tag = shipment(query, "1").headers["ETag"]
    assert shipment(query, "1", headers={"If-None-Match": tag}).status == 304
    manage.send_json("PATCH", ONE, {"tags": ["new"]}, path={"order_id": "1"})
    assert shipment(query, "1", headers={"If-None-Match": tag}).status == 200
    tag = order(query, "1").headers["ETag"]
    again = query.send("GET", BY_ORDER, path={"order_id": "1"}, headers={"If-None-Match": tag})
    assert again.status == 304


def test_a_refresh_says_why_it_is_not_fresher(query: Query, manage: App, number: str) -> None:
    register(manage, "1", number)
    refreshed = [query.send("POST", f"{ONE}/refresh", path={"order_id": "1"}) for _ in range(2)]
    assert [each.status for each in refreshed] == [200, 200]
    assert refreshed[0].body["parcel"]["freshness"]["source"] == "live"
    assert refreshed[1].body["parcel"]["freshness"]["reason"] == "gap_not_over"
    assert len(query.upstream_calls()) == 1


def test_one_answer_is_shown_in_every_members_list(query: Query, manage: App, number: str) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED, DELIVERED]})
    register(manage, "1", number)
    register(manage, "2", number)
    register(manage, "3", number, member="other")
    assert order(query, "1").status == 200
    assert {each["order_id"] for each in listed(manage, status="delivered")} == {"1", "2"}
    (other,) = listed(manage, member="other", status="delivered")
    assert other["status_name"] == "本人签收"
    assert listed(manage, status="pending") == []
    late = register(manage, "4", number, member="late")
    assert late["status"] == "delivered"
    assert len(query.upstream_calls()) == 1


def test_an_exception_asks_for_attention(query: Query, manage: App, number: str) -> None:
    lost = {"at": -60, "text": "快件异常", "status_code": "2"}
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED, lost]})
    register(manage, "1", number)
    shipment(query, "1")
    (found,) = listed(manage, attention="true")
    assert found["attention"] == "exception"


def test_a_phone_bound_parcel_shows_itself_only_to_members_with_the_right_tail(
    query: Query, manage: App, number: str, logs: io.StringIO
) -> None:
    sf = number.replace("YT9", "SF9")
    query.simulator.put(f"journeys/shunfeng/{sf}", {"phone": "4321", "events": [COLLECTED, DELIVERED]})
    register(manage, "right", sf, phone="13800004321")
    register(manage, "wrong", sf, member="other", phone="1111")
    register(manage, "also-right", sf, member="third", phone="4321")
    assert order(query, "right").body["data"]["order_status"] == "本人签收"
    # The right tail, but never shown: told nothing until its member asks.
    assert listed(manage, member="third")[0]["status"] == "pending"
    assert order(query, "also-right", member="third").status == 200
    assert listed(manage, member="third")[0]["status"] == "delivered"
    assert listed(manage, member="other")[0]["status"] == "pending"
    refused = error(order(query, "wrong", member="other"))
    assert refused["error_code"] in {"PHONE_MISMATCH", "PHONE_UNVERIFIED"}
    assert refused["error_trace"][0]["field"] == "phone"
    whole = shipment(query, "wrong", member="other").body
    assert (whole["parcel"], whole["status"]) == (None, "pending")
    assert whole["problem"]["error_code"] == refused["error_code"]
    assert "4321" not in logs.getvalue()


def test_orders_with_tails_of_all_kinds_are_no_way_to_guess_one(
    query: Query, manage: App, number: str
) -> None:
    sf = number.replace("YT9", "SF9")
    query.simulator.put(f"journeys/shunfeng/{sf}", {"phone": "0007", "events": [COLLECTED]})
    register(manage, "owner", sf, phone="0007")
    assert order(query, "owner").status == 200
    for tail in range(10):
        register(manage, f"guess-{tail}", sf, member="other", phone=f"{tail:04}")
    answers = [order(query, f"guess-{tail}", member="other") for tail in range(10)]
    assert [each.status for each in answers].count(200) == 0
    assert [each.status for each in answers[5:]] == [429] * 5
    assert {each["status"] for each in listed(manage, member="other")} == {"pending"}


def test_a_forwarded_parcel_is_linked_to_its_successor(query: Query, manage: App, number: str) -> None:
    forwarded = {"at": -60, "text": "转投", "status_code": "7"}
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED, forwarded]})
    register(manage, "1", number, tags=["gift"], lang="en")
    shipment(query, "1")
    path, body = {"order_id": "1"}, {"tracking_number": "SF9999999999999", "phone": "8000"}
    made = manage.send_json("POST", f"{ONE}/successor", body, path=path, query={"tracking_number": number})
    assert made.status == 201
    assert made.body["predecessor"] == {"courier": "yuantong", "tracking_number": number}
    assert (made.body["tags"], made.body["lang"]) == (["gift"], "en")
    old = query.send("GET", ONE, path=path, query={"tracking_number": number}).body
    assert old["successor"] == {"courier": "shunfeng", "tracking_number": "SF9999999999999"}
    again = manage.send_json("POST", f"{ONE}/successor", body, path=path, query={"tracking_number": number})
    assert (again.status, again.body["id"]) == (200, made.body["id"])
    own = {"tracking_number": number}
    refused = manage.send_json("POST", f"{ONE}/successor", own, path=path, query=own)
    assert error(refused)["error_trace"][0]["field"] == "tracking_number"


def test_a_members_order_is_nobody_elses(query: Query, manage: App, number: str) -> None:
    register(manage, "1", number)
    shipment(query, "1")
    assert order(query, "1", member="other").text == order(query, "1", member="nobody").text
    foreign = query.send("GET", BY_NUMBER, query={"tracking_number": number}, member="other")
    nowhere = query.send("GET", BY_NUMBER, query={"tracking_number": "YT0000000000000"}, member="other")
    assert foreign.text == nowhere.text


def test_an_order_is_looked_up_by_two_reads(query: Query, manage: App, number: str) -> None:
    register(manage, "1", number)
    order(query, "1")
    query.aws_calls.clear()
    assert order(query, "1").status == 200
    assert query.aws_calls == ["DynamoDB_20120810.Query", "DynamoDB_20120810.GetItem"]


def test_an_answer_is_shown_also_where_the_copies_of_it_cannot_be_written(
    query: Query, manage: App, number: str
) -> None:
    query.simulator.put(f"journeys/yuantong/{number}", {"events": [COLLECTED, DELIVERED]})
    register(manage, "1", number)

    def away(params: dict[str, bytes], **_: object) -> None:
        if b"WATCH#" in params["body"]:
            raise EndpointConnectionError(endpoint_url="dynamodb")

    query.app.DYNAMODB.meta.events.register("before-call.dynamodb.TransactWriteItems", away)
    answer = shipment(query, "1")
    assert (answer.status, answer.body["status"]) == (200, "delivered")
    assert answer.body["parcel"]["freshness"]["source"] == "live"
    assert listed(manage)[0]["status"] == "pending"
