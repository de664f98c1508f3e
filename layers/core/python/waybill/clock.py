"""Two kinds of time, kept apart: the service's time, which the local stack may run faster, and wall time.

Everything that a rule of the upstream or of a schedule speaks of (gaps, freshness, retries) is service time. What outsiders
and libraries check (token expiry, signatures of AWS requests, socket time-outs) is wall time and never scaled.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Clock:
    """Service time as a straight line over wall time: `simulated + (wall - real) * speed`, all in epoch seconds."""

    real: float = 0.0
    simulated: float = 0.0
    speed: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `"<real>,<simulated>,<speed>"`, the form in which the local stack hands its clock to a process.

        Raises:
            ValueError: not three numbers, or a speed that is not positive.
        """
        real, simulated, speed = (float(part) for part in text.split(","))
        if speed <= 0:
            raise ValueError(f"a clock's speed must be positive, not {speed}")
        return cls(real, simulated, speed)

    def __str__(self) -> str:
        return f"{self.real!r},{self.simulated!r},{self.speed!r}"

    @property
    def is_wall(self) -> bool:
        return self.speed == 1 and self.real == self.simulated

    def at(self, wall: float) -> float:
        return self.simulated + (wall - self.real) * self.speed

    def now(self) -> float:
        return self.at(time.time())
