from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import rows, sheet
from cli.exits import Misuse
from cli.rows import Bad, BadHeader, BadRow, Good, Row

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "order_id,tracking_number,courier,phone,from,to,lang,tags,email,events,metadata.colour,metadata,notify_lang"
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=12)


def parsed(path: Path, text: str, encoding: str = "utf-8") -> list[Good | Bad]:
    path.write_bytes(text.encode(encoding))
    return list(sheet.examine(path).parsed())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(file: Path, encoding: str, delimiter: str) -> None:
    text = "Order_ID,tracking_number,to,metadata.Farbe\r\nA-1,YT7450353838751,广东省深圳市,赤\r\n"
    assert parsed(file, text.replace(",", delimiter), encoding) == [
        Good(
            2,
            {
                "order_id": "A-1",
                "tracking_number": "YT7450353838751",
                "to": "广东省深圳市",
                "metadata": {"Farbe": "赤"},
            },
        )
    ]


def test_every_column_has_its_place() -> None:
    row = next(
        csv.reader(
            [
                'A,YT1234567890123,yto,+86 13800008000,北京,上海,en,a;b,x@y.cn,delivered;stalled,red,"{""k"": ""v""}",en'
            ]
        )
    )
    assert rows.shipment(rows.header(HEADER.split(",")), row) == {
        "order_id": "A",
        "tracking_number": "YT1234567890123",
        "courier": "yto",
        "phone": "8000",
        "from": "北京",
        "to": "上海",
        "lang": "en",
        "tags": ["a", "b"],
        "notify": {"email": "x@y.cn", "events": ["delivered", "stalled"], "lang": "en"},
        "metadata": {"k": "v", "colour": "red"},
    }


@pytest.mark.parametrize(
    ("cells", "field", "said"),
    [
        ("", "order_id", "no order id"),
        ("a b,YT1234567890123", "order_id", "64 letters"),
        ("A,no", "tracking_number", "6 to 32"),
        ("A,", "tracking_number", "no tracking number"),
        ("A,7.77E+14", "tracking_number", "spreadsheet"),
        ("A,YT1234567890123,,12", "phone", "four digits"),
        ("A,YT1234567890123,,,,,,,,delivered", "email", "no address"),
        ('A,YT1234567890123,,,,,,,,,,{"a": 1}', "metadata", "JSON"),
        ("A,YT1234567890123,,,,,,,,,,,en", "email", "no address"),
        ("A,YT1234567890123,,,,,,[1]", "tags", "list"),
        ("A,YT1234567890123,,,,,,,,,,,,,too many", "row", "cells"),
        (f"A,YT1234567890123,,,{'x' * 20_000}", "from", "20000"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(cells: str, field: str, said: str) -> None:
    names = rows.header(HEADER.split(","))
    row = next(csv.reader([cells]), [])
    with pytest.raises(BadRow) as bad:
        rows.shipment(names, row + [""] * (len(names) - len(row)))
    assert bad.value.field == field
    assert said in bad.value.message
    assert bad.value.advice


def test_a_row_with_too_few_cells_is_not_filled_up() -> None:
    with pytest.raises(BadRow, match="2 cells, and the header 3"):
        rows.shipment(("order_id", "tracking_number", "phone"), ["A", "YT1234567890123"])


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("order_id,phone", "no column tracking_number"),
        ("order_id,tracking_number,currier", "Do you mean courier"),
        ("order_id,tracking_number,order_id", "twice"),
        ("order_id,tracking_number,colour", "metadata.colour"),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(first: str, said: str) -> None:
    with pytest.raises(BadHeader, match=said):
        rows.header(first.split(","))


def test_an_unclosed_quote_stops_everything_since_rows_would_vanish_in_it(file: Path) -> None:
    with pytest.raises(Misuse, match="line 3 is never closed"):
        parsed(file, 'order_id,tracking_number\nA,YT1234567890123\nB,"YT1\nC,YT1234567890124\n')


def test_a_line_that_is_no_csv_is_one_bad_row(file: Path) -> None:
    found = parsed(file, 'order_id,tracking_number\nA,"YT"x\n\nB,YT1234567890123\n')
    assert [(type(each), each.line) for each in found] == [(Bad, 2), (Good, 4)]


def test_rows_behind_a_quote_that_closes_too_late_are_all_told(file: Path) -> None:
    written = ['A-1,YT1,"Shanghai', "A-2,YT2,Beijing", "A-3,YT3,", 'A-4,YT4,"Wuhan"', "A-5,YT1234567890123,"]
    found = parsed(file, "\n".join(["order_id,tracking_number,to", *written, ""]))
    assert [(type(each), each.line) for each in found] == [*((Bad, line) for line in range(2, 6)), (Good, 6)]
    told = sheet.examine(file).cells({2, 3, 5})
    assert [(row.line, row.cells) for row in told] == [(line, (written[line - 2],)) for line in (2, 3, 5)]


def test_what_is_no_text_is_refused(file: Path) -> None:
    with pytest.raises(Misuse, match="no text"):
        parsed(file, "order_id,tracking_number\n\0\0", "utf-8")


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=30))
def test_no_row_is_lost_whatever_is_in_it(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[list[str]]
) -> None:
    clean = [
        [cell.replace("\0", "").encode("utf-8", "replace").decode() for cell in row] for row in given_rows
    ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["order_id", "tracking_number"], *clean])
    found = parsed(tmp_path_factory.mktemp("rows") / "f.csv", text.getvalue())
    assert len(found) == sum(any(cell.strip() for cell in row) for row in clean)
    assert len({each.line for each in found}) == len(found)


@given(
    st.fixed_dictionaries(
        {
            "tags": st.lists(TEXT, max_size=4),
            "metadata": st.dictionaries(TEXT, TEXT, max_size=3),
            "from": st.none() | TEXT,
            "to": st.none() | TEXT,
            "notify": st.none()
            | st.fixed_dictionaries(
                {"email": st.just("a@b.cn"), "events": st.just(["*"])},
                optional={"lang": st.sampled_from(["zh", "en"])},
            ),
        }
    )
)
def test_what_is_exported_is_imported_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, Any]
) -> None:
    shown = {
        **drawn,
        "order_id": "A",
        "tracking_number": "YT1234567890123",
        "courier": {"code": "yuantong", "name": "圆通"},
        "lang": "zh",
        "origin_country": None,
        "destination_country": None,
        "status": "pending",
        "attention": None,
        "created_at": "2026-11-22T00:00:00Z",
        "updated_at": "2026-11-22T00:00:00Z",
    }
    text = io.StringIO(newline="")
    csv.writer(text).writerows([rows.EXPORTED, map(sheet.guarded, rows.cells(shown))])
    (again,) = parsed(tmp_path_factory.mktemp("rows") / "f.csv", text.getvalue())
    assert isinstance(again, Good)
    for name, value in drawn.items():
        assert again.shipment.get(name) == (value or None)


@given(st.text(st.sampled_from("'=+-@\t\rA"), max_size=6))
def test_no_cell_that_is_written_is_a_formula_and_each_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, cell: str
) -> None:
    written = sheet.guarded(cell)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    path = tmp_path_factory.mktemp("rows") / "f.csv"
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["order_id", "tracking_number"], [written, "x"]])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    (row,) = sheet.examine(path).rows()
    assert isinstance(row, Row)
    assert row.cells[0] == cell


@given(st.lists(st.integers(1, 150_000), max_size=40))
def test_batches_hold_every_row_once_and_fit_into_a_request(sizes: list[int]) -> None:
    given_rows = [Good(line, {"from": "x" * size}) for line, size in enumerate(sizes)]
    made = list(rows.batches(given_rows))
    assert [row for batch in made for row in batch] == given_rows
    for batch in made:
        assert len(batch) <= rows.BATCH_ROWS
        assert sum(len(row.shipment["from"]) for row in batch) < rows.BATCH_BYTES
