"""Stands before a server, counts what it is asked, and answers by itself what it has heard: quickly, and evenly."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Any, Self
from urllib.parse import urlsplit

from bench.servers import Handler, Server

_KEPT = ("content-type", "x-amz-crc32", "x-amzn-requestid", "date")
_SENT = ("content-type", "x-amz-target", "authorization", "x-amz-date", "x-amz-security-token", "accept")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer; `operation` is `DynamoDB_20120810.GetItem` or the like, or empty."""

    operation: str
    path: str
    asked: bytes
    status: int
    headers: dict[str, str]
    answer: bytes

    def json(self) -> Any:
        return json.loads(self.answer)


@dataclass
class Recorder:
    """Before the server at `origin`. `replaying`, a request that was heard once gets the answer it got then.

    Each answer comes `delay` seconds after its request at the earliest.
    """

    origin: str
    delay: float = 0.0
    replaying: bool = False
    heard: list[Exchange] = field(default_factory=list)
    _known: dict[tuple[str, str, bytes], Exchange] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _connections: local = field(default_factory=local)

    def __enter__(self) -> Self:
        self._server = Server(_handler(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return f"http://{self._server.address}"

    def exchange(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Exchange:
        until = time.perf_counter() + self.delay
        operation = headers.get("x-amz-target", "")
        key = (operation, path, body)
        done = self._known.get(key) if self.replaying else None
        if done is None:
            status, kept, answer = self._forward(method, path, headers, body)
            done = Exchange(operation, path, body, status, kept, answer)
        with self._lock:
            self._known[key] = done
            self.heard.append(done)
        time.sleep(max(0.0, until - time.perf_counter()))
        return done

    def _forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        asked = {name: headers[name] for name in _SENT if name in headers}
        try:
            response = self._ask(method, path, body, asked)
        except ConnectionError:
            # A server closes a connection that was idle for seconds.
            self._connections.one = None
            response = self._ask(method, path, body, asked)
        answer = response.read()
        kept = {name: value for name in _KEPT if (value := response.getheader(name))}
        return response.status, kept, answer

    def _ask(self, *request: Any) -> http.client.HTTPResponse:
        connection = getattr(self._connections, "one", None) or http.client.HTTPConnection(
            urlsplit(self.origin).netloc, timeout=30
        )
        self._connections.one = connection
        connection.request(*request)
        return connection.getresponse()


def _handler(recorder: Recorder) -> type[Handler]:
    class Passing(Handler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            done = recorder.exchange(self.command, self.path, headers, self.body())
            self.send_response_only(done.status)
            for name, value in done.headers.items():
                self.send_header(name, value)
            self.end(done.answer)

    return Passing
