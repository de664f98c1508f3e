"""An OpenID issuer on loopback: real keys, a real HTTP server, and faults on demand."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AUDIENCE = "https://waybill.example.com"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


MAKE: dict[str, Callable[[], Any]] = {
    "RSA": lambda: rsa.generate_private_key(65_537, 2048),
    "weak RSA": lambda: rsa.generate_private_key(65_537, 1024),  # noqa: S505 - to be refused
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
_made: dict[tuple[str, str], Any] = {}


def private_key(name: str, kind: str = "RSA") -> Any:
    """The same one for the same name: making an RSA key takes its time."""
    if (name, kind) not in _made:
        _made[name, kind] = MAKE[kind]()
    return _made[name, kind]


def public_jwk(name: str, kind: str = "RSA", **more: Any) -> dict[str, Any]:
    algorithm = {"RSA": "RS256", "weak RSA": "RS256", "P-256": "ES256", "P-384": "ES384"}.get(kind, "EdDSA")
    public = private_key(name, kind).public_key()
    jwk = get_default_algorithms()[algorithm].to_jwk(public, as_dict=True)
    return {**jwk, "kid": name, "use": "sig", **more}


def assembled(header: dict[str, Any], payload: bytes, sign: Callable[[bytes], bytes]) -> str:
    """By hand, since no library makes what it holds for wrong."""
    signing_input = b".".join(base64url_encode(part) for part in (json.dumps(header).encode(), payload))
    return b".".join((signing_input, base64url_encode(sign(signing_input)))).decode()


def signed(header: dict[str, Any], payload: bytes, key: Any, algorithm: str) -> str:
    return assembled(header, payload, lambda text: get_default_algorithms()[algorithm].sign(text, key))


@dataclass
class RunningIssuer:
    """`keys` are what it publishes; `fault` is what it does instead of answering well."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk("first")])
    fault: str = ""
    calls_itself: str = ""
    keys_at: str = ""
    asked: list[str] = field(default_factory=list)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good ones, but for the changes; None takes a claim away."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "acme", "iat": now, "exp": now + 300}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(
        self,
        key: str = "first",
        kind: str = "RSA",
        algorithm: str = "RS256",
        headers: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Signed by `key`, with good claims but for the changes; a header that is None is left out."""
        header = {"typ": "JWT", "alg": algorithm, "kid": key, **(headers or {})}
        header = {name: value for name, value in header.items() if value is not None}
        return signed(header, json.dumps(self.claims(**changes)).encode(), private_key(key, kind), algorithm)

    def document(self, path: str) -> Any:
        if path == DISCOVERY:
            return {"issuer": self.calls_itself or self.url, "jwks_uri": self.keys_at or self.url + KEYS}
        return {"keys": self.keys} if path == KEYS else None


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        issuer = self.server.issuer
        issuer.asked.append(self.path)
        faults: dict[str, Callable[[], None]] = {
            "": lambda: self._answer(json.dumps(issuer.document(self.path)).encode()),
            "refuses": lambda: self.send_error(503),
            "redirects": lambda: self._answer(b"", 302, issuer.url + DISCOVERY),
            "is silent": self._wait,
            "drips": self._drip,
            "talks nonsense": lambda: self._answer(b"<html>"),
            "answers a list": lambda: self._answer(b"[]"),
            "floods": lambda: self._answer(b" " * 1_100_000),
        }
        with contextlib.suppress(ConnectionError):  # the other side gave up, as it should
            faults[issuer.fault]()

    def _answer(self, body: bytes, status: int = 200, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.ended.wait(0.2):
            self.wfile.write(b" ")

    def _wait(self) -> None:
        self.server.ended.wait(30)

    def log_message(self, *_: Any) -> None:
        """Not on the terminal."""


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = RunningIssuer(f"http://127.0.0.1:{self.server_port}")
        self.ended = threading.Event()


@contextmanager
def running_issuer() -> Iterator[RunningIssuer]:
    with _Server() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        yield server.issuer
        server.ended.set()
        server.shutdown()
        serving.join()
