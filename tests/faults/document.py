"""The table of faults in docs/reliability.md, between two marks; what a run found goes there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.faults.table import FAULTS
from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.rig import Survived

DOCUMENT: Final = ROOT / "docs/reliability.md"
BEGIN: Final = "<!-- faults: written by make faults -->"
END: Final = "<!-- /faults -->"
_HEAD: Final = (
    "| fault | felt | calls | too often | lost | told twice | came again | s to recover |\n"
    "|---|---|---|---|---|---|---|---|"
)


def row(each: Survived) -> str:
    recovered = "-" if each.recovered is None else f"{each.recovered:.0f}"
    figures = (each.struck, each.calls, each.violations, len(each.lost), each.twice, each.again, recovered)
    return _line(each.name, *map(str, figures))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def write(found: Iterable[Survived]) -> None:
    """Put these rows in the place of their former ones, in the order of the table."""
    lines = {name: _line(name, *figures) for name, figures in rows().items()}
    lines |= {each.name: row(each) for each in found}
    table = "\n".join((BEGIN, _HEAD, *(lines[each.name] for each in FAULTS if each.name in lines), END))
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: table, text, flags=re.DOTALL), encoding="utf-8")


def rows() -> dict[str, list[str]]:
    """What the document tells: the figures of each fault, by its name."""
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    cells = [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines() if "|" in line
    ]
    return {name: figures for name, *figures in cells[2:]}
