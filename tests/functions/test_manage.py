"""The manage function: shipments registered, listed, changed and forgotten."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import Answer, App, Context, error, sample
from waybill import management
from waybill.registration import Filters
from waybill.watches import Place

if TYPE_CHECKING:
    import io

COLLECTION, ONE = "/v1/shipments", "/v1/shipments/{order_id}"


def register(manage: App, order_id: str = "1001", number: str = "YT0000000000001", **rest: Any) -> Answer:
    parts = {key: rest.pop(key) for key in ("member", "scopes", "headers") if key in rest}
    return manage.send_json(
        "POST", COLLECTION, {"order_id": order_id, "tracking_number": number, **rest}, **parts
    )


def listed(manage: App, member: str = "member", **query: str) -> Any:
    answer = manage.send("GET", COLLECTION, query=query, member=member)
    assert answer.status == 200, answer.text
    return answer.body


def ids(page: Any) -> list[str]:
    return [each["order_id"] for each in page["shipments"]]


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
    assert body.pop("created_at") == body.pop("updated_at")
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


def test_the_phone_number_is_kept_as_four_digits_and_told_to_nobody(manage: App, logs: io.StringIO) -> None:
    register(manage, phone="13800004321")
    (item,) = boto3.client("dynamodb").scan(TableName="tracking")["Items"]
    assert "1380000" not in json.dumps(item)
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


# ---- Batches


def test_a_batch_answers_for_each_by_itself(manage: App) -> None:
    register(manage, order_id="2")
    body = {
        "shipments": [
            {"order_id": "1", "tracking_number": "YT0000000000001"},
            {"order_id": "2", "tracking_number": "YT0000000000001"},
            {"order_id": "3"},
            "nonsense",
            {"order_id": "4", "tracking_number": "123456789012"},
        ]
    }
    answer = manage.send_json("POST", "/v1/shipments/batch", body)
    assert answer.status == 200
    results = answer.body["results"]
    assert [each["index"] for each in results] == [0, 1, 2, 3, 4]
    assert [each["status"] for each in results] == [201, 200, 400, 400, 422]
    assert (answer.body["registered"], answer.body["existing"], answer.body["refused"]) == (1, 1, 3)
    assert results[2]["error"]["error_trace"][0]["field"] == "tracking_number"
    assert results[4]["error"]["candidates"]
    assert sorted(ids(listed(manage))) == ["1", "2"]


@pytest.mark.parametrize("shipments", [[], [{}] * 101, "nonsense", None])
def test_a_batch_has_1_to_100_shipments(manage: App, shipments: Any) -> None:
    refused = error(manage.send_json("POST", "/v1/shipments/batch", {"shipments": shipments}))
    assert refused["error_trace"][0]["field"] == "shipments"


def test_a_batch_may_be_large_but_not_too_large(manage: App) -> None:
    row = {"order_id": "1", "tracking_number": "YT0000000000001", "metadata": {"a": "x" * 500}}
    whole = {"shipments": [{**row, "order_id": f"{each}"} for each in range(100)]}
    assert manage.send_json("POST", "/v1/shipments/batch", whole).body["registered"] == 100
    padding = {"shipments": [{**row, "padding": "x" * 3000}] * 100}
    assert manage.send_json("POST", "/v1/shipments/batch", padding).status == 413


@pytest.mark.parametrize(
    "faulty",
    [
        {"metadata": {f"!{each}": 1 for each in range(250)}},
        {"x" * 1500: 1},
        {"notify": {"email": "a@b.example", "events": ["x" * 1500]}},
    ],
)
def test_a_batch_of_nothing_but_faults_makes_no_huge_answer(manage: App, faulty: dict[str, Any]) -> None:
    answer = manage.send_json("POST", "/v1/shipments/batch", {"shipments": [faulty] * 70})
    assert answer.body["refused"] == 70
    assert all(each["error"]["error_trace"] for each in answer.body["results"])
    assert len(answer.text) < 1_000_000
    assert "x" * 200 not in answer.text


# ---- Idempotency-Key


def test_a_repeated_request_gets_the_same_answer_and_does_nothing(manage: App) -> None:
    key = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    first = register(manage, headers=key, tags=["夏季"])
    manage.send("DELETE", ONE, path={"order_id": "1001"})
    again = register(manage, headers=key, tags=["夏季"])
    assert (again.status, again.headers, again.text) == (first.status, first.headers, first.text)
    assert listed(manage)["shipments"] == []


def test_a_key_with_another_body_is_refused(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    register(manage, headers=key)
    refused = register(manage, order_id="2", headers=key)
    assert refused.status == 422
    assert error(refused)["error_code"] == "IDEMPOTENCY_KEY_REUSED"
    assert ids(listed(manage)) == ["1001"]


def test_a_key_is_its_members_and_its_routes_own(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    assert register(manage, headers=key).status == 201
    assert register(manage, order_id="2", headers=key, member="other").status == 201
    batch = {"shipments": [{"order_id": "3", "tracking_number": "YT0000000000001"}]}
    assert manage.send_json("POST", "/v1/shipments/batch", batch, headers=key).body["registered"] == 1


def test_a_refused_request_may_be_mended_under_its_key(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    assert register(manage, number="no", headers=key).status == 400
    assert register(manage, headers=key).status == 201


def test_a_second_request_while_the_first_is_at_work_is_told_to_wait(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    shipments = manage.app.MANAGEMENT.shipments
    second: list[Answer] = []

    def meanwhile(**_: object) -> None:
        if not second:
            second.append(register(manage, headers=key))

    shipments.watches._dynamodb.meta.events.register(  # noqa: SLF001 - the moment between the key and the shipment
        "before-call.dynamodb.TransactWriteItems", meanwhile
    )
    assert register(manage, headers=key).status == 201
    assert error(second[0])["error_code"] == "REQUEST_IN_PROGRESS"
    assert second[0].status == 409
    assert second[0].headers["Retry-After"] == "1"


@pytest.mark.parametrize("key", ["", '""', "a b", "ä", '"a', "x" * 256])
def test_a_key_that_is_none_is_refused(manage: App, key: str) -> None:
    refused = error(register(manage, headers={"Idempotency-Key": key}))
    assert refused["error_trace"][0]["field"] == "Idempotency-Key"


# ---- Lists


def test_a_list_goes_from_page_to_page(manage: App) -> None:
    for each in range(5):
        register(manage, order_id=f"{each}")
    whole = ids(listed(manage))
    assert sorted(whole) == ["0", "1", "2", "3", "4"]
    first = listed(manage, limit="2")
    register(manage, order_id="new")
    second = listed(manage, limit="2", cursor=first["next_cursor"])
    third = listed(manage, limit="2", cursor=second["next_cursor"])
    assert ids(first) + ids(second) + ids(third) == whole
    assert third["next_cursor"] is None


def test_the_last_page_is_the_last_also_when_it_is_full(manage: App) -> None:
    for each in range(4):
        register(manage, order_id=f"{each}")
    assert listed(manage, limit="4")["next_cursor"] is None


def test_a_page_of_the_largest_shipments_ends_before_it_is_too_large(manage: App) -> None:
    largest = {f"key-{each}": "\0" * 500 for each in range(20)}
    for each in range(60):
        register(manage, order_id=f"{each}", tags=["large"], metadata=largest)
    found: list[str] = []
    following: dict[str, str] = {}
    for _ in range(2):
        answer = manage.send("GET", COLLECTION, query={"limit": "100", "tag": "large", **following})
        assert len(json.dumps(answer.text)) < 6 * 1024 * 1024
        found += ids(answer.body)
        following = {"cursor": answer.body["next_cursor"]}
    assert sorted(found) == sorted(f"{each}" for each in range(60))
    assert following == {"cursor": None}


def test_filters_join(manage: App) -> None:
    for each in range(6):
        register(manage, order_id=f"{each}", tags=["even"] if each % 2 == 0 else ["odd"])
    register(manage, order_id="sf", number="SF1234567890123", phone="8000", tags=["even"])
    assert sorted(ids(listed(manage, tag="even", courier="yto"))) == ["0", "2", "4"]
    assert ids(listed(manage, tag="even", courier="shunfeng", status="pending")) == ["sf"]
    assert ids(listed(manage, attention="true")) == []
    assert len(ids(listed(manage, attention="false"))) == 7
    assert ids(listed(manage, status="delivered")) == []


def test_a_page_of_joined_filters_reads_a_bounded_part_and_goes_on(manage: App) -> None:
    register(manage, number="ZT0000000000001", courier="zhongtong", phone="8000")
    for each in range(14):
        register(manage, order_id=f"{each}")
    first = listed(manage, limit="1", status="pending", courier="zhongtong")
    assert ids(first) == []
    second = listed(manage, limit="1", status="pending", courier="zhongtong", cursor=first["next_cursor"])
    assert ids(second) == ["1001"]
    assert second["next_cursor"] is None


def test_every_text_at_its_longest_finds_room(manage: App) -> None:
    texts = {f"key-{each}": "长" * 500 for each in range(20)}
    assert register(manage, metadata=texts).body["metadata"] == texts


def test_what_changed_since_comes_oldest_first(manage: App) -> None:
    for each in ("a", "b", "c"):
        register(manage, order_id=each)
    manage.send_json("PATCH", ONE, {"tags": ["x"]}, path={"order_id": "a"})
    assert ids(listed(manage, updated_since="2020-01-01T00:00:00Z")) == ["b", "c", "a"]
    assert ids(listed(manage, updated_since="2020-01-01T08:00:00 08:00")) == ["b", "c", "a"]
    assert ids(listed(manage, updated_since="2200-01-01T00:00:00Z")) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "landed"),
        ("tag", "a#b"),
        ("tag", ""),
        ("attention", "yes"),
        ("updated_since", "yesterday"),
        ("updated_since", "2026-01-31T09:00:00"),
        ("updated_since", "10000-01-01T00:00:00Z"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "ten"),
        ("cursor", "nonsense"),
        ("cursor", "eyJ9"),
        ("cursor", base64.urlsafe_b64encode(b'["x"]').decode()),
        ("cursor", base64.urlsafe_b64encode(b'["00000000", 1, 2, 3, 4, 5]').decode()),
    ],
)
def test_a_filter_that_is_none_is_named(manage: App, field: str, value: str) -> None:
    refused = manage.send("GET", COLLECTION, query={field: value})
    assert refused.status == 400
    assert error(refused)["error_trace"][0]["field"] == field


def test_a_courier_that_is_none_is_told_as_everywhere(manage: App) -> None:
    for method, resource in (("GET", COLLECTION), ("DELETE", ONE)):
        refused = manage.send(method, resource, path={"order_id": "1"}, query={"courier": "nobody"})
        assert (refused.status, error(refused)["error_code"]) == (422, "COURIER_UNKNOWN")


def test_a_cursor_belongs_to_its_filters(manage: App) -> None:
    for each in range(3):
        register(manage, order_id=f"{each}")
    cursor = listed(manage, limit="1")["next_cursor"]
    refused = manage.send("GET", COLLECTION, query={"cursor": cursor, "status": "pending"})
    assert error(refused)["error_trace"][0]["field"] == "cursor"


@pytest.mark.parametrize("place", [("", "yuantong", "YT0000000000001", "1"), ("0" * 2000, "c", "n", "o")])
def test_an_invented_cursor_with_a_right_checksum_is_refused(manage: App, place: tuple[str, ...]) -> None:
    cursor = management._cursor(Place(*place), Filters())  # noqa: SLF001 - as whoever reads the code can make one
    refused = manage.send("GET", COLLECTION, query={"cursor": cursor})
    assert error(refused)["error_trace"][0]["field"] == "cursor"


def test_a_cursor_of_another_member_leads_through_ones_own_list(manage: App) -> None:
    for each in range(3):
        register(manage, order_id=f"a{each}")
        register(manage, order_id=f"b{each}", member="other")
    cursor = listed(manage, limit="1")["next_cursor"]
    assert set(ids(listed(manage, member="other", cursor=cursor))) <= {"b0", "b1", "b2"}


def test_a_list_that_has_not_changed_is_not_sent_again(manage: App) -> None:
    register(manage)
    first = manage.send("GET", COLLECTION)
    again = manage.send("GET", COLLECTION, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    register(manage, order_id="2")
    assert manage.send("GET", COLLECTION, headers={"If-None-Match": first.headers["ETag"]}).status == 200


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
    assert boto3.client("dynamodb").scan(TableName="tracking")["Items"] == []


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
