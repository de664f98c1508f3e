"""When a webhook is tried again: the table, its jitter, and what the endpoint asks for. Pure.

Data first: a reader can hold the table against docs/notifications.md. Waits are seconds of service time, counted from the end of
the try that failed.
"""

from __future__ import annotations

from typing import Final

from waybill.errors import DAY, HOUR, MINUTE

DEADLINE: Final = 15.0
"""Wall seconds that a try may take with everything: name, connection, TLS, sending, and the answer to its end."""
WAITS: Final = (
    5.0,  # a connection that was cut, a process that was being replaced
    5 * MINUTE,  # a restart, a deployment
    30 * MINUTE,  # somebody was called and is looking
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,  # a night
    14 * HOUR,  # so that the next working day has begun, wherever it is
    20 * HOUR,
    24 * HOUR,  # a weekend, together with those before
)
"""Before the second try, the third, ...; after the last of them the delivery is parked. The table of Standard Webhooks."""
JITTER: Final = 0.2
"""A wait is up to so much of itself longer, so that what failed together does not come back together; it is never shorter."""
LONGEST_ASKED: Final = DAY
"""Wall seconds of a Retry-After that are obeyed."""
FAILING: Final = 5 * DAY
"""Service time: an endpoint that has failed for so long, and at which nothing arrived, is disabled."""
NOTED: Final = HOUR
"""Service time: that an endpoint still fails is written so often."""
QUIET: Final = WAITS[-1] * (1 + JITTER) + 2 * NOTED
"""Service time: an endpoint that was not seen to fail for so long fails anew. Nothing was sent meanwhile, as no wait is so long."""


def wait(failures: int, chance: float, asked: float | None = None, second: float = 1.0) -> float | None:
    """Seconds of service time until the next try, or None where `failures` in a row have used up the table.

    `chance` is from [0, 1). `asked` is Retry-After in wall seconds, of which one is `second` of service time: an endpoint knows its
    own time only.
    """
    if failures > len(WAITS):
        return None
    own = WAITS[failures - 1] * (1 + JITTER * chance)
    return max(own, min(asked or 0.0, LONGEST_ASKED) * second)
