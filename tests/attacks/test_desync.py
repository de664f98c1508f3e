"""Bytes that two servers could read as two different requests: the address of the API refuses them, or reads them one way.

What follows a request that is refused is never answered, so nothing can be smuggled behind it.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Final

import pytest

from tests.attacks.malformed import TIMEOUT_SECONDS
from tests.attacks.test_malformed import port_of

if TYPE_CHECKING:
    from tests.stacks import RunningStack

SMUGGLED: Final = b"GET /v1/shipments/smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked"
REFUSED: Final[dict[str, tuple[bytes, ...]]] = {
    "two lengths": (b"Content-Length: 0", b"Content-Length: 7"),
    "two lengths in one": (b"Content-Length: 0, 7",),
    "a length below zero": (b"Content-Length: -1",),
    "a length with a sign": (b"Content-Length: +0",),
    "a length in other digits": ("Content-Length: ٠".encode(),),
    "a length in hex": (b"Content-Length: 0x0",),
    "a length of more digits than a number has": (b"Content-Length: " + b"9" * 400,),
    "no length where there is one": (b"Content-Length:",),
    "chunks that are not the last coding": (b"Transfer-Encoding: chunked, identity",),
    "chunks twice": (CHUNKED, CHUNKED),
    "a coding that nobody knows": (b"Transfer-Encoding: xchunked",),
    "gzip and chunks": (b"Transfer-Encoding: gzip, chunked",),
    "chunks after a tab": (b"Transfer-Encoding:\x0bchunked",),
    "a space before the colon": (b"Transfer-Encoding : chunked",),
    "a header without a name": (b": chunked",),
    "a header without a colon": (b"Transfer-Encoding chunked",),
    "a zero byte in a value": (b"X-Zero: a\x00b",),
    "a zero byte in a name": (b"X-Ze\x00ro: ab",),
    "a carriage return in a value": (b"X-Return: a\rX-Injected: 1",),
    "a first header that goes on": (b" Content-Length: 7",),
}
ENDS: Final = (b"\n", b"\r")
BODIES: Final[dict[str, bytes]] = {
    "a chunk without a size": b"\r\n",
    "a size that is none": b"zz\r\n",
    "a size below zero": b"-1\r\n",
    "a size with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a size with 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a size of a thousand digits": b"1" * 1000 + b"\r\n",
    "a chunk that is longer than its size": b"2\r\n{}{}\r\n0\r\n\r\n",
}


def answers(stack: RunningStack, request: bytes) -> list[int]:
    """The status of every answer to these bytes, until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port_of(stack)), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        told = b""
        while piece := connection.recv(65_536):
            told += piece
    assert b"X-Injected" not in told
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", told)]


def request(stack: RunningStack, *headers: bytes, line: bytes = b"POST /v1/track HTTP/1.1") -> bytes:
    token = f"Authorization: Bearer {stack.token}".encode()
    # The first header is the one that may go on; so what is tried comes before the host.
    return b"\r\n".join(
        [line, *headers, b"Host: localhost", token, b"Content-Type: application/json", b"", b""]
    )


@pytest.mark.parametrize("what", REFUSED)
def test_a_head_that_can_be_read_in_two_ways_is_refused_with_all_that_follows(
    stack: RunningStack, what: str
) -> None:
    assert answers(stack, request(stack, *REFUSED[what]) + SMUGGLED) == [400]


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_can_be_read_in_two_ways_is_refused_with_all_that_follows(
    stack: RunningStack, what: str
) -> None:
    assert answers(stack, request(stack, CHUNKED) + BODIES[what] + SMUGGLED) == [400]


def test_chunks_and_a_length_are_chunks_and_the_length_goes_no_further(stack: RunningStack) -> None:
    """As RFC 9112, section 6.3, has it. A server behind this one is told the length of what was read, and nothing else."""
    body = b"2\r\n{}\r\n0\r\n\r\n"
    for length in (b"Content-Length: 2", b"Content-Length: 4096"):
        for headers in ((length, CHUNKED), (CHUNKED, length)):
            told = answers(stack, request(stack, *headers) + body + SMUGGLED)
            assert told in ([400], [400, 401]), "the track route wants a number; what follows has no token"


def test_a_value_that_goes_on_in_the_next_line_is_one_value(stack: RunningStack) -> None:
    """Folded headers are obsolete (RFC 9112, section 5.2): refused, or one line. Never two headers."""
    folded = request(stack, b"X-Folded: a\r\n X-Injected: 1", b"Content-Length: 2") + b"{}"
    assert answers(stack, folded + SMUGGLED) in ([400], [400, 401])


@pytest.mark.parametrize("end", ENDS)
def test_lines_that_end_otherwise_do_not_hide_a_header(stack: RunningStack, end: bytes) -> None:
    sent = request(stack, b"X-One: a" + end + b"Content-Length: 2") + b"{}" + SMUGGLED
    assert answers(stack, sent) in ([400], [400, 401])


def test_a_line_that_names_no_path_of_ours_leads_nowhere_else(stack: RunningStack) -> None:
    for line in (
        b"GET http://169.254.169.254/latest/meta-data HTTP/1.1",
        b"CONNECT 169.254.169.254:80 HTTP/1.1",
        b"GET /v1/track HTTP/1.1 HTTP/1.1",
        b"GET /v1/track\x00 HTTP/1.1",
        b"GET  /v1/track HTTP/1.1",
        b"GET /v1/track HTTP/9.9",
        b"PRI * HTTP/2.0",
    ):
        told = answers(stack, request(stack, b"Connection: close", line=line))
        assert len(told) == 1, line
        assert 400 <= told[0] < 500, line
