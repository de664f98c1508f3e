"""What the documents tell their readers to run: ```sh blocks of README.md and docs/*.md, and the JSON that is shown behind them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_OF_A_DEPLOYMENT: Final = re.compile(r"\bsam |\bwaybill-(dev|prod)\b")
_ANY: Final = "..."
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block; `line` is that of its first line."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of a document, and the JSON that it shows behind them as their (last) answer."""

    document: Path
    line: int
    commands: str
    shown: Any = None

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def of_a_deployment(self) -> bool:
        """Whether it speaks of a stack that `sam deploy` makes. Everything else is for the local stack."""
        return bool(_OF_A_DEPLOYMENT.search(self.commands))


def fences(document: Path) -> list[Fence]:
    text = document.read_text(encoding="utf-8")
    return [
        Fence(found[1], found[2], text.count("\n", 0, found.start()) + 2) for found in _FENCE.finditer(text)
    ]


def blocks(document: Path) -> Iterator[Block]:
    """In the order of the document. JSON belongs to the commands right before it."""
    for fence, behind in pairwise([*fences(document), Fence("", "", 0)]):
        if fence.language == "sh":
            shown = json.loads(behind.text) if behind.language == "json" else None
            yield Block(document, fence.line, fence.text, shown)


def answers(output: str) -> list[Any]:
    """Every JSON object among what commands printed."""
    found, decoder, at = [], json.JSONDecoder(), output.find("{")
    while at >= 0:
        try:
            answer, end = decoder.raw_decode(output, at)
        except json.JSONDecodeError:
            end = at + 1
        else:
            found.append(answer)
        at = output.find("{", end)
    return found


def is_error(answer: dict[str, Any]) -> bool:
    """Whether it is an error envelope of the API's, native or of contract A."""
    native = isinstance(answer.get("error"), dict) and "error_code" in answer["error"]
    return native or (answer.keys() >= {"code", "message", "data"} and answer["code"] != "SUCCESS")


def differences(shown: Any, answer: Any, place: str = "answer") -> list[str]:
    """Where an answer is not what a document shows of it.

    It may have more fields, and more elements at the end of a list. Numbers and times change from call to call, so they only have
    to be some; "..." stands for any text, also at the end of one.
    """
    match shown:
        case dict():
            if not isinstance(answer, dict):
                return [f"{place} is no object"]
            missing = [f"{place}.{name} is missing" for name in shown.keys() - answer.keys()]
            there = shown.keys() & answer.keys()
            return missing + [
                each for name in there for each in differences(shown[name], answer[name], f"{place}.{name}")
            ]
        case list():
            if not isinstance(answer, list) or len(answer) < len(shown):
                return [f"{place} is no list of {len(shown)} or more"]
            pairs = enumerate(zip(shown, answer, strict=False))
            return [each for i, pair in pairs for each in differences(*pair, f"{place}[{i}]")]
        case bool() | None:
            alike = shown is answer
        case int() | float():
            alike = isinstance(answer, int | float) and not isinstance(answer, bool)
        case str() if shown.endswith(_ANY):
            alike = isinstance(answer, str) and answer.startswith(shown.removesuffix(_ANY))
        case str() if _TIME.fullmatch(shown):
            alike = isinstance(answer, str) and bool(_TIME.fullmatch(answer))
        case _:
            alike = shown == answer
    return [] if alike else [f"{place} is {answer!r}, and {shown!r} is shown"]
