"""What the vendor charges for, by its published rules: known for each number when its answer comes. Pure.

A success is charged per number, not per call, within a window that is not published (40 days assumed); five failures of a number
(500 or 408) cost one charge, at most one per number in the same time (vendor's FAQ).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from waybill.errors import DAY

WINDOW: Final = 40 * DAY
FAILURES_A_CHARGE: Final = 5
_FAILURES: Final = frozenset({"500", "408"})


@dataclass(frozen=True, slots=True)
class Charges:
    """A number's account: when a success and when failures were charged last, and the failures since. Epoch seconds."""

    success_at: float | None = None
    failures_at: float | None = None
    failed: tuple[float, ...] = ()

    def after(self, outcome: str, now: float) -> tuple[Charges, bool]:
        """The account after a call that came to `outcome`, and whether that call is charged."""
        if outcome == "200":
            if _paid(self.success_at, now):
                return self, False
            return replace(self, success_at=now), True
        if outcome not in _FAILURES or _paid(self.failures_at, now):
            return self, False
        failed = (*(at for at in self.failed if at >= now - WINDOW), now)
        if len(failed) < FAILURES_A_CHARGE:
            return replace(self, failed=failed), False
        return replace(self, failures_at=now, failed=()), True


def _paid(at: float | None, now: float) -> bool:
    return at is not None and now - at < WINDOW


UNCHARGED: Final = Charges()
