"""The life of a shipment through the gateway of the running stack: registered, changed, refreshed, completed, forgotten."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import loopback, parcels
from tests.loopback import wait_until
from tests.parcels import (
    COLLECTED,
    DELIVERED,
    LIST,
    REDIRECTED,
    UNDER_WAY,
    at,
    listed,
    look,
    new_number,
    new_order,
    refusal,
    register,
    script,
)

if TYPE_CHECKING:
    import httpx

    from tests.e2e.conftest import NewMember
    from tests.stacks import RunningStack


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
    assert made["next_check"].pop("at") == made["created_at"], "it is due at once"
    assert made.pop("created_at") == made.pop("updated_at")
    assert made == {
        "next_check": {"reason": "first_look", "text": "first look"},
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
    look(client, "first")
    made = register(client, "second", number, lang="en")
    assert (made["status"], made["status_name"], made["terminal"]) == (
        "delivered",
        "Signed by Recipient",
        True,
    )


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
    same = {"metadata", "lang", "courier", "status_name", "notify", "next_check", "updated_at"}
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
        async with loopback.async_client(base_url=client.base_url, headers=client.headers) as concurrent:
            return await asyncio.gather(
                *(concurrent.patch(at(order), json={"metadata": {f"k{i}": "1"}}) for i in range(6))
            )

    answers = asyncio.run(patch_all())
    assert {answer.status_code for answer in answers} == {200}
    assert listed(client)[0]["metadata"] == {f"k{i}": "1" for i in range(6)}


def test_a_shipment_that_is_forgotten_is_gone_from_everywhere(stack: RunningStack, member: NewMember) -> None:
    client, order, number = member(), new_order(), script(stack, new_number())
    register(client, order, number, tags=["a"])
    look(client, order)
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
    look(client, order)
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
    look(one, "a")
    assert {each["status"] for each in listed(other)} == {"out_for_delivery"}
    assert [each["order_id"] for each in listed(other, status="out_for_delivery")] == ["c", "b"]
    assert {each["status_name"] for each in listed(other)} == {"派送中"}
    assert listed(other, status="pending") == []
    assert before[0]["status"] == "pending"
    look(other, "b")
    assert parcels.calls_of(stack, number) == 1


def test_news_reach_every_list_when_anybody_refreshes(fast_stack: RunningStack, member: NewMember) -> None:
    number = script(fast_stack, new_number())
    one, other = member(on=fast_stack), member(on=fast_stack)
    register(one, "a", number)
    register(other, "b", number)
    one.post(at("a", "refresh")).raise_for_status()
    assert listed(other)[0]["status"] == "in_transit"
    script(fast_stack, number, COLLECTED, DELIVERED)
    wait_until(lambda: one.post(at("a", "refresh")).raise_for_status().json()["status"] == "delivered")
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
    look(client, order, tracking_number=old)
    linked = client.post(
        at(order, "successor"), params={"tracking_number": old}, json={"tracking_number": new}
    )
    assert linked.status_code == 200, linked.text
    assert linked.json()["predecessor"] == {"courier": "yuantong", "tracking_number": old}
    assert linked.json()["tags"] == ["b"], "what was said of it stays"
