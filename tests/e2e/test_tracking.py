"""The service as its callers meet it: through the gateway of the running stack, down to the simulated Kuaidi100 and back."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import loopback
from tests.loopback import wait_until

if TYPE_CHECKING:
    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack

_numbers = itertools.count(1)
COLLECTED = {"at": -90_000, "text": "快递员张三（13800000001）已揽收", "status_code": "103"}


def new_number(prefix: str = "YT8") -> str:
    return f"{prefix}{next(_numbers):012}"


def script(stack: RunningStack, courier: str, number: str, phone: str | None = None) -> None:
    journey = {"phone": phone, "events": [COLLECTED]}
    loopback.put(f"{stack.simulator}/_sim/journeys/{courier}/{number}", json=journey).raise_for_status()


def calls_of(stack: RunningStack, number: str) -> list[dict[str, Any]]:
    return [call for call in stack.calls() if call["number"] == number]


async def send(
    stack: RunningStack, requests: list[tuple[str, str, Any]], at_once: int
) -> list[httpx.Response]:
    """All requests, `at_once` of them in flight. httpx's own pool would spend its time on those that wait."""
    limits, turn = httpx.Limits(max_connections=at_once), asyncio.Semaphore(at_once)
    async with loopback.async_client(
        base_url=stack.api, headers=stack.authorization, timeout=90, limits=limits
    ) as client:

        async def one(method: str, path: str, body: object) -> httpx.Response:
            async with turn:
                return await client.request(method, path, json=body)

        return await asyncio.gather(*(one(*request) for request in requests))


def test_200_first_readers_of_a_number_share_one_call(stack: RunningStack) -> None:
    number = new_number()
    script(stack, "yuantong", number)
    requests = [("POST", "/v1/track", {"expCode": "yuantong", "expNo": number})] * 200
    answers = asyncio.run(send(stack, requests, at_once=200))
    assert Counter(answer.status_code for answer in answers) == {200: 200}
    assert len({json.dumps(answer.json()["data"]["traces"]) for answer in answers}) == 1
    assert len(calls_of(stack, number)) == 1


def test_2000_random_requests_lock_nothing(start_stack: StartStack) -> None:
    """At 600 times speed, so that the gap passes again and again while the requests come in."""
    with start_stack(SIM_SPEED="600") as stack:
        chosen = random.Random(7)
        numbers = [new_number() for _ in range(50)]
        paths = [
            f"/v1/parcels/yuantong/{chosen.choice(numbers)}{chosen.choice(('', '?max_age=0', '?max_age=60'))}"
            for _ in range(2000)
        ]
        answers = asyncio.run(send(stack, [("GET", path, None) for path in paths], at_once=40))
        assert Counter(answer.status_code for answer in answers) == {200: 2000}
        assert loopback.get(f"{stack.simulator}/_sim/violations").json() == []
        per_number = Counter(call["number"] for call in stack.calls())
        assert max(per_number.values()) > 1, "the gap never passed, so nothing was proved"


def test_a_parcel_is_still_known_after_a_restart(start_stack: StartStack) -> None:
    number = new_number()
    with start_stack() as stack, stack.client() as client:
        script(stack, "yuantong", number)
        first = client.get(f"/v1/parcels/yuantong/{number}").json()
    with start_stack(stack.state) as again, again.client() as client:
        second = client.get(f"/v1/parcels/yuantong/{number}").json()
        assert (second["events"], second["freshness"]["source"]) == (first["events"], "cache")
        assert again.calls() == []


def test_a_phone_bound_parcel_from_refusal_to_cache(stack: RunningStack) -> None:
    number = new_number("SF8")
    script(stack, "shunfeng", number, phone="13801386543")
    path = f"/v1/parcels/shunfeng/{number}"
    with stack.client() as client:
        assert client.get(path).json()["error"]["error_code"] == "PHONE_REQUIRED"
        assert calls_of(stack, number) == []
        assert (
            client.get(path, headers={"X-Phone-Tail": "1111"}).json()["error"]["error_code"]
            == "PHONE_MISMATCH"
        )
        right = client.get(path, headers={"X-Phone-Tail": "138-0138-6543"})
        assert (right.status_code, right.json()["freshness"]["source"]) == (200, "live")
        cached = client.post("/v1/track", json={"expCode": "sf", "expNo": number, "phone": "6543"})
        assert (cached.status_code, cached.headers["X-Waybill-Source"]) == (200, "cache")
        for tail in ("1111", "2222"):
            refused = client.get(path, headers={"X-Phone-Tail": tail})
            assert refused.status_code == 422
            assert "已揽收" not in refused.text
    assert len(calls_of(stack, number)) == 2
    written = [file for file in stack.state.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    ours = [
        file for file in written if file.name != "scripts.json"
    ]  # the simulator's own, which has to know the phone
    assert any("query.log" in file.name for file in ours)
    for file in ours:
        text = file.read_bytes().decode(errors="replace")
        assert not any(
            secret in text for secret in ("13801386543", "138-0138-6543", "13800000001", "张三")
        ), file


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "401000"),
        ({"Authorization": "Bearer not-a-token-of-ours"}, 401, "401000"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 401, "401000"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/statuses", "/v1/track", "/v1/parcels/yuantong/YT7450353838751"])
def test_who_is_not_known_gets_401_in_the_envelope(
    stack: RunningStack, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = loopback.request("POST" if path == "/v1/track" else "GET", stack.api + path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["code_reason"] == "UNAUTHORIZED"
    assert answer.headers["X-Request-Id"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_open_route_needs_no_token(stack: RunningStack) -> None:
    answer = loopback.get(f"{stack.api}/v1/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/a/b/c/d", 404),
        ("DELETE", "/v1/track", 405),
        ("GET", "/v1/track", 405),
        ("PUT", "/v1/parcels/yuantong/YT7450353838751", 405),
        ("GET", "/v1/parcels/yuantong/" + "9" * 3000, 400),
        ("GET", "/v1/parcels/yuantong/%00%ff", 400),
        ("GET", "/v1/parcels/%F0%9F%93%A6/YT7450353838751", 422),
        ("GET", "/v1/parcels/yuantong/YT7450353838751?max_age=soon", 400),
        ("GET", "/v1/couriers", 400),
        ("GET", "/v1/couriers/detect?number=%E5%BF%AB", 400),
        ("GET", "/v1/statuses?lang=fr", 400),
    ],
)
def test_what_cannot_be_answered_says_so_in_the_envelope(
    stack: RunningStack, method: str, path: str, status: int
) -> None:
    with stack.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["X-Request-Id"]
    body = answer.json()
    assert body["data"] is None if path == "/v1/track" else body["error"]["code"] == f"{status}000"
    assert ("Allow" in answer.headers) == (status == 405)


def test_random_bytes_are_4xx_and_never_reach_the_upstream(stack: RunningStack) -> None:
    chosen = random.Random(11)
    before = len(stack.calls())
    types = [
        "application/json",
        "application/json; charset=gbk",
        "text/xml",
        "multipart/form-data; boundary=x",
        "é",
        "",
    ]
    with stack.client() as client:
        for _ in range(150):
            content = chosen.randbytes(chosen.choice((0, 1, 30, 900, 20_000)))
            headers = [(b"Content-Type", chosen.choice(types).encode())]
            answer = client.post("/v1/track", content=content, headers=headers)
            assert answer.status_code in {400, 413, 415}, (answer.status_code, content[:40])
            assert answer.json().get("data", 0) is None or "error" in answer.json()
    assert len(stack.calls()) == before


@pytest.mark.parametrize(
    "fault", ["501", "502", "503", "601", "timeout", "reset", "html", "truncated", "slow", "huge"]
)
def test_a_fault_is_a_typed_error_or_the_last_answer_within_15_seconds(
    stack: RunningStack, fault: str
) -> None:
    number = new_number()
    order = {"code" if fault.isdigit() else "kind": fault, "number": number}
    loopback.put(f"{stack.simulator}/_sim/faults", json=order).raise_for_status()
    with stack.client() as client:
        client.get("/v1/statuses").raise_for_status()  # by the same function, which has begun then
        started = time.monotonic()
        answer = client.get(f"/v1/parcels/yuantong/{number}")
        assert time.monotonic() - started < 15
        assert answer.status_code == 503
        assert answer.json()["error"]["error_code"] in {"UPSTREAM_UNAVAILABLE", "UPSTREAM_UNKNOWN"}
        assert int(answer.headers["Retry-After"]) >= 60
        assert client.get(f"/v1/parcels/yuantong/{number}").status_code == 503
    assert len(calls_of(stack, number)) == 1
    if fault in {"503", "601"}:
        stack.close_circuit()


def test_faults_at_random_break_no_rule_and_lose_no_answer(start_stack: StartStack) -> None:
    with start_stack(SIM_SPEED="600") as stack:
        for fault in ("501", "502", "reset", "html", "truncated", "wrong_charset"):
            order = {"code" if fault.isdigit() else "kind": fault, "rate": 0.08}
            loopback.put(f"{stack.simulator}/_sim/faults", json=order).raise_for_status()
        numbers = [new_number() for _ in range(20)]
        seen: dict[str, int] = {}
        chosen = random.Random(3)
        with stack.client() as client:
            for _ in range(500):
                number = chosen.choice(numbers)
                answer = client.get(f"/v1/parcels/yuantong/{number}")
                assert answer.status_code in {200, 503}
                if answer.status_code == 503:
                    assert number not in seen, "a known parcel is served, whatever the upstream says"
                    assert int(answer.headers["Retry-After"]) >= 1
                    continue
                seen[number] = len(answer.json()["events"])
        loopback.delete(f"{stack.simulator}/_sim/faults").raise_for_status()
        with stack.client() as client:
            wait_until(
                lambda: all(client.get(f"/v1/parcels/yuantong/{each}").status_code == 200 for each in numbers)
            )
        assert loopback.get(f"{stack.simulator}/_sim/violations").json() == []


def test_the_demo_token_is_stored_for_its_owner_only(stack: RunningStack) -> None:
    assert (stack.state / "token").stat().st_mode & 0o077 == 0
