"""What functions ask AWS for, held against their roles: stands before the emulator where roles are enforced (WAYBILL_IAM).

The emulator enforces actions and resources, and knows nothing of `dynamodb:LeadingKeys`: a condition on it would pass whatever the
keys are. So this one refuses what reaches for other keys, as DynamoDB would, and hands everything else on as it is. Whatever
either of them refuses becomes a line in the log `denied`, also where a function makes nothing of it.

A transaction needs each of its items' actions on that item's key. A batch needs one statement that covers all keys of a table (IAM
user guide, "ForAllValues"; DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control").
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from local.serving import LOOPBACK, Service, bind, port_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

LEADING_KEYS: Final = "dynamodb:LeadingKeys"
_HASH_KEY: Final = "pk"
_TARGET: Final = "DynamoDB_20120810."
_OF_A_TRANSACTION: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_EQUALS = re.compile(r"(#?\w+)\s*=\s*(:\w+)")
_ACCESS_KEY = re.compile(r"Credential=([^/]+)/")
_DENIED = re.compile(
    rb"AccessDenied|AuthorizationError|not authorized|InvalidClientTokenId|SignatureDoesNotMatch"
)
_NOT_FORWARDED = {"content-length", "connection", "accept-encoding"}
_NOT_RETURNED = {"content-length", "connection", "transfer-encoding", "content-encoding"}


@dataclass(frozen=True, slots=True)
class Access:
    """An action on a table or an index of it, with the partition keys of the table that it names."""

    action: str
    table: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a role allows of DynamoDB. `keys` are patterns; None leaves the keys free."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    keys: tuple[str, ...] | None

    @classmethod
    def read(cls, statement: Mapping[str, Any]) -> Self:
        """Raises ValueError: a condition that nobody here knows how to hold anything against."""
        keys = None
        for operator, condition in statement.get("Condition", {}).items():
            if operator not in (
                "ForAllValues:StringLike",
                "ForAllValues:StringEquals",
            ) or condition.keys() != {LEADING_KEYS}:
                raise ValueError(f"cannot check the condition {operator} of {condition}")
            keys = tuple(_many(condition[LEADING_KEYS]))
        return cls(tuple(_many(statement["Action"])), tuple(_many(statement["Resource"])), keys)

    def allows(self, access: Access) -> bool:
        return (
            f"dynamodb:{access.action}" in self.actions
            and any(fnmatchcase(access.table, each.rpartition(":table/")[2]) for each in self.resources)
            and (
                self.keys is None
                or all(any(fnmatchcase(key, each) for each in self.keys) for key in access.keys)
            )
        )


@dataclass(frozen=True, slots=True)
class Role:
    """A function's role: its credentials, and its statements about DynamoDB."""

    name: str
    access_key: str
    statements: tuple[Statement, ...]

    def refuses(self, accesses: Sequence[Access]) -> Access | None:
        """The first that no statement allows."""
        return next(
            (each for each in accesses if not any(made.allows(each) for made in self.statements)), None
        )


def statements(documents: Sequence[Mapping[str, Any]]) -> tuple[Statement, ...]:
    """Of a role's policies, those about DynamoDB's tables."""
    return tuple(
        Statement.read(each)
        for document in documents
        for each in document["Statement"]
        if any(action.startswith("dynamodb:") for action in _many(each["Action"]))
    )


def accesses(operation: str, asked: Mapping[str, Any]) -> list[Access]:
    """What a request to DynamoDB needs to be allowed."""
    if operation in ("TransactWriteItems", "TransactGetItems"):
        return [
            Access(_OF_A_TRANSACTION[kind], item["TableName"], tuple(_keys(item)))
            for each in asked["TransactItems"]
            for kind, item in each.items()
        ]
    if "RequestItems" in asked:
        return [
            Access(operation, table, tuple(key[_HASH_KEY]["S"] for key in wanted["Keys"]))
            for table, wanted in asked["RequestItems"].items()
        ]
    if "IndexName" in asked:
        return [Access(operation, f"{asked['TableName']}/index/{asked['IndexName']}", ())]
    return [Access(operation, asked["TableName"], tuple(_keys(asked)))]


def _keys(asked: Mapping[str, Any]) -> Iterator[str]:
    for item in (asked.get("Key"), asked.get("Item")):
        if item:
            yield item[_HASH_KEY]["S"]
    names = asked.get("ExpressionAttributeNames", {})
    for name, value in _EQUALS.findall(asked.get("KeyConditionExpression", "")):
        if names.get(name, name) == _HASH_KEY:
            yield asked["ExpressionAttributeValues"][value]["S"]


def _many(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


class Checkpoint:
    """Serves from `start` on. `configure` says where the emulator is, and who may do what."""

    def __init__(self, log: Path) -> None:
        self._log = log
        bound = bind()
        self.url = f"http://{LOOPBACK}:{port_of(bound)}"
        routes = [Route("/{path:path}", self._pass, methods=["GET", "POST", "PUT", "DELETE"])]
        self._service = Service(Starlette(routes=routes), [bound])
        self._emulator = httpx.AsyncClient(trust_env=False, timeout=60)
        self._roles: dict[str, Role] = {}

    def configure(self, endpoint: str, roles: Sequence[Role]) -> None:
        self._emulator.base_url = httpx.URL(endpoint)
        self._roles = {role.access_key: role for role in roles}

    async def start(self) -> None:
        await self._service.start()

    async def stop(self) -> None:
        await self._service.stop()
        await self._emulator.aclose()

    async def _pass(self, request: Request) -> Response:
        body = await request.body()
        if (refused := self._refused(request, body)) is not None:
            return refused
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_FORWARDED}
        target = request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        reply = await self._emulator.request(request.method, target, content=body, headers=headers)
        if reply.is_client_error and _DENIED.search(reply.content):
            self._note(reply.text)
        kept = {name: value for name, value in reply.headers.items() if name not in _NOT_RETURNED}
        return Response(reply.content, reply.status_code, kept)

    def _refused(self, request: Request, body: bytes) -> Response | None:
        """DynamoDB's answer to who asks for keys that its role does not open."""
        target = request.headers.get("x-amz-target", "")
        signer = _ACCESS_KEY.search(request.headers.get("authorization", ""))
        role = self._roles.get(signer[1]) if signer else None
        if role is None or not target.startswith(_TARGET):
            return None
        denied = role.refuses(accesses(target.removeprefix(_TARGET), json.loads(body)))
        if denied is None:
            return None
        message = (
            f"{role.name} is not authorized to perform: dynamodb:{denied.action} "
            f"on resource: {denied.table} with keys {', '.join(denied.keys) or 'none'}"
        )
        self._note(message)
        refusal = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message}
        return Response(json.dumps(refusal), 400, media_type="application/x-amz-json-1.0")

    def _note(self, refusal: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            print(" ".join(refusal.split()), file=log)
