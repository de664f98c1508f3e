"""What endpoints that are dead, or die, cost those beside them: when these are asked, next to when beside some that live."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import cycle
from statistics import quantiles
from typing import TYPE_CHECKING, Final

from tests import receivers
from tests.receivers import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.stacks import RunningStack

OTHERS: Final[Mapping[str, Callable[[], receivers.Behaviour]]] = {
    "quick": lambda: receivers.well,
    "slow": lambda: receivers.slow(1.5),
    "unlucky": lambda: receivers.failing(0.3),
}
BESIDE: Final[Mapping[str, tuple[receivers.Behaviour, receivers.Behaviour]]] = {
    "well": (receivers.well, receivers.well),
    "dead": (receivers.hanging(), receivers.hanging()),
    "dying": (receivers.well, receivers.hanging()),
    "slow": (receivers.slow(1.5), receivers.slow(1.5)),
    "slow_dying": (receivers.slow(1.5), receivers.hanging()),
}
"""How the neighbours behave while nothing is counted, and then."""
KINDS: Final = tuple(BESIDE)
LIKENED: Final = {"dead": "well", "dying": "well", "slow_dying": "slow"}
"""Beside whom the same is measured while nobody is dead."""
NEIGHBOURS: Final = 2
"""Endpoints beside them, one after the other of which hears an event each time that each of the others does."""
A_SECOND: Final = 2
"""Events that each of the others hears."""
UNCOUNTED: Final = 12
"""Events at first, until who is quick counts as quick, and who is slow has places enough."""
PATIENCE: Final = 60.0
"""Seconds in which all have to have been asked."""
LOOK: Final = 0.2


def late(
    stack: RunningStack, rounds: int, events: int, tick: Callable[[], None]
) -> dict[str, dict[str, float]]:
    """Seconds from an event's birth to the first request about it, which 95 of 100 do not exceed, at each of `OTHERS`.

    Beside each of `BESIDE`, in turns and `rounds` times, after a round that only warms processes. When an endpoint is asked again
    after it has failed is the table of retries' matter, and not counted.
    """
    took: dict[tuple[str, str], list[float]] = {(name, kind): [] for name in OTHERS for kind in BESIDE}
    for turn in range(rounds + 1):
        for kind in KINDS[:: 1 if turn % 2 else -1]:
            for name, seconds in _asked(stack, f"{kind}-{turn}", kind, events).items():
                took[name, kind] += seconds if turn else []
            tick()
    return {name: {kind: quantiles(took[name, kind], n=20)[18] for kind in BESIDE} for name in OTHERS}


def _asked(stack: RunningStack, member: str, kind: str, events: int) -> dict[str, list[float]]:
    """Seconds from the birth of each event to the first request about it, at each of `OTHERS`."""
    with ExitStack() as running, stack.member(member, "track", "manage") as client:

        def webhook(behave: receivers.Behaviour) -> tuple[Receiver, str]:
            receiver = running.enter_context(Receiver(behave=behave))
            made = client.post("/v1/webhooks", json={"url": receiver.url, "events": ["*"]}).raise_for_status()
            return receiver, f"/v1/webhooks/{made.json()['id']}"

        others = {name: webhook(behave()) for name, behave in OTHERS.items()}
        before, after = BESIDE[kind]
        neighbours = [webhook(before) for _ in range(NEIGHBOURS)]
        turns = cycle(neighbours)
        begun = time.monotonic()
        for place in range(UNCOUNTED + events):
            if place == UNCOUNTED:
                for receiver, _ in neighbours:
                    receiver.behave = after
            for _, path in (*others.values(), next(turns)):
                client.post(f"{path}/test").raise_for_status()
            time.sleep(max(0.0, begun + (place + 1) / A_SECOND - time.monotonic()))
        for receiver, _ in others.values():
            _wait(receiver, UNCOUNTED + events)
        for _, path in (*others.values(), *neighbours):
            client.delete(path).raise_for_status()
        born = stack.wall()
        return {name: _lateness(receiver, born)[UNCOUNTED:] for name, (receiver, _) in others.items()}


def _wait(receiver: Receiver, events: int) -> None:
    until = time.monotonic() + PATIENCE
    while len(receiver.asked()) < events:
        if time.monotonic() > until:
            raise RuntimeError(f"an endpoint was asked about {len(receiver.asked())} of {events} events")
        time.sleep(LOOK)


def _lateness(receiver: Receiver, born: Callable[[str], float]) -> list[float]:
    """Seconds from birth to the first request, of one event after the other."""
    requests = receiver.asked().values()
    return [at - birth for birth, at in sorted((born(each.event["timestamp"]), each.at) for each in requests)]
