"""Requests as nobody should send them, and what every answer to them has to be.

They are built byte by byte, since no HTTP client sends most of them: a route of the API, and in each of its places now and then
something that does not belong there.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from tests.stacks import ROOT
from waybill.routes import ROUTES

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

TIMEOUT_SECONDS: Final = 35
"""A little more than the gateway has."""
INSIDE: Final = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|botocore|boto3|pydantic|Exception\b|[A-Za-z]+Error\b|arn:aws|dynamodb|ministack|"
    r"amazonaws|ClientError|PARCEL#|WATCH#|MEMBER#|TOKEN#",
    re.IGNORECASE,
)
"""What tells a stranger how the API is made. The error codes of its contracts are in capitals, with a `_`."""
NASTY: Final = (
    "",
    " ",
    "\x00",
    "\r\nX-Injected: 1",
    "\x1b[2J\x1b]0;owned\x07",
    "\ud800",
    "\u202e\u2066",
    "ﬁ①Ⅷ",
    "é".encode().decode("latin-1"),
    "A\u030a" * 50,
    "../../../etc/passwd",
    "..%2f..%2f",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<script>alert(1)</script>",
    "'\"--;/*",
    '{"a":1}',
    "=1+1",
    "#",
    "a#b#c",
    "MEMBER#local",
    "%00",
    "%s%n%x",
    "-1",
    "1e400",
    "9" * 5000,
    "NaN",
    "true",
    "null",
    "x" * 3000,
    "😀" * 200,
    "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59+23:59",
    "0001-01-01T00:00:00-23:59",
    "2026-01-01T00:00:00+00:00:00.000001",
)
KEYS: Final = (
    "order_id",
    "tracking_number",
    "courier",
    "lang",
    "limit",
    "cursor",
    "after",
    "wait",
    "max_age",
    "from",
    "to",
    "month",
    "q",
)
HEADERS: Final = (
    b"X-Phone-Tail",
    b"Idempotency-Key",
    b"If-None-Match",
    b"Accept-Language",
    b"Accept-Encoding",
    b"Content-Encoding",
    b"X-Forwarded-Proto",
    b"X-Forwarded-For",
    b"X-Request-Id",
    b"X-HTTP-Method-Override",
    b"Origin",
    b"Access-Control-Request-Method",
    b"Range",
    b"Expect",
    b"Cookie",
)
MEDIA_TYPES: Final = (
    b"application/json",
    b"application/json",
    b"application/json; charset=utf-16",
    b"application/merge-patch+json",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=a",
    b"multipart/form-data; boundary*=utf-7'en'a; charset=\xff",
    b"text/xml",
    b"",
)
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Malformed:
    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def bytes(self, token: str) -> bytes:
        lines = [
            b"%s %s HTTP/1.1" % (self.method.encode(), self.target),
            b"Host: localhost",
            b"Connection: close",
            b"Content-Length: %d" % len(self.body),
            *(b"%s: %s" % each for each in self.headers),
        ]
        if not any(name == b"Authorization" for name, _ in self.headers):
            lines.append(b"Authorization: Bearer " + token.encode())
        return b"\r\n".join([*lines, b"", self.body])


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, request: bytes, *, head: bool = False) -> Answered:
    """The whole answer to some bytes.

    Raises:
        http.client.HTTPException, TimeoutError: none that is one, or not in time.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        with http.client.HTTPResponse(connection, method="HEAD" if head else "GET") as answer:
            answer.begin()
            return Answered(
                answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            )


def fault_of(sent: Malformed, answered: Answered) -> str | None:
    """What is wrong with an answer; None where nothing is."""
    headers = answered.headers
    if answered.status >= 500:
        return "a fault of ours"
    if "x-request-id" not in headers:
        return "no X-Request-Id"
    if "x-injected" in headers or not "".join(headers.values()).isprintable():
        return "an injected header"
    return None if answered.status < 400 or sent.method == "HEAD" else _fault_of_refusal(sent, answered)


def _fault_of_refusal(sent: Malformed, answered: Answered) -> str | None:
    text = answered.body.decode()
    if found := INSIDE.search(text):
        return f"tells of the inside: {found[0]!r}"
    if answered.headers["content-type"].startswith(("text/html", "image/svg+xml")):
        return (
            None if sent.target.startswith((b"/v1/t/", b"/v1/unsubscribe/")) else "a page where there is none"
        )
    return _envelope(json.loads(text))


def _envelope(said: Any) -> str | None:
    contract_a = (
        isinstance(said, dict) and said.keys() == {"code", "message", "data"} and said["data"] is None
    )
    ours = (
        isinstance(said, dict)
        and isinstance(said.get("error"), dict)
        and {"code", "message"} <= said["error"].keys()
    )
    return None if contract_a or ours else "no envelope"


def requests() -> SearchStrategy[Malformed]:
    return st.sampled_from(
        [(method, path) for path, methods in ROUTES.items() for method in (*(12 * list(methods)), *METHODS)]
    ).flatmap(
        lambda route: st.builds(
            Malformed,
            method=st.just(route[0]),
            target=_targets(route[1]),
            headers=_headers(),
            body=_bodies(*route),
        )
    )


def _text() -> SearchStrategy[str]:
    return st.sampled_from(NASTY) | st.text(max_size=40)


def _escaped(text: str) -> bytes:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="~").encode()


def _targets(path: str) -> SearchStrategy[bytes]:
    pieces = [
        st.just(part.encode())
        if not part.startswith("{")
        else (_text().map(_escaped) | st.sampled_from([b"auto", b"batch", b"3550875"]))
        for part in path.split("/")
    ]
    odd = (
        st.just(b"")
        | st.just(b"")
        | st.just(b"")
        | st.sampled_from(
            [b"/", b"//", b"/..", b"/%2e%2e/", b";a=b", b"%00", b"%0d%0aX-Injected:%201", b"\\"]
        )
    )
    pair = st.tuples(st.sampled_from(KEYS) | _text(), _text()).map(
        lambda pair: b"%s=%s" % (_escaped(pair[0]), _escaped(pair[1]))
    )
    query = st.lists(pair, max_size=3).map(b"&".join)
    return st.tuples(st.tuples(*pieces), odd, query).map(
        lambda made: b"/".join(made[0]) + made[1] + (b"?" + made[2] if made[2] else b"")
    )


def _headers() -> SearchStrategy[tuple[tuple[bytes, bytes], ...]]:
    value = st.binary(max_size=40).map(_of_a_header) | _text().map(
        lambda text: _of_a_header(text.encode("utf-8", "surrogatepass"))
    )
    token = st.sampled_from(
        [b"", b"Bearer", b"Bearer a.b.c", b"Basic YTpi", b"Bearer " + b"a" * 4000, b"Bearer \xff"]
    )
    named = st.tuples(st.sampled_from(HEADERS), value)
    strange = st.tuples(st.just(b"Authorization"), token)
    # Mostly with the right token: without, nothing behind the gateway is reached.
    return st.tuples(
        st.sampled_from(MEDIA_TYPES).map(lambda kind: (b"Content-Type", kind)),
        st.lists(named, max_size=2),
        st.just([]) | st.just([]) | st.just([]) | st.lists(strange, max_size=1),
    ).map(lambda made: (made[0], *made[1], *made[2]))


def _of_a_header(value: bytes) -> bytes:
    """What HTTP lets into a header's value; a line's end in one would be another header."""
    return bytes(each for each in value if each >= 0x20 and each != 0x7F).strip()


def _bodies(method: str, path: str) -> SearchStrategy[bytes]:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | _text()
    anything = st.recursive(
        leaf,
        lambda each: st.lists(each, max_size=4) | st.dictionaries(_text(), each, max_size=4),
        max_leaves=12,
    )
    texts = st.sampled_from(
        [
            b"",
            b"[" * 8000,
            b'{"a":' * 3000,
            b"\xff\xfe{\x00}\x00",
            b"{}" * 9000,
            b'{"a":1,"a":2}',
            b"1" * 5000,
        ]
    )
    spoilt = [
        _spoilt(example, anything).map(_written) for example in _examples().get((method.lower(), path), ())
    ]
    return st.one_of(texts, st.binary(max_size=200), anything.map(_written), *spoilt, *spoilt, *spoilt)


def _spoilt(example: dict[str, Any], anything: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    """A right body with one or two of its fields wrong, or one more."""
    names = st.sampled_from(sorted(example)) if example else st.just("days")
    return st.dictionaries(names | _text(), anything, min_size=1, max_size=2).map(
        lambda wrong: {**example, **wrong}
    )


def _written(value: object) -> bytes:
    return json.dumps(value).encode()


@cache
def _examples() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The bodies that the API's document shows, by method and path."""
    document = json.loads((ROOT / "layers/core/python/waybill/data/openapi.json").read_text(encoding="utf-8"))
    return {
        (method, path): [
            example["value"]
            for content in operation["requestBody"]["content"].values()
            for example in content.get("examples", {}).values()
            if isinstance(example["value"], dict)
        ]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "requestBody" in operation
    }
