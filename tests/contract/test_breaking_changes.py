"""What counts as a break for clients, change by change, and that none gets into the committed document unnoticed."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from tools.openapi import __main__ as command
from tools.openapi import breaking, document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[dict[str, Any]], object]

OLD: dict[str, Any] = {
    "security": [{"token": []}],
    "paths": {
        "/a/{id}": {
            "get": {
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "pattern": "^a+$"},
                    },
                    {"name": "lang", "in": "query", "schema": {"type": "string", "enum": ["zh", "en"]}},
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 100},
                    },
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {"required": True, "schema": {"type": "string"}}, "Age": {}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}},
                    },
                    "404": {"$ref": "#/components/responses/NotFound"},
                },
            },
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}
                },
                "responses": {"204": {}},
            },
        },
    },
    "components": {
        "responses": {"NotFound": {"content": {"application/json": {"schema": {"type": "object"}}}}},
        "schemas": {
            "A": {
                "type": "object",
                "required": ["id", "status", "next"],
                "properties": {
                    "id": {"type": "string"},
                    "status": {"enum": ["open", "done"], "type": "string"},
                    "note": {"type": "string"},
                    "count": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
            "New": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "maxLength": 10},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
                    "texts": {
                        "type": "object",
                        "patternProperties": {"^a": {"type": "string"}},
                        "additionalProperties": False,
                    },
                },
            },
        },
    },
}


def get(api: dict[str, Any]) -> Any:
    return api["paths"]["/a/{id}"]["get"]


def post(api: dict[str, Any]) -> Any:
    return api["paths"]["/a/{id}"]["post"]


def answer(api: dict[str, Any]) -> Any:
    return api["components"]["schemas"]["A"]


def body(api: dict[str, Any]) -> Any:
    return api["components"]["schemas"]["New"]


def put(target: Callable[[dict[str, Any]], Any], path: str, value: Any) -> Change:
    """A change that puts a value at `a.b.0`; None takes it away."""

    def change(api: dict[str, Any]) -> None:
        place = target(api)
        *way, last = [
            int(part) if part.isdigit() and isinstance(place, list) else part for part in path.split(".")
        ]
        for part in way:
            place = place[int(part) if isinstance(place, list) else part]
        if value is None:
            del place[int(last) if isinstance(place, list) else last]
        else:
            place[int(last) if isinstance(place, list) else last] = value

    return change


def switch(target: Callable[[dict[str, Any]], Any], path: str, *, on: bool) -> Change:
    return put(target, path, on)


def whole(api: dict[str, Any]) -> Any:
    return api


BREAKS: dict[str, tuple[Change, str]] = {
    "path removed": (put(whole, "paths./a/{id}", None), "GET /a/{id}: removed"),
    "method removed": (put(whole, "paths./a/{id}.post", None), "POST /a/{id}: removed"),
    "status removed": (put(get, "responses.404", None), "GET /a/{id}: status 404: removed"),
    "media type removed": (
        put(get, "responses.200.content", {"text/plain": {}}),
        "GET /a/{id}: status 200: application/json: removed",
    ),
    "header removed": (
        put(get, "responses.200.headers.ETag", None),
        "GET /a/{id}: status 200: header ETag: removed",
    ),
    "header optional": (
        switch(get, "responses.200.headers.ETag.required", on=False),
        "GET /a/{id}: status 200: header ETag: may be missing",
    ),
    "parameter removed": (put(get, "parameters.1", None), "GET /a/{id}: query parameter lang: removed"),
    "parameter required": (
        switch(get, "parameters.1.required", on=True),
        "GET /a/{id}: query parameter lang: now required",
    ),
    "new parameter required": (
        put(get, "parameters.1", {"name": "q", "in": "query", "required": True, "schema": {}}),
        "GET /a/{id}: query parameter q: now required",
    ),
    "pattern changed": (
        put(get, "parameters.0.schema.pattern", "^b+$"),
        "GET /a/{id}: path parameter id: pattern was ^a+$, is ^b+$",
    ),
    "choice of an input removed": (
        put(get, "parameters.1.schema.enum", ["zh"]),
        "GET /a/{id}: query parameter lang: value was ['zh', 'en'], is ['zh']",
    ),
    "bound of an input tightened": (
        put(get, "parameters.2.schema.maximum", 50),
        "GET /a/{id}: query parameter limit: maximum was 100, is 50",
    ),
    "bound of an input new": (
        put(body, "properties.id.minLength", 2),
        "POST /a/{id}: body: id: minLength was None, is 2",
    ),
    "type of an input narrowed": (
        put(body, "properties.size", {"type": "integer"}),
        "POST /a/{id}: body: size: type was null, is integer",
    ),
    "items of an input retyped": (
        put(body, "properties.tags.items.type", "integer"),
        "POST /a/{id}: body: tags: items: type was string, is integer",
    ),
    "names of an input's fields narrowed": (
        put(body, "properties.texts.patternProperties", {"^ab": {"type": "string"}}),
        "POST /a/{id}: body: texts: names of fields was ['^a'], is ['^ab']",
    ),
    "field of an input removed": (put(body, "properties.size", None), "POST /a/{id}: body: size: removed"),
    "field of an input required": (
        put(body, "required", ["id", "size"]),
        "POST /a/{id}: body: size: now required",
    ),
    "other fields refused": (
        switch(body, "additionalProperties", on=False),
        "POST /a/{id}: body: fields that have no name here are no longer taken",
    ),
    "body required": (switch(post, "requestBody.required", on=True), "POST /a/{id}: body: now required"),
    "body removed": (put(post, "requestBody", None), "POST /a/{id}: body: removed"),
    "field of an answer removed": (
        put(answer, "properties.note", None),
        "GET /a/{id}: status 200: note: removed",
    ),
    "field of an answer optional": (
        put(answer, "required", ["id", "next"]),
        "GET /a/{id}: status 200: status: may be missing",
    ),
    "field of an answer retyped": (
        put(answer, "properties.id.type", "integer"),
        "GET /a/{id}: status 200: id: type was string, is integer",
    ),
    "field of an answer may be null": (
        put(answer, "properties.note", {"type": ["string", "null"]}),
        "GET /a/{id}: status 200: note: type was string, is null",
    ),
    "choice of an answer new": (
        put(answer, "properties.status.enum", ["open", "done", "lost"]),
        "GET /a/{id}: status 200: status: value was ['open', 'done'], is ['open', 'done', 'lost']",
    ),
    "integer of an answer is any number": (
        put(answer, "properties.count.type", "number"),
        "GET /a/{id}: status 200: count: type was integer, is number",
    ),
    "another authorization": (
        put(get, "security", [{"token": ["admin"]}]),
        "GET /a/{id}: asks for another authorization: [{'token': ['admin']}]",
    ),
}
NO_BREAKS: dict[str, Change] = {
    "nothing": put(whole, "paths./a/{id}.get.summary", "other words"),
    "path new": put(whole, "paths./b", {"get": {"responses": {}}}),
    "method new": put(whole, "paths./a/{id}.delete", {"responses": {}}),
    "status new": put(get, "responses.503", {}),
    "header new": put(get, "responses.200.headers.Vary", {"required": True}),
    "media type new": put(get, "responses.200.content.text/plain", {}),
    "parameter new": put(get, "parameters.1", OLD["paths"]["/a/{id}"]["get"]["parameters"][1]),
    "choice of an input new": put(get, "parameters.1.schema.enum", ["zh", "en", "de"]),
    "bound of an input loosened": put(get, "parameters.2.schema.maximum", 200),
    "pattern of an input gone": put(get, "parameters.0.schema.pattern", None),
    "type of an input widened": put(body, "properties.id.type", ["string", "null"]),
    "number instead of an integer taken": put(body, "properties.size", {"type": ["number", "null"]}),
    "field of an input new": put(body, "properties.colour", {"type": "string"}),
    "field of an input optional": put(body, "required", []),
    "field of an answer new": put(answer, "properties.colour", {"type": "string"}),
    "field of an answer always there": put(answer, "required", ["id", "status", "next", "note"]),
    "choice of an answer gone": put(answer, "properties.status.enum", ["open"]),
    "null of an answer gone": put(answer, "properties.next", {"$ref": "#/components/schemas/A"}),
    "no authorization any more": put(get, "security", []),
    "null written another way": put(body, "properties.size", {"type": ["integer", "null"]}),
    "answer described in place": put(
        get, "responses.404", {"content": {"application/json": {"schema": {"type": "object"}}}}
    ),
}


def changed(change: Change) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    change(new)
    return new


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_named_with_its_place(name: str) -> None:
    change, expected = BREAKS[name]
    assert expected in breaking.changes(OLD, changed(change))


@pytest.mark.parametrize("name", NO_BREAKS)
def test_what_takes_nothing_from_clients_is_no_break(name: str) -> None:
    assert breaking.changes(OLD, changed(NO_BREAKS[name])) == []


def test_the_document_breaks_nothing_of_itself(api: dict[str, Any]) -> None:
    assert breaking.changes(api, api) == []


# ---- The command


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(OLD), encoding="utf-8")
    monkeypatch.setattr(command, "FILE", path)
    monkeypatch.setattr(command, "EVENTS", tmp_path / "events.schema.json")
    monkeypatch.setattr(document, "notification", dict)
    (tmp_path / "events.schema.json").write_text(command.as_text({}), encoding="utf-8")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    return path


def say(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    monkeypatch.setattr(document, "build", lambda: changed(change))


def test_a_break_is_not_written_unless_it_has_to_be(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, BREAKS["parameter required"][0])
    assert command.main([]) == 1
    assert json.loads(file.read_text(encoding="utf-8")) == OLD
    said = capsys.readouterr().err
    assert "breaks clients: GET /a/{id}: query parameter lang: now required" in said
    assert "BREAKING=1" in said
    assert command.main(["--breaking"]) == 0
    assert json.loads(file.read_text(encoding="utf-8")) != OLD


def test_a_check_tells_of_a_difference_and_what_it_breaks_and_writes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, BREAKS["status removed"][0])
    assert command.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "status 404: removed" in said
    assert "run make openapi" in said
    assert json.loads(file.read_text(encoding="utf-8")) == OLD


def test_what_breaks_nothing_is_written_and_then_passes(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, NO_BREAKS["path new"])
    assert command.main(["--check"]) == 1
    assert "breaks clients" not in capsys.readouterr().err
    assert command.main([]) == 0
    assert "/b" in json.loads(file.read_text(encoding="utf-8"))["paths"]
    assert command.main(["--check"]) == 0
