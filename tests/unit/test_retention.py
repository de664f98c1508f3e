"""What docs/retention.md says is kept, and what an erasure goes by, are the same list."""

from __future__ import annotations

import re

import pytest

from tests.stacks import ROOT
from tools.holdings import KINDS

DOCUMENT = (ROOT / "docs/retention.md").read_text(encoding="utf-8")


def rows(table: str) -> list[tuple[str, str]]:
    """Kinds of the document's table, and what ends them."""
    (section,) = re.findall(rf"^## {table} table\n(.*?)^## ", DOCUMENT, re.DOTALL | re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in section.splitlines()[2:] if line]
    return [(each[1], each[4]) for each in cells]


@pytest.mark.parametrize("table", ["Tracking", "Cache"])
def test_the_document_has_every_kind_in_its_order(table: str) -> None:
    assert [name for name, _ in rows(table)] == [kind.name for kind in KINDS if kind.table == table]


@pytest.mark.parametrize("table", ["Tracking", "Cache"])
def test_the_document_says_what_ends_each(table: str) -> None:
    said = dict(rows(table))
    for kind in KINDS:
        if kind.table != table:
            continue
        ends = said[kind.name]
        if kind.ends:
            assert re.search(r"\bdays?\b|half a minute|end;", ends), kind.name
        if kind.owner in {"member", "shipment", "parcel"} and kind.name != "limits":
            assert re.search(r"with its (member|shipment|parcel)|its parcel is erased", ends), kind.name
