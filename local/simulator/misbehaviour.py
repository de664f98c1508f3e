"""Responses that go wrong on purpose: silence, a reset, a page in place of data, half a body, drips, wrong bytes, wrong times.

Some need the connection itself. The server hands it over as ASGI state (`server.Connection`), which is what that state is for.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from local.simulator.answers import Answer
    from local.simulator.faults import Kind

HUGE_BYTES: Final = 10 * 1024 * 1024
PIECES: Final = 64
AHEAD: Final = timedelta(minutes=90)
"""How far a wrong clock is ahead."""
_TIME: Final = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

PAGE: Final = (
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center><hr></body></html>"
)


def misbehave(kind: Kind, answer: Answer, *, slow_seconds: float, hang_seconds: float) -> Response:
    """The response that delivers `answer` as badly as the fault wants it."""
    body, media_type = answer.body, answer.media_type
    match kind:
        case "timeout":
            return Silence(hang_seconds)
        case "reset":
            return Reset()
        case "truncated":
            return Truncated(body, media_type=media_type)
        case "slow":
            return Dripped(body, slow_seconds, media_type)
        case "html":
            body, media_type = PAGE.encode(), "text/html;charset=UTF-8"
        case "wrong_charset":
            body = body.decode("utf-8").encode("gbk", "replace")
        case "huge":
            body = body.ljust(HUGE_BYTES)
        case "wrong_clock":
            body = _TIME.sub(_ahead, body)
    return Response(body, media_type=media_type)


def _ahead(time: re.Match[bytes]) -> bytes:
    return str(datetime.fromisoformat(time[0].decode()) + AHEAD).encode()


class Silence(Response):
    """Takes the request and says nothing, until the client leaves or the time is up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - it says nothing
        if not await _leaves_within(self._seconds, receive):
            _transport(scope).close()
            await _leaving(receive)


class Reset(Response):
    """Ends the connection with a TCP reset: a closed socket that lingers for no time sends RST in place of FIN."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - it says nothing
        transport = _transport(scope)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _leaving(receive)


class Truncated(Response):
    """Promises the whole body, sends half of it, and closes the connection properly."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        _transport(scope).close()
        await _leaving(receive)


class Dripped(Response):
    """The whole answer, in drops."""

    def __init__(self, content: bytes, seconds: float, media_type: str) -> None:
        super().__init__(content, media_type=media_type)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - no need of the scope
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        size = -(-len(self.body) // PIECES)
        for begin in range(0, len(self.body), size):
            piece = self.body[begin : begin + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if await _leaves_within(self._seconds / PIECES, receive):
                return
        await send({"type": "http.response.body", "body": b""})


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["state"]["transport"]
    return transport


async def _leaving(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _leaves_within(seconds: float, receive: Receive) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await _leaving(receive)
    except TimeoutError:
        return False
    return True
