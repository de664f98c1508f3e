"""The life of shipments through the gateway of the running stack: registered, listed, changed, refreshed, completed, forgotten."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import parcels
from tests.parcels import (
    COLLECTED,
    DELIVERED,
    REDIRECTED,
    UNDER_WAY,
    new_number,
    new_order,
    register,
    script,
)
from tests.simulators import wait_until
from tests.stacks import NO_TLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import NewMember
    from tests.stacks import RunningStack

LIST = "/v1/shipments"


def at(order_id: str, action: str = "") -> str:
    return f"{LIST}/{order_id}{action and f'/{action}'}"


def listed(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    answer = client.get(LIST, params=query)
    assert answer.status_code == 200, answer.text
    shipments: list[dict[str, Any]] = answer.json()["shipments"]
    return shipments


def pages(client: httpx.Client, **query: str) -> Iterator[list[str]]:
    """The orders of every page, one page after the other; whoever iterates may do something in between."""
    while True:
        answer = client.get(LIST, params=query)
        assert answer.status_code == 200, answer.text
        yield [each["order_id"] for each in answer.json()["shipments"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return
        query["cursor"] = cursor


def refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == f"{status}000"
    return error


async def post_all(
    client: httpx.Client, bodies: list[Any], at_once: int, **headers: str
) -> list[httpx.Response]:
    turn, limits = asyncio.Semaphore(at_once), httpx.Limits(max_connections=at_once)
    async with httpx.AsyncClient(
        base_url=client.base_url,
        headers={"Authorization": client.headers["Authorization"], **headers},
        timeout=60,
        limits=limits,
        trust_env=False,
        verify=NO_TLS,
    ) as concurrent:

        async def one(body: object) -> httpx.Response:
            async with turn:
                return await concurrent.post(LIST, json=body)

        return await asyncio.gather(*map(one, bodies))


# ---- Registering


def test_a_shipment_is_shown_as_it_was_registered(member: NewMember) -> None:
    client, order, number = member("track", "manage", "pii"), new_order(), new_number()
    made = register(
        client,
        order,
        f" {number.lower()} ",
        phone="0755-81234567",
        **{"from": "广东省深圳市", "to": "陕西省西安市"},
        origin_country="HONG KONG",
        destination_country="Hong Kong",
        lang="en",
        notify={"email": "someone@example.com", "events": ["*"]},
        tags=["vip", "夏季"],
        metadata={"shop": "7", "note": "易碎 📦"},
    )
    assert made.pop("id").startswith("shp_")
    assert made.pop("created_at") == made.pop("updated_at")
    assert made == {
        "order_id": order,
        "tracking_number": number,
        "courier": {"code": "yuantong", "name": "YTO Express"},
        "state": "active",
        "status": "pending",
        "substatus": None,
        "status_name": "No tracking data yet",
        "terminal": False,
        "attention": None,
        "phone_given": True,
        "from": "广东省深圳市",
        "to": "陕西省西安市",
        "origin_country": "HONG KONG",
        "destination_country": "Hong Kong",
        "lang": "en",
        "notify": {"email": "someone@example.com", "events": ["*"], "lang": "en"},
        "tags": ["vip", "夏季"],
        "metadata": {"shop": "7", "note": "易碎 📦"},
        "predecessor": None,
        "successor": None,
        "completed_at": None,
    }


def test_an_address_for_mail_is_shortened_for_who_lacks_the_scope_pii(member: NewMember) -> None:
    order = new_order()
    shown = register(member(), order, new_number(), notify={"email": "someone@example.com"})
    assert shown["notify"]["email"] == "s***@example.com"


def test_the_location_of_a_new_shipment_leads_to_it(stack: RunningStack, member: NewMember) -> None:
    client, number = member(), script(stack, new_number())
    order = "a.b_c:d@e+f-1"
    answer = client.post(LIST, json={"order_id": order, "tracking_number": number})
    assert answer.status_code == 201
    found = client.get(answer.headers["Location"])
    assert (found.status_code, found.json()["order_id"]) == (200, order)


def test_a_number_that_may_be_of_several_couriers_names_them(member: NewMember) -> None:
    answer = member().post(LIST, json={"order_id": new_order(), "tracking_number": "4311159956248"})
    error = refusal(answer, 422)
    assert (error["error_code"], error["error_trace"][0]["field"]) == ("COURIER_AMBIGUOUS", "courier")
    assert "yunda" in {candidate["code"] for candidate in error["candidates"]}
    assert all(candidate.keys() == {"code", "name", "confidence"} for candidate in error["candidates"])


def test_what_is_wrong_with_a_body_is_told_field_by_field(member: NewMember) -> None:
    body = {"order_id": "#", "tracking_number": "?", "lang": "fr", "tags": ["a", "a"], "colour": "red"}
    error = refusal(member().post(LIST, json=body), 400)
    assert {trace["field"] for trace in error["error_trace"]} == body.keys()


@pytest.mark.parametrize(
    "body",
    [
        b'{"order_id": "1", "tracking_number": "YT7450353838751", "metadata": {"a": "\\ud800"}}',
        b'{"order_id": "1", "tracking_number": "YT7450353838751", "tags": ["\\udfff"]}',
        b'{"order_id": "1", "tracking_number": "YT7450353838751", "metadata": ' + b'{"a":' * 3000,
        b'{"order_id": "1", "tracking_number": ' + b"7" * 5000 + b"}",
        b"[" * 5000,
    ],
)
def test_a_body_that_nobody_can_mean_is_a_400(member: NewMember, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for path in (LIST, f"{LIST}/batch"):
        refusal(member().post(path, content=body, headers=headers), 400)


def test_the_word_that_names_a_path_is_no_order(member: NewMember) -> None:
    answer = member().post(LIST, json={"order_id": "batch", "tracking_number": new_number()})
    assert refusal(answer, 400)["error_trace"][0]["field"] == "order_id"


def test_the_same_content_twice_is_the_same_shipment_and_other_content_a_conflict(member: NewMember) -> None:
    client, order, number = member(), new_order(), new_number()
    body = {"order_id": order, "tracking_number": number, "phone": "13800001111", "tags": ["a"]}
    first = client.post(LIST, json=body)
    again = client.post(LIST, json={**body, "phone": "1111", "courier": "yto"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    other = refusal(client.post(LIST, json={**body, "tags": ["b"]}), 409)
    assert other["error_code"] == "SHIPMENT_EXISTS"
    client.patch(at(order), json={"tags": ["b"]}).raise_for_status()
    for tags in (["a"], ["b"]):
        assert client.post(LIST, json={**body, "tags": tags}).status_code == 200
    assert len(listed(client)) == 1


def test_a_shipment_of_a_known_parcel_shows_at_once_where_it_is(
    stack: RunningStack, member: NewMember
) -> None:
    number = script(stack, new_number(), COLLECTED, DELIVERED)
    client = member()
    register(client, "first", number)
    client.get(at("first")).raise_for_status()
    made = register(client, "second", number, lang="en")
    assert (made["status"], made["status_name"], made["terminal"]) == (
        "delivered",
        "Signed by Recipient",
        True,
    )


# ---- Concurrency


def test_500_creates_of_one_order_at_once_are_one_shipment(member: NewMember) -> None:
    client = member()
    body = {"order_id": new_order(), "tracking_number": new_number(), "tags": ["a", "b"]}
    answers = asyncio.run(post_all(client, [body] * 500, at_once=64))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 499}
    assert len({answer.content for answer in answers}) == 1
    assert listed(client) == listed(client, tag="a") == [answers[0].json()]


def test_50_requests_with_one_key_at_once_have_one_effect(member: NewMember) -> None:
    client, key = member(), f'"{uuid.uuid4()}"'
    body = {"order_id": new_order(), "tracking_number": new_number()}
    answers = asyncio.run(post_all(client, [body] * 50, at_once=50, **{"Idempotency-Key": key}))
    by_status = Counter(answer.status_code for answer in answers)
    assert by_status.keys() <= {201, 409}, by_status
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert refusal(answer, 409)["error_code"] == "REQUEST_IN_PROGRESS"
            assert int(answer.headers["Retry-After"]) >= 1
    assert len(listed(client)) == 1


def test_an_answer_under_a_key_is_given_again_byte_for_byte(member: NewMember) -> None:
    client, headers = member(), {"Idempotency-Key": f'"{uuid.uuid4()}"'}
    body = {"order_id": new_order(), "tracking_number": new_number(), "metadata": {"a": "易碎 📦"}}
    first = client.post(LIST, json=body, headers=headers)
    client.patch(at(body["order_id"]), json={"tags": ["later"]}).raise_for_status()  # type: ignore[arg-type] # bodies hold lists too
    again = client.post(LIST, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    kept = {name: text for name, text in first.headers.items() if not name.startswith(("x-", "date"))}
    assert kept == {name: text for name, text in again.headers.items() if not name.startswith(("x-", "date"))}
    bare = {"Idempotency-Key": headers["Idempotency-Key"].strip('"')}
    assert client.post(LIST, json=body, headers=bare).content == first.content


def test_a_key_with_another_body_is_refused_and_does_nothing(member: NewMember) -> None:
    client, headers = member(), {"Idempotency-Key": str(uuid.uuid4())}
    body = {"order_id": new_order(), "tracking_number": new_number()}
    client.post(LIST, json=body, headers=headers).raise_for_status()
    error = refusal(client.post(LIST, json={**body, "order_id": new_order()}, headers=headers), 422)
    assert error["error_code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(listed(client)) == 1


def test_a_refused_request_may_be_mended_under_its_key(member: NewMember) -> None:
    client, headers = member(), {"Idempotency-Key": str(uuid.uuid4())}
    body = {"order_id": new_order(), "tracking_number": "4311159956248"}
    refusal(client.post(LIST, json=body, headers=headers), 422)
    assert client.post(LIST, json={**body, "courier": "yunda"}, headers=headers).status_code == 201


def test_a_key_is_of_one_member_and_one_route(member: NewMember) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(2):
        client = member()
        body = {"order_id": new_order(), "tracking_number": new_number()}
        assert client.post(LIST, json=body, headers=headers).status_code == 201
        batch = client.post(f"{LIST}/batch", json={"shipments": [body]}, headers=headers)
        assert (batch.status_code, batch.json()["existing"]) == (200, 1)


@pytest.mark.parametrize("key", ["", '""', '"a', "a b", "x" * 256])
def test_a_key_that_is_none_is_a_400(member: NewMember, key: str) -> None:
    body = {"order_id": new_order(), "tracking_number": new_number()}
    error = refusal(member().post(LIST, json=body, headers={"Idempotency-Key": key}), 400)
    assert error["error_trace"][0]["field"] == "Idempotency-Key"


# ---- Batches


def test_a_batch_of_100_says_of_each_what_became_of_it(member: NewMember) -> None:
    client = member()
    good = [{"order_id": new_order(), "tracking_number": new_number()} for _ in range(95)]
    bad: list[Any] = [
        {"order_id": "x"},
        {"order_id": new_order(), "tracking_number": "4311159956248"},
        {"order_id": new_order(), "tracking_number": new_number("SF")},
        "no object",
    ]
    sent = [*good[:50], *bad, *good[50:], good[0]]
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answer = client.post(f"{LIST}/batch", json={"shipments": sent}, headers=headers)
    body = answer.json()
    assert answer.status_code == 200
    assert [result["index"] for result in body["results"]] == list(range(100))
    assert [result["status"] for result in body["results"]] == (
        [201] * 50 + [400, 422, 422, 400] + [201] * 45 + [200]
    )
    assert {name: body[name] for name in ("registered", "existing", "refused")} == {
        "registered": 95,
        "existing": 1,
        "refused": 4,
    }
    errors = [result["error"] for result in body["results"] if "error" in result]
    assert [error["error_code"] for error in errors] == [
        "INVALID_PARAMETER",
        "COURIER_AMBIGUOUS",
        "PHONE_REQUIRED",
        "INVALID_PARAMETER",
    ]
    assert errors[0]["error_trace"][0]["field"] == "tracking_number"
    assert errors[1]["candidates"]
    assert client.post(f"{LIST}/batch", json={"shipments": sent}, headers=headers).content == answer.content
    assert [order for page in pages(client) for order in page] == [each["order_id"] for each in good[::-1]]


@pytest.mark.parametrize("shipments", [[], [{}] * 101, None, {}])
def test_a_batch_has_1_to_100_shipments(member: NewMember, shipments: object) -> None:
    error = refusal(member().post(f"{LIST}/batch", json={"shipments": shipments}), 400)
    assert error["error_trace"][0]["field"] == "shipments"


# ---- Lists


def test_a_list_is_narrowed_by_every_filter_and_by_all_together(
    stack: RunningStack, member: NewMember
) -> None:
    client = member()
    delivered = script(stack, new_number(), COLLECTED, DELIVERED)
    under_way = script(stack, new_number(), COLLECTED, UNDER_WAY)
    troubled = script(stack, new_number(), COLLECTED, {**UNDER_WAY, "status_code": "2"}, courier="yunda")
    register(client, "delivered", delivered, tags=["a", "b"])
    register(client, "under-way", under_way, tags=["a"])
    register(client, "troubled", troubled, courier="yunda", tags=["b"])
    register(client, "unknown", new_number(), tags=["a"])
    for order in ("delivered", "under-way", "troubled"):
        client.get(at(order)).raise_for_status()

    def found(**query: str) -> list[str]:
        return [each["order_id"] for each in listed(client, **query)]

    assert found() == ["unknown", "troubled", "under-way", "delivered"]
    assert found(status="delivered") == ["delivered"]
    assert found(status="pending") == ["unknown"]
    assert found(courier="yunda") == ["troubled"]
    assert found(courier="yd") == ["troubled"]
    assert found(tag="a") == ["unknown", "under-way", "delivered"]
    assert found(tag="b") == ["troubled", "delivered"]
    assert found(tag="c") == []
    assert found(attention="true") == ["troubled"]
    assert found(attention="false") == ["unknown", "under-way", "delivered"]
    assert found(tag="b", status="delivered") == ["delivered"]
    assert found(tag="b", status="delivered", courier="yunda") == []
    assert found(updated_since="2000-01-01T00:00:00Z", tag="b", attention="true") == ["troubled"]
    assert found(updated_since="2999-01-01T00:00:00+08:00") == []
    changed = client.patch(at("unknown"), json={"tags": ["c"]}).json()
    assert found(tag="c") == ["unknown"]
    assert found(tag="a") == ["under-way", "delivered"]
    assert found(updated_since="2000-01-01T00:00:00Z")[-1] == "unknown", "the last changed comes last"
    assert "unknown" in found(updated_since=changed["updated_at"])


def test_pages_hold_every_shipment_once_while_others_are_registered_in_between(member: NewMember) -> None:
    client = member()
    body = [{"order_id": f"{i:02}", "tracking_number": new_number(), "tags": ["t"]} for i in range(23)]
    client.post(f"{LIST}/batch", json={"shipments": body}).raise_for_status()
    expected = [each["order_id"] for each in body[::-1]]
    for query in ({}, {"status": "pending"}, {"tag": "t"}, {"courier": "yuantong"}, {"attention": "false"}):
        seen: list[str] = []
        for page in pages(client, limit="5", **query):
            assert len(page) <= 5
            seen += page
            register(client, new_order(), new_number(), tags=["t"])
        assert [order for order in seen if not order.startswith("order-")] == expected, query
        assert len(set(seen)) == len(seen)


def test_pages_of_changes_miss_none_that_changes_in_between(member: NewMember) -> None:
    client = member()
    body = [{"order_id": f"{i:02}", "tracking_number": new_number()} for i in range(12)]
    client.post(f"{LIST}/batch", json={"shipments": body}).raise_for_status()
    seen: list[str] = []
    for page in pages(client, limit="4", updated_since="2000-01-01T00:00:00Z"):
        if not seen:
            client.patch(at("00"), json={"tags": ["again"]}).raise_for_status()
        seen += page
    assert Counter(seen) == {**{each["order_id"]: 1 for each in body}, "00": 2}


def test_the_last_page_that_is_just_full_has_no_next_one(member: NewMember) -> None:
    client = member()
    for _ in range(4):
        register(client, new_order(), new_number())
    assert [len(page) for page in pages(client, limit="2")] == [2, 2]


def cursor_of(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def test_a_cursor_of_another_list_and_one_that_is_none_are_refused(member: NewMember) -> None:
    client = member()
    for _ in range(3):
        register(client, new_order(), new_number())
    cursor = client.get(LIST, params={"limit": "1"}).json()["next_cursor"]
    opened = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    lines = opened.split(b"\n")
    assert len(list(pages(client, limit="1", cursor=cursor))) == 2, "it is a good one"
    nonsense = {
        "",
        "x",
        "é",
        cursor[:-4],
        cursor + "AAAA",
        cursor_of(opened[:-1] + b"\xff\n"),
        cursor_of(b"\n".join(lines[:-2])),
        cursor_of(b"\n".join([*lines, b"more"])),
        cursor_of(b"\n".join([lines[0], *reversed(lines[1:])])),
        cursor_of(b"\n".join([*lines[:-1], b"tag"])),
        cursor_of(b"\n".join([lines[0], b"x" * 3000, *lines[2:]])),
        cursor_of(b"\n".join([b"00000000", *lines[1:]])),
        *map(cursor_of, (b"[" * 5000, b"7" * 5000, b"{}", b"null", b"\xff\xfe\x00", b"\n" * 5)),
    }
    for query in [
        {"cursor": cursor, "status": "pending"},
        {"cursor": cursor, "tag": "t"},
        *({"cursor": each} for each in nonsense),
    ]:
        answer = client.get(LIST, params=query)
        assert answer.status_code == 400, query
        assert refusal(answer, 400)["error_trace"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "lost"),
        ("tag", "a#b"),
        ("tag", ""),
        ("attention", "yes"),
        ("updated_since", "yesterday"),
        ("updated_since", ""),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "٣"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(member: NewMember, field: str, value: str) -> None:
    error = refusal(member().get(LIST, params={field: value}), 400)
    assert error["error_trace"][0]["field"] == field


def test_a_courier_that_does_not_exist_is_422_wherever_it_is_named(member: NewMember) -> None:
    client, body = member(), {"order_id": new_order(), "tracking_number": new_number(), "courier": "nobody"}
    for answer in (client.get(LIST, params={"courier": "nobody"}), client.post(LIST, json=body)):
        error = refusal(answer, 422)
        assert (error["error_code"], error["error_trace"][0]["field"]) == ("COURIER_UNKNOWN", "courier")


# ---- Changing


def test_a_patch_changes_what_it_names_and_null_takes_away(member: NewMember) -> None:
    client, order = member(), new_order()
    made = register(
        client,
        order,
        new_number(),
        phone="8000",
        to="西安",
        origin_country="China",
        tags=["a"],
        notify={"email": "a@example.com"},
        metadata={"keep": "1", "drop": "2", "change": "3"},
    )
    merge = {"Content-Type": "application/merge-patch+json"}
    patch: dict[str, Any] = {"metadata": {"drop": None, "change": "4", "new": "5"}, "lang": "en"}
    changed = client.patch(at(order), content=json.dumps(patch), headers=merge).json()
    assert changed["metadata"] == {"keep": "1", "change": "4", "new": "5"}
    same = {"metadata", "lang", "courier", "status_name", "notify", "updated_at"}
    assert {name: changed[name] for name in changed.keys() - same} == {
        name: made[name] for name in made.keys() - same
    }
    gone = dict.fromkeys(("phone", "to", "origin_country", "tags", "notify", "metadata"))
    bare = client.patch(at(order), json=gone).json()
    assert (bare["phone_given"], bare["to"], bare["origin_country"]) == (False, None, None)
    assert (bare["tags"], bare["notify"], bare["metadata"]) == ([], None, {})
    again = client.patch(at(order), json=gone)
    assert (again.status_code, again.json()) == (200, bare), "what changes nothing leaves no trace"
    assert client.patch(at(order), json={}).json() == bare


@pytest.mark.parametrize(
    "patch",
    [{"order_id": "1"}, {"tracking_number": "YT7450353838751"}, {"status": "delivered"}, {"lang": None}],
)
def test_a_patch_does_not_change_what_a_shipment_is(member: NewMember, patch: dict[str, Any]) -> None:
    client, order = member(), new_order()
    register(client, order, new_number())
    assert refusal(client.patch(at(order), json=patch), 400)["error_trace"][0]["field"] in patch


def test_a_phone_that_a_courier_demands_cannot_be_taken_away(member: NewMember) -> None:
    client, order = member(), new_order()
    register(client, order, new_number("SF"), phone="8000")
    error = refusal(client.patch(at(order), json={"phone": None}), 422)
    assert error["error_code"] == "PHONE_REQUIRED"
    assert client.patch(at(order), json={"phone": "9000"}).json()["phone_given"]


def test_patches_at_once_are_all_kept(member: NewMember) -> None:
    client, order = member(), new_order()
    register(client, order, new_number())

    async def patch_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            base_url=client.base_url, headers=client.headers, timeout=60, trust_env=False, verify=NO_TLS
        ) as concurrent:
            return await asyncio.gather(
                *(concurrent.patch(at(order), json={"metadata": {f"k{i}": "1"}}) for i in range(6))
            )

    answers = asyncio.run(patch_all())
    assert {answer.status_code for answer in answers} == {200}
    assert listed(client)[0]["metadata"] == {f"k{i}": "1" for i in range(6)}


def test_a_shipment_that_is_forgotten_is_gone_from_everywhere(stack: RunningStack, member: NewMember) -> None:
    client, order, number = member(), new_order(), script(stack, new_number())
    register(client, order, number, tags=["a"])
    client.get(at(order)).raise_for_status()
    gone = client.delete(at(order))
    assert (gone.status_code, gone.content) == (204, b"")
    for query in ({}, {"tag": "a"}, {"status": "in_transit"}, {"courier": "yuantong"}):
        assert listed(client, **query) == []
    assert refusal(client.get(at(order)), 404)["error_code"] == "ORDER_NOT_FOUND"
    assert refusal(client.delete(at(order)), 404)["error_code"] == "ORDER_NOT_FOUND"
    assert client.get("/v1/tracking/get", params={"tracking_number": number}).status_code == 400
    register(client, order, number, tags=["b"])


def test_one_of_several_parcels_has_to_be_named_before_it_is_changed(member: NewMember) -> None:
    client, order = member(), new_order()
    numbers = sorted(new_number() for _ in range(2))
    for number in numbers:
        register(client, order, number)
    for answer in (
        client.patch(at(order), json={"tags": ["a"]}),
        client.delete(at(order)),
        client.post(at(order, "complete")),
        client.post(at(order, "successor"), json={"tracking_number": new_number()}),
    ):
        error = refusal(answer, 409)
        assert error["error_code"] == "SHIPMENT_AMBIGUOUS"
        assert all(number in error["message"] for number in numbers)
    assert client.delete(at(order), params={"tracking_number": numbers[0]}).status_code == 204
    assert [each["tracking_number"] for each in listed(client)] == numbers[1:]


# ---- Parcels


def test_a_refresh_calls_once_and_says_why_it_is_not_fresher(stack: RunningStack, member: NewMember) -> None:
    client, order, number = member(), new_order(), script(stack, new_number())
    register(client, order, number)
    first, second = (client.post(at(order, "refresh")).json() for _ in range(2))
    assert first["parcel"]["freshness"]["source"] == "live"
    assert (second["parcel"]["freshness"]["source"], second["parcel"]["freshness"]["reason"]) == (
        "stale",
        "gap_not_over",
    )
    assert (first["problem"], second["problem"]) == (None, None)
    assert first["parcel"]["events"] == second["parcel"]["events"]
    assert parcels.calls_of(stack, number) == 1


def test_what_has_not_changed_is_not_sent_again(stack: RunningStack, member: NewMember) -> None:
    client, order, number = member(), new_order(), script(stack, new_number())
    register(client, order, number)
    for path in (at(order), f"/v1/tracking/get/{order}", LIST):
        tag = client.get(path).headers["ETag"]
        unchanged = client.get(path, headers={"If-None-Match": tag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        client.patch(at(order), json={"lang": "en"}).raise_for_status()
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 200
        client.patch(at(order), json={"lang": "zh"}).raise_for_status()


def test_a_shipment_of_which_nothing_can_be_known_yet_says_why(
    stack: RunningStack, member: NewMember
) -> None:
    client, order, number = member(), new_order(), parcels.fail(stack, new_number())
    register(client, order, number)
    shown = client.get(at(order)).json()
    assert (shown["parcel"], shown["problem"]["error_code"]) == (None, "UPSTREAM_UNAVAILABLE")
    assert shown["problem"]["retry_after"] > 0


def test_what_is_completed_stays_and_is_not_asked_for_any_more(
    stack: RunningStack, member: NewMember
) -> None:
    client, order, number = member(), new_order(), script(stack, new_number())
    register(client, order, number)
    client.get(at(order)).raise_for_status()
    done = client.post(at(order, "complete")).json()
    assert (done["state"], bool(done["completed_at"])) == ("completed", True)
    assert client.post(at(order, "complete")).json() == done
    shown = client.post(at(order, "refresh")).json()
    assert shown["parcel"]["events"]
    assert parcels.calls_of(stack, number) == 1


def test_what_was_completed_before_it_was_ever_asked_for_costs_no_call(
    stack: RunningStack, member: NewMember
) -> None:
    client, order, number = member(), new_order(), script(stack, new_number())
    register(client, order, number)
    client.post(at(order, "complete")).raise_for_status()
    for answer in (client.get(at(order)), client.post(at(order, "refresh"))):
        assert (answer.status_code, answer.json()["parcel"]) == (200, None)
        assert "no longer followed" in answer.json()["problem"]["message"]
    told = client.get(f"/v1/tracking/get/{order}").json()["data"]
    assert (told["tracking_msg_list"], told["message"]) == ([], answer.json()["problem"]["message"])
    assert parcels.calls_of(stack, number) == 0


def test_one_call_serves_every_order_of_every_member(stack: RunningStack, member: NewMember) -> None:
    number = script(stack, new_number(), COLLECTED, UNDER_WAY)
    one, other = member(), member()
    register(one, "a", number, lang="en")
    register(other, "b", number)
    register(other, "c", number)
    before = listed(other)
    one.get(at("a")).raise_for_status()
    assert {each["status"] for each in listed(other)} == {"out_for_delivery"}
    assert [each["order_id"] for each in listed(other, status="out_for_delivery")] == ["c", "b"]
    assert {each["status_name"] for each in listed(other)} == {"派送中"}
    assert listed(other, status="pending") == []
    assert before[0]["status"] == "pending"
    other.get(at("b")).raise_for_status()
    assert parcels.calls_of(stack, number) == 1


def test_news_reach_every_list_when_anybody_refreshes(fast_stack: RunningStack, member: NewMember) -> None:
    number = script(fast_stack, new_number())
    one, other = member(on=fast_stack), member(on=fast_stack)
    register(one, "a", number)
    register(other, "b", number)
    one.post(at("a", "refresh")).raise_for_status()
    assert listed(other)[0]["status"] == "in_transit"
    script(fast_stack, number, COLLECTED, DELIVERED)
    wait_until(lambda: one.post(at("a", "refresh")).json()["status"] == "delivered", 30)
    (shown,) = listed(other, status="delivered")
    assert (shown["terminal"], shown["status_name"]) == (True, "本人签收")


def test_a_forwarded_parcel_is_linked_with_the_one_that_carries_it_on(
    stack: RunningStack, member: NewMember
) -> None:
    client, order = member(), new_order()
    old = script(stack, new_number(), COLLECTED, REDIRECTED)
    new = script(stack, new_number("SF"), courier="shunfeng", phone="8000")
    register(client, order, old, tags=["a"], lang="en")
    early = client.post(at(order, "successor"), json={"tracking_number": new, "phone": "8000"})
    assert refusal(early, 422)["error_code"] == "NOT_FORWARDED"
    assert client.get(at(order)).json()["substatus"] == "handed_to_other_carrier"
    itself = client.post(at(order, "successor"), json={"tracking_number": old})
    assert refusal(itself, 400)["error_trace"][0]["field"] == "tracking_number"
    lacking = client.post(at(order, "successor"), json={"tracking_number": new})
    assert refusal(lacking, 422)["error_code"] == "PHONE_REQUIRED"
    body = {"tracking_number": new, "phone": "8000"}
    linked = client.post(at(order, "successor"), json=body)
    assert linked.status_code == 201
    shown = linked.json()
    assert (shown["order_id"], shown["tags"], shown["lang"]) == (order, ["a"], "en")
    assert shown["predecessor"] == {"courier": "yuantong", "tracking_number": old}
    assert client.get(at(order), params={"tracking_number": old}).json()["successor"] == {
        "courier": "shunfeng",
        "tracking_number": new,
    }
    query = {"tracking_number": old}
    again = client.post(at(order, "successor"), params=query, json=body)
    assert (again.status_code, again.json()["id"]) == (200, shown["id"])
    assert client.get(f"/v1/tracking/get/{order}").json()["data"]["tracking_number"] == new


def test_a_parcel_that_was_registered_before_can_be_linked_too(
    stack: RunningStack, member: NewMember
) -> None:
    client, order = member(), new_order()
    old = script(stack, new_number(), COLLECTED, REDIRECTED)
    new = new_number()
    register(client, order, old, tags=["a"])
    register(client, order, new, tags=["b"])
    client.get(at(order), params={"tracking_number": old}).raise_for_status()
    linked = client.post(
        at(order, "successor"), params={"tracking_number": old}, json={"tracking_number": new}
    )
    assert linked.status_code == 200, linked.text
    assert linked.json()["predecessor"] == {"courier": "yuantong", "tracking_number": old}
    assert linked.json()["tags"] == ["b"], "what was said of it stays"


# ---- Parcels that show themselves only to who knows a phone


@pytest.fixture
def bound(stack: RunningStack) -> str:
    delivered = {**DELIVERED, "text": "已签收，签收地点秘密"}
    return script(stack, new_number("SF"), COLLECTED, delivered, courier="shunfeng", phone="8000")


def everything_told(client: httpx.Client, order: str, number: str) -> str:
    """All that a member can get to read of one of its orders."""
    answers = [
        client.get(LIST),
        *(client.get(LIST, params={"status": each}) for each in ("delivered", "in_transit")),
        client.get(LIST, params={"updated_since": "2000-01-01T00:00:00Z"}),
        client.get(at(order)),
        client.post(at(order, "refresh")),
        client.get(f"/v1/tracking/get/{order}"),
        client.get("/v1/tracking/get", params={"tracking_number": number}),
        client.post(at(order, "successor"), json={"tracking_number": new_number()}),
        client.patch(at(order), json={"lang": "en"}),
        client.patch(at(order), json={"lang": "zh"}),
    ]
    return "\n".join(answer.text for answer in answers)


SECRETS = ("delivered", "in_transit", "签收", "已收取", "Signed", "深圳", "西安", '"terminal":true', "8000")


def test_a_phone_bound_parcel_says_nothing_to_who_has_the_wrong_phone(
    stack: RunningStack, member: NewMember, bound: str
) -> None:
    knows, guesses = member(), member()
    register(knows, "mine", bound, phone="8000")
    register(guesses, "early", bound, phone="1111")
    assert knows.get(at("mine")).json()["status"] == "delivered"
    register(guesses, "late", bound, phone="2222")
    assert listed(knows)[0]["status"] == "delivered"
    for order in ("early", "late"):
        told = everything_told(guesses, order, bound).replace('"delivered","exception"', "")
        assert [secret for secret in SECRETS if secret in told] == []
    assert parcels.calls_of(stack, bound) <= 2


def test_a_right_phone_is_told_apart_only_when_its_member_looks(
    stack: RunningStack, member: NewMember, bound: str
) -> None:
    knows, also = member(), member()
    register(knows, "mine", bound, phone="8000")
    knows.get(at("mine")).raise_for_status()
    register(also, "too", bound, phone="8000")
    assert listed(also)[0]["status"] == "pending"
    assert also.get(at("too")).json()["status"] == "delivered"
    assert parcels.calls_of(stack, bound) == 1


def test_many_orders_with_different_phones_for_one_number_find_out_nothing(
    member: NewMember, bound: str
) -> None:
    knows, guesses = member(), member()
    register(knows, "mine", bound, phone="8000")
    tails = [f"{tail:04}" for tail in range(7990, 8005)]
    body = [{"order_id": f"g{tail}", "tracking_number": bound, "phone": tail} for tail in tails]
    results = guesses.post(f"{LIST}/batch", json={"shipments": body}).json()["results"]
    assert {result["status"] for result in results} == {201}
    knows.get(at("mine")).raise_for_status()
    again = guesses.post(f"{LIST}/batch", json={"shipments": body}).json()["results"]
    same = {"index", "status", "shipment"}
    assert {result["status"] for result in again} == {200}
    assert all(result.keys() == same for result in again)
    assert {each["status"] for each in listed(guesses)} == {"pending"}
    assert {each["updated_at"] == each["created_at"] for each in listed(guesses)} == {True}
    problems = [guesses.get(at(f"g{tail}")).json()["problem"]["error_code"] for tail in tails]
    assert problems[-8:] == ["RATE_LIMITED"] * 8, "the right one comes after too many tries"
    assert set(problems) <= {"PHONE_MISMATCH", "PHONE_UNVERIFIED", "RATE_LIMITED"}
    assert {each["status"] for each in listed(guesses)} == {"pending"}
    assert listed(knows)[0]["status"] == "delivered"


def test_a_phone_that_is_changed_to_a_guess_finds_out_nothing(member: NewMember, bound: str) -> None:
    knows, guesses = member(), member()
    register(knows, "mine", bound, phone="8000")
    knows.get(at("mine")).raise_for_status()
    register(guesses, "g", bound, phone="0000")
    problems = []
    for tail in [f"{tail:04}" for tail in range(7992, 8002)]:
        guesses.patch(at("g"), json={"phone": tail}).raise_for_status()
        problems.append(guesses.get(at("g")).json()["problem"]["error_code"])
    assert problems[5:] == ["RATE_LIMITED"] * 5
    assert listed(guesses)[0]["status"] == "pending"
