"""What lists read, of 1,000 shipments of one member: as much as they show, whatever they are narrowed to, and never a scan.

Counted is what DynamoDB would charge: every item that a query evaluated (`ScannedCount`), or a get fetched. Neither moto nor the
emulator computes the capacity of a query from its items (a constant and 0.5), so the units are worked out here from the items'
sizes, as DynamoDB's developer guide has it ("Capacity unit consumption for read operations").
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.conftest import client_of, new_table
from waybill.parcels import Parcels
from waybill.registration import PAGES_READ, Filters, Shipments, Which
from waybill.shipments import Registration, Shipment, Standing
from waybill.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from waybill.model import Status
    from waybill.watches import Place

PAGE = 50
STATUSES: tuple[Status, ...] = ("pending", "in_transit", "delivered", "exception")
BEGAN = 1_790_000_000.0


@dataclass
class Reads:
    """What was read since the last `clear`."""

    operations: list[str] = field(default_factory=list)
    items: int = 0
    units: float = 0.0
    largest: int = 0

    def clear(self) -> None:
        self.operations.clear()
        self.items, self.units = 0, 0.0

    def note(self, model: Any, parsed: Any, **_: Any) -> None:
        self.operations.append(model.name)
        if model.name == "Query":
            assert parsed["ScannedCount"] == len(parsed["Items"]), "nothing is read and then filtered out"
            self.items += parsed["ScannedCount"]
            sizes = [_size(item) for item in parsed["Items"]]
            self.units += math.ceil(sum(sizes) / 4096) / 2
            self.largest = max([self.largest, *sizes])
        else:
            found = [item for items in parsed["Responses"].values() for item in items]
            self.items += len(found)
            self.units += sum(math.ceil(_size(item) / 4096) for item in found)


def _size(item: Any) -> int:
    return sum(len(name) + len(str(*value.values()).encode()) for name, value in item.items())


@dataclass(frozen=True, slots=True)
class Crowd:
    shipments: Shipments
    parcels: Parcels
    reads: Reads
    member: str


@pytest.fixture(scope="module")
def crowd(emulator: str) -> Iterator[Crowd]:
    client, reads = client_of(emulator), Reads()
    table = new_table(client, "TrackingTable")
    watches = Watches(client, table)
    made = [_shipment("big", number) for number in range(1000)] + [_shipment("small", n) for n in range(3)]
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(watches.create, made)) == {None}
    client.meta.events.register("after-call.dynamodb", reads.note)
    shipments = Shipments(watches, lambda *_: None, lambda: BEGAN)
    yield Crowd(shipments, Parcels(client, table), reads, "big")
    client.close()


def _shipment(member: str, number: int) -> Shipment:
    status = STATUSES[number % 4]
    return Shipment(
        member=member,
        order_id=f"order-{number}",
        courier=("yuantong", "zhongtong", "yunda")[number % 3],
        number=f"YT{number:013}",
        registration=Registration(
            tags=("even",) if number % 2 == 0 else (), metadata={"note": "x" * 200}, to="陕西省西安市"
        ),
        created_at=BEGAN + number,
        updated_at=BEGAN + 10_000 - number,
        standing=Standing(status, attention=status if status == "exception" else None),
    )


def _walk(crowd: Crowd, filters: Filters) -> list[tuple[list[Shipment], int, float, list[str]]]:
    """Every page of a list: its shipments, and the items, units and operations that it cost."""
    pages: list[tuple[list[Shipment], int, float, list[str]]] = []
    after: Place | None = None
    while True:
        crowd.reads.clear()
        ships, after = crowd.shipments.page(crowd.member, filters, PAGE, after)
        pages.append((ships, crowd.reads.items, crowd.reads.units, list(crowd.reads.operations)))
        if after is None:
            return pages


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), 1000),
        (Filters(status="delivered"), 250),
        (Filters(status="returned"), 0),
        (Filters(courier="zhongtong"), 333),
        (Filters(attention=True), 250),
        (Filters(since=BEGAN + 9_501), 500),
    ],
)
def test_a_page_reads_what_it_shows_and_one_item_more(crowd: Crowd, filters: Filters, found: int) -> None:
    pages = _walk(crowd, filters)
    assert sum(len(ships) for ships, *_ in pages) == found
    assert [len(ships) for ships, *_ in pages[:-1]] == [PAGE] * (len(pages) - 1)
    for ships, items, units, operations in pages:
        assert operations == ["Query"]
        assert items <= len(ships) + 1
        assert units <= math.ceil(items * crowd.reads.largest / 4096) / 2


def test_what_the_schedule_knows_of_a_page_is_one_more_read_of_a_small_row_each(crowd: Crowd) -> None:
    ships, _ = crowd.shipments.page(crowd.member, Filters(), PAGE, None)
    crowd.reads.clear()
    rows = crowd.parcels.rows([ship.link for ship in ships])
    assert rows.keys() == {ship.link for ship in ships}
    assert (crowd.reads.operations, crowd.reads.items) == (["BatchGetItem"], PAGE)
    assert crowd.reads.units == PAGE, "none is larger than a unit"


def test_a_page_by_tag_reads_each_row_and_its_shipment(crowd: Crowd) -> None:
    pages = _walk(crowd, Filters(tag="even"))
    assert sum(len(ships) for ships, *_ in pages) == 500
    for ships, items, _, operations in pages:
        assert operations == ["Query", "BatchGetItem"]
        assert items <= 2 * (len(ships) + 1)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(attention=False), 750),
        (Filters(status="delivered", courier="yunda"), 84),
        (Filters(status="pending", since=BEGAN + 9_999), 1),
        (Filters(tag="even", status="in_transit"), 0),
        (Filters(tag="even", status="pending", attention=False, since=BEGAN), 250),
    ],
)
def test_a_page_that_no_one_index_answers_is_bounded_too(crowd: Crowd, filters: Filters, found: int) -> None:
    pages = _walk(crowd, filters)
    assert sum(len(ships) for ships, *_ in pages) == found
    for _, items, _, operations in pages:
        assert set(operations) <= {"Query", "BatchGetItem"}
        assert items <= 2 * PAGES_READ * (PAGE + 1)


def test_an_order_and_a_number_are_found_by_reading_one_item(crowd: Crowd) -> None:
    crowd.reads.clear()
    found = crowd.shipments.find(Which(crowd.member, "order-500"))
    assert (crowd.reads.operations, crowd.reads.items) == (["Query"], 1)
    crowd.reads.clear()
    assert crowd.shipments.find_number(crowd.member, found.number) == found
    assert (crowd.reads.operations, crowd.reads.items) == (["Query"], 1)


def test_a_member_pays_nothing_for_the_shipments_of_others(crowd: Crowd) -> None:
    for filters in (Filters(), Filters(courier="yuantong"), Filters(attention=False), Filters(since=BEGAN)):
        crowd.reads.clear()
        crowd.shipments.page("small", filters, PAGE, None)
        assert crowd.reads.items <= 3


def test_a_shipment_is_read_as_it_was_written(emulator: str) -> None:
    """To the last fraction of a second: an answer to a registration and one to a later question are the same."""
    client = client_of(emulator)
    watches = Watches(client, new_table(client, "TrackingTable"))
    ship = Shipment("m", "o", "yuantong", "YT1", Registration(), BEGAN + 0.9996, BEGAN + 0.123456)
    watches.create(ship)
    assert watches.of_order("m", "o") == [ship]
    client.close()
