"""What DynamoDB would charge for what a client does: request units by the sizes of items, as its pricing page has it.

moto and the emulator tell no such units by size, so they are worked out of what goes over the line and what lies in the tables:

- a read is 1 unit for each 4 KB of an item, half of that where it need not be consistent, and twice where it is in a transaction;
- a write is 1 unit for each 1 KB of the item before or after it, whichever is larger, and twice in a transaction;
- each index that holds the item before or after is another write of what it holds, if anything in it changes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]


def size(value: Mapping[str, Any]) -> int:
    """Bytes of an item or of a map in it: names and values; numbers are two digits a byte and one, lists and maps 3 bytes more."""
    return sum(len(name.encode()) + _value(held) for name, held in value.items())


def _value(held: Mapping[str, Any]) -> int:
    ((kind, content),) = held.items()
    sizes: dict[str, Callable[[Any], int]] = {
        "S": lambda text: len(text.encode()),
        "N": lambda text: math.ceil(len(text.strip("-").replace(".", "").strip("0")) / 2) + 1,
        "B": len,
        "M": lambda held: 3 + len(held) + size(held),
        "L": lambda held: 3 + len(held) + sum(map(_value, held)),
        "SS": lambda texts: sum(len(text.encode()) for text in texts),
    }
    return sizes[kind](content) if kind in sizes else 1


@dataclass
class Meter:
    """Counts what a client does while it is on, in request units; `requests` are the names of what it asked, in their order."""

    client: DynamoDBClient
    requests: list[str] = field(default_factory=list)
    reads: float = 0
    _asked: list[dict[str, Any]] = field(default_factory=list)
    _writes: list[tuple[str, Item, int]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._before = self._snapshot()
        self.client.meta.events.register("provide-client-params.dynamodb.*", self._ask)
        self.client.meta.events.register("after-call.dynamodb.*", self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.meta.events.unregister("provide-client-params.dynamodb.*", self._ask)
        self.client.meta.events.unregister("after-call.dynamodb.*", self._answer)
        self._after = self._snapshot()

    @property
    def writes(self) -> float:
        return sum(times * self._units(table, key) for table, key, times in self._writes)

    def written(self, table: str) -> float:
        """Write units of one table without its indexes."""
        return sum(times * self._own(table, key) for each, key, times in self._writes if each == table)

    def _ask(self, params: dict[str, Any], **_: Any) -> None:
        self._asked.append(params)

    def _answer(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        params = self._asked.pop()
        self.requests.append(model.name)
        each = 1.0 if params.get("ConsistentRead") else 0.5
        match model.name:
            case "GetItem":
                self.reads += each * _read(parsed.get("Item", {}))
            case "Query":
                self.reads += each * max(1, math.ceil(sum(map(size, parsed["Items"])) / 4096))
            case "BatchGetItem":
                for table, asked in params["RequestItems"].items():
                    each = 1.0 if asked.get("ConsistentRead") else 0.5
                    found = parsed["Responses"].get(table, [])
                    self.reads += each * (sum(map(_read, found)) + len(asked["Keys"]) - len(found))
            case "TransactGetItems":
                self.reads += sum(2 * _read(got.get("Item", {})) for got in parsed["Responses"])
            case "TransactWriteItems":
                for action in params["TransactItems"]:
                    ((_, done),) = action.items()
                    self._wrote(done, 2)
            case _:
                self._wrote(params, 1)

    def _wrote(self, done: dict[str, Any], times: int) -> None:
        item = done.get("Key") or done["Item"]
        key = {name: item[name] for name in ("pk", "sk") if name in item}
        self._writes.append((done["TableName"], key, times))

    def _states(self, table: str, key: Item) -> list[Item]:
        return [snapshot[table].get(_text(key), {}) for snapshot in (self._before, self._after)]

    def _own(self, table: str, key: Item) -> float:
        return max(1, math.ceil(max(map(size, self._states(table, key))) / 1024))

    def _units(self, table: str, key: Item) -> float:
        states = self._states(table, key)
        units = self._own(table, key)
        for index in self._indexes[table]:
            names = [attribute["AttributeName"] for attribute in index["KeySchema"]]
            held = [state for state in states if state.keys() >= set(names)]
            if held:
                keys_only = index["Projection"]["ProjectionType"] == "KEYS_ONLY"
                units += 1 if keys_only else math.ceil(max(map(size, held)) / 1024)
        return units

    def _snapshot(self) -> dict[str, dict[str, Item]]:
        other = boto3.client("dynamodb")
        tables = other.list_tables()["TableNames"]
        self._indexes = {
            table: other.describe_table(TableName=table)["Table"].get("GlobalSecondaryIndexes", [])
            for table in tables
        }
        return {
            table: {
                _text({name: item[name] for name in ("pk", "sk") if name in item}): item
                for item in other.scan(TableName=table)["Items"]
            }
            for table in tables
        }


def _read(item: Item) -> int:
    return max(1, math.ceil(size(item) / 4096))


def _text(key: Item) -> str:
    return json.dumps(key, sort_keys=True)
