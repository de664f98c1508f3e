"""Many requests at once through the whole local stack: what reaches the upstream, and how long callers wait."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from tests import loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stacks import RunningStack

AT_ONCE: Final = 200
"""Requests under way at a time: what is more than that waits with the caller, as with a caller's pool of connections."""


@dataclass(frozen=True, slots=True)
class Burst:
    """So many requests for so many numbers; seconds that callers waited."""

    requests: int
    numbers: int
    upstream_calls: int
    refused: int
    p50: float
    p99: float


def burst(stack: RunningStack, requests: int, numbers: int, series: int, tick: Callable[[], None]) -> Burst:
    """Each number is new, and asked for equally often. `series` keeps them apart from those of other bursts."""
    before = len(stack.calls())
    waits, refused = asyncio.run(_burst(stack, requests, numbers, series))
    tick()
    ranked = sorted(waits)
    return Burst(
        requests,
        numbers,
        len(stack.calls()) - before,
        refused,
        ranked[len(ranked) // 2],
        ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))],
    )


async def _burst(stack: RunningStack, requests: int, numbers: int, series: int) -> tuple[list[float], int]:
    waits: list[float] = []
    refused = 0
    free = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with loopback.async_client(
        base_url=stack.api, headers=stack.authorization, limits=limits
    ) as client:

        async def one(number: int) -> None:
            nonlocal refused
            async with free:
                started = time.perf_counter()
                answer = await client.get(f"/v1/parcels/yuantong/YT92{series:05}{number % numbers:06}")
                waits.append(time.perf_counter() - started)
                refused += answer.status_code != 200

        await asyncio.gather(*(one(number) for number in range(requests)))
    return waits, refused
