"""Contract B, held against its document: its examples as they stand there, its tables field by field, its samples of errors."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests import loopback, parcels
from tests.loopback import wait_until
from tests.parcels import COLLECTED, DELIVERED, UNDER_WAY, new_number, new_order, register, script
from waybill import statuses

if TYPE_CHECKING:
    import httpx

    from tests.e2e.conftest import NewMember
    from tests.stacks import RunningStack

WITH_ORDER_ID = """\
curl -X GET "${API_URL}/v1/tracking/get/3550806" \\
-H "Authorization: Bearer <ACCESS_TOKEN>" \\
-H "Content-Type: application/json"
"""
WITH_TRACKING_NUMBER = """\
curl -X GET "${API_URL}/v1/tracking/get?tracking_number=SF7444700499701" \\
-H "Authorization: Bearer <ACCESS_TOKEN>" \\
-H "Content-Type: application/json"
"""
TEXTS = {
    "tracking_number",
    "order_id",
    "order_status",
    "export_country",
    "destination_country",
    "shipping_provider",
    "courier_name",
    "message",
}
BY_NUMBER = "/v1/tracking/get"


def data_of(answer: Any) -> dict[str, Any]:
    """What is wrapped in `data`, after every field has been held against the document's tables."""
    assert list(answer) == ["data"]
    data: dict[str, Any] = answer["data"]
    assert data.keys() == TEXTS | {"tracking_msg_list"}
    assert all(isinstance(data[name], str) for name in TEXTS)
    assert isinstance(data["tracking_msg_list"], list)
    for event in data["tracking_msg_list"]:
        assert event.keys() == {"code", "location", "date", "message"}
        assert all(isinstance(text, str) for text in event.values())
        assert event["code"] in statuses.NAMES
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", event["date"])
        assert event["message"]
    return data


def ask(client: httpx.Client, order_id: str, **query: str) -> dict[str, Any]:
    answer = client.get(f"/v1/tracking/get/{order_id}", params=query).raise_for_status()
    assert answer.status_code == 200, answer.text
    return data_of(answer.json())


def refused(client: httpx.Client, order_id: str) -> bool:
    """Whether the answer is not fresher because the vendor failed."""
    shipment = client.get(f"/v1/shipments/{order_id}").raise_for_status().json()
    return bool(shipment["parcel"]["freshness"]["reason"] == "upstream_501")


def refusal(answer: httpx.Response, status: int = 400) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error"}
    return answer.json()["error"]


def test_both_examples_of_the_document_work_as_they_stand_there(
    stack: RunningStack, member: NewMember
) -> None:
    client = member()
    register(client, "3550806", "SF7444700499701", phone="8000", lang="en")
    token = client.headers["Authorization"].removeprefix("Bearer ")
    answers = []
    for example in (WITH_ORDER_ID, WITH_TRACKING_NUMBER):
        done = subprocess.run(
            ["bash", "-c", example.replace("<ACCESS_TOKEN>", token)],
            env={"API_URL": stack.api, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(data_of(json.loads(done.stdout)))
    assert answers[0] == answers[1]
    data = answers[0]
    assert (data["order_id"], data["tracking_number"]) == ("3550806", "SF7444700499701")
    assert (data["shipping_provider"], data["courier_name"]) == ("SF Express", "SF Express")
    assert data["tracking_msg_list"]
    assert data["message"] == "OK"


@pytest.mark.parametrize(
    ("lang", "courier", "status", "texts"),
    [
        ("zh", "圆通速递", "派送中", ["快件正在派件", "顺丰速运 已收取快件"]),
        ("en", "YTO Express", "Out for delivery", ["Out for delivery", "Picked up"]),
    ],
)
def test_an_order_is_told_in_the_language_of_its_shipment(
    stack: RunningStack, member: NewMember, lang: str, courier: str, status: str, texts: list[str]
) -> None:
    client, order = member(), new_order()
    number = script(stack, new_number(), COLLECTED, UNDER_WAY)
    places = {"origin_country": "HONG KONG", "destination_country": "Hong Kong"}
    register(client, order, number, lang=lang, **places)
    data = ask(client, order)
    dates = [event.pop("date") for event in data["tracking_msg_list"]]
    assert dates == sorted(dates, reverse=True)
    assert data == {
        "tracking_number": number,
        "order_id": order,
        "order_status": status,
        "export_country": "HONG KONG",
        "destination_country": "Hong Kong",
        "shipping_provider": courier,
        "courier_name": courier,
        "tracking_msg_list": [
            {"code": "out_for_delivery", "location": "西安市", "message": texts[0]},
            {"code": "in_transit", "location": "深圳市", "message": texts[1]},
        ],
        "message": "OK",
    }


def test_a_delivered_parcel_says_so(stack: RunningStack, member: NewMember) -> None:
    client, order = member(), new_order()
    number = script(stack, new_number(), COLLECTED, DELIVERED)
    register(client, order, number, lang="en")
    data = ask(client, order)
    assert data["order_status"] == "Signed by Recipient"
    assert [event["code"] for event in data["tracking_msg_list"]] == ["delivered", "in_transit"]


def test_countries_come_from_the_route_where_nobody_named_them(
    stack: RunningStack, member: NewMember
) -> None:
    client = member()
    for lang, country in (("zh", "中国"), ("en", "China")):
        order = new_order()
        start = {**COLLECTED, "area_code": "CN440300000000", "area_name": "广东,深圳市"}
        end = {**DELIVERED, "area_code": "CN610100000000", "area_name": "陕西,西安市"}
        register(client, order, script(stack, new_number(), start, end), lang=lang)
        data = ask(client, order)
        assert (data["export_country"], data["destination_country"]) == (country, country)


def test_a_parcel_without_any_trace_is_an_empty_list(stack: RunningStack, member: NewMember) -> None:
    client, order = member(), new_order()
    number = parcels.fail(stack, new_number(), code="500")
    register(client, order, number, lang="en")
    data = ask(client, order)
    assert (data["order_status"], data["tracking_msg_list"]) == ("No tracking data yet", [])
    assert data["message"] == "OK"


def test_of_several_parcels_the_latest_that_is_not_over_is_told_and_the_others_by_their_number(
    stack: RunningStack, member: NewMember
) -> None:
    client, order = member(), new_order()
    delivered, under_way, latest = (new_number() for _ in range(3))
    script(stack, delivered, COLLECTED, DELIVERED)
    script(stack, under_way, COLLECTED, UNDER_WAY)
    script(stack, latest, COLLECTED, DELIVERED)
    for number in (delivered, under_way, latest):
        register(client, order, number)
    assert ask(client, order)["tracking_number"] == latest
    assert ask(client, order)["tracking_number"] == under_way, "the latest is known to be over now"
    for number in (delivered, under_way, latest):
        assert ask(client, order, tracking_number=number)["tracking_number"] == number
        answer = client.get(BY_NUMBER, params={"tracking_number": number.lower()})
        assert data_of(answer.json())["tracking_number"] == number
    client.post(f"/v1/shipments/{order}/complete", params={"tracking_number": under_way}).raise_for_status()
    assert ask(client, order)["tracking_number"] == latest, "all are over, so the latest registered"


def test_a_number_of_several_orders_is_told_of_the_latest(stack: RunningStack, member: NewMember) -> None:
    client, number = member(), script(stack, new_number())
    orders = [new_order() for _ in range(3)]
    for order in orders:
        register(client, order, number)
    answer = client.get(BY_NUMBER, params={"tracking_number": number})
    assert data_of(answer.json())["order_id"] == orders[-1]
    assert parcels.calls_of(stack, number) == 1


def test_an_order_is_asked_for_once_and_then_told_from_what_is_known(
    stack: RunningStack, member: NewMember
) -> None:
    client, order = member(), new_order()
    number = script(stack, new_number())
    register(client, order, number)
    assert parcels.calls_of(stack, number) == 0, "registering asks nobody"
    first = client.get(f"/v1/tracking/get/{order}")
    again = client.get(f"/v1/tracking/get/{order}")
    assert first.content == again.content
    assert [each.headers["X-Waybill-Source"] for each in (first, again)] == ["live", "cache"]
    assert parcels.calls_of(stack, number) == 1


def test_news_are_fetched_when_due_and_the_last_is_told_when_the_vendor_fails(
    fast_stack: RunningStack, member: NewMember
) -> None:
    client, order = member(on=fast_stack), new_order()
    number = script(fast_stack, new_number())
    register(client, order, number, lang="en")
    assert ask(client, order)["order_status"] == "Collected"
    script(fast_stack, number, COLLECTED, UNDER_WAY)
    wait_until(lambda: ask(client, order)["order_status"] == "Out for delivery")
    last = ask(client, order)
    parcels.fail(fast_stack, number, code="501")
    wait_until(lambda: refused(client, order))
    assert ask(client, order) == last, "with the vendor away, the last is told as it was"


@pytest.mark.parametrize("fault", [{"code": "501"}, {"code": "601"}, {"kind": "reset"}])
def test_a_vendor_that_fails_while_nothing_is_known_is_told_honestly(
    stack: RunningStack, member: NewMember, fault: dict[str, str]
) -> None:
    client, order = member(), new_order()
    number = parcels.fail(stack, new_number(), **fault)
    register(client, order, number, lang="en")
    data = ask(client, order)
    assert (data["order_status"], data["tracking_msg_list"]) == ("No tracking data yet", [])
    assert "Kuaidi100" in data["message"]
    assert ask(client, order) == data
    assert parcels.calls_of(stack, number) == 1
    if fault == {"code": "601"}:
        stack.close_circuit()


def test_an_order_that_the_member_does_not_have_is_the_documents_400(member: NewMember) -> None:
    client = member()
    paths = [f"/v1/tracking/get/{new_order()}", f"{BY_NUMBER}?tracking_number={new_number()}"]
    for path, field in zip(paths, ("order_id", "tracking_number"), strict=True):
        error = refusal(client.get(path))
        (trace,) = error.pop("error_trace")
        assert error == {
            "code": "400000",
            "code_reason": "BAD_REQUEST",
            "message": "Bad Request",
            "error_code": "ORDER_NOT_FOUND",
        }
        assert (trace.keys(), trace["field"]) == ({"field", "message"}, field)


@pytest.mark.parametrize("query", ["", "?tracking_number=", "?tracking_number=%20", "?order_id=1"])
def test_neither_order_nor_number_is_the_documents_sample(member: NewMember, query: str) -> None:
    assert refusal(member().get(BY_NUMBER + query)) == {
        "code": "400000",
        "code_reason": "BAD_REQUEST",
        "message": "Bad Request",
        "error_code": "TRACKING_NUMBER_REQUIRED",
        "error_trace": [
            {
                "field": "order_id",
                "message": "order_id is required when tracking_number is not provided",
            }
        ],
    }


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/tracking/get?tracking_number=AB", "tracking_number"),
        ("/v1/tracking/get/1?tracking_number=AB", "tracking_number"),
        ("/v1/tracking/get/1?courier=nobody", "courier"),
        ("/v1/tracking/get/%20", "order_id"),
    ],
)
def test_what_can_be_no_order_or_number_names_the_field(member: NewMember, path: str, field: str) -> None:
    error = refusal(member().get(path))
    assert (error["code"], error["error_trace"][0]["field"]) == ("400000", field)


def test_a_wrong_phone_is_a_400_of_the_contract(stack: RunningStack, member: NewMember) -> None:
    client, order = member(), new_order()
    number = script(stack, new_number("SF"), courier="shunfeng", phone="8000")
    register(client, order, number, phone="1111")
    error = refusal(client.get(f"/v1/tracking/get/{order}"))
    assert (error["error_code"], error["error_trace"][0]["field"]) == ("PHONE_MISMATCH", "phone")


@pytest.mark.parametrize("path", [f"{BY_NUMBER}/3550806", f"{BY_NUMBER}?tracking_number=SF7444700499701"])
def test_who_is_not_known_gets_the_documents_401(stack: RunningStack, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer not-a-token-of-ours"}):
        answer = loopback.get(stack.api + path, headers=headers)
        error = refusal(answer, 401)
        assert error.pop("message"), "the document has Unauthorized as an example; ours says what to do"
        assert error == {"code": "401000", "code_reason": "UNAUTHORIZED"}


def test_a_token_without_the_scope_track_gets_403(member: NewMember) -> None:
    order = new_order()
    register(member("manage", "track", name=order), order, new_number())
    error = refusal(member("manage", name=order).get(f"/v1/tracking/get/{order}"), 403)
    assert (error["code"], error["code_reason"]) == ("403000", "FORBIDDEN")
    assert "track" in error["message"]


@pytest.mark.parametrize("path", ["/v1/tracking", "/v1/tracking/get/1/2", "/v1/tracking/got"])
def test_an_unknown_path_is_the_documents_404(member: NewMember, path: str) -> None:
    assert refusal(member().get(path), 404)["code"] == "404000"
