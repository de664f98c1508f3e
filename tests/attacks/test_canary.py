"""People go through every path of a stack, and are nowhere afterwards but where the API promises to keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attacks.canary import OPERATOR, SPEED, canary
from tests.attacks.kept import KEPT, OUTSIDE, PASSING, TOLD, WAYS
from tests.stacks import running_stack

if TYPE_CHECKING:
    import pytest

PEOPLE = 270


def test_nobody_is_found_where_nobody_should_be(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        running_stack(
            tmp_path_factory.mktemp("state"), SIM_SPEED=str(SPEED), WAYBILL_OPERATOR_EMAIL=OPERATOR
        ) as stack,
        canary(stack, PEOPLE) as run,
    ):
        assert run.leaks() == {}
        found = dict(run.found)
        assert run.erase().keys() <= OUTSIDE
        assert {"log query", "mail to the customer", "table Tracking ERASED"} <= run.found.keys(), (
            "all is looked at"
        )
    # The search does find those who are kept, in every place that keeps them.
    parcels = PEOPLE // (TOLD + len(WAYS))
    assert len(run.numbers) == parcels
    for way, places in KEPT.items():
        for place in places - PASSING:
            assert len(found[place] & run.given[way]) >= parcels, (way, place)
    assert {
        "page",
        "badge",
        "operations",
        "log query",
        "log mail",
        "table Tracking MILESTONE",
        "mail to the operator",
    } <= found.keys()
