"""Members' shipments on a real table: conditions, indexes, and pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from waybill import watches as table
from waybill.shipments import Link, Registration, Shipment, Standing

if TYPE_CHECKING:
    from waybill.watches import Index, Place, Watches

NOW = 1_790_000_000.0


def ship(
    order_id: str = "1001", number: str = "YT0000000000001", member: str = "acme", **parts: Any
) -> Shipment:
    at = parts.pop("at", NOW)
    registration = Registration(tags=parts.pop("tags", ()), metadata={"note": "保密"})
    return Shipment(
        member, order_id, parts.pop("courier", "yuantong"), number, registration, at, at, digest="d", **parts
    )


def orders(watches: Watches, index: Index, member: str = "acme", value: str = "", **parts: Any) -> list[str]:
    page = watches.page(index, member, value, limit=parts.pop("limit", 100), **parts)
    return [found.order_id for _, found in page.rows if found]


def test_a_shipment_comes_back_as_it_was_written(watches: Watches) -> None:
    whole = ship(
        tags=("a", "b c"),
        standing=Standing("exception", "lost", "205", terminal=False, attention="exception", as_of=NOW),
        completed_at=NOW + 1.5,
        predecessor=Link("shunfeng", "SF1"),
        successor=Link("zhongtong", "ZT1"),
    )
    assert watches.create(whole) is None
    assert watches.get("acme", "1001", whole.link) == whole
    assert watches.of_order("acme", "1001") == [whole]
    assert watches.of_number("acme", whole.number) == [whole]


def test_large_shipments_are_found_though_a_page_ends_at_a_megabyte(watches: Watches) -> None:
    note = Registration(metadata={"note": "x" * 300_000})
    for each in range(5):
        assert watches.create(replace(ship(number=f"YT{each}", at=NOW + each), registration=note)) is None
        assert watches.create(replace(ship(f"order {each}", at=NOW + each), registration=note)) is None
    assert [found.number for found in watches.of_order("acme", "1001")] == ["YT4", "YT3", "YT2", "YT1", "YT0"]
    assert [found.order_id for found in watches.of_number("acme", "YT0000000000001")] == [
        f"order {each}" for each in (4, 3, 2, 1, 0)
    ]


def test_what_stands_there_is_not_overwritten(watches: Watches) -> None:
    first = ship(tags=("first",))
    assert watches.create(first) is None
    assert watches.create(ship(tags=("second",), at=NOW + 5)) == first
    assert orders(watches, table.TAGS, value="second") == []


def test_of_many_creates_at_once_one_is_new(emulated: Watches) -> None:
    watches = emulated
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda at: watches.create(ship(tags=("t",), at=NOW + at)), range(32)))
    assert found.count(None) == 1
    assert len({each.created_at for each in found if each}) == 1
    assert len(watches.of_order("acme", "1001")) == 1


def test_changes_at_once_are_all_there(emulated: Watches) -> None:
    watches = emulated
    watches.create(ship())

    def add(tag: int) -> Shipment | None:
        return watches.change(
            ship(),
            lambda stands: replace(
                stands,
                registration=replace(stands.registration, tags=(*stands.registration.tags, f"tag-{tag}")),
            ),
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(add, range(4)))
    (stands,) = watches.of_order("acme", "1001")
    assert sorted(stands.registration.tags) == [f"tag-{tag}" for tag in range(4)]
    assert stands.revision == 5
    assert [orders(watches, table.TAGS, value=f"tag-{tag}") for tag in range(4)] == [["1001"]] * 4


def test_tags_go_with_their_shipment_and_with_its_changes(watches: Watches) -> None:
    watches.create(ship(tags=("old", "both")))
    watches.change(ship(tags=("old", "both")), lambda _: ship(tags=("both", "new")))
    assert [orders(watches, table.TAGS, value=tag) for tag in ("old", "both", "new")] == [
        [],
        ["1001"],
        ["1001"],
    ]
    assert watches.forget(ship(tags=("both", "new"), revision=2))
    assert orders(watches, table.TAGS, value="both") == []
    assert watches.of_order("acme", "1001") == []


def test_what_is_gone_is_neither_changed_nor_forgotten_again(watches: Watches) -> None:
    watches.create(ship())
    assert watches.forget(ship(revision=7))  # seen at another revision: read again, and gone
    assert not watches.forget(ship())
    assert watches.change(ship(), lambda stands: replace(stands, updated_at=NOW + 1)) is None
    assert watches.of_order("acme", "1001") == []


def test_what_was_registered_anew_is_not_overwritten_by_who_saw_the_old(watches: Watches) -> None:
    old, new = ship(tags=("old",)), ship(tags=("new",), at=NOW + 5)
    watches.create(old)
    watches.forget(old)
    watches.create(new)
    moved = watches.change(old, lambda stands: replace(stands, updated_at=NOW + 9))
    assert moved == replace(new, updated_at=NOW + 9, revision=2)
    assert orders(watches, table.TAGS, value="old") == []
    assert watches.forget(old)
    assert orders(watches, table.TAGS, value="new") == []


def test_a_change_that_changes_nothing_writes_nothing(watches: Watches) -> None:
    watches.create(ship())
    assert watches.change(ship(), lambda _: None) == ship()


@pytest.mark.parametrize(
    ("index", "value", "wanted"),
    [
        (table.MEMBERS, "", ["4", "3", "2", "1"]),
        (table.STATUSES, "exception", ["3"]),
        (table.STATUSES, "pending", ["4", "2", "1"]),
        (table.COURIERS, "shunfeng", ["2"]),
        (table.ATTENTION, "", ["3"]),
        (table.TAGS, "gift", ["4", "2"]),
        (table.CHANGES, "", ["1", "2", "3", "4"]),
        (table.ORDERS, "2", ["2"]),
        (table.NUMBERS, "N00003", ["3"]),
    ],
)
def test_every_index_finds_its_own_newest_first(
    watches: Watches, index: Index, value: str, wanted: list[str]
) -> None:
    rows: list[dict[str, Any]] = [
        {"order_id": "1"},
        {"order_id": "2", "courier": "shunfeng", "tags": ("gift",)},
        {"order_id": "3", "standing": Standing("exception", attention="exception")},
        {"order_id": "4", "tags": ("gift", "other")},
    ]
    for place, row in enumerate(rows):
        watches.create(ship(number=f"N0000{row['order_id']}", at=NOW + place, **row))
    watches.create(ship("5", member="other", tags=("gift",)))
    assert orders(watches, index, value=value) == wanted
    assert orders(watches, index, member="nobody", value=value) == []


@pytest.mark.parametrize("index", [table.MEMBERS, table.CHANGES, table.STATUSES, table.TAGS])
def test_pages_join_without_gap_or_overlap(watches: Watches, index: Index) -> None:
    value = {"statuses": "pending", "tags": "t"}.get(index.name, "")
    for each in range(7):
        watches.create(ship(f"{each}", at=NOW + each // 2, tags=("t",)))  # several of one moment
    whole = orders(watches, index, value=value)
    assert len(whole) == 7
    seen: list[str] = []
    after: Place | None = None
    for _ in range(4):
        page = watches.page(index, "acme", value, limit=2, after=after)
        seen += [found.order_id for _, found in page.rows if found]
        after = page.rows[-1][0]
    assert not page.more
    assert seen == whole


def test_changes_begin_where_they_are_asked_to(watches: Watches) -> None:
    for each in range(4):
        watches.create(ship(f"{each}", at=NOW + each))
    assert orders(watches, table.CHANGES, since=NOW + 2) == ["2", "3"]


@pytest.mark.parametrize("member", ["a#b", "a", "a#", "ä|b", "auth0|1#pending"])
def test_members_whose_names_hold_separators_stay_apart(watches: Watches, member: str) -> None:
    for each in ("a#b", "a", "a#", "ä|b", "auth0|1#pending"):
        watches.create(ship("b", member=each, tags=("b",)))
    for index, value in (
        (table.MEMBERS, ""),
        (table.ORDERS, "b"),
        (table.TAGS, "b"),
        (table.STATUSES, "pending"),
    ):
        page = watches.page(index, member, value, limit=10)
        assert [found.member for _, found in page.rows if found] == [member]
