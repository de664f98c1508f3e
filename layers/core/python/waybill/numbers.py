"""Tracking numbers: how they are written, and which couriers they may belong to.

Detection is free of charge and never guesses with money: a number is used with a courier only where one pattern of high
confidence fits; otherwise the candidates are shown. The facts are `data/courier_patterns.csv`.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, cast, get_args

from waybill import couriers, fullwidth
from waybill.errors import CourierAmbiguous, CourierUnknown, InvalidField

AUTO: Final = "auto"
PATTERN: Final = r"^[0-9A-Za-z][0-9A-Za-z-]{4,30}[0-9A-Za-z]$"
"""What may be sent as a tracking number, for JSON Schema (ECMA-262)."""
_NUMBER: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{4,30}[A-Z0-9]")
_S10: Final = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
_S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
Confidence = Literal["high", "medium", "low", "uncertain"]
_CONFIDENCE: Final[tuple[Confidence, ...]] = get_args(Confidence)


def normalise(text: str, field: str = "number") -> str:
    """A tracking number as it is written everywhere inside: ASCII, upper case, no surrounding space, leading zeros kept.

    Raises:
        InvalidField: not 6 to 32 letters, digits and inner dashes.
    """
    number = fullwidth.to_ascii(text).strip()
    number = number.upper() if number.isascii() else ""
    if not _NUMBER.fullmatch(number):
        raise InvalidField(
            field, "A tracking number has 6 to 32 letters, digits and dashes, and no dash at its ends."
        )
    return number


def s10_valid(number: str) -> bool | None:
    """Whether the check digit of a postal item number is right (UPU S10); None for a number of another form."""
    if not _S10.fullmatch(number):
        return None
    total = sum(int(digit) * weight for digit, weight in zip(number[2:10], _S10_WEIGHTS, strict=True))
    return int(number[10]) == {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A courier that a number may belong to. `check_digit` is None where numbers of this form have none."""

    courier: couriers.Courier
    confidence: Confidence
    check_digit: bool | None


@cache
def _patterns() -> list[tuple[str, re.Pattern[str], Confidence]]:
    path = Path(__file__).with_name("data") / "courier_patterns.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [
            (row["code"], re.compile(row["regex"]), cast("Confidence", row["confidence"]))
            for row in csv.DictReader(file)
        ]


def detect(number: str) -> list[Candidate]:
    """The couriers whose pattern a normalised number fits, most likely first, each once with its best confidence.

    A postal number with a wrong check digit is a typing error far more often than a parcel: its confidence is `low` at most.
    """
    check_digit = s10_valid(number)
    best: dict[str, int] = {}
    for code, pattern, confidence in _patterns():
        if pattern.search(number):
            rank = _CONFIDENCE.index(confidence)
            if check_digit is False:
                rank = max(rank, _CONFIDENCE.index("low"))
            best[code] = min(rank, best.get(code, rank))
    ranked = sorted(best.items(), key=lambda item: item[1])
    return [
        Candidate(courier, _CONFIDENCE[rank], check_digit)
        for code, rank in ranked
        if (courier := couriers.find(code)) is not None
    ]


def courier_of(number: str, lang: str = "zh") -> couriers.Courier:
    """The one courier that a number surely belongs to.

    Raises:
        CourierAmbiguous: no pattern of high confidence fits, or more than one; carries the candidates.
    """
    candidates = detect(number)
    sure = [candidate for candidate in candidates if candidate.confidence == "high"]
    if len(sure) == 1:
        return sure[0].courier
    proposed = [candidate for candidate in candidates if candidate.confidence == "medium"]
    if len(proposed) == 1 and not sure:
        advice = f"It is most likely {proposed[0].courier.code}; ask again with that code if it is."
    elif candidates:
        advice = "Ask again with the code of the right one of the candidates."
    else:
        advice = "No known pattern fits; name the courier by its code (GET /v1/couriers?q=)."
    raise CourierAmbiguous(
        f"The courier cannot be told from the number for certain. {advice}",
        [
            {"code": each.courier.code, "name": each.courier.name(lang), "confidence": each.confidence}
            for each in candidates
        ],
    )


def named_courier(field: str, text: str, number: str, lang: str) -> couriers.Courier:
    """The courier of a code or an alias; `auto` leaves it to the number.

    Raises:
        InvalidField, CourierUnknown: as `known_courier`.
        CourierAmbiguous: as `courier_of`.
    """
    return courier_of(number, lang) if text.strip().lower() == AUTO else known_courier(text, field)


def known_courier(text: str, field: str = "courier") -> couriers.Courier:
    """The courier of a code or an alias.

    Raises:
        InvalidField: no code.
        CourierUnknown: a code that Kuaidi100 does not have; names near ones.
    """
    code = text.strip().lower()
    if not code or len(code) > 64:
        raise InvalidField(field, "Name the courier by its code, as yuantong, or let auto find it.")
    courier = couriers.find(code)
    if courier is None:
        near = ", ".join(each.code for each in couriers.search(code, 3)) if re.fullmatch(r"\w+", code) else ""
        advice = f" Did you mean {near}?" if near else ""
        raise CourierUnknown(f"No courier has this code.{advice} GET /v1/couriers?q= finds codes by name.")
    return courier
