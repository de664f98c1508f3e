"""What the documents say beside commands: links lead somewhere, every route and parameter is told, and comparing is strict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types

from tests.docs.blocks import DOCUMENTS, answers, blocks, differences, fences, is_error
from tests.stacks import ROOT
from waybill.routes import ROUTES

if TYPE_CHECKING:
    from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
LANGUAGES = {"", "sh", "json", "python", "csv", "html", "text", "toml", "yaml"}
COMMAND = re.compile(r"^(\$ )?(curl|make|aws|sam|bin/|\.venv\S*/bin/)\S* ", re.MULTILINE)
CURL = re.compile(r"\bcurl\b(?:[^\n\\]|\\\n|\\.)*")
TOLD_BY_BROWSERS = {"{asset}": "files of a page", "/v1/unsubscribe/{token}": "the link in a letter"}
"""Routes that nobody asks by hand."""
PARAMETER = re.compile(r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \|", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{document.name}: {target}"


def anchors(document: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_no_command_stands_where_it_is_not_run(document: Path) -> None:
    for fence in fences(document):
        assert fence.language in LANGUAGES, f"{document.name}:{fence.line}"
        if fence.language != "sh":
            assert not COMMAND.search(fence.text), f"{document.name}:{fence.line}"


def test_every_document_is_reached_from_the_readme() -> None:
    seen, left = set(), {ROOT / "README.md"}
    while left:
        document = left.pop()
        seen.add(document)
        links = LINK.findall(document.read_text(encoding="utf-8"))
        files = {(document.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link}
        left |= {file for file in files if file.suffix == ".md" and file.exists()} - seen
    assert set(DOCUMENTS) <= seen


def test_every_route_is_used_in_a_command() -> None:
    used = {
        (method_of(curl), curl)
        for document in DOCUMENTS
        for block in blocks(document)
        for curl in CURL.findall(block.commands)
    }
    missing = [
        f"{method} {path}"
        for path, methods in ROUTES.items()
        if not any(part in path for part in TOLD_BY_BROWSERS)
        for method in methods
        if not any(method == other and route(path).search(curl) for other, curl in used)
    ]
    assert missing == []


def route(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", path)
    return re.compile(r"[^/\s?\"']+".join(map(re.escape, parts)) + r"(?![\w/{$])")


def method_of(curl: str) -> str:
    given = re.search(r"-X ?([A-Z]+)", curl)
    return given[1] if given else "POST" if re.search(r" (-d|--data\S*|--json) ", curl) else "GET"


def test_every_parameter_of_the_template_is_explained() -> None:
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    tables = PARAMETER.findall((ROOT / "docs/deploy.md").read_text(encoding="utf-8"))
    told = {name for names in tables for name in re.findall(r"\w+", names)}
    assert told == template["Parameters"].keys()


@pytest.mark.parametrize(
    ("shown", "answer"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": "x"}, {"a": "y"}),
        ({"a": "x..."}, {"a": "yx"}),
        ({"a": None}, {"a": 0}),
        ({"a": True}, {"a": False}),
        ({"a": ["x", "y"]}, {"a": ["x"]}),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}),
        ({"a": {"b": "..."}}, {"a": {"b": 1}}),
        ({"a": "2026-11-22T10:00:00Z"}, {"a": "yesterday"}),
        ({"a": {}}, {"a": []}),
        ({"a": "x"}, ["a"]),
    ],
)
def test_an_answer_that_is_not_as_shown_is_found(shown: Any, answer: Any) -> None:
    assert differences(shown, answer)


def test_an_answer_may_have_more_and_other_numbers_and_times() -> None:
    shown = {"a": [{"n": 1, "t": "2026-11-22T10:00:00+08:00", "s": "wb_...", "none": None, "yes": True}]}
    answer = {
        "a": [{"n": 2.5, "t": "2027-01-01T00:00:00Z", "s": "wb_1", "none": None, "yes": True, "m": 0}, 2],
        "b": 1,
    }
    assert differences(shown, answer) == []


def test_json_is_found_among_other_lines() -> None:
    assert answers('HTTP/1.1 200 OK\r\n{x\n{"a": {"b": 1}}\n{"c": []} end') == [{"a": {"b": 1}}, {"c": []}]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": "SUCCESS", "message": "success", "data": {}}, False),
        ({"code": "UNAUTHORIZED", "message": "...", "data": None}, True),
        ({"error": {"code": "401000", "error_code": "UNAUTHORIZED"}}, True),
        ({"error": None}, False),
    ],
)
def test_an_error_of_the_api_is_known_as_one(answer: dict[str, Any], error: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_error(answer) is error
