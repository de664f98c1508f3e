"""What a change of the document takes away from clients that were written for the one before.

Of what clients send, nothing may be taken that was taken before; of what they get, nothing may come that could not come before.
Both are one question: whether the narrow schema lies within the wide one. New fields in answers and new statuses of errors are
no breaks, as the document itself says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
Operations = dict[tuple[str, str], Schema]
Seen = tuple[tuple[int, int], ...]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "uniqueItems", "multipleOf")


def changes(old: Schema, new: Schema) -> list[str]:
    """Every break that the new document has for clients of the old one, each with its place; empty where there is none."""
    before, after = _operations(old), _operations(new)
    found = []
    for (method, path), operation in before.items():
        name = f"{method.upper()} {path}"
        if (method, path) not in after:
            found.append(f"{name}: removed")
            continue
        found += [f"{name}: {each}" for each in _operation(old, operation, new, after[method, path])]
    return list(dict.fromkeys(found))


def _operations(document: Schema) -> Operations:
    return {
        (method, path): {**operation, "security": operation.get("security", document.get("security", []))}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _operation(old: Schema, before: Schema, new: Schema, after: Schema) -> Iterator[str]:
    if after["security"] != before["security"] and {} not in after["security"] and after["security"]:
        yield f"asks for another authorization: {after['security']}"
    yield from _parameters(_Sides(old, new, inputs=True), before, after)
    yield from _bodies(_Sides(old, new, inputs=True), before.get("requestBody"), after.get("requestBody"))
    yield from _responses(_Sides(old, new, inputs=False), before["responses"], after["responses"])


def _parameters(sides: _Sides, before: Schema, after: Schema) -> Iterator[str]:
    was, now = (
        {(each["in"], each["name"]): each for each in map(side, operation.get("parameters", []))}
        for side, operation in ((sides.of_old, before), (sides.of_new, after))
    )
    for (place, name), parameter in was.items():
        if (place, name) not in now:
            yield f"{place} parameter {name}: removed"
        else:
            yield from sides.schemas(
                parameter["schema"], now[place, name]["schema"], f"{place} parameter {name}"
            )
    for (place, name), parameter in now.items():
        if parameter.get("required") and not was.get((place, name), {}).get("required"):
            yield f"{place} parameter {name}: now required"


def _bodies(sides: _Sides, before: Schema | None, after: Schema | None) -> Iterator[str]:
    if before is None or after is None:
        if before or (after and after.get("required")):
            yield "body: removed" if before else "body: now required"
        return
    before, after = sides.of_old(before), sides.of_new(after)
    if after.get("required") and not before.get("required"):
        yield "body: now required"
    yield from sides.contents(before, after, "body")


def _responses(sides: _Sides, before: Schema, after: Schema) -> Iterator[str]:
    for status, response in before.items():
        if status not in after:
            yield f"status {status}: removed"
            continue
        was, now = sides.of_old(response), sides.of_new(after[status])
        for header, declared in was.get("headers", {}).items():
            kept = now.get("headers", {}).get(header)
            if kept is None:
                yield f"status {status}: header {header}: removed"
            elif sides.of_old(declared).get("required") and not sides.of_new(kept).get("required"):
                yield f"status {status}: header {header}: may be missing"
        yield from sides.contents(was, now, f"status {status}")


@dataclass(frozen=True)
class _Sides:
    """Both documents, and whether what is compared is sent by clients (`inputs`) or got by them."""

    old: Schema
    new: Schema
    inputs: bool

    def of_old(self, value: Schema) -> Schema:
        return _resolved(self.old, value)

    def of_new(self, value: Schema) -> Schema:
        return _resolved(self.new, value)

    def contents(self, before: Schema, after: Schema, where: str) -> Iterator[str]:
        for media_type, content in before.get("content", {}).items():
            if media_type not in after.get("content", {}):
                yield f"{where}: {media_type}: removed"
            elif "schema" in content:
                now = after["content"][media_type].get("schema", {})
                yield from self.schemas(content["schema"], now, where)

    def schemas(self, before: Schema, after: Schema, where: str) -> Iterator[str]:
        narrow, wide = (before, after) if self.inputs else (after, before)
        return self._within(narrow, wide, where, ())

    def _within(self, narrow: Schema, wide: Schema, where: str, seen: Seen) -> Iterator[str]:
        """Why the narrow schema does not lie within the wide one."""
        from_narrow, from_wide = (self.old, self.new) if self.inputs else (self.new, self.old)
        choices = list(_variants(from_wide, wide))
        for each in _variants(from_narrow, narrow):
            alike = [choice for choice in choices if choice.get("type") in {None, *_types(each)}]
            if alike:
                found = [list(self._fit(each, choice, where, seen)) for choice in alike]
                yield from min(found, key=len)
            else:
                types = ", ".join(choice.get("type", "anything") for choice in choices)
                yield self._changed(where, "type", each.get("type", "anything"), types)

    def _changed(self, where: str, what: str, narrow: object, wide: object) -> str:
        was, now = (narrow, wide) if self.inputs else (wide, narrow)
        return f"{where}: {what} was {was}, is {now}"

    def _fit(self, narrow: Schema, wide: Schema, where: str, seen: Seen) -> Iterator[str]:
        """As `_within`, for one type each. `seen` are the pairs that are being compared: a schema may refer to itself."""
        pair = (id(narrow), id(wide))
        if pair in seen:
            return
        seen = (*seen, pair)
        yield from self._values(narrow, wide, where)
        yield from self._fields(narrow, wide, where, seen)
        for part in ("items", "additionalProperties", "propertyNames"):
            inner, outer = narrow.get(part), wide.get(part)
            if isinstance(outer, dict) and inner is not False:
                yield from self._within(inner or {}, outer, f"{where}: {part}", seen)
        inner, outer = narrow.get("patternProperties", {}), wide.get("patternProperties", {})
        if inner.keys() != outer.keys():
            yield self._changed(where, "names of fields", [*inner], [*outer])
        for pattern in [each for each in inner if each in outer]:
            yield from self._within(inner[pattern], outer[pattern], f"{where}: {pattern}", seen)

    def _values(self, narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
        values, allowed = _enumerated(narrow), _enumerated(wide)
        if allowed is not None and (values is None or [each for each in values if each not in allowed]):
            yield self._changed(where, "value", values or "any", allowed)
        for bound in _LOWER:
            if bound in wide and wide[bound] > narrow.get(bound, float("-inf")):
                yield self._changed(where, bound, narrow.get(bound), wide[bound])
        for bound in _UPPER:
            if bound in wide and wide[bound] < narrow.get(bound, float("inf")):
                yield self._changed(where, bound, narrow.get(bound), wide[bound])
        for rule in _EXACT:
            if rule in wide and narrow.get(rule) != wide[rule] and values is None:
                yield self._changed(where, rule, narrow.get(rule), wide[rule])

    def _fields(self, narrow: Schema, wide: Schema, where: str, seen: Seen) -> Iterator[str]:
        inside, outside = narrow.get("properties", {}), wide.get("properties", {})
        before, after = (inside, outside) if self.inputs else (outside, inside)
        yield from (f"{where}: {name}: removed" for name in before if name not in after)
        for name in [name for name in inside if name in outside]:
            yield from self._within(inside[name], outside[name], f"{where}: {name}", seen)
        for name in wide.get("required", []):
            if name not in narrow.get("required", []) and name in after:
                yield f"{where}: {name}: {'now required' if self.inputs else 'may be missing'}"
        closed = wide.get("additionalProperties") is False
        if self.inputs and closed and narrow.get("additionalProperties") is not False:
            yield f"{where}: fields that have no name here are no longer taken"


def _resolved(document: Schema, value: Schema) -> Schema:
    while "$ref" in value:
        target: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        value = target
    return value


def _types(schema: Schema) -> set[str | None]:
    """The types that a schema of one type lies within."""
    return {schema.get("type")} | ({"number"} if schema.get("type") == "integer" else set())


def _variants(document: Schema, schema: Schema) -> Iterator[Schema]:
    """What a schema may be, one type each: references, `anyOf`, `oneOf` and lists of types taken apart."""
    schema = _resolved(document, schema)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            for each in schema[word]:
                yield from _variants(document, each)
            return
    kinds = schema.get("type")
    if not isinstance(kinds, list):
        yield schema
        return
    for kind in kinds:
        values = _enumerated(schema)
        of_kind = (
            {}
            if values is None
            else {"enum": [each for each in values if (each is None) == (kind == "null")]}
        )
        yield {**schema, **of_kind, "type": kind} if kind != "null" else {"type": "null"}


def _enumerated(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values
