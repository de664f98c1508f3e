"""The vendor's house rules: what gets a number locked, and what is charged.

```
calls of one number   c1 ---- c2 -- c3            every call counts for the cap, only those that may
                            |<gap>|               have reached the courier for the gap
lock                              [ 24 h: data as it was at c3 ]
```
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from local.simulator.history import Journey

ParcelKey: TypeAlias = tuple[str, str]
"""Courier code and tracking number."""

GAP_SECONDS: Final = 1800.0
DAY_SECONDS: Final = 86_400.0
CALLS_A_DAY: Final = 48
LOCK_SECONDS: Final = 86_400.0
BILLING_SECONDS: Final = 40 * DAY_SECONDS
FAILURES_A_CHARGE: Final = 5


@dataclass(frozen=True, slots=True)
class Call:
    """A query: `at` in simulated, `wall` in real epoch seconds; `code` is the vendor's code or the kind of a fault."""

    at: float
    wall: float
    courier: str
    number: str
    code: str


@dataclass(frozen=True, slots=True)
class Violation:
    courier: str
    number: str
    first_at: float
    second_at: float
    rule: Literal["gap", "cap"]


@dataclass(frozen=True, slots=True)
class Lock:
    """While it holds, the number shows `journey` as it was at `frozen_at`."""

    frozen_at: float
    until: float
    journey: Journey | None


@dataclass(slots=True)
class LockKeeper:
    violations: list[Violation] = field(default_factory=list)
    _locks: dict[ParcelKey, Lock] = field(default_factory=dict)
    _reached_at: dict[ParcelKey, float] = field(default_factory=dict)
    _day: dict[ParcelKey, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def lock_of(self, parcel: ParcelKey, now: float) -> Lock | None:
        lock = self._locks.get(parcel)
        return lock if lock and now < lock.until else None

    def record(
        self, parcel: ParcelKey, now: float, *, may_have_reached: bool, journey: Journey | None
    ) -> None:
        """Count a call and lock the number if a rule is broken; breaking one again lengthens the lock, the data stay frozen."""
        broken: list[tuple[float, Literal["gap", "cap"]]] = []
        if may_have_reached:
            before = self._reached_at.get(parcel)
            if before is not None and now - before < GAP_SECONDS:
                broken.append((before, "gap"))
            self._reached_at[parcel] = now
        day = self._day[parcel]
        day.append(now)
        while day[0] < now - DAY_SECONDS:
            day.popleft()
        if len(day) > CALLS_A_DAY:
            broken.append((day[0], "cap"))
        if not broken:
            return
        self.violations += [Violation(*parcel, first_at, now, rule) for first_at, rule in broken]
        held = self.lock_of(parcel, now) or Lock(now, now, journey)
        self._locks[parcel] = Lock(held.frozen_at, now + LOCK_SECONDS, held.journey)


@dataclass(frozen=True, slots=True)
class Charge:
    at: float
    courier: str
    number: str
    cause: Literal["success", "failures"]


@dataclass(slots=True)
class Bill:
    """A success is charged once per number in 40 days; so are five failures (500 or 408)."""

    charges: list[Charge] = field(default_factory=list)
    _charged_at: dict[tuple[ParcelKey, str], float] = field(default_factory=dict)
    _failures: dict[ParcelKey, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def answered(self, parcel: ParcelKey, now: float, code: str) -> None:
        if code == "200":
            self._charge(parcel, now, "success")
        elif code in {"500", "408"} and not self._is_paid(parcel, now, "failures"):
            failures = self._failures[parcel]
            failures.append(now)
            while failures[0] < now - BILLING_SECONDS:
                failures.popleft()
            if len(failures) == FAILURES_A_CHARGE:
                failures.clear()
                self._charge(parcel, now, "failures")

    def _charge(self, parcel: ParcelKey, now: float, cause: Literal["success", "failures"]) -> None:
        if not self._is_paid(parcel, now, cause):
            self._charged_at[parcel, cause] = now
            self.charges.append(Charge(now, *parcel, cause))

    def _is_paid(self, parcel: ParcelKey, now: float, cause: str) -> bool:
        charged_at = self._charged_at.get((parcel, cause))
        return charged_at is not None and now - charged_at < BILLING_SECONDS
