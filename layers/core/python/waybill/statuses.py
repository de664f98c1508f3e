"""What a Kuaidi100 code means: our two levels of status, lossless over the vendor's codes.

The facts are `data/status_map.csv`, one row per code, which a reader can hold against section 1.6 of the vendor's page.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from waybill.model import Parcel, Status

NAMES: Final[dict[Status, tuple[str, str]]] = {
    "pending": ("暂无轨迹", "No tracking data yet"),
    "info_received": ("待揽收", "Awaiting collection"),
    "in_transit": ("运输中", "In transit"),
    "out_for_delivery": ("派送中", "Out for delivery"),
    "available_for_pickup": ("待取件", "Available for pickup"),
    "failed_attempt": ("派送异常", "Delivery attempt failed"),
    "exception": ("疑难件", "Exception"),
    "returning": ("退回中", "Being returned"),
    "delivered": ("已签收", "Delivered"),
    "returned": ("已退回", "Returned"),
    "cancelled": ("已销单", "Cancelled"),
}
"""Every status with its Chinese and English name, in the order a parcel's life usually takes."""

_IN_TRANSIT: Final = "0"


@dataclass(frozen=True, slots=True)
class Code:
    """One vendor code (`301`) with the state it belongs to (`3`) and what it is to us."""

    code: str
    state: str
    name_zh: str
    name_en: str
    meaning_zh: str
    status: Status
    substatus: str | None
    terminal: bool
    contract_a_status: str
    contract_a_desc: str

    def name(self, lang: str) -> str:
        return self.name_zh if lang == "zh" else self.name_en


@cache
def codes() -> dict[str, Code]:
    """Every known code, by code. An unused combination costs nothing: the file is read at the first question."""
    path = Path(__file__).with_name("data") / "status_map.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["advanced_code"]: Code(
                code=row["advanced_code"],
                state=row["state"],
                name_zh=row["advanced_zh"],
                name_en=row["advanced_en"].removesuffix(" (doc table: in transportation)"),
                meaning_zh=row["meaning_zh"],
                status=cast("Status", row["suggested_status"]),
                substatus=row["suggested_substatus"] or None,
                terminal=row["terminal"] == "1",
                contract_a_status=row["contract_a_status"],
                contract_a_desc=row["contract_a_desc"],
            )
            for row in csv.DictReader(file)
        }


def resolve(raw: str) -> tuple[Code, bool]:
    """The code for what the vendor sent, and whether it is one we know.

    An unknown code falls back to its family (`399` to `3`, `1099` to `0`), and one without a family to "in transit": an answer
    is never lost over a code that is new.
    """
    known = codes()
    if raw in known:
        return known[raw], True
    family = _IN_TRANSIT if len(raw) == 4 and raw.startswith("10") else raw[:1] if len(raw) == 3 else ""
    return known.get(family, known[_IN_TRANSIT]), False


def code_of(parcel: Parcel) -> str:
    """The code that gave the parcel its status: the raw state, or the newest event's where that is a family; "" before any."""
    state = parcel.state or ""
    newest = parcel.events[0].code if parcel.events else None
    for raw in filter(None, (state, newest)):
        code, _ = resolve(raw)
        if (code.status, code.substatus) == (parcel.status, parcel.substatus):
            return raw
    return state


def status_name(status: Status, lang: str) -> str:
    zh, en = NAMES[status]
    return zh if lang == "zh" else en
