"""The brake: while most calls come to faults of Kuaidi100 (501, 502) or to time-outs, fewer parcels are sent on their way. Pure.

::

    free --most calls fail--> half of them --> a quarter --> ... --> 1
                                   '--<--calls succeed: twice as many, until it is free--<--'

Workers count what their calls came to; each run of the dispatch judges what was counted since, once that is enough to judge by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from waybill.outcomes import NotSent, OutcomeUnknown, ServerBusy, ServerFault

FAULTS: Final = frozenset(error.outcome for error in (ServerFault, ServerBusy, OutcomeUnknown, NotSent))
"""Outcomes of calls that fewer calls at once may mend."""
ENOUGH: Final = 5
"""So many calls tell something; or as many as were let through."""
FREE: Final = 1000
"""A brake as loose as this is off."""


@dataclass(frozen=True, slots=True)
class Brake:
    """`most` parcels may be sent in one run, None for any number. `calls` were counted since that was decided.

    `faults` of them failed.
    """

    calls: int = 0
    faults: int = 0
    most: int | None = None

    @property
    def can_be_judged(self) -> bool:
        return self.calls >= min(ENOUGH, self.most or ENOUGH)

    def judged(self) -> Brake:
        """The brake as it is for the next runs, with nothing counted."""
        if 2 * self.faults > self.calls:
            return Brake(most=max(1, min(self.calls, self.most or self.calls) // 2))
        if self.most is None or 2 * self.most >= FREE:
            return Brake()
        return Brake(most=2 * self.most)
