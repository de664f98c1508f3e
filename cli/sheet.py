"""Files of rows as spreadsheets write them: UTF-8, with a mark or without, GB18030, UTF-16; comma, semicolon or tab."""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli import rows
from cli.exits import Misuse
from cli.rows import Bad, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from cli.rows import Good

_CHUNK: Final = 1 << 20
_DELIMITERS: Final = ",;\t"
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that a spreadsheet would take for a formula, with the apostrophes that keep it from doing so."""
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file whose header is right. `digest` tells whether it is still the same."""

    path: Path
    encoding: str
    digest: str
    delimiter: str
    first: tuple[str, ...]
    names: tuple[str, ...]

    def rows(self) -> Iterator[Row | Bad]:
        """Each row behind the header, and what cannot be read as one.

        Raises:
            Misuse: a quote is never closed, so that nobody knows which rows there are.
        """
        with _opened(self.path, self.encoding) as file:
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            next(reader)
            while True:
                line = lines.count + 1
                try:
                    found = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    if lines.ended:
                        raise Misuse(
                            f"{self.path.name}: the quote that opens in line {line} is never closed.",
                            "Close it, or write a quote within quotes twice.",
                        ) from error
                    # A quote that closes too late has swallowed the lines before it: each of them is told.
                    for number in range(line, lines.count + 1):
                        yield Bad(
                            number,
                            "row",
                            f"It cannot be read as CSV: {error} (from line {line} on).",
                            "Close each quote; write a quote within quotes twice.",
                        )
                else:
                    yield Row(line, tuple(map(_bare, found)))

    def cells(self, lines: set[int]) -> Iterator[Row]:
        """The rows that begin in these lines, whatever is in them; one that cannot be read is a single cell."""
        with _opened(self.path, self.encoding) as file:
            numbered = enumerate(file, 1)
            for row in self.rows():
                if row.line in lines:
                    text = next(text for number, text in numbered if number == row.line)
                    yield row if isinstance(row, Row) else Row(row.line, (text.rstrip("\r\n"),))

    def parsed(self) -> Iterator[Good | Bad]:
        return rows.read(self.names, self.rows())


def guarded(cell: str) -> str:
    """What a spreadsheet takes for a text, whatever it begins with: an order's id may be anybody's."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _bare(cell: str) -> str:
    """A cell as it was before it was guarded."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class _Lines:
    """Lines of a file, counted. The reader's own count leaves out what it could not read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.count = 0
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        try:
            text = next(self._file)
        except StopIteration:
            self.ended = True
            raise
        self.count += 1
        return text


def examine(path: Path) -> Sheet:
    """What a file is.

    Raises:
        Misuse: it cannot be read, is not text, or its first row names no columns.
    """
    digest = digest_of(path)
    encoding = _encoding(path)
    try:
        with _opened(path, encoding) as file:
            line = file.readline()
            delimiter = max(_DELIMITERS, key=line.count)
            file.seek(0)
            first = next(csv.reader(file, delimiter=delimiter, strict=True), [])
        names = rows.header(first)
    except rows.BadHeader as error:
        raise Misuse(f"{path.name}, line 1: {error}", "Mend the first row.") from error
    except csv.Error as error:
        raise Misuse(
            f"{path.name}, line 1 cannot be read as CSV ({error}).", "Mend the first row."
        ) from error
    return Sheet(path, encoding, digest, delimiter, tuple(first), names)


def digest_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Misuse(f"{path} cannot be read ({error.strerror}).", "Name another file.") from error


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_UTF16):
        wanted = ["utf-16"]
    elif start.startswith(codecs.BOM_UTF8):
        wanted = ["utf-8-sig"]
    else:
        wanted = ["utf-8", "gb18030"]
    for encoding in wanted:
        if _fits(path, encoding):
            return encoding
    raise Misuse(
        f"{path.name} is no text in {' or '.join(wanted).upper()}.",
        "Save it as CSV UTF-8 (in Excel: Save As).",
    )


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                if "\0" in decoder.decode(chunk):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _opened(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, newline="")
