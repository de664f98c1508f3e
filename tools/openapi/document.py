"""The document itself: OpenAPI 3.1 of the table of operations, the schemas of their models, and what their examples came to."""

from __future__ import annotations

import json
import tomllib
from http import HTTPStatus
from inspect import getmembers, isclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import is_typeddict

from tools.openapi import examples, notices, words
from tools.openapi.operations import OPERATIONS, TAGS
from tools.openapi.table import A
from waybill import (
    answers,
    event_views,
    fields,
    notifications,
    operation_views,
    shipment_views,
    usage_views,
    webhook_views,
)
from waybill.access import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.openapi.table import Answer, Operation, Parameter

Json = dict[str, Any]

SCHEMAS: Final = "#/components/schemas/"
JSON: Final = "application/json"
BEARER: Final = "accessToken"
ABOUT: Final = """\
Where is this parcel? Asked of Kuaidi100 never too often and never twice for one answer.

Send `Authorization: Bearer <access token>` with everything but what is marked open. Every answer has `X-Request-Id`.

Answers may get new fields, and errors new codes: take what you know and leave the rest. Query parameters that are not named here
are ignored."""


def build() -> Json:
    """The document as it is committed; the same code gives the same text."""
    with examples.aws():
        return _document()


def _document() -> Json:
    refs, schemas = _schemas()
    shared = {status: _by_gateway(status, refs) for status in words.BY_GATEWAY}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Waybill", "version": _version(), "description": ABOUT},
        "servers": [
            {
                "url": "{base}",
                "variables": {
                    "base": {
                        "default": "http://127.0.0.1:8080",
                        "description": "Where your Waybill is: the output ApiUrl of the stack. A running one names itself here.",
                    }
                },
            }
        ],
        "security": [{BEARER: []}],
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": _paths(refs),
        "webhooks": {kind: _told(kind, refs) for kind in notifications.TYPES},
        "components": {
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"An access token of this Waybill. Its scopes are out of {', '.join(sorted(SCOPES))}.",
                }
            },
            "headers": words.HEADERS,
            "responses": {_name(status): response for status, response in shared.items()},
            "schemas": schemas,
        },
    }


def _version() -> str:
    project = tomllib.loads((examples.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


# ---- Schemas


CONFIG: Final = ConfigDict(use_attribute_docstrings=True)


class _Schemas(GenerateJsonSchema):
    """Without the titles that only repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - of no field
        return False


def _schemas() -> tuple[dict[Any, Json], dict[str, Json]]:
    """A reference for every model, and for fields by the id of their operation; and the schemas that they refer to."""
    for module in (
        answers,
        shipment_views,
        usage_views,
        event_views,
        webhook_views,
        operation_views,
        notifications,
    ):
        for _, each in getmembers(module, isclass):
            if is_typeddict(each):
                each.__pydantic_config__ = CONFIG  # type: ignore[attr-defined] # a word of pydantic's
    models: dict[Any, None] = {answers.RefusalA: None, answers.ErrorEnvelope: None}
    models |= dict.fromkeys(notices.DATA.values())
    bodies: dict[Any, None] = {}
    for operation in OPERATIONS:
        models |= {each.model: None for each in operation.answers.values() if isclass(each.model)}
        if isclass(operation.body):
            bodies[operation.body] = None
    wanted: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        *((each, "serialization", TypeAdapter(each)) for each in models),
        *((each, "validation", TypeAdapter(each)) for each in bodies),
    ]
    found, together = TypeAdapter.json_schemas(
        wanted, ref_template=f"{SCHEMAS}{{model}}", schema_generator=_Schemas
    )
    refs = {model: schema for (model, _), schema in found.items()}
    schemas = dict(sorted(together["$defs"].items()))
    for operation in OPERATIONS:
        if isinstance(operation.body, tuple):
            name = f"{operation.id[0].upper()}{operation.id[1:]}Request"
            schemas[name] = _of_fields(operation.body)
            refs[operation.id] = {"$ref": f"{SCHEMAS}{name}"}
    return refs, schemas


def _of_fields(body: Iterable[fields.Field[Any]]) -> Json:
    return {
        "type": "object",
        "required": [each.name for each in body if isinstance(each, fields.Required)],
        "properties": {
            each.name: {
                **(each.schema if isinstance(each, fields.Required) else _or_null(dict(each.schema))),
                "description": each.description,
                "examples": [each.example],
            }
            for each in body
        },
    }


def _or_null(schema: Json) -> Json:
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **values, "type": [schema["type"], "null"]}


def notification() -> Json:
    """The JSON Schema of whatever is told."""
    with examples.aws():
        refs, schemas = _schemas()
    used = {name: schema for name, schema in schemas.items() if name in notices.NAMES}
    text = json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "An event of Waybill",
            "description": "What webhooks, the feed and the topic tell. New fields and new types may come.",
            "oneOf": [notices.payload(kind, refs) for kind in notifications.TYPES],
            "$defs": used,
        }
    )
    found: Json = json.loads(text.replace(SCHEMAS, "#/$defs/"))
    return found


# ---- Operations


def _told(kind: str, refs: dict[Any, Json]) -> Json:
    """What an endpoint is sent when something of this type happens."""
    shown = {"example": example} if (example := notices.samples().get(kind)) else {}
    return {
        "post": {
            "tags": ["webhooks"],
            "summary": notices.SUMMARIES[kind],
            "description": notices.ABOUT,
            "security": [],
            "parameters": [_parameter(each) for each in notices.HEADERS],
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": notices.payload(kind, refs), **shown}},
            },
            "responses": notices.RESPONSES,
        }
    }


def _paths(refs: dict[Any, Json]) -> Json:
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    return paths


def _operation(operation: Operation, refs: dict[Any, Json]) -> Json:
    needs = f" Needs the scope `{operation.scope}`." if operation.scope else ""
    shown: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description + needs,
    }
    shown["security"] = [{BEARER: [operation.scope]}] if operation.scope else []
    if operation.parameters:
        shown["parameters"] = [_parameter(each) for each in operation.parameters]
    if operation.body is not None:
        schema = refs[operation.body if isclass(operation.body) else operation.id]
        content = {"schema": schema, "examples": _sent(operation)}
        shown["requestBody"] = {
            "required": True,
            "content": dict.fromkeys(operation.media_types, content),
        }
    shown["responses"] = _responses(operation, refs)
    return shown


def _parameter(parameter: Parameter) -> Json:
    example = {} if parameter.example is None else {"example": parameter.example}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": dict(parameter.schema),
        **example,
    }


def _sent(operation: Operation) -> Json:
    """The bodies of the examples that succeed."""
    return {
        each.name: {"summary": each.summary, "value": each.sent.body}
        for each in operation.examples
        if each.status < 300
    }


def _responses(operation: Operation, refs: dict[Any, Json]) -> Json:
    told: dict[int, Json] = {}
    for example in operation.examples:
        came = examples.run(operation, example)
        if came.text:
            of_status = told.setdefault(example.status, {})
            of_status.setdefault(_media_type(came.headers), {})[example.name] = {
                "summary": example.summary,
                "value": came.body,
            }
    found = {status: _answer(each, refs, told.get(status, {})) for status, each in operation.answers.items()}
    for status in _error_statuses(operation):
        if status in told or operation.contract == A or status not in words.BY_GATEWAY:
            found[status] = _error(operation, status, refs, told.get(status, {}).get(JSON, {}))
        else:
            found[status] = {"$ref": f"#/components/responses/{_name(status)}"}
    return {str(status): found[status] for status in sorted(found)}


def _media_type(headers: dict[str, str]) -> str:
    return headers["Content-Type"].split(";")[0]


def _error_statuses(operation: Operation) -> list[int]:
    """Those of its own, and those that the gateway or a fault of ours may give to any request."""
    every = {400, 413, 429, 500, 503, 504} | ({401, 403} if operation.scope else set())
    return sorted(every | set(operation.errors))


def _answer(answer: Answer, refs: dict[Any, Json], told: Json) -> Json:
    shown: Json = {"description": answer.description, "headers": _headers(answer.headers)}
    if answer.model is not None:
        schema = refs[answer.model] if isclass(answer.model) else answer.model
        shown["content"] = {
            media_type: {"schema": schema, **({"examples": told[media_type]} if media_type in told else {})}
            for media_type in answer.media_types
        }
        if answer.example is not None:
            shown["content"][JSON]["example"] = answer.example
    if answer.links:
        shown["links"] = {each: _link(each) for each in answer.links}
    return shown


def _link(operation: str) -> Json:
    return {
        "operationId": operation,
        "parameters": {name: f"$response.body#/{name}" for name in ("order_id", "tracking_number")},
    }


def _error(operation: Operation, status: int, refs: dict[Any, Json], told: Json) -> Json:
    """An error in the words of its contract, or the gateway's own, which is the same on every path."""
    envelope = refs[answers.ErrorEnvelope]
    schema = {"anyOf": [refs[answers.RefusalA], envelope]} if operation.contract == A else envelope
    return _refused(status, schema, {**told, **_gateway_examples(status)})


def _by_gateway(status: int, refs: dict[Any, Json]) -> Json:
    return _refused(status, refs[answers.ErrorEnvelope], _gateway_examples(status))


def _refused(status: int, schema: Json, shown: Json) -> Json:
    headers = _headers(words.ERROR_HEADERS.get(status, ()))
    for name in words.OPTIONAL_ERROR_HEADERS.get(status, ()):
        headers[name] = {**words.HEADERS[name], "required": False}
    return {
        "description": words.ERRORS[status],
        "headers": headers,
        "content": {JSON: {"schema": schema, **({"examples": shown} if shown else {})}},
    }


def _gateway_examples(status: int) -> Json:
    return {
        kind.lower(): {"summary": "The gateway itself", "value": examples.gateway_answers()[kind].body}
        for kind in words.BY_GATEWAY.get(status, ())
    }


def _headers(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _name(status: int) -> str:
    """`UnprocessableEntity` of 422."""
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.split())
