"""What an endpoint that never answers costs those beside it: how late they hear, next to how late beside one that is well."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from statistics import quantiles
from typing import TYPE_CHECKING, Final

from tests import receivers
from tests.receivers import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.stacks import RunningStack

SPEED: Final = 300
"""Of the stack's clock: retries come after seconds, and those of a minute's failures within one."""
OTHERS: Final[Mapping[str, Callable[[], receivers.Behaviour]]] = {
    "quick": lambda: receivers.well,
    "slow": lambda: receivers.slow(1.5),
    "unlucky": lambda: receivers.failing(0.3),
}
BESIDE: Final[Mapping[str, Callable[[], receivers.Behaviour]]] = {
    "well": lambda: receivers.well,
    "dead": receivers.hanging,
}
A_SECOND: Final = 2
"""Events that each endpoint is to hear."""
UNCOUNTED: Final = 12
"""Events at first, until a slow endpoint has all the tries at a time that it can have."""
PATIENCE: Final = 150.0
"""Seconds in which ENOUGH of them have to have come: what fails again and again waits for hours of the stack's clock."""
ENOUGH: Final = 0.97
LOOK: Final = 0.2


def late(
    stack: RunningStack, rounds: int, events: int, tick: Callable[[], None]
) -> dict[str, dict[str, float]]:
    """Seconds after which each of `OTHERS` has heard 95 of 100 events, beside each of `BESIDE`.

    Both in turns, `rounds` times, after a round that only warms processes.
    """
    took: dict[tuple[str, str], list[float]] = {(name, kind): [] for name in OTHERS for kind in BESIDE}
    for turn in range(rounds + 1):
        for kind in BESIDE:
            for name, seconds in _heard(stack, f"{kind}-{turn}", kind, events).items():
                took[name, kind] += seconds if turn else []
            tick()
    return {name: {kind: quantiles(took[name, kind], n=20)[18] for kind in BESIDE} for name in OTHERS}


def _heard(stack: RunningStack, member: str, kind: str, events: int) -> dict[str, list[float]]:
    """Seconds from the birth of each event to the first request that was answered well, at each of `OTHERS`."""
    with ExitStack() as running, stack.member(member, "track", "manage") as client:
        started: dict[str, Receiver] = {}
        webhooks = []
        for name, behave in {**OTHERS, "beside": BESIDE[kind]}.items():
            started[name] = running.enter_context(Receiver(behave=behave()))
            asked = {"url": started[name].url, "events": ["*"]}
            webhooks.append(client.post("/v1/webhooks", json=asked).raise_for_status().json()["id"])

        def happen() -> None:
            for webhook in webhooks:
                client.post(f"/v1/webhooks/{webhook}/test").raise_for_status()

        begun = time.monotonic()
        for place in range(1, UNCOUNTED + events + 1):
            happen()
            time.sleep(max(0.0, begun + place / A_SECOND - time.monotonic()))
        until = time.monotonic() + PATIENCE
        while any(len(started[name].heard()) < math.ceil(ENOUGH * (UNCOUNTED + events)) for name in OTHERS):
            if time.monotonic() > until:
                raise RuntimeError(f"of {UNCOUNTED + events} events too few were heard in {PATIENCE:g} s")
            time.sleep(LOOK)
        for webhook in webhooks:
            client.delete(f"/v1/webhooks/{webhook}").raise_for_status()
        born = stack.wall()
        return {name: _late(started[name], born, events) for name in OTHERS}


def _late(receiver: Receiver, born: Callable[[str], float], events: int) -> list[float]:
    """Seconds of each of the last events; of one that was not heard, infinite."""
    heard = [(born(each.event["timestamp"]), each.at) for each in receiver.heard().values()]
    missing = [math.inf] * (UNCOUNTED + events - len(heard))
    return [at - birth for birth, at in sorted(heard)[UNCOUNTED:]] + missing
