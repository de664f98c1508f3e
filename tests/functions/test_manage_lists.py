"""The manage function: lists of shipments."""

from __future__ import annotations

import base64
import json

import pytest

from tests.functions.conftest import App, error
from tests.functions.registering import COLLECTION, ONE, ids, listed, register
from waybill import management
from waybill.registration import Filters
from waybill.watches import Place


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
