"""What is small and unpacks to a lot, or never ends: nobody here unpacks what comes from outside, nor reads it to its end.

On AWS the gateway itself unpacks a request that says so; a function gets no more of it than Lambda hands on, which is 6 MB, and
looks at no more than its own limit of that.
"""

from __future__ import annotations

import base64
import itertools
import json
import socket
import threading
import tracemalloc
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.vendor import CREDENTIALS, QUERY
from waybill import gateway
from waybill.errors import InvalidField, IssuerUnavailable, PayloadTooLarge
from waybill.kuaidi100 import Client
from waybill.openid import fetch
from waybill.outcomes import OutcomeUnknown
from waybill.post import READ_BYTES, Poster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.stacks import RunningStack

MEGABYTE: Final = 1_000_000
BOUND: Final = 30 * MEGABYTE
"""Of memory, and of bytes that are sent in vain: what sockets hold, and many times what anybody keeps."""
SHIPMENT: Final = {"order_id": "1", "tracking_number": "YT7450353838751"}
CODINGS: Final = ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip")


@cache
def bomb(megabytes: int, coding: str = "gzip") -> bytes:
    """So many zeros in a thousandth of their size: one block, which every decoder takes again and again."""
    pack = zlib.compressobj(9, wbits=-15)
    block = pack.compress(bytes(MEGABYTE)) + pack.flush(zlib.Z_FULL_FLUSH)
    begins = b"\x78\x9c" if coding == "deflate" else b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return begins + block * megabytes + pack.flush()


@contextmanager
def in_little_memory() -> Iterator[None]:
    """Nobody takes more than the bound; zlib's output counts."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < BOUND
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("coding", "bits"), [("gzip", 31), ("deflate", 15)])
def test_a_bomb_goes_off_where_somebody_unpacks_it(coding: str, bits: int) -> None:
    packed = bomb(900, coding)
    assert len(packed) < MEGABYTE
    with pytest.raises(AssertionError), in_little_memory():
        zlib.decompressobj(bits).decompress(packed, 2 * BOUND)


# ---- Sent to us


@pytest.mark.parametrize("coding", CODINGS)
def test_a_packed_request_stays_packed(stack: RunningStack, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    # One that would be a good request shows that nobody unpacked it, so nobody unpacks the others.
    good = zlib.compress(json.dumps(SHIPMENT).encode(), wbits=15 if coding == "deflate" else 31)
    with stack.client() as client:
        for sent, status in ((good, 400), (bomb(10, coding), 400), (bomb(900, coding), 413)):
            for path in ("/v1/shipments", "/v1/track"):
                answer = client.post(path, content=sent, headers=headers)
                assert answer.status_code == status, answer.text
        assert client.get("/v1/shipments").json()["shipments"] == []


@pytest.mark.parametrize("coding", CODINGS)
def test_a_function_looks_at_no_more_than_its_limit(coding: str) -> None:
    def asked(body: bytes, kind: str) -> gateway.Request:
        headers = {"Content-Type": kind, "Content-Encoding": coding}
        text = base64.b64encode(body).decode()
        return gateway.read({"headers": headers, "body": text, "isBase64Encoded": True})

    small, large = bomb(10, coding), bomb(900, coding)
    unpacked = bytes(6 * MEGABYTE)
    with in_little_memory():
        for body, error in ((small, InvalidField), (large, PayloadTooLarge), (unpacked, PayloadTooLarge)):
            with pytest.raises(error):
                asked(body, "application/json").json_object()
            with pytest.raises(error):
                asked(body, "application/x-www-form-urlencoded").form()


# ---- Answered to us

_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_PACKED: Final = b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n"


def packed(megabytes: int, coding: str) -> Iterator[bytes]:
    body = bomb(megabytes, coding)
    yield _OK + _PACKED % (coding.encode(), len(body)) + body


def endless(begins: bytes, piece: bytes) -> Iterator[bytes]:
    return itertools.chain([begins], itertools.repeat(piece))


BOMBS: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "900 MB by gzip": lambda: packed(900, "gzip"),
    "900 MB by deflate": lambda: packed(900, "deflate"),
    "2 GB by gzip": lambda: packed(2000, "gzip"),
}
ENDLESS: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "a body": lambda: endless(_OK + b"\r\n", bytes(65_536)),
    "a body in chunks": lambda: endless(
        _OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65_536) + b"\r\n"
    ),
    "a chunk's extension": lambda: endless(_OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536),
    "a header": lambda: endless(_OK + b"X-Long: ", b"a" * 65_536),
    "headers": lambda: endless(_OK, b"X-One: more\r\n" * 5000),
    "a status line": lambda: endless(b"HTTP/1.1 200 ", b"O" * 65_536),
}


@dataclass
class Answering:
    """A server that answers whoever asks with these bytes, and counts how many it got rid of."""

    answer: Callable[[], Iterator[bytes]]
    url: str = ""
    sent: int = 0

    def serve(self, server: socket.socket) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):  # the other side has had enough
                    connection.settimeout(30)
                    connection.recv(65_536)
                    for piece in self.answer():
                        connection.sendall(piece)
                        self.sent += len(piece)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1)


@contextmanager
def answering(answer: Callable[[], Iterator[bytes]]) -> Iterator[Answering]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Answering(answer, f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread = threading.Thread(target=made.serve, args=(server,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("what", [*BOMBS, *ENDLESS])
def test_an_answer_of_kuaidi100_is_neither_unpacked_nor_read_without_an_end(what: str) -> None:
    with answering({**BOMBS, **ENDLESS}[what]) as vendor, in_little_memory():
        with Client(url=vendor.url, deadline=30) as client, pytest.raises(OutcomeUnknown) as raised:
            client.query(QUERY, CREDENTIALS)
        assert "Timeout" not in str(raised.value)
    assert vendor.sent < BOUND


@pytest.mark.parametrize("what", [*BOMBS, *ENDLESS])
def test_an_answer_of_an_endpoint_is_neither_unpacked_nor_read_without_an_end(what: str) -> None:
    with answering({**BOMBS, **ENDLESS}[what]) as endpoint, in_little_memory():
        with Poster(loopback=True, deadline=30) as poster:
            outcome = poster(endpoint.url, {}, b"{}", lambda: None)
        assert not outcome.timed_out
        assert len(outcome.answer) <= READ_BYTES
        # What has a head that ends counts by its status.
        assert (outcome.status, outcome.error) in {(200, None), (None, "protocol")}
    assert endpoint.sent < BOUND


@pytest.mark.parametrize("what", [*BOMBS, *ENDLESS])
def test_an_answer_of_an_issuer_is_neither_unpacked_nor_read_without_an_end(what: str) -> None:
    with (
        answering({**BOMBS, **ENDLESS}[what]) as issuer,
        in_little_memory(),
        pytest.raises(IssuerUnavailable),
    ):
        fetch(issuer.url)
    assert issuer.sent < BOUND


def test_an_answer_that_is_never_more_than_announced_ends_at_the_deadline() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    with answering(lambda: itertools.repeat(hints)) as server, in_little_memory():
        with Client(url=server.url, deadline=0.5) as client, pytest.raises(OutcomeUnknown, match="Timeout"):
            client.query(QUERY, CREDENTIALS)
        with Poster(loopback=True, deadline=0.5) as poster:
            assert poster(server.url, {}, b"{}", lambda: None).timed_out
