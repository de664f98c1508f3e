"""The manage function: shipments registered, changed and forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import App, Context, error, sample
from tests.functions.registering import COLLECTION, ONE, ids, listed, register

if TYPE_CHECKING:
    import io


def test_a_new_shipment_is_answered_whole(manage: App) -> None:
    answer = register(
        manage,
        order_id="SO-7:1",
        tracking_number=" yt0000000000001 ",
        phone="13800000001",
        origin_country="HONG KONG",
        destination_country="Hong Kong",
        lang="en",
        notify={"email": "someone@example.com"},
        tags=["夏季", "gift"],
        metadata={"colour": "red"},
        **{"from": "广东省深圳市", "to": "香港"},
    )
    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/shipments/SO-7:1?tracking_number=YT0000000000001"
    body = answer.body
    assert body.pop("id").startswith("shp_")
    assert body["created_at"] == body.pop("updated_at")
    assert body.pop("next_check") == {
        "at": body.pop("created_at"),
        "reason": "first_look",
        "text": "first look",
    }
    assert body == {
        "order_id": "SO-7:1",
        "tracking_number": "YT0000000000001",
        "courier": {"code": "yuantong", "name": "YTO Express"},
        "state": "active",
        "status": "pending",
        "substatus": None,
        "status_name": "No tracking data yet",
        "terminal": False,
        "attention": None,
        "phone_given": True,
        "from": "广东省深圳市",
        "to": "香港",
        "origin_country": "HONG KONG",
        "destination_country": "Hong Kong",
        "lang": "en",
        "notify": {"email": "s***@example.com", "events": ["delivered", "exception"], "lang": "en"},
        "tags": ["夏季", "gift"],
        "metadata": {"colour": "red"},
        "predecessor": None,
        "successor": None,
        "completed_at": None,
    }


def test_an_address_is_whole_for_who_may_see_personal_data(manage: App) -> None:
    answer = register(manage, notify={"email": "someone@example.com"}, scopes="manage pii")
    assert answer.body["notify"]["email"] == "someone@example.com"


def test_an_address_that_is_none_is_told_what_one_is(manage: App) -> None:
    (fault,) = error(register(manage, notify={"email": "nobody"}))["error_trace"]
    assert fault == {"field": "notify.email", "message": "An e-mail address, as someone@example.com."}


def test_a_customer_can_be_told_of_a_parcel_that_stalls(manage: App) -> None:
    answer = register(manage, notify={"email": "a@b.example", "events": ["stalled", "delivered"]})
    assert (answer.status, answer.body["notify"]["events"]) == (201, ["stalled", "delivered"])


def test_the_phone_number_is_kept_as_four_digits_and_told_to_nobody(manage: App, logs: io.StringIO) -> None:
    register(manage, phone="13800004321")
    items = boto3.client("dynamodb").scan(TableName="tracking")["Items"]
    assert "1380000" not in json.dumps(items)
    assert "4321" not in json.dumps(listed(manage)) + logs.getvalue()


def test_the_same_content_again_is_the_same_shipment(manage: App) -> None:
    first, again = register(manage, tags=["a"]), register(manage, tags=["a"])
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body


def test_the_first_content_is_still_the_same_after_a_change(manage: App) -> None:
    register(manage, tags=["a"])
    manage.send_json("PATCH", ONE, {"tags": ["b"]}, path={"order_id": "1001"})
    assert register(manage, tags=["a"]).body["tags"] == ["b"]
    assert register(manage, tags=["b"]).status == 200


def test_other_content_under_the_same_order_and_number_is_refused(manage: App) -> None:
    register(manage)
    assert error(register(manage, tags=["a"]))["error_code"] == "SHIPMENT_EXISTS"
    assert listed(manage)["shipments"][0]["tags"] == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"order_id", "tracking_number"}),
        ({"order_id": "a b", "tracking_number": "short"}, {"order_id", "tracking_number"}),
        ({"order_id": "batch"}, {"order_id"}),
        ({"order_id": "x" * 65}, {"order_id"}),
        ({"order_id": 7}, {"order_id"}),
        ({"phone": "12"}, {"phone"}),
        ({"lang": "fr"}, {"lang"}),
        ({"colour": "red"}, {"colour"}),
        ({"tags": ["a", "a"]}, {"tags"}),
        ({"tags": ["a#b"]}, {"tags.0"}),
        ({"tags": [f"{each}" for each in range(11)]}, {"tags"}),
        ({"metadata": {"a b": "c"}}, {"metadata.a b"}),
        ({"metadata": {"a": 1}}, {"metadata.a"}),
        ({"metadata": {f"k{each}": "" for each in range(21)}}, {"metadata"}),
        ({"metadata": {"a": "\ud800"}}, {"metadata.a"}),
        ({"notify": {"email": "nobody"}}, {"notify.email"}),
        ({"notify": {"email": "a@b.example", "events": ["landed"]}}, {"notify.events"}),
        ({"from": ""}, {"from"}),
    ],
)
def test_every_field_that_is_wrong_is_named(manage: App, body: dict[str, Any], fields: set[str]) -> None:
    usual = {"order_id": "1001", "tracking_number": "YT0000000000001"} if body else {}
    refused = error(manage.send_json("POST", COLLECTION, {**usual, **body}))
    assert refused["code_reason"] == "BAD_REQUEST"
    assert {each["field"] for each in refused["error_trace"]} == fields
    assert all(each["message"].endswith(".") for each in refused["error_trace"])
    assert listed(manage)["shipments"] == []


def test_the_location_of_a_new_shipment_begins_with_the_stage(manage: App) -> None:
    answer = manage.app.handler(sample("shipments-register"), Context())
    assert answer["statusCode"] == 201
    assert answer["headers"]["Location"].startswith("/dev/v1/shipments/")


def test_a_number_that_may_be_of_several_couriers_brings_the_candidates(manage: App) -> None:
    refused = error(register(manage, number="123456789012"))
    assert refused["error_code"] == "COURIER_AMBIGUOUS"
    assert {"code", "name", "confidence"} == refused["candidates"][0].keys()


def test_a_courier_that_wants_a_phone_gets_none_without(manage: App) -> None:
    refused = error(register(manage, number="SF1234567890123"))
    assert refused["error_code"] == "PHONE_REQUIRED"
    assert listed(manage)["shipments"] == []


@pytest.mark.parametrize("scopes", ["track", "pii admin"])
def test_who_may_not_manage_writes_nothing(manage: App, scopes: str) -> None:
    register(manage)
    path = {"order_id": "1001"}
    for method, resource in manage.app.MANAGEMENT.routes():
        if (method, resource) != ("GET", COLLECTION):
            assert manage.send_json(method, resource, {}, path=path, scopes=scopes).status == 403
    assert manage.send("GET", COLLECTION, scopes="manage").status == 403
    assert ids(listed(manage)) == ["1001"]


# ---- Changes


def test_a_patch_changes_what_it_names_and_null_takes_away(manage: App) -> None:
    register(
        manage,
        origin_country="CN",
        tags=["a"],
        metadata={"a": "1", "b": "2"},
        notify={"email": "a@b.example"},
    )
    patch = {"origin_country": None, "to": "上海", "metadata": {"a": None, "c": "3"}, "lang": "en"}
    answer = manage.send_json(
        "PATCH",
        ONE,
        patch,
        path={"order_id": "1001"},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    body = answer.body
    assert (answer.status, body["origin_country"], body["to"], body["lang"]) == (200, None, "上海", "en")
    assert body["metadata"] == {"b": "2", "c": "3"}
    assert body["tags"] == ["a"]
    assert body["notify"]["email"] == "a***@b.example"
    cleared = manage.send_json(
        "PATCH", ONE, {"metadata": None, "tags": None, "notify": None}, path={"order_id": "1001"}
    )
    assert (cleared.body["metadata"], cleared.body["tags"], cleared.body["notify"]) == ({}, [], None)


@pytest.mark.parametrize(
    "patch", [{"order_id": "2"}, {"lang": None}, {"status": "delivered"}, {"phone": "1"}]
)
def test_what_cannot_be_changed_is_named(manage: App, patch: dict[str, Any]) -> None:
    register(manage)
    refused = error(manage.send_json("PATCH", ONE, patch, path={"order_id": "1001"}))
    assert refused["error_trace"][0]["field"] in patch


def test_a_change_back_is_made_although_the_lists_do_not_show_the_first_one_yet(
    manage: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(manage, tags=["a"])
    watches = manage.app.MANAGEMENT.shipments.watches
    behind = watches.of_order("member", "1001")
    monkeypatch.setattr(type(watches), "of_order", lambda *_: behind)
    path = {"order_id": "1001"}
    manage.send_json("PATCH", ONE, {"tags": ["b"]}, path=path)
    assert manage.send_json("PATCH", ONE, {"tags": ["a"]}, path=path).body["tags"] == ["a"]
    assert ids(listed(manage, tag="a")) == ["1001"]
    assert ids(listed(manage, tag="b")) == []


def test_a_parcel_of_an_order_of_very_many_is_found_by_its_number(manage: App) -> None:
    for each in range(101):
        register(manage, number=f"YT{each:013}")
    path, query = {"order_id": "1001"}, {"tracking_number": "YT0000000000000"}
    assert manage.send("DELETE", ONE, path=path, query=query).status == 204


def test_an_order_of_a_number_of_very_many_is_found_by_its_courier(manage: App) -> None:
    for each in range(101):
        register(manage, order_id=f"{each}")
    path = {"order_id": "0"}
    query = {"tracking_number": "YT0000000000001", "courier": "yuantong"}
    assert manage.send("DELETE", ONE, path=path, query=query).status == 204


def test_a_patch_cannot_pile_up_metadata(manage: App) -> None:
    register(manage, metadata={f"a{each}": "" for each in range(20)})
    refused = error(manage.send_json("PATCH", ONE, {"metadata": {"b": ""}}, path={"order_id": "1001"}))
    assert refused["error_trace"][0]["field"] == "metadata"


def test_a_completed_shipment_stays_and_says_when(manage: App) -> None:
    register(manage)
    first = manage.send("POST", f"{ONE}/complete", path={"order_id": "1001"})
    again = manage.send("POST", f"{ONE}/complete", path={"order_id": "1001"})
    assert first.body["state"] == "completed"
    assert first.body["completed_at"]
    assert again.body == first.body


def test_a_forgotten_shipment_is_gone_with_its_tags(manage: App) -> None:
    register(manage, tags=["a"])
    assert (gone := manage.send("DELETE", ONE, path={"order_id": "1001"})).status == 204
    assert gone.text == ""
    assert error(manage.send("DELETE", ONE, path={"order_id": "1001"}))["error_code"] == "ORDER_NOT_FOUND"
    # The parcel's own row stays, until the schedule finds that nobody waits for it.
    assert [item["sk"]["S"] for item in boto3.client("dynamodb").scan(TableName="tracking")["Items"]] == [
        "PARCEL"
    ]


def test_of_several_parcels_the_one_to_change_has_to_be_named(manage: App) -> None:
    register(manage)
    register(manage, number="YT0000000000002")
    path = {"order_id": "1001"}
    refused = manage.send("DELETE", ONE, path=path)
    assert refused.status == 409
    assert "YT0000000000002 (yuantong)" in error(refused)["message"]
    query = {"tracking_number": "yt0000000000002"}
    assert manage.send("DELETE", ONE, path=path, query=query).status == 204
    assert manage.send("DELETE", ONE, path=path, query=query).status == 404
    assert manage.send("DELETE", ONE, path=path).status == 204


def test_a_number_registered_with_a_wrong_courier_can_be_told_from_the_right_one(manage: App) -> None:
    register(manage)
    register(manage, courier="zhongtong", phone="8000")
    query = {"tracking_number": "YT0000000000001", "courier": "zto"}
    assert manage.send("DELETE", ONE, path={"order_id": "1001"}, query=query).status == 204
    assert listed(manage)["shipments"][0]["courier"]["code"] == "yuantong"


def test_only_a_forwarded_parcel_has_a_successor(manage: App) -> None:
    register(manage)
    body = {"tracking_number": "YT0000000000009"}
    refused = error(manage.send_json("POST", f"{ONE}/successor", body, path={"order_id": "1001"}))
    assert refused["error_code"] == "NOT_FORWARDED"


@pytest.mark.parametrize("order_id", ["a%20b", "", "x" * 65, "%0a", "a%2Fb"])
def test_an_order_id_that_can_be_none_is_refused(manage: App, order_id: str) -> None:
    refused = manage.send("DELETE", ONE, path={"order_id": order_id})
    assert error(refused)["error_trace"][0]["field"] == "order_id"


def test_a_store_that_is_away_is_said_so(manage: App) -> None:
    boto3.client("dynamodb").delete_table(TableName="tracking")
    refused = register(manage)
    assert refused.status == 503
    assert error(refused)["error_code"] == "STORE_UNAVAILABLE"
    assert refused.headers["Retry-After"]
