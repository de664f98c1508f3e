"""The circuit: open while Kuaidi100 refuses every call for a reason that only the operator can mend. Pure.

::

    closed --601, 503--> open ---- 60 s ---- probe ---- 120 s ---- probe ---- ... 30 min ---- probe
                                               |  200, 500, 408: closed

One record for all functions. A probe is claimed together with its call's slot, so there is one at a time, whoever dies in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from waybill.errors import MINUTE

OPENED_BY: Final = frozenset({"601", "503"})
CLOSED_BY: Final = frozenset({"200", "500", "408"})
"""What shows that calls are answered again: the account was charged or the courier asked."""
FIRST_WAIT: Final = MINUTE
LONGEST_WAIT: Final = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Circuit:
    """An open circuit. `code` opened it; `holder` names the flight that opened it or probed last; times in epoch seconds."""

    code: str
    opened_at: float
    probe_at: float
    wait: float
    holder: str

    @classmethod
    def opened(cls, code: str, holder: str, now: float) -> Circuit:
        now = round(now, 3)
        return cls(code, now, now + FIRST_WAIT, FIRST_WAIT, holder)

    def probed(self, holder: str, now: float) -> Circuit:
        """With one probe on its way; the next may go when twice the wait is over."""
        wait = min(2 * self.wait, LONGEST_WAIT)
        return replace(self, probe_at=round(now, 3) + wait, wait=wait, holder=holder)
