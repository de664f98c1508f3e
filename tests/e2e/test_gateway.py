"""Limits and CORS as callers meet them: a stack whose default usage plan is soon used up, and one where nothing is limited."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests import loopback
from tests.loopback import wait_until
from tests.stacks import Refusal, launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack

AT_ONCE = 20
ORIGIN = "https://shop.example"
WRONG = {"Authorization": "Bearer nobody-knows-this-token"}


@pytest.fixture(scope="module")
def limited(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(WAYBILL_MEMBER_RATE="1", WAYBILL_CORS_ORIGIN=ORIGIN) as running:
        yield running


def flood(stack: RunningStack, path: str, headers: dict[str, str]) -> list[httpx.Response]:
    """Many requests at once."""

    def one(_: int) -> httpx.Response:
        return loopback.get(stack.api + path, headers=headers)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_who_asks_too_often_is_told_when_to_come_back_and_may_then(limited: RunningStack) -> None:
    answers = flood(limited, "/v1/statuses", limited.authorization)
    assert {answer.status_code for answer in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code_reason"] == "TOO_MANY_REQUESTS"
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-policy"] == '"default";q=1;w=1'
    assert "ratelimit" not in refused.headers
    with limited.client() as client:
        wait_until(lambda: client.get("/v1/statuses").status_code == 200)


def test_open_routes_have_no_limit_of_a_member(limited: RunningStack) -> None:
    assert {answer.status_code for answer in flood(limited, "/v1/health", {})} == {200}


def test_by_default_the_demo_token_is_not_limited(stack: RunningStack) -> None:
    assert {answer.status_code for answer in flood(stack, "/v1/statuses", stack.authorization)} == {200}


def test_a_key_that_a_caller_sends_counts_for_nothing(stack: RunningStack) -> None:
    key = {"X-API-Key": "a-key-of-somebody-else-s"}
    with stack.client() as client:
        assert client.get("/v1/statuses", headers=key).status_code == 200
    assert loopback.get(f"{stack.api}/v1/statuses", headers=key).status_code == 401


def test_wrong_methods_are_told_the_right_ones_without_a_token(stack: RunningStack) -> None:
    refused = loopback.delete(f"{stack.api}/v1/track")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    unknown = loopback.delete(f"{stack.api}/v1/nothing-here")
    assert unknown.status_code == 401


def test_a_page_of_the_named_origin_may_read_what_the_gateway_says_itself(
    limited: RunningStack, stack: RunningStack
) -> None:
    for headers in ({}, WRONG):
        on = loopback.get(f"{limited.api}/v1/statuses", headers=headers)
        assert on.status_code == 401
        assert on.headers["access-control-allow-origin"] == ORIGIN
        assert on.headers["access-control-expose-headers"] == "X-Request-Id, Retry-After"
        off = loopback.get(f"{stack.api}/v1/statuses", headers=headers)
        assert off.status_code == 401
        assert not [name for name in off.headers if name.startswith("access-control")]


def test_what_is_no_origin_is_refused_in_words(tmp_path: Path) -> None:
    refused = launch(tmp_path, WAYBILL_CORS_ORIGIN=f"{ORIGIN}/page")
    assert isinstance(refused, Refusal)
    assert "CorsOrigin" in refused.message
    assert "no path" in refused.message
    assert "Traceback" not in refused.message
