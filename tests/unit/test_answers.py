"""The vocabularies of answers are those of the tables behind them, and describing answers costs no request anything."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import get_args

from waybill import couriers, model, numbers, statuses

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


def test_the_types_of_answers_load_no_pydantic() -> None:
    script = (
        "import sys; sys.path.insert(0, 'layers/core/python'); import waybill.shipment_views, waybill.fields; "
        "print(sorted({'pydantic', 'httpx', 'boto3'} & set(sys.modules)), 'waybill.answers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] True"
