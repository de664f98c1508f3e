"""The document is valid, says of every route what the code does, and shows what the code answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema_rs import Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from tools.openapi import examples, words
from tools.openapi.__main__ import FILE
from tools.openapi.operations import OPERATIONS
from waybill import routes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.openapi.document import Json


PAGES = (" /v1/unsubscribe/{token}", " /v1/t/{token}", " /v1/t/{token}/badge.svg")
"""What people see who follow a link: refusing is a page, too."""


def operations(api: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(api: Json, value: Json) -> Json:
    while "$ref" in value:
        found: Any = api
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def responses(api: Json) -> Iterator[tuple[str, int, Json]]:
    for method, path, operation in operations(api):
        for status, response in operation["responses"].items():
            yield f"{method} {path}", int(status), resolved(api, response)


def closed(schema: Any) -> Any:
    """The schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: closed(each) for name, each in schema.items()}
    return (
        {"additionalProperties": False, **inside} if "properties" in schema and "type" in schema else inside
    )


def check(api: Json, schema: Json, value: Any) -> None:
    """Raises where the value has not the fields of the schema, or has others."""
    components = {"schemas": {name: closed(each) for name, each in api["components"]["schemas"].items()}}
    Draft202012Validator({**schema, "components": components}, validate_formats=True).validate(value)


def test_it_is_valid_openapi_3_1(api: Json) -> None:
    assert api["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(api).iter_errors()) == []


def test_it_is_the_committed_one(generated: str) -> None:
    assert FILE.read_text(encoding="utf-8") == generated, "run make openapi"


def test_it_has_exactly_the_routes_of_the_api(api: Json) -> None:
    found: dict[str, set[str]] = {}
    for method, path, _ in operations(api):
        found.setdefault(path, set()).add(method)
    assert found == {path: set(methods) for path, methods in routes.ROUTES.items()}


def test_only_open_routes_need_no_token(api: Json) -> None:
    opened = {path for _, path, operation in operations(api) if operation["security"] == []}
    assert opened == routes.OPEN
    assert api["security"]


def test_every_operation_has_an_id_of_its_own_a_summary_and_a_tag_that_is_described(api: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(api)]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in api["tags"]}
    for _, path, operation in operations(api):
        assert operation["summary"], path
        assert operation["description"].endswith("."), path
        assert set(operation["tags"]) <= tags


def test_every_field_that_a_path_names_is_a_parameter(api: Json) -> None:
    for _, path, operation in operations(api):
        named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


def test_every_error_has_an_envelope_and_the_headers_that_say_what_to_do(api: Json) -> None:
    for where, status, response in responses(api):
        assert "X-Request-Id" in response["headers"], where
        if status < 400 or (status == 404 and where.endswith(PAGES)):
            continue
        assert response["content"].keys() == {"application/json"}, (where, status)
        assert set(words.ERROR_HEADERS.get(status, ())) <= response["headers"].keys()
        kinds = str(response["content"]["application/json"]["schema"])
        assert "ErrorEnvelope" in kinds
        assert ("RefusalA" in kinds) == (where == "POST /v1/track")


def test_every_operation_shows_what_it_takes_and_what_it_answers(api: Json) -> None:
    for method, path, operation in operations(api):
        where = f"{method} {path}"
        for parameter in operation.get("parameters", []):
            assert "example" in parameter or parameter["name"] == "cursor", (where, parameter["name"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["examples"], where
        shown = [
            name
            for status, response in operation["responses"].items()
            if status in {"200", "201", "202"}
            for content in response["content"].values()
            for name in content.get("examples", content.get("example", {}))
        ]
        assert shown or "204" in operation["responses"], where


def test_every_example_of_an_answer_has_the_fields_of_its_schema_and_no_other(api: Json) -> None:
    seen = 0
    for where, status, response in responses(api):
        for media_type, content in response.get("content", {}).items():
            shown = content.get("examples", {})
            if "example" in content:
                shown = {**shown, "example": {"value": content["example"]}}
            for name, example in shown.items():
                seen += 1
                try:
                    check(api, content["schema"], example["value"])
                except ValidationError as error:
                    pytest.fail(f"{where}: {status} {media_type}, {name}: {error}")
    assert seen > 100


def test_every_example_of_a_request_is_as_the_document_says(api: Json) -> None:
    for method, path, operation in operations(api):
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                check(api, parameter["schema"], parameter["example"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for name, example in content["examples"].items():
                assert example["value"] is not None, (method, path, name)
                check(api, content["schema"], example["value"])


def test_every_gateway_answer_of_the_template_is_described_by_its_status() -> None:
    for kind, answer in examples.gateway_answers().items():
        assert answer.status in words.ERRORS, kind
    for status, kinds in words.BY_GATEWAY.items():
        for kind in kinds:
            answer = examples.gateway_answers()[kind]
            assert answer.status == status
            required = {
                name for name in words.ERROR_HEADERS.get(status, ()) if words.HEADERS[name].get("required")
            }
            assert required <= answer.headers.keys()


def test_headers_that_are_promised_are_there() -> None:
    with examples.aws():
        for operation in OPERATIONS:
            for example in operation.examples:
                headers = examples.run(operation, example).headers
                promised = (
                    operation.answers[example.status].headers
                    if example.status in operation.answers
                    else words.ERROR_HEADERS.get(example.status, ())
                )
                required = {name for name in promised if words.HEADERS[name].get("required")}
                assert required | {"X-Request-Id"} <= headers.keys(), (operation.id, example.name)


def test_examples_show_names_and_phone_numbers_masked(generated: str) -> None:
    assert "派件员：***" in generated
    assert "张三" not in generated
    assert "电话1" not in generated
