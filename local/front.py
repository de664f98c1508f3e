"""The API's own address: maps it to the emulator's, and stands for what of API Gateway the emulator leaves out.

Those are the quotas of size and time, compression, the key by which a caller is counted, and the envelope of answers that the
emulator words itself. Requests that HTTP allows and the emulator stumbles over are refused here, as API Gateway refuses them. All
that is known of the API is what its template says of the gateway.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import uuid
from typing import TYPE_CHECKING, Any

import h11
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.serving import LOOPBACK

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from local.connections import Connections, Reply
    from local.gateway import GatewayResponses
    from local.usage import UsageKeys

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
BODY_LIMIT = 10 * 1024 * 1024
HEADER_LIMIT = 10_240
TIMEOUT_SECONDS = 29
# Clients reuse a connection after seconds of rest; one that is closed just then looks like a broken answer to them.
KEEP_ALIVE_SECONDS = 75

# What the parser takes before it breaks off, which a client that is still sending sees as a broken connection.
PARSER_LIMIT = 1_048_576
# A body over the limit is read to its end all the same, up to here: many clients look for the answer only when they have sent all.
_DISCARD_LIMIT = 10 * BODY_LIMIT
# Requests at the emulator at the same time; the others wait here. There each has a thread, and more of them only slow it down.
AT_ONCE = 64

_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_NOT_FORWARDED = _HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"x-api-key",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-port",
}
_NOT_RETURNED = _HOP_BY_HOP | {b"x-amz-request-id", b"date", b"server"}
_OWN_NAME = re.compile(rb"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_PATH = re.compile(rb"/(?:[^%]|%[0-9A-Fa-f]{2})*")
# Values by which the emulator would take the request for a signed one of another account, or for an upload to S3. To the API they
# mean nothing: AWS credentials are no bearer token, and a body in chunks of S3 is not JSON.
_MISLEADING = {
    b"authorization": re.compile(rb"AWS"),
    b"content-encoding": re.compile(rb".*aws-chunked", re.IGNORECASE),
    b"x-amz-content-sha256": re.compile(rb"STREAMING-"),
    b"x-amz-decoded-content-length": re.compile(rb""),
}
_NOTHING = re.compile(rb"(?!)")
# What it says of an API in another account, which a query string with AWS credentials makes it look for.
_OTHER_ACCOUNT = b'{"message": "Not Found"}'
# What the emulator says when a function failed or it stumbled itself, instead of a gateway response.
_EMULATOR_ERROR = re.compile(rb'\{"message": ".*"\}', re.DOTALL)
_THROTTLED = b"TooManyRequestsException"
_WEIGHT_ZERO = re.compile(r"\s*q=0(\.0*)?\s*", re.IGNORECASE)


class Front:
    """An ASGI application in front of one stage of one API; `base` is its path at the emulator."""

    def __init__(
        self,
        emulator: Connections,
        base: str,
        port: int,
        responses: GatewayResponses,
        usage_keys: UsageKeys,
        compressed_from: int,
    ) -> None:
        self._emulator = emulator
        self._base = base.encode()
        self._port = port
        self._responses = responses
        self._usage_keys = usage_keys
        self._compressed_from = compressed_from
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(scope, receive)
        except ClientDisconnect:
            return
        if "x-request-id" not in response.headers:
            response.headers["X-Request-Id"] = response.headers.get("x-amzn-requestid") or str(uuid.uuid4())
        if len(response.body) >= self._compressed_from:
            _compress(response, Headers(scope=scope).get("accept-encoding", ""))
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        body = await _read(Request(scope, receive))
        path, query = scope["raw_path"], scope["query_string"]
        length = len(path) + len(query) + sum(len(name) + len(value) for name, value in scope["headers"])
        if body is None or length > HEADER_LIMIT:
            return self._responses.render("REQUEST_TOO_LARGE")
        if not _PATH.fullmatch(path):
            return self._responses.render("BAD_REQUEST_PARAMETERS")
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self._turns:
                reply = await self._exchange(scope, body)
        except TimeoutError:
            return self._responses.render("INTEGRATION_TIMEOUT")
        except OSError:
            return self._responses.render("DEFAULT_5XX")
        return self._returned(reply)

    async def _exchange(self, scope: Scope, body: bytes) -> Reply:
        """Ask the emulator, with the caller's key; once more where the authorizer has only just named it, or another one."""
        method, query = scope["method"].encode(), scope["query_string"]
        # API Gateway hands a path on as it came; the emulator would decode it.
        path = scope["raw_path"].replace(b"%", b"%25")
        target = self._base + path + (b"?" + query if query else b"")
        headers = [*self._forwarded(scope), (b"content-length", str(len(body)).encode())]
        token = dict(headers).get(b"authorization", b"")
        key = self._usage_keys.of(token)
        reply = await self._emulator.exchange(method, target, _with_key(headers, key), body)
        if reply.status == 403 and (named := self._usage_keys.of(token)) != key:
            reply = await self._emulator.exchange(method, target, _with_key(headers, named), body)
        return reply

    def _returned(self, reply: Reply) -> Response:
        if reply.status >= 500 and _EMULATOR_ERROR.fullmatch(reply.body):
            kind = "INTEGRATION_FAILURE" if _THROTTLED in reply.body else "DEFAULT_5XX"
            return self._responses.render(kind, dict(reply.headers).get(b"x-amzn-requestid", b"").decode())
        if reply.status == 404 and reply.body == _OTHER_ACCOUNT:
            return self._responses.render("BAD_REQUEST_PARAMETERS")
        answer = Response(reply.body, reply.status)
        answer.raw_headers = [(name, value) for name, value in reply.headers if name not in _NOT_RETURNED]
        return answer

    def _forwarded(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in _NOT_FORWARDED and not _MISLEADING.get(name, _NOTHING).match(value)
        ]
        # The emulator routes by host name, so only names of this very server pass.
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        own = host if _OWN_NAME.fullmatch(host) else f"{LOOPBACK}:{self._port}".encode()
        client = scope["client"][0] if scope["client"] else LOOPBACK
        return [
            (b"host", own),
            *headers,
            (b"x-forwarded-for", client.encode()),
            (b"x-forwarded-proto", b"http"),
            (b"x-forwarded-port", str(self._port).encode()),
        ]


def _with_key(headers: list[tuple[bytes, bytes]], key: bytes | None) -> list[tuple[bytes, bytes]]:
    return [*headers, (b"x-api-key", key)] if key else headers


def _compress(response: Response, accepted: str) -> None:
    """By gzip, where the client names it: API Gateway takes neither `*` nor silence for it. It knows deflate too."""
    weights = {
        name.strip().lower(): weight
        for name, _, weight in (coding.partition(";") for coding in accepted.split(","))
    }
    if "content-encoding" in response.headers or _WEIGHT_ZERO.fullmatch(weights.get("gzip", "q=0")):
        return
    response.body = gzip.compress(response.body, mtime=0)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.body))


async def _read(request: Request) -> bytes | None:
    """The body, or None when it is over the limit.

    Raises:
        ClientDisconnect: the client has gone before it sent all.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_LIMIT:
            chunks.append(chunk)
        elif size > _DISCARD_LIMIT:
            break
    return b"".join(chunks) if size <= BODY_LIMIT else None


def protocol(responses: GatewayResponses) -> type[H11Protocol]:
    """HTTP as uvicorn speaks it, with the API's own words for what is not HTTP at all."""

    class Protocol(H11Protocol):
        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's text for it
            response = responses.render("DEFAULT_4XX")
            headers: list[Any] = [*response.raw_headers, (b"connection", b"close")]
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

    return Protocol
