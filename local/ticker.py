"""Invokes the functions that time invokes, at the speed of the stack's clock, as EventBridge does at its own.

One run of a function at a time: the next begins when its time has come and the one before has ended, however that was.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.deploy import REGION

if TYPE_CHECKING:
    from local.runner import Runner
    from waybill.clock import Clock

LEAST_SECONDS = 0.5
"""Of real time between two runs, however fast the clock is: this machine has other things to do."""


def pause_of(every: float, speed: float) -> float:
    """Real seconds from one run to the next, for `every` seconds of a clock of that speed."""
    return max(LEAST_SECONDS, every / speed)


async def tick(runner: Runner, name: str, pause: float, clock: Clock) -> None:
    """Run the function of this name again and again, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + pause
        await runner.invoke(name, _event(name, clock.now()))
        await asyncio.sleep(due - loop.time())


def _event(name: str, now: float) -> dict[str, Any]:
    """What EventBridge sends (user guide, "Scheduled events")."""
    return {
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:000000000000:rule/{name}"],
        "detail": {},
    }
