"""The couriers that Kuaidi100 knows: 1,618 rows of its code table, in `data/couriers.csv`.

The file is read at the first question about a courier, in about two milliseconds, and not at import.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ALIASES: Final = {
    "sf": "shunfeng",
    "sfexpress": "shunfeng",
    "zto": "zhongtong",
    "yto": "yuantong",
    "sto": "shentong",
    "yd": "yunda",
    "jingdong": "jd",
    "debang": "debangkuaidi",
    "jitu": "jtexpress",
}
"""Codes that integrators use by mistake, and the ones that they mean."""


@dataclass(frozen=True, slots=True)
class Courier:
    code: str
    name_zh: str
    name_en: str
    category: str
    requires_phone: bool

    def name(self, lang: str) -> str:
        return self.name_en or self.name_zh if lang == "en" else self.name_zh


@cache
def _rows() -> dict[str, list[str]]:
    path = Path(__file__).with_name("data") / "couriers.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: row for row in rows}


def _courier(row: list[str]) -> Courier:
    code, name_zh, name_en, category, requires_phone, _year = row
    return Courier(code, name_zh, name_en, category, requires_phone == "1")


def table() -> dict[str, Courier]:
    """Every courier by code, in the table's order: the most used ones first."""
    return {code: _courier(row) for code, row in _rows().items()}


def find(code: str) -> Courier | None:
    """The courier of a code or of one of its aliases; case and surrounding space do not matter."""
    code = code.strip().lower()
    row = _rows().get(ALIASES.get(code, code))
    return _courier(row) if row else None


def search(text: str, limit: int = 20) -> list[Courier]:
    """Couriers whose code, alias, Chinese or English name has `text` in it: exact first, then beginnings, then the rest."""
    wanted = text.strip().casefold()
    ranked: list[tuple[int, Courier]] = []
    for courier in table().values():
        names = [courier.code, courier.name_zh.casefold(), courier.name_en.casefold()]
        names += [alias for alias, code in ALIASES.items() if code == courier.code]
        if wanted in names:
            ranked.append((0, courier))
        elif any(name.startswith(wanted) for name in names):
            ranked.append((1, courier))
        elif any(wanted in name for name in names):
            ranked.append((2, courier))
    ranked.sort(key=lambda pair: pair[0])
    return [courier for _, courier in ranked[:limit]]
