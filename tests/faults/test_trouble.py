"""The trouble that is ordered is the trouble that comes, no more, and it ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.serving import LOOPBACK, Service, bind, port_of
from local.trouble import HURRY_SECONDS, Order, Trouble
from local.worker import Answer, Invocation
from tests import loopback
from waybill.clock import Clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from starlette.requests import Request


def signed(service: str) -> dict[str, str]:
    scope = f"test/20261122/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host"}


TRANSACTION: dict[str, list[dict[str, str]]] = {"TransactItems": [{}, {}]}


@dataclass
class Setting:
    """Trouble in front of an AWS, and of an SES, that were asked this."""

    trouble: Trouble
    client: httpx.AsyncClient
    asked: list[bytes]
    mailed: list[bytes]

    async def order(self, **order: Any) -> None:
        (await self.client.put("/_trouble", json=order)).raise_for_status()

    async def ask(self, operation: str = "GetItem", content: object = None) -> httpx.Response:
        headers = {**signed("dynamodb"), "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        return await self.client.post("/", headers=headers, json=content or {"a": 1})

    async def struck(self) -> list[int]:
        return [each["struck"] for each in (await self.client.get("/_trouble")).json()]


@asynccontextmanager
async def setting() -> AsyncIterator[Setting]:
    trouble = Trouble(Clock(1.0, 2.0, 600.0))
    async with answering() as (aws, asked), answering() as (ses, mailed):
        trouble.configure(aws, ses)
        await trouble.start()
        async with loopback.async_client(base_url=trouble.url) as client:
            yield Setting(trouble, client, asked, mailed)
        await trouble.stop()


@asynccontextmanager
async def answering() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server's address, and what it was asked."""
    asked: list[bytes] = []

    async def answer(request: Request) -> JSONResponse:
        asked.append(await request.body())
        return JSONResponse({"said": "well"})

    bound = bind()
    server = Service(Starlette(routes=[Route("/", answer, methods=["POST"])]), [bound])
    await server.start()
    yield f"http://{LOOPBACK}:{port_of(bound)}", asked
    await server.stop()


def test_nothing_is_ordered_so_nothing_goes_wrong() -> None:
    async def scene() -> None:
        async with setting() as made:
            answer = await made.ask()
            assert (answer.status_code, answer.json()) == (200, {"said": "well"})
            assert made.asked == [b'{"a":1}']

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("kind", "operation", "status", "error", "arrives"),
    [
        ("throttled", "GetItem", 400, "ProvisionedThroughputExceededException", False),
        ("throttled", "TransactWriteItems", 400, "TransactionCanceledException", False),
        ("failing", "GetItem", 500, "InternalServerError", False),
        ("lost", "GetItem", 500, "InternalServerError", True),
    ],
)
def test_an_answer_goes_wrong_as_ordered(
    kind: str, operation: str, status: int, error: str, *, arrives: bool
) -> None:
    async def scene() -> None:
        async with setting() as made:
            await made.order(service="dynamodb", kind=kind)
            answer = await made.ask(operation, TRANSACTION)
            assert (answer.status_code, answer.json()["__type"].partition("#")[2]) == (status, error)
            assert bool(made.asked) == arrives
            if operation == "TransactWriteItems":
                reasons = [each["Code"] for each in answer.json()["CancellationReasons"]]
                assert reasons == ["ThrottlingError", "None"]
            assert await made.struck() == [1]
            await made.client.delete("/_trouble")
            assert (await made.ask()).status_code == 200

    asyncio.run(scene())


def test_letters_go_to_ses_and_their_trouble_is_their_own() -> None:
    async def scene() -> None:
        async with setting() as made:
            letter: dict[str, Any] = {"headers": signed("ses"), "content": b"letter"}
            assert (await made.client.post("/", **letter)).status_code == 200
            await made.order(service="ses", kind="lost")
            assert (await made.client.post("/", **letter)).status_code == 500
            assert (await made.ask()).status_code == 200
            assert (made.mailed, made.asked) == ([b"letter"] * 2, [b'{"a":1}'])

    asyncio.run(scene())


def test_other_services_and_other_functions_are_left_alone() -> None:
    async def scene() -> None:
        async with setting() as made:
            await made.order(service="sqs", kind="failing")
            await made.order(function="refresh", kind="duplicated")
            assert (await made.ask()).status_code == 200
            assert await carried(made.trouble, "fanout", b"{}") == [b"{}"]
            assert await made.struck() == [0, 0]

    asyncio.run(scene())


async def carried(trouble: Trouble, function: str, event: bytes) -> list[bytes]:
    """The events that the function gets of one."""
    got: list[Invocation] = []

    async def invoke(invocation: Invocation) -> Answer:
        got.append(invocation)
        return Answer(b"done")

    answer = await trouble.carry(function, Invocation("1", event, "", ""), invoke)
    assert answer.body == b"done"
    assert len({each.request_id for each in got}) == len(got)
    for each in got:
        assert each.limit is None or HURRY_SECONDS[0] <= each.limit <= HURRY_SECONDS[1]
    return [each.event for each in got]


def test_an_event_comes_twice_or_in_another_order() -> None:
    records = {"Records": [{"place": each} for each in range(50)]}

    async def scene() -> None:
        async with setting() as made:
            await made.order(function="refresh", kind="duplicated")
            assert await carried(made.trouble, "refresh", b"{}") == [b"{}", b"{}"]
            await made.order(function="publish", kind="reordered")
            (event,) = await carried(made.trouble, "publish", json.dumps(records).encode())
            shuffled = json.loads(event)["Records"]
            assert shuffled != records["Records"]
            assert sorted(each["place"] for each in shuffled) == list(range(50))

    asyncio.run(scene())


def test_a_clock_is_off_by_what_was_ordered_at_its_own_speed() -> None:
    async def scene() -> None:
        async with setting() as made:
            await made.order(function="query", skew=-20)
            assert made.trouble.variables("query") == {"WAYBILL_CLOCK": str(Clock(1.0, -18.0, 600.0))}
            assert made.trouble.variables("refresh") == {}
            assert await made.struck() == [1], "a process that began with it"

    asyncio.run(scene())


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "failing"},
        {"service": "sqs", "function": "query", "kind": "failing"},
        {"service": "sqs", "kind": "duplicated"},
        {"function": "query", "kind": "failing"},
        {"function": "query"},
        {"service": "sqs", "skew": 1},
        {"service": "sqs", "kind": "failing", "rate": 0},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Order.model_validate(order)
