"""Trouble on demand (WAYBILL_TROUBLE): AWS throttles, fails and loses answers; events come twice, late, or to a hurried end.

Stands between the functions and the emulator, and where the runner takes invocations. `PUT /_trouble` orders some of it, `GET`
tells how often each order struck, `DELETE` ends all of it; clocks that differ take effect in processes that start from then on::

    curl -X PUT $TROUBLE/_trouble -d '{"service": "dynamodb", "kind": "throttled", "rate": 0.4}'
    curl -X PUT $TROUBLE/_trouble -d '{"function": "refresh", "kind": "duplicated"}'
    curl -X PUT $TROUBLE/_trouble -d '{"function": "query", "skew": -20}'
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, TypeAlias, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.connections import Connections
from local.serving import LOOPBACK, Service, bind, port_of
from local.worker import Invocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from local.worker import Answer
    from waybill.clock import Clock

OfServices: TypeAlias = Literal["throttled", "failing", "lost", "silent"]
_OF_SERVICES: Final = frozenset(get_args(OfServices))
OfFunctions: TypeAlias = Literal["duplicated", "reordered", "timed_out"]

SILENT_SECONDS: Final = 6.0
"""Longer than any of the functions' clients waits for an answer."""
HOLD_SECONDS: Final = 1.5
"""How long an event may be held back, so that others overtake it."""
HURRY_SECONDS: Final = (0.02, 0.3)
"""What an invocation is given that times out: somewhere in its work."""
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z]+)/")
_NOT_RETURNED: Final = {b"content-length", b"connection", b"transfer-encoding"}
_JSON: Final = "application/x-amz-json-1.0"
_CODES: Final = {
    ("dynamodb", "throttled"): (400, "ProvisionedThroughputExceededException"),
    ("dynamodb", "failing"): (500, "InternalServerError"),
}
_FAULT: Final = (500, "InternalFailure")
"""Of the other services, whose throttling their clients take the same way."""


class Order(BaseModel):
    """What goes wrong: a service's answers, a function's invocations, or by how many seconds of service time its clock is off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str | None = None
    function: str | None = None
    kind: OfServices | OfFunctions | None = None
    rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    skew: float | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        of_services = self.kind in _OF_SERVICES
        if (self.service is None) == (self.function is None):
            raise ValueError("an order is about a service or about a function")
        if (self.kind is None) == (self.skew is None) or (self.service is not None and self.skew is not None):
            raise ValueError("a function has a kind or a skew, a service has a kind")
        if self.kind is not None and of_services != (self.service is not None):
            raise ValueError(f"of a service are the kinds {sorted(_OF_SERVICES)}, of a function the others")
        return self


@dataclass(slots=True)
class _Standing:
    order: Order
    struck: int = 0


class Trouble:
    """Serves from `start` on; `configure` says where AWS is, and where SES."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._orders: list[_Standing] = []
        self._rng = random.Random(1)
        self._aws: dict[str, Connections] = {}
        """By service; "" stands for all others."""
        bound = bind()
        self.url = f"http://{LOOPBACK}:{port_of(bound)}"
        routes = [
            Route("/_trouble", self._ordered, methods=["GET", "PUT", "DELETE"]),
            Route("/{path:path}", self._pass, methods=["GET", "POST", "PUT", "DELETE"]),
        ]
        self._service = Service(Starlette(routes=routes), [bound])

    def configure(self, endpoint: str, mail_endpoint: str) -> None:
        for service, url in (("", endpoint), ("ses", mail_endpoint)):
            host = urlsplit(url)
            self._aws[service] = Connections(host.hostname or LOOPBACK, host.port or 80)

    async def start(self) -> None:
        await self._service.start()

    async def stop(self) -> None:
        await self._service.stop()
        for connections in self._aws.values():
            connections.close()

    # ---- Functions

    def variables(self, function: str) -> dict[str, str]:
        """What a process of a function that begins gets beside its environment: a clock that is off."""
        skews = [each for each in self._orders if each.order.function == function and each.order.skew]
        if not skews:
            return {}
        for each in skews:
            each.struck += 1
        skew = sum(each.order.skew or 0.0 for each in skews)
        return {"WAYBILL_CLOCK": str(replace(self._clock, simulated=self._clock.simulated + skew))}

    async def carry(
        self, function: str, invocation: Invocation, invoke: Callable[[Invocation], Awaitable[Answer]]
    ) -> Answer:
        """Bring an event to its function, as well as the orders allow."""
        kinds = {each.order.kind for each in self._orders if self._strikes(each, function=function)}
        if "reordered" in kinds:
            invocation.event = self._shuffled(invocation.event)
            await asyncio.sleep(self._rng.uniform(0, HOLD_SECONDS))
        if "timed_out" in kinds:
            invocation.limit = self._rng.uniform(*HURRY_SECONDS)
        if "duplicated" not in kinds:
            return await invoke(invocation)
        twin = Invocation(str(uuid.uuid4()), invocation.event, invocation.arn, invocation.trace)
        twin.limit = invocation.limit
        _, answer = await asyncio.gather(invoke(twin), invoke(invocation))
        return answer

    def _shuffled(self, event: bytes) -> bytes:
        content = json.loads(event)
        self._rng.shuffle(content.get("Records", []))
        return json.dumps(content).encode()

    # ---- AWS

    async def _pass(self, request: Request) -> Response:
        signer = _SERVICE.search(request.headers.get("authorization", ""))
        service = signer[1] if signer else ""
        struck = next((each.order for each in self._orders if self._strikes(each, service=service)), None)
        body = await request.body()
        if struck and struck.kind == "silent":
            await asyncio.sleep(SILENT_SECONDS)
        if struck and struck.kind != "lost":
            return _refusal(service, struck.kind, request.headers.get("x-amz-target", ""), body)
        target: bytes = request.scope["raw_path"]
        if request.url.query:
            target += b"?" + request.url.query.encode()
        connections = self._aws.get(service) or self._aws[""]
        reply = await connections.exchange(request.method.encode(), target, request.headers.raw, body)
        if struck:
            return _refusal(service, "failing", "", b"")
        response = Response(reply.body, reply.status)
        response.raw_headers += [each for each in reply.headers if each[0].lower() not in _NOT_RETURNED]
        return response

    def _strikes(
        self, standing: _Standing, *, service: str | None = None, function: str | None = None
    ) -> bool:
        order = standing.order
        if order.kind is None or (order.service, order.function) != (service, function):
            return False
        if self._rng.random() >= order.rate:
            return False
        standing.struck += 1
        return True

    async def _ordered(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                order = Order.model_validate_json(await request.body())
            except ValidationError as error:
                return JSONResponse({"detail": json.loads(error.json(include_context=False))}, 422)
            self._orders.append(_Standing(order))
        if request.method == "DELETE":
            self._orders.clear()
        told = [{**each.order.model_dump(exclude_none=True), "struck": each.struck} for each in self._orders]
        return JSONResponse(told)


def _refusal(service: str, kind: str | None, target: str, body: bytes) -> Response:
    """An error as the service words it. DynamoDB cancels a transaction of which an item is throttled, with a reason for each."""
    status, code = _CODES.get((service, kind or ""), _FAULT)
    if service == "sns":
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>trouble</Message></Error></ErrorResponse>"
        return Response(text, status, media_type="text/xml")
    content: dict[str, object] = {"__type": f"com.amazonaws.{service}#{code}", "message": "trouble"}
    if kind == "throttled" and target.endswith(".TransactWriteItems"):
        items = json.loads(body)["TransactItems"]
        reasons = [{"Code": "ThrottlingError", "Message": "trouble"}, *[{"Code": "None"}] * (len(items) - 1)]
        content = {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
            "CancellationReasons": reasons,
        }
    return Response(json.dumps(content), status, media_type=_JSON)
