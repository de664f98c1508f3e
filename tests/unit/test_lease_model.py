"""The lease, explored completely (see `lease_model`): three callers of whom two may die, and broken leases that it has to catch.

`python -m tests.unit.test_lease_model` explores larger worlds, with clocks that differ, for minutes; `make faults` does so too.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.lease_model import LATE, OUTCOMES, World, same_flight
from waybill import lease
from waybill.lease import Lease, Rules
from waybill.outcomes import OutcomeUnknown

if TYPE_CHECKING:
    from tests.unit.lease_model import Came

LOCK: Final = 1800.0
"""Seconds under which the vendor locks a number."""
RULES: Final = Rules()
SKEW: Final = 5.0
LARGE: Final = {
    "three callers, two crashes, clocks 5 s apart": World(skews=(0.0, SKEW, SKEW)),
    "three callers, one crash, clocks 10 s apart": World(skews=(-SKEW, 0.0, SKEW), crashes=1),
    "two callers, two questions each, two crashes": World(skews=(0.0, 0.0), tries=2),
    "two callers, two questions each, strict": World(
        skews=(0.0, 0.0), tries=2, crashes=1, rules=Rules(strict=True)
    ),
}


def test_three_callers_and_two_crashes_never_come_too_close_and_never_wait_for_ever() -> None:
    found = World().explore()
    # From the slot on the lease holds for deadline and gap; of these, who died may have spent its delay and its deadline.
    assert found.closest == RULES.gap - LATE
    assert found.closest >= LOCK
    assert found.longest_wait == RULES.deadline + RULES.gap
    assert found.states > 10_000
    assert found.calls > 500


def test_calls_whose_answers_are_written_at_once_lie_a_whole_gap_apart() -> None:
    answered = {True: (None,), False: OUTCOMES[False]}
    found = World(outcomes=answered, crashes=0, loses=False, prompt=True).explore()
    assert found.closest >= RULES.gap - 0.001, "times are kept to the millisecond"


def test_clocks_that_differ_take_no_more_than_their_difference() -> None:
    found = World(skews=(-SKEW, SKEW), crashes=1).explore()
    assert RULES.gap - LATE - 2 * SKEW <= found.closest < RULES.gap - LATE
    assert found.closest >= LOCK
    assert found.longest_wait <= RULES.deadline + RULES.gap + 2 * SKEW


def test_the_strict_switch_breaks_nothing() -> None:
    found = World(skews=(0.0, 0.0), crashes=1, rules=Rules(strict=True)).explore()
    assert found.closest == RULES.gap - LATE
    assert found.longest_wait == RULES.deadline + RULES.gap


def test_no_day_has_more_calls_than_the_cap() -> None:
    found = World(crashes=0, rules=Rules(cap=2), loses=False, prompt=True).explore()
    assert found.most == 2
    assert found.closest >= LOCK
    assert found.longest_wait <= lease.WINDOW


# ---- What is broken is caught


def forgets_the_deadline(standing: Lease | None, holder: str, now: float, rules: Rules) -> Lease | None:
    taken = lease.take(standing, holder, now, rules)
    return taken and replace(taken, next_allowed_at=now + rules.gap)


def gives_back_the_unknown(slot: Lease, came: Came, now: float, rules: Rules) -> Lease:
    if isinstance(came, OutcomeUnknown):
        return replace(slot, next_allowed_at=now, flight_until=None)
    return lease.settle(slot, came, now, rules)


def forgets_the_cap(standing: Lease | None, holder: str, now: float, rules: Rules) -> Lease | None:
    return lease.take(standing, holder, now, replace(rules, cap=1000))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(World(stands=lambda _standing, _seen: True), id="writes without a condition"),
        pytest.param(World(rules=Rules(gap=LOCK)), id="a gap that leaves no room"),
        pytest.param(
            World(rules=Rules(gap=1810.0), take=forgets_the_deadline), id="a slot that forgets the deadline"
        ),
        pytest.param(World(settle=gives_back_the_unknown), id="what nobody knows is given back"),
    ],
)
def test_a_broken_lease_is_caught(broken: World) -> None:
    assert replace(broken, skews=(0.0, 0.0), crashes=1).explore().closest < LOCK


def test_a_condition_on_the_sequence_alone_would_do_as_long_as_clocks_agree() -> None:
    """What `holder` is for is a repeated write, which has to know itself; two flights of one sequence never stand."""
    found = World(
        skews=(0.0, 0.0),
        crashes=1,
        stands=lambda standing, seen: (standing and standing.sequence) == (seen and seen.sequence),
    ).explore()
    assert found.closest >= LOCK


def test_a_lease_without_the_cap_is_caught() -> None:
    rules = Rules(cap=1)
    assert (
        World(skews=(0.0, 0.0), crashes=0, rules=rules, take=forgets_the_cap, loses=False).explore().most > 1
    )


def test_the_condition_is_on_the_flight() -> None:
    first = lease.take(None, "a", 1_800_000_000.0, RULES)
    assert first is not None
    assert same_flight(lease.settle(first, None, 1_800_000_001.0, RULES), first)
    assert not same_flight(first, None)


def main() -> int:
    for name, world in LARGE.items():
        begun, found = time.monotonic(), world.explore()
        kept = found.closest >= LOCK and found.longest_wait <= lease.WINDOW
        words = f"{name}: {found}, {time.monotonic() - begun:.0f} s{'' if kept else ': BROKEN'}\n"
        sys.stdout.write(words)
        if not kept:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
