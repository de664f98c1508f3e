"""The brake: how many parcels a run may send after calls that failed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from waybill.brake import ENOUGH, FREE, Brake

BRAKES = st.builds(
    lambda calls, failed, most: Brake(calls, min(calls, failed), most),
    st.integers(1, 2000),
    st.integers(0, 2000),
    st.none() | st.integers(1, FREE // 2),
)


def test_a_few_calls_tell_nothing_unless_no_more_were_let_through() -> None:
    assert not Brake(calls=ENOUGH - 1, faults=ENOUGH - 1).can_be_judged
    assert Brake(calls=ENOUGH).can_be_judged
    assert Brake(calls=1, most=1).can_be_judged
    assert not Brake(calls=2, most=3).can_be_judged


@given(BRAKES)
def test_when_most_calls_fail_at_most_half_as_many_follow_and_never_none(brake: Brake) -> None:
    judged = brake.judged()
    if 2 * brake.faults > brake.calls:
        assert judged.most is not None
        assert 1 <= judged.most <= max(1, brake.calls // 2, 0)
        assert brake.most is None or judged.most <= max(1, brake.most // 2)
    else:
        assert judged.most is None or (brake.most is not None and judged.most == 2 * brake.most)
    assert (judged.calls, judged.faults) == (0, 0)


@given(BRAKES)
def test_whatever_happened_calls_that_succeed_let_the_brake_go(brake: Brake) -> None:
    runs = 0
    while brake.most is not None or runs == 0:
        brake = Brake(calls=brake.most or ENOUGH, most=brake.most).judged()
        runs += 1
        assert runs <= 10, "doubling from 1 is over soon"


def test_a_healthy_upstream_is_never_braked() -> None:
    assert Brake(calls=5000, faults=2500).judged() == Brake()
