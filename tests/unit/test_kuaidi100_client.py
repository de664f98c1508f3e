"""The client of query.do: what is sent, how long it waits, and what an answer that never ends comes to."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx
import pytest

from waybill.kuaidi100 import MAX_BODY_BYTES, Client
from waybill.model import Query
from waybill.outcomes import NotSent, OutcomeUnknown, UpstreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
from tests.unit.vendor import CREDENTIALS, QUERY, reply, sent


def ask(vendor: Callable[[httpx.Request], Any], **options: Any) -> None:
    with Client(transport=httpx.MockTransport(vendor), **options) as client:
        client.query(QUERY, CREDENTIALS)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (httpx.ConnectError, NotSent),
        (httpx.ConnectTimeout, NotSent),
        (httpx.ReadTimeout, OutcomeUnknown),
        (httpx.ReadError, OutcomeUnknown),
        (httpx.WriteError, OutcomeUnknown),
        (httpx.RemoteProtocolError, OutcomeUnknown),
    ],
)
def test_only_a_request_that_surely_was_not_sent_counts_as_unsent(
    fault: type[httpx.TransportError], expected: type[UpstreamError]
) -> None:
    def vendor(request: httpx.Request) -> httpx.Response:
        raise fault("", request=request)

    with pytest.raises(expected):
        ask(vendor)


@pytest.mark.parametrize("status", [204, 302, 403, 500, 502])
def test_another_status_than_200_is_an_unknown_outcome(status: int) -> None:
    with pytest.raises(OutcomeUnknown):
        ask(lambda _: httpx.Response(status, headers={"Location": "https://example.com"}))


def test_an_answer_over_a_megabyte_is_not_read_to_its_end() -> None:
    with pytest.raises(OutcomeUnknown, match="over"):
        ask(lambda _: sent(b" " * (MAX_BODY_BYTES + 1)))


def test_a_slow_drip_ends_at_the_deadline() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b" "

    with pytest.raises(OutcomeUnknown, match="TimeoutError"):
        ask(lambda _: httpx.Response(200, content=drip()), deadline=0.1)


def test_the_content_type_is_not_trusted() -> None:
    with Client(
        transport=httpx.MockTransport(lambda _: sent(reply(), **{"Content-Type": "text/html"}))
    ) as client:
        assert client.query(QUERY, CREDENTIALS).parcel.number == QUERY.num


def test_calls_of_several_threads_are_in_flight_together() -> None:
    together = asyncio.Barrier(10)

    async def vendor(request: httpx.Request) -> httpx.Response:
        await together.wait()  # nobody is answered before all are there
        number = json.loads(parse_qs(request.content.decode())["param"][0])["num"]
        return sent(reply(nu=number))

    numbers = [f"YT{each:013}" for each in range(10)]
    with Client(transport=httpx.MockTransport(vendor)) as client, ThreadPoolExecutor(10) as threads:
        answers = threads.map(lambda each: client.query(Query("yuantong", each), CREDENTIALS), numbers)
        assert [answer.parcel.number for answer in answers] == numbers


def test_closing_ends_a_call_in_flight_as_unknown() -> None:
    arrived = threading.Event()

    async def vendor(_: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    with ThreadPoolExecutor(1) as threads:
        with Client(transport=httpx.MockTransport(vendor)) as client:
            call = threads.submit(client.query, QUERY, CREDENTIALS)
            assert arrived.wait(10)
        with pytest.raises(OutcomeUnknown, match="closed"):
            call.result(10)
