"""What a row of an import says, and how a shipment becomes one again. Pure: rows are texts, and what is wrong with one is told.

A cell of `tags` or `events` is a list with `;` between, or in JSON where a text has one itself. `metadata` is an object in JSON;
`metadata.x` is one text of it.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from waybill import numbers, phones
from waybill.errors import InvalidField
from waybill.shipments import ORDER_ID, RESERVED_ORDER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

COLUMNS: Final = (
    "order_id",
    "tracking_number",
    "courier",
    "phone",
    "from",
    "to",
    "origin_country",
    "destination_country",
    "lang",
    "tags",
    "email",
    "events",
    "notify_lang",
    "metadata",
)
NEEDED: Final = ("order_id", "tracking_number")
REPORT: Final = ("line", "error_field", "error", "what_to_do")
"""What the report of bad rows has before the row itself."""
_SHOWN: Final = ("status", "attention", "created_at", "updated_at")
EXPORTED: Final = [*COLUMNS, *_SHOWN]
PASSED_OVER: Final = frozenset({*REPORT, *_SHOWN})
"""Columns that an import takes no notice of, so that it takes what an export or a report wrote."""
LONGEST_CELL: Final = 12_000
BATCH_ROWS: Final = 100
BATCH_BYTES: Final = 190 * 1024
"""The API takes bodies of 200 KB."""
_METADATA: Final = "metadata."
_SHORTENED: Final = re.compile(r"[0-9][.,]?[0-9]*E\+?[0-9]+", re.IGNORECASE)
MEND: Final = "Mend it, and import this file."


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is the first that the row has in its file."""

    line: int
    cells: tuple[str, ...]


class BadHeader(ValueError):
    """The first row names no columns of ours."""


class BadRow(Exception):
    """What is wrong with one row, and what to do."""

    def __init__(self, field: str, message: str, advice: str = MEND) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Good:
    line: int
    shipment: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    line: int
    field: str
    message: str
    advice: str


def header(cells: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns, empty for those without one.

    Raises:
        BadHeader: says which is missing, unknown or there twice.
    """
    names = tuple(_name(cell) for cell in cells)
    for missing in (name for name in NEEDED if name not in names):
        raise BadHeader(
            f"There is no column {missing}. The first row names the columns: {', '.join(COLUMNS)}, metadata.*."
        )
    for name in names:
        if not name:
            continue
        if names.count(name) > 1:
            raise BadHeader(f"The column {name} is there twice.")
        if name not in COLUMNS and name not in PASSED_OVER and not name.startswith(_METADATA):
            near = difflib.get_close_matches(name, COLUMNS, 1)
            guess = f" Do you mean {near[0]}?" if near else f" Those that there are: {', '.join(COLUMNS)}."
            raise BadHeader(f"There is no column {name!r}.{guess} What is yours goes into metadata.{name}.")
    return names


def shipment(names: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """The body of POST /v1/shipments for a row.

    Raises:
        BadRow: what can be seen to be wrong without asking.
    """
    said = _said(names, cells)
    made: dict[str, Any] = {"order_id": _order(said), "tracking_number": _number(said)}
    for name in ("courier", "from", "to", "origin_country", "destination_country", "lang"):
        if name in said:
            made[name] = said[name]
    if "phone" in said:
        made["phone"] = _tail(said["phone"])
    if "tags" in said:
        made["tags"] = _list("tags", said["tags"])
    if notify := _notify(said):
        made["notify"] = notify
    if metadata := _metadata(said):
        made["metadata"] = metadata
    return made


def read(names: Sequence[str], rows: Iterable[Row | Bad]) -> Iterator[Good | Bad]:
    """Each row that is not empty, parsed."""
    for row in rows:
        if isinstance(row, Bad):
            yield row
            continue
        if not any(cell.strip() for cell in row.cells):
            continue
        try:
            yield Good(row.line, shipment(names, row.cells))
        except BadRow as bad:
            yield Bad(row.line, bad.field, bad.message, bad.advice)


def batches(rows: Iterable[Good]) -> Iterator[list[Good]]:
    """Rows as they go into requests: always the same for the same rows."""
    batch: list[Good] = []
    room = BATCH_BYTES
    for row in rows:
        size = len(json.dumps(row.shipment, ensure_ascii=False).encode("utf-8", "replace")) + 2
        if batch and (len(batch) == BATCH_ROWS or size > room):
            yield batch
            batch, room = [], BATCH_BYTES
        batch.append(row)
        room -= size
    if batch:
        yield batch


def cells(shown: Any) -> list[str]:
    """A shipment, as the API shows it, as a row of `EXPORTED`."""
    notify = shown["notify"] or {}
    if is_hidden(shown):
        notify = {}
    values = {
        **{name: shown[name] or "" for name in ("order_id", "tracking_number", "from", "to", "lang")},
        **{name: shown[name] or "" for name in ("origin_country", "destination_country", *_SHOWN)},
        "courier": shown["courier"]["code"],
        "phone": "",
        "tags": _joined(shown["tags"]),
        "email": notify.get("email", ""),
        "events": _joined(notify.get("events", [])),
        "notify_lang": notify.get("lang") or "",
        "metadata": json.dumps(shown["metadata"], ensure_ascii=False) if shown["metadata"] else "",
    }
    return [values[name] for name in EXPORTED]


def is_hidden(shown: Any) -> bool:
    """Whether the e-mail address is shortened, as for a token without the scope `pii`."""
    return bool(shown["notify"]) and "*" in shown["notify"]["email"]


def _said(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells that are filled in, by their columns."""
    if len(cells) < len(names):
        raise BadRow(
            "row",
            f"The row has {len(cells)} cells, and the header {len(names)}.",
            "Fill in the missing cells.",
        )
    if any(cell.strip() for cell in cells[len(names) :]):
        raise BadRow(
            "row",
            f"The row has {len(cells)} cells, and the header {len(names)}.",
            "Put a cell with a comma in it into quotes, and see that each quote is closed.",
        )
    said = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name and cell.strip()}
    for name, text in said.items():
        if len(text) > LONGEST_CELL:
            raise BadRow(name, f"The cell has {len(text)} characters; the most is {LONGEST_CELL}.")
    return said


def _name(cell: str) -> str:
    """Metadata keys keep their case."""
    text = cell.strip()
    low = text.lower()
    return _METADATA + text[len(_METADATA) :] if low.startswith(_METADATA) else low


def _order(said: dict[str, str]) -> str:
    order = said.get("order_id", "")
    if not re.fullmatch(ORDER_ID, order) or order == RESERVED_ORDER_ID:
        raise BadRow(
            "order_id",
            "An order id has 1 to 64 letters, digits and . _ : @ + -, beginning with a letter or a digit."
            if order
            else "There is no order id.",
        )
    return order


def _number(said: dict[str, str]) -> str:
    text = said.get("tracking_number", "")
    if _SHORTENED.fullmatch(text):
        raise BadRow(
            "tracking_number",
            f"{text} is what a spreadsheet made of a long number; the digits are lost.",
            "Give the column the format Text, and put the number in again.",
        )
    try:
        return numbers.normalise(text, "tracking_number")
    except InvalidField as error:
        raise BadRow("tracking_number", error.message if text else "There is no tracking number.") from error


def _tail(text: str) -> str:
    """No more of a phone than counts leaves this machine."""
    try:
        return phones.tail(text)
    except InvalidField as error:
        raise BadRow("phone", error.message) from error


def _notify(said: dict[str, str]) -> dict[str, Any] | None:
    if "email" not in said:
        for name, what in (("events", "are events to tell of"), ("notify_lang", "is a language to tell in")):
            if name in said:
                raise BadRow(
                    "email", f"There {what}, and no address to tell.", f"Fill in email, or empty {name}."
                )
        return None
    made: dict[str, Any] = {"email": said["email"]}
    if "events" in said:
        made["events"] = _list("events", said["events"])
    if "notify_lang" in said:
        made["lang"] = said["notify_lang"]
    return made


def _metadata(said: dict[str, str]) -> dict[str, str]:
    made: dict[str, str] = {}
    if "metadata" in said:
        try:
            found = json.loads(said["metadata"])
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise BadRow("metadata", 'It is no object of texts in JSON, as {"colour": "red"}.')
        made.update(found)
    made.update(
        {name.removeprefix(_METADATA): text for name, text in said.items() if name.startswith(_METADATA)}
    )
    return made


def _list(name: str, text: str) -> list[str]:
    if not text.startswith("["):
        return [part.strip() for part in text.split(";") if part.strip()]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise BadRow(name, "It is no list of texts: write them with ; between.")
    return found


def _joined(values: list[str]) -> str:
    if any(";" in value for value in values) or (values and values[0].startswith("[")):
        return json.dumps(values, ensure_ascii=False)
    return ";".join(values)
