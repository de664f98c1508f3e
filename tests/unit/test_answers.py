"""The vocabularies of answers are those of the tables behind them, and describing answers costs no request anything."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from waybill import couriers, model, numbers, shipment_views, statuses
from waybill.lookup import Found
from waybill.model import Area, Parcel, Route
from waybill.shipments import Registration, Shipment

ROOT = Path(__file__).parents[2]


def test_the_statuses_of_answers_are_those_of_the_table() -> None:
    assert get_args(model.Status) == tuple(statuses.NAMES)
    assert {code.status for code in statuses.codes().values()} <= set(statuses.NAMES)


def test_confidence_has_the_words_of_the_table() -> None:
    path = Path(numbers.__file__).with_name("data") / "courier_patterns.csv"
    with path.open(encoding="utf-8", newline="") as file:
        found = {row["confidence"] for row in csv.DictReader(file)}
    assert found <= set(get_args(numbers.Confidence))


def test_every_category_of_couriers_is_described() -> None:
    found = {courier.category for courier in couriers.table().values()}
    assert found == {"国内运输商", "国际运输商", "国际邮政", ""}


@pytest.mark.parametrize(
    ("area", "country"),
    [
        (Area("CN440305000000", "广东,深圳市,南山区"), "中国"),
        (Area("CN810000000000", "香港"), "中国香港"),
        (Area("US", "美国,纽约州"), "美国"),
        (Area(None, "广东,深圳市,南山区"), ""),
        (Area("", "广东,深圳市,南山区"), ""),
        (None, ""),
    ],
)
def test_contract_b_takes_no_province_for_a_country(area: Area | None, country: str) -> None:
    ship = Shipment("acme", "1001", "yuantong", "YT7450353838751", Registration(), 0.0, 0.0)
    parcel = Parcel(ship.courier, ship.number, route=Route(area, None, area))
    found = Found(parcel, "cache", "within_gap", 0.0, 0.0, 0.0, 0.0)
    data = shipment_views.contract_b(ship, found, None)["data"]
    assert (data["export_country"], data["destination_country"]) == (country, country)


def test_the_types_of_answers_load_no_pydantic() -> None:
    script = (
        "import sys; sys.path.insert(0, 'layers/core/python'); import waybill.shipment_views, waybill.fields; "
        "print(sorted({'pydantic', 'httpx', 'boto3'} & set(sys.modules)), 'waybill.answers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] True"
