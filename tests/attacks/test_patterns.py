"""No pattern of ours goes back and forth over a text: twenty times the text takes a few hundred times as long at the very most.

What a pattern does is counted in processor time, over lengths that would take a pattern that goes back and forth for days; so no
machine is too slow for it.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import waybill
from waybill import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(waybill.__file__).parent
LENGTH: Final = 2_000
"""Twice what privacy looks at."""
BASE: Final = 100
"""A length at which every pattern is quick."""
GROWTH: Final = (LENGTH / BASE) ** 2 * 3
"""Quadratic is let pass, so is noise; what is worse than that is at once thousands of times slower."""
PIECES: Final = (
    "a",
    "A",
    "1",
    " ",
    "-",
    "1 ",
    "a.",
    "a@",
    "1-",
    "张",
    "快递员",
    "电话",
    "Ab ",
    "(",
    "+86",
    "0x1.",
    '"',
    "\\",
    "签收：",
    "·张",
    "a@a.",
    "1" * 31 + "-",
)
SEARCHING: Final = {"privacy", "pace", "deliveries"}
"""Modules that look for their patterns within a text; the others ask whether a text is one."""
ENDS: Final = ("", "!", "\n", "#", "@")


def patterns() -> dict[str, re.Pattern[str]]:
    """All that the package compiles or declares, and the couriers' table of them."""
    found: dict[str, re.Pattern[str]] = {}
    for file in sorted(HERE.glob("*.py")):
        names = {each for each in _assigned(file) if not each.startswith("__")}
        module = importlib.import_module(f"waybill.{file.stem}")
        for name in names:
            value = getattr(module, name, None)
            if isinstance(value, re.Pattern):
                found[f"{file.stem}.{name}"] = value
            elif isinstance(value, str) and value.startswith("^") and value.endswith("$"):
                found[f"{file.stem}.{name}"] = re.compile(value)
    for code, pattern, _ in numbers._patterns():  # noqa: SLF001 - data, which nothing else shows whole
        found.setdefault(f"courier_patterns.csv {code} {pattern.pattern}", pattern)
    return found


def _assigned(file: Path) -> Iterator[str]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def spent(pattern: re.Pattern[str], text: str, *, searches: bool = True) -> float:
    begun = time.process_time()
    (pattern.search if searches else pattern.fullmatch)(text)
    return time.process_time() - begun


def texts(length: int) -> Iterator[str]:
    for piece, end in itertools.product(PIECES, ENDS):
        yield (piece * (length // len(piece) + 1))[:length] + end


def test_all_patterns_are_looked_at() -> None:
    found = patterns()
    assert {
        "privacy._PHONE",
        "access._BEARER",
        "shipments.EMAIL",
        "idempotency.KEY",
        "addresses._HOST",
    } <= found.keys()
    written = sum(file.read_text(encoding="utf-8").count("re.compile(") for file in HERE.glob("*.py"))
    assert sum(not name.startswith("courier_patterns") for name in found) >= written - 1  # that of the table


@pytest.mark.parametrize(
    "module", sorted({name.partition(".")[0] for name in patterns() if not name.startswith("courier")})
)
def test_a_pattern_takes_no_more_than_the_square_of_its_text(module: str) -> None:
    searches = module in SEARCHING
    for name, pattern in patterns().items():
        if name.startswith(f"{module}."):
            floor = max(*(spent(pattern, text, searches=searches) for text in texts(BASE)), 2e-05)
            for text in texts(LENGTH):
                took = spent(pattern, text, searches=searches)
                assert took <= GROWTH * floor, (name, text[:40], took, floor)


def test_no_pattern_of_a_courier_is_slower_than_linear_on_a_tracking_number() -> None:
    for name, pattern in patterns().items():
        if name.startswith("courier_patterns"):
            assert max(spent(pattern, text) for text in texts(32)) < 0.05, name
