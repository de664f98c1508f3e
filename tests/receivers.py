"""Webhook endpoints as their owners would write them: with the official verifier, and behaving as badly as they are told to.

::

    with Receiver(secret, behave=failing(0.3)) as receiver:
        ... receiver.url ...
        assert receiver.handled == {"evt_...": 1}

A receiver answers from as many threads as it is asked by, so thousands of requests are no trouble, and keeps of each what was asked
and what it answered. What it does not handle once (a wrong signature, a `webhook-id` that it has) it counts apart.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from standardwebhooks import Webhook, WebhookVerificationError

from tests.loopback import DONE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    Behaviour = Callable[["Receiver", "Received"], "Reply"]

DRIP_BYTES: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Received:
    """A request. `place` counts from 0 over all of a receiver's; `at` is wall time; `verified` by the official verifier."""

    place: int
    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes
    verified: bool

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """`drip` sends so many bytes after the body, a little at a time; `silent` closes the connection without a word.

    Of an answer that is `cut` the last so many bytes never come.
    """

    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: int = 0
    silent: bool = False
    cut: int = 0


def well(_receiver: Receiver, _received: Received) -> Reply:
    return Reply()


def answering(reply: Reply) -> Behaviour:
    return lambda _receiver, _received: reply


def redirecting(target: str, status: int = 302) -> Behaviour:
    return answering(Reply(status, headers={"Location": target}))


def dripping() -> Behaviour:
    """200, and then a body that nobody should wait for."""
    return answering(Reply(200, drip=DRIP_BYTES))


def failing(share: float, status: int = 500, seed: int = 1) -> Behaviour:
    """Fails a share of all requests, by chance."""
    chance = random.Random(seed)
    lock = threading.Lock()

    def behave(_receiver: Receiver, _received: Received) -> Reply:
        with lock:
            return Reply(status, b"out of luck") if chance.random() < share else Reply()

    return behave


def first(replies: list[Reply], then: Reply | None = None) -> Behaviour:
    """These answers, in the order of the requests, and then always the last one."""
    return lambda _receiver, received: (
        replies[received.place] if received.place < len(replies) else then or Reply()
    )


def down_for(seconds: float, status: int = 500) -> Behaviour:
    """Fails for so many wall seconds from its first request on, and is well then."""
    began: list[float] = []

    def behave(_receiver: Receiver, received: Received) -> Reply:
        began.append(received.at)
        return Reply(status, b"down") if received.at < began[0] + seconds else Reply()

    return behave


def slow(seconds: float) -> Behaviour:
    """Takes its wall time; a receiver that is closed hurries."""

    def behave(receiver: Receiver, _received: Received) -> Reply:
        receiver.closing.wait(seconds)
        return Reply()

    return behave


def hanging() -> Behaviour:
    """Answers nobody before it is closed, or `released`."""

    def behave(receiver: Receiver, _received: Received) -> Reply:
        while not (receiver.closing.is_set() or receiver.released.wait(0.05)):
            pass
        return Reply()

    return behave


class Receiver:
    """A server on the loopback interface, from `with` on, or from `start` until `close`.

    `secrets` are `whsec_...`; a request verifies if it does so with one of them. `behave` may be replaced at any time.
    """

    def __init__(
        self, *secrets: str, behave: Behaviour = well, tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.secrets = secrets
        self.behave = behave
        self.requests: list[Received] = []
        self.replies: list[Reply] = []
        self.answers: dict[int, Reply] = {}
        """By the place of their requests, which need not be answered in their order."""
        self.handled: Counter[str] = Counter()
        """By `webhook-id`: how often a good request was answered with 2xx. Every other than 1 is a delivery lost or doubled."""
        self.arrived = threading.Condition()
        self.released = threading.Event()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._scheme = "https" if tls else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/hook"

    @property
    def unverified(self) -> list[Received]:
        return [each for each in self.requests if not each.verified]

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def asked(self) -> dict[str, Received]:
        """By the ids of events: the first request about each."""
        return _first(list(self.requests))

    def heard(self) -> dict[str, Received]:
        """By the ids of events that it has heard: the first request that was answered well."""
        well = {place for place, reply in list(self.answers.items()) if 200 <= reply.status < 300}
        return _first(request for request in list(self.requests) if request.place in well)

    def wait_for(self, requests: int) -> None:
        """Until so many requests have come, in whatever state they are."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= requests, DONE), (
                f"{len(self.requests)} of {requests} requests"
            )

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Received, Reply]:
        with self.arrived:
            received = Received(
                len(self.requests), time.time(), path, headers, body, self._verified(headers, body)
            )
            self.requests.append(received)
            self.arrived.notify_all()
        reply = self.behave(self, received)
        with self.arrived:
            self.replies.append(reply)
            self.answers[received.place] = reply
            if received.verified and 200 <= reply.status < 300 and not reply.silent:
                self.handled[received.id] += 1
        return received, reply

    def _verified(self, headers: Mapping[str, str], body: bytes) -> bool:
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, dict(headers))
            except WebhookVerificationError:
                continue
            return True
        return False


def _first(requests: Iterable[Received]) -> dict[str, Received]:
    first: dict[str, Received] = {}
    for request in requests:
        first.setdefault(request.id, request)
    return first


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what is tested."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            _, reply = receiver.receive(self.path, headers, body)
            if reply.silent:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status >= 200 and reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body) + reply.drip))
            if reply.cut:
                self.close_connection = True
            self.end_headers()
            self.wfile.write(reply.body[: len(reply.body) - reply.cut])
            for _ in range(0, reply.drip, 10_000):
                self.wfile.write(b"d" * 10_000)

        do_GET = do_POST  # noqa: N815 - its name there

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            pass

    return Handler
