"""The whole stack under faults, as long as a newcomer waits: two runs of the table; `make faults` does all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import document
from tests.faults.rig import Survived, rig
from tests.faults.table import FAULTS, QUICK, runs
from tests.faults.told import happened
from tests.proofs import HOUR, JOURNEYS, Trip
from tests.stacks import running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.rig import Rig
    from tests.faults.table import Fault

NO_FIGURES = {"0", "-"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with (
        running_stack(tmp_path_factory.mktemp("state"), SIM_SPEED="6000", WAYBILL_TROUBLE="on") as stack,
        rig(stack) as running,
    ):
        yield running


@pytest.mark.parametrize("run", QUICK)
def test_a_fault_loses_nothing_doubles_nothing_locks_nothing_and_leaves_by_itself(
    made: Rig, run: int
) -> None:
    (faults,) = runs(run).values()
    wrong = {
        survived.name: survived.wrong(again=any(each.again for each in faults))
        for survived in made.run(faults)
    }
    assert wrong == {fault.name: [] for fault in faults}


# ---- What judges


def test_what_is_expected_of_a_journey_is_what_the_proofs_expect() -> None:
    for kind, (lines, milestones) in JOURNEYS.items():
        trip = Trip("1", kind, tuple((at * HOUR, code) for at, code in lines))
        told = [status for _, status, _ in happened(trip)]
        assert {status: told.count(status) for status in told} == milestones
        assert list(happened(trip, until=lines[0][0] * HOUR - 1)) == []
        assert len(list(happened(trip, since=lines[-2][0] * HOUR))) == 1


WELL = Survived("well", 2, 3, 9, 0, (), 0, 0, 1.5, (), "")


@pytest.mark.parametrize(
    "bad",
    [
        {"struck": 0},
        {"violations": 1},
        {"lost": ("letter: ('1', 'delivered')",)},
        {"twice": 1},
        {"again": 1},
        {"recovered": None},
        {"odd": ("500",)},
        {"unbooked": "one call"},
    ],
)
def test_each_thing_that_must_not_be_is_seen(bad: dict[str, object]) -> None:
    assert WELL.wrong(again=False) == []
    assert len(replaced(WELL, **bad).wrong(again=False)) == 1


def replaced(survived: Survived, **bad: object) -> Survived:
    fields = {name: getattr(survived, name) for name in Survived.__slots__}
    return Survived(**{**fields, **bad})


# ---- What the document tells


def test_the_document_has_a_row_for_each_fault_of_the_table_and_no_other() -> None:
    assert list(document.rows()) == [fault.name for fault in FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_document_tells_of_a_fault_that_was_felt_and_survived(fault: Fault) -> None:
    felt, calls, too_often, lost, twice, again, recovered = document.rows()[fault.name]
    assert {felt, calls, recovered} & NO_FIGURES <= {"0"} & {recovered}
    assert (too_often, lost, twice) == ("0", "0", "0")
    allowed = any(each.again for each in FAULTS if each.run == fault.run)
    assert again == "0" or allowed


def test_each_fault_has_a_name_and_a_run_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.run and not set("|\n") & set(fault.name) for fault in FAULTS)
    assert all(
        bool(fault.upstream or fault.trouble or fault.kills or fault.secret or fault.key) for fault in FAULTS
    )
