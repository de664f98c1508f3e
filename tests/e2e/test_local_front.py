"""The address of the local stack's API: what API Gateway does and the emulator does not, and what clients send that is not HTTP."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.stacks import RunningStack


def exchange(stack: RunningStack, request: bytes) -> tuple[int, bytes]:
    """Status and the whole answer to bytes that no HTTP client would send."""
    with socket.create_connection(("127.0.0.1", int(stack.api.rsplit(":", 1)[1])), timeout=40) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return int(answer.split(b" ", 2)[1]), answer


def request(
    stack: RunningStack, target: bytes, *headers: bytes, method: bytes = b"GET", body: bytes = b""
) -> bytes:
    lines = [
        method + b" " + target + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    if not any(header.startswith(b"Authorization") for header in headers):
        lines.append(f"Authorization: Bearer {stack.token}".encode())
    return b"\r\n".join([*lines, b"", body])


REFUSED: dict[str, Callable[[RunningStack], bytes]] = {
    "no HTTP": lambda _: b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n",
    "an escape that is none": lambda stack: request(stack, b"/v1/parcels/%zz/1"),
    "bytes in the path": lambda stack: request(stack, b"/v1/\xff\xfe"),
    "not a path": lambda stack: request(stack, b"*", method=b"OPTIONS"),
    "a path of 12,000 letters": lambda stack: request(stack, b"/v1/" + b"a" * 12_000),
    "a header of 20,000 letters": lambda stack: request(stack, b"/v1/track", b"X-Long: " + b"a" * 20_000),
    "a header of 200,000 letters": lambda stack: request(stack, b"/v1/track", b"X-Long: " + b"a" * 200_000),
    "two lengths": lambda stack: request(stack, b"/v1/track", b"Content-Length: 7"),
    "an unknown method": lambda stack: request(stack, b"/v1/track", method=b"PROPFIND"),
    "a method that API Gateway does not route": lambda stack: request(stack, b"/v1/track", method=b"TRACE"),
    "no token": lambda stack: request(stack, b"/v1/couriers", b"Authorization:"),
    "bytes for a token": lambda stack: request(stack, b"/v1/couriers", b"Authorization: Bearer \xff\xfe"),
    "an AWS signature": lambda stack: request(
        stack,
        b"/v1/couriers",
        b"Authorization: AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/s3/x, Signature=0",
    ),
    "a presigned query": lambda stack: request(
        stack, b"/v1/track?X-Amz-Credential=123456789012/20260101/eu-west-1/s3/aws4_request"
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_api_would_take_is_refused_in_the_envelope(probe: RunningStack, what: str) -> None:
    status, answer = exchange(probe, REFUSED[what](probe))
    assert 400 <= status < 500
    assert b'{"error": {"code": "4' in answer
    assert b"x-request-id: " in answer.lower()


PASSED: dict[str, Callable[[RunningStack], bytes]] = {
    "a body that is not UTF-8": lambda stack: request(stack, b"/v1/track", method=b"POST", body=b"\xff\xfe{"),
    "a zero byte in the path": lambda stack: request(stack, b"/v1/parcels/a%00b/1"),
    "a path that is not UTF-8": lambda stack: request(stack, b"/v1/parcels/%ff%fe/1"),
    "half a surrogate": lambda stack: request(stack, b"/v1/parcels/%ed%a0%80/1"),
    "a query of nonsense": lambda stack: request(stack, b"/v1/couriers?q=%ff&%zz&=&&q"),
    "a path out of the API": lambda stack: request(stack, b"/../../_ministack/reset"),
    "bytes in a header": lambda stack: request(stack, b"/v1/track", b"X-Bytes: \xff\xfe\xc3\x28"),
    "gzip that is none": lambda stack: request(
        stack, b"/v1/track", b"Content-Encoding: gzip", method=b"POST", body=b"no gzip"
    ),
    "chunks of an upload to S3": lambda stack: request(
        stack, b"/v1/track", b"Content-Encoding: aws-chunked", method=b"POST", body=b"5\r\nab"
    ),
    "a call of DynamoDB": lambda stack: request(
        stack, b"/v1/track", b"X-Amz-Target: DynamoDB_20120810.ListTables", method=b"POST", body=b"{}"
    ),
}


@pytest.mark.parametrize("what", PASSED)
def test_what_the_gateway_passes_on_reaches_the_function(probe: RunningStack, what: str) -> None:
    status, answer = exchange(probe, PASSED[what](probe))
    assert status == 200
    assert b'"answer": "first"' in answer


def test_a_body_over_the_gateways_limit_is_refused(client: httpx.Client) -> None:
    refused = client.post("/v1/track", content=b"a" * (10 * 1024 * 1024 + 1))
    assert refused.status_code == 413
    assert refused.json()["error"]["code_reason"] == "PAYLOAD_TOO_LARGE"


def test_a_path_arrives_as_it_was_sent(client: httpx.Client) -> None:
    for path in ("/v1/parcels/a%40b/%2B%2525", "/v1/parcels/a%2Fb/1", "/v1/parcels/%E5%BF%AB/a+b"):
        request = client.get(path).json()["request"]
        assert request["path"] == path
        assert request["resource"] == "/v1/parcels/{courier}/{number}"


# ---- Compression


@pytest.mark.parametrize(
    "accepted", ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.001", "identity;q=0, gzip"]
)
def test_an_answer_of_a_kilobyte_is_compressed_for_who_asks(client: httpx.Client, accepted: str) -> None:
    answer = client.get("/v1/track?bytes=1024", headers={"Accept-Encoding": accepted})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 1024
    assert answer.text == "x" * 1024


@pytest.mark.parametrize("accepted", ["", "*", "identity", "br", "gzip;q=0", "x-gzip, gzip ; q=0.000"])
def test_an_answer_is_not_compressed_for_who_does_not_ask(client: httpx.Client, accepted: str) -> None:
    answer = client.get("/v1/track?bytes=5000", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == "5000"


def test_a_smaller_answer_and_one_that_is_encoded_already_pass_as_they_are(client: httpx.Client) -> None:
    gzip = {"Accept-Encoding": "gzip"}
    small = client.get("/v1/track?bytes=1023", headers=gzip)
    assert "content-encoding" not in small.headers
    assert small.headers["content-length"] == "1023"
    encoded = client.get("/v1/track?bytes=5000&encoding=identity", headers=gzip)
    assert encoded.headers["content-encoding"] == "identity"
    assert encoded.headers["content-length"] == "5000"


def test_the_function_sees_the_address_that_the_client_used(
    client: httpx.Client, probe: RunningStack
) -> None:
    headers = client.get("/v1/track").json()["request"]["headers"]
    assert headers["host"] == probe.api.removeprefix("http://")
    assert headers["x-forwarded-for"] == "127.0.0.1"
    stranger = client.get("/v1/track", headers={"Host": "bucket.s3.localhost"})
    assert stranger.json()["request"]["headers"]["host"] == probe.api.removeprefix("http://")
