"""Lists of shipments through the gateway of the running stack: filters, pages, cursors."""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.parcels import (
    COLLECTED,
    DELIVERED,
    LIST,
    UNDER_WAY,
    at,
    listed,
    look,
    new_number,
    new_order,
    pages,
    refusal,
    register,
    script,
)

if TYPE_CHECKING:
    from tests.e2e.conftest import NewMember
    from tests.stacks import RunningStack


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
        look(client, order)

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
