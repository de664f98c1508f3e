"""A lookup of phone-bound parcels: who sees one, who is sent away, and what each try costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.simulator.query import Form
from local.simulator.scripted import Script, ScriptEvent
from local.simulator.world import Options, World
from tests.doubles import FixedSecrets, MemoryStore
from waybill.budgets import Budget
from waybill.circuit import Circuit
from waybill.errors import (
    BudgetExhausted,
    CircuitOpen,
    PhoneMismatch,
    PhoneRequired,
    PhoneUnverified,
    RateLimited,
    ServiceError,
    UpstreamUnavailable,
)
from waybill.kuaidi100 import Credentials, parse, sign, to_param
from waybill.outcomes import NoResult, WrongPhone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from waybill.freshness import Known
    from waybill.model import Answer, Query

from tests.unit.scenes import DAY, GAP, NUMBER, Scene


def test_a_courier_that_demands_a_phone_is_not_asked_without_one() -> None:
    scene = Scene()
    with pytest.raises(PhoneRequired):
        scene.ask("shunfeng")
    assert scene.queries == []


def test_the_right_phone_works_straight_after_a_wrong_one_and_is_then_cached() -> None:
    scene = Scene(right_tail="8000")
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "1111")
    assert scene.ask("shunfeng", "8000").source == "live"
    assert scene.ask("shunfeng", "8000").source == "cache"
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "1111")
    assert len(scene.queries) == 2


def test_an_untried_phone_sees_nothing_while_no_call_is_allowed() -> None:
    scene = Scene(right_tail="8000")
    scene.ask("shunfeng", "8000")
    with pytest.raises(PhoneUnverified) as caught:
        scene.ask("shunfeng", "2222")
    assert caught.value.retry_after == pytest.approx(GAP, abs=1)
    scene.time += GAP + 1
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "2222")
    assert scene.ask("shunfeng", "8000").source == "live"


def test_a_second_right_phone_is_verified_by_a_call_of_its_own() -> None:
    scene = Scene()
    scene.ask("shunfeng", "8000")
    scene.time += GAP + 1
    assert scene.ask("shunfeng", "9000").source == "live"
    assert {scene.ask("shunfeng", tail).source for tail in ("8000", "9000")} == {"cache"}


def test_a_third_phone_is_wrong_without_a_call_since_a_parcel_has_two() -> None:
    scene = Scene()
    for tail in ("8000", "9000"):
        scene.ask("shunfeng", tail, member="owner")
        scene.time += GAP + 1
    for tail in ("1111", "2222", "3333", "4444", "5555"):
        with pytest.raises(PhoneUnverified):
            scene.ask("shunfeng", tail, member="stranger")
    with pytest.raises(RateLimited):
        scene.ask("shunfeng", "6666", member="stranger")
    assert len(scene.queries) == 2
    assert scene.ask("shunfeng", "9000", member="owner").source == "live"


@dataclass
class Cached(Scene):
    """Its upstream is the simulator, within the process."""

    world: World | None = None

    def query(self, query: Query, credentials: tuple[str, str]) -> Answer:
        assert self.world
        self.queries.append(query)
        signed = Credentials(*credentials)
        param = to_param(query)
        return parse(self.world.ask(Form(signed.customer, sign(param, signed), param)).answer.body, query)


def test_of_those_that_kuaidi100_shows_what_others_saw_only_the_first_gets_in(tmp_path: Path) -> None:
    """Its page, appendix 2: for a wrong phone it may answer with "cached data verified by other users"."""
    secrets = FixedSecrets(("DEMO", "KEY"))
    scene = Cached(world=World(Options(tmp_path)), secrets=secrets)
    assert scene.world
    collected = ScriptEvent(at=-60, text="已揽收", status_code="103")
    script = Script(phone="8000", shows_cached=True, events=[collected])
    scene.world.put_script(("shunfeng", NUMBER), script)
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "1111", member="early")
    shown = scene.ask("shunfeng", "8000", member="owner").parcel.events
    scene.time += GAP + 1
    assert scene.ask("shunfeng", "2222", member="stranger").parcel.events == shown
    scene.time += GAP + 1
    with pytest.raises(PhoneUnverified):
        scene.ask("shunfeng", "3333", member="stranger")
    assert [query.phone for query in scene.queries] == ["1111", "8000", "2222"]


def test_at_most_three_wrong_phones_a_day_reach_the_upstream() -> None:
    scene = Scene(right_tail="8000")
    for tail in ("1111", "2222", "3333"):
        with pytest.raises(PhoneMismatch):
            scene.ask("shunfeng", tail, member=f"member {tail}")
    with pytest.raises(PhoneUnverified) as caught:
        scene.ask("shunfeng", "8000", member="owner")
    assert len(scene.queries) == 3
    assert caught.value.retry_after == pytest.approx(DAY, abs=2)
    scene.time += DAY
    assert scene.ask("shunfeng", "8000", member="owner").source == "live"


def test_a_member_has_five_wrong_guesses_a_day_and_then_not_even_the_right_one() -> None:
    scene = Scene(right_tail="8000")
    scene.ask("shunfeng", "8000", member="owner")
    for tail in ("1111", "2222", "3333", "4444", "5555", "5555", "1111"):
        with pytest.raises(PhoneUnverified):
            scene.ask("shunfeng", tail, member="stranger")
    for tail in ("6666", "8000"):
        with pytest.raises(RateLimited) as caught:
            scene.ask("shunfeng", tail, member="stranger")
        assert caught.value.retry_after == pytest.approx(DAY, abs=5)
    assert scene.ask("shunfeng", "8000", member="owner").source == "cache"
    scene.time += DAY
    assert scene.ask("shunfeng", "8000", member="stranger").source == "live"


def test_the_member_whose_phone_was_verified_is_not_locked_out_by_its_own_mistakes() -> None:
    scene = Scene(right_tail="8000")
    scene.ask("shunfeng", "8000")
    scene.time += 1
    for tail in ("1111", "2222", "3333", "4444", "5555"):
        with pytest.raises(PhoneUnverified):
            scene.ask("shunfeng", tail)
    with pytest.raises(RateLimited):
        scene.ask("shunfeng", "6666")
    assert scene.ask("shunfeng", "8000").source == "cache"


def test_a_tail_that_was_only_asked_with_does_not_open_the_parcel_later() -> None:
    scene = Scene(says=[NoResult()], right_tail="8000")
    assert scene.ask("shunfeng", "1111").parcel.status == "pending"
    assert scene.ask("shunfeng", "1111").source == "cache"
    scene.time += GAP + 1
    assert scene.ask("shunfeng", "8000").parcel.events
    with pytest.raises(PhoneUnverified):
        scene.ask("shunfeng", "1111")


def test_a_wrong_phone_is_never_served_from_the_cache_once_it_is_forgotten() -> None:
    scene = Scene(right_tail="8000", terminal=True)
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "1111")
    scene.ask("shunfeng", "8000")
    scene.time += DAY + 10
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "1111")


def test_a_courier_that_demands_a_phone_against_its_table_is_believed() -> None:
    scene = Scene(right_tail="8000")
    with pytest.raises(PhoneRequired):
        scene.ask("yuantong")
    with pytest.raises(PhoneRequired):
        scene.ask("yuantong")
    assert len(scene.queries) == 1
    assert scene.ask("yuantong", "8000").source == "live"
    with pytest.raises(PhoneUnverified):
        scene.ask("yuantong", "1111")


def test_only_the_tail_goes_upstream_and_no_digits_are_remembered() -> None:
    scene = Scene()
    scene.ask("shunfeng", "8000")
    assert scene.queries[0].phone == "8000"
    known = scene.store.results["shunfeng", NUMBER]
    assert list(known.tails) == [f"hash-shunfeng-{NUMBER}-8000"]


def test_what_another_flight_taught_meanwhile_is_known_before_a_call_is_made() -> None:
    scene = Scene(right_tail="8000")
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "1111")
    known = scene.store.results["shunfeng", NUMBER]
    lagging = LaggingStore(scene.store.results)
    scene.store = lagging
    with pytest.raises(PhoneMismatch):
        scene.ask("shunfeng", "1111")
    assert len(scene.queries) == 1
    assert lagging.results["shunfeng", NUMBER].tails == known.tails
    assert len(scene.slots.leases["shunfeng", NUMBER].calls) == 1


class LaggingStore(MemoryStore):
    """A replica that has seen nothing yet; only consistent reads see the truth."""

    def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None:
        return super().known(courier, number) if consistent else None


def test_a_tail_that_nobody_checked_does_not_open_a_parcel_that_becomes_phone_bound() -> None:
    scene = Scene()
    scene.ask("yuantong", "0000")
    scene.time += GAP + 1
    scene.right_tail = "8000"
    with pytest.raises(PhoneRequired):
        scene.ask("yuantong")
    assert scene.ask("yuantong", "8000").source == "live"
    with pytest.raises(PhoneUnverified):
        scene.ask("yuantong", "0000")


def test_a_wrong_phone_that_nobody_had_to_send_closes_the_parcel_to_no_one() -> None:
    scene = Scene(says=[None, WrongPhone()])
    scene.ask()
    scene.time += GAP + 1
    assert scene.ask(tail="9999").source == "stale"
    assert scene.ask(tail="9999").reason == "phone_not_accepted"
    assert scene.ask().source == "live"
    assert len(scene.queries) == 3


def test_of_many_tails_tried_at_once_the_right_one_is_let_in_only_among_the_first() -> None:
    """Every guesser has read the same answer, in which nobody had guessed yet."""
    scene = Scene(right_tail="8000")
    scene.ask("shunfeng", "8000", member="owner")
    frozen = scene.store.results["shunfeng", NUMBER]

    class Frozen(MemoryStore):
        def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None:  # noqa: ARG002 - as the store's
            return frozen

    scene.store = Frozen(dict(scene.store.results))
    for tail in ("1111", "2222", "3333", "4444", "5555"):
        with pytest.raises(PhoneUnverified):
            scene.ask("shunfeng", tail, member="stranger")
    with pytest.raises(RateLimited):
        scene.ask("shunfeng", "8000", member="stranger")
    assert scene.ask("shunfeng", "8000", member="another").source == "cache"
    scene.store = MemoryStore(dict(scene.store.results))
    with pytest.raises(RateLimited):  # nor when it is shown again, now that it is written down
        scene.ask("shunfeng", "8000", member="stranger")


def test_a_member_that_showed_the_right_phone_keeps_it_whoever_refreshes() -> None:
    scene = Scene(right_tail="8000")
    scene.ask("shunfeng", "8000", member="owner")
    scene.time += GAP + 1
    scene.ask("shunfeng", "8000", member="other")
    for tail in ("1111", "2222", "3333", "4444", "5555"):
        with pytest.raises(PhoneUnverified):
            scene.ask("shunfeng", tail, member="owner")
    assert scene.ask("shunfeng", "8000", member="owner").source == "cache"


def test_a_member_that_showed_the_right_phone_keeps_it_for_good_and_it_is_written_once() -> None:
    scene = Scene(right_tail="8000")
    scene.ask("shunfeng", "8000", member="owner")
    scene.ask("shunfeng", "8000", member="other")
    for _ in range(5):
        scene.time += DAY
        scene.ask("shunfeng", "8000", member="owner")
    guesses = scene.store.results["shunfeng", NUMBER].guesses
    assert sorted(each.member for each in guesses) == ["other", "owner"]
    for tail in ("1111", "2222", "3333", "4444", "5555"):
        with pytest.raises(PhoneUnverified):
            scene.ask("shunfeng", tail, member="other")
    assert scene.ask("shunfeng", "8000", member="other").source == "cache"


def used_up(scene: Scene) -> None:
    budget = Budget("", "day", 1)
    scene.budgets = (budget,)
    scene.slots.used[budget.name(scene.time), 0] = 1


def refused_to_all(scene: Scene) -> None:
    scene.slots.opened = Circuit.opened("601", "another", scene.time)


def not_filled_in(scene: Scene) -> None:
    scene.secrets.current = None


def nothing(scene: Scene) -> None:
    """Nothing has to be done: a parcel that is no longer followed is not asked about."""


@pytest.mark.parametrize(
    ("forbid", "asked", "error"),
    [
        (used_up, {}, BudgetExhausted),
        (refused_to_all, {}, CircuitOpen),
        (not_filled_in, {}, UpstreamUnavailable),
        (nothing, {"followed": False}, UpstreamUnavailable),
    ],
)
def test_where_no_call_can_be_made_a_member_has_five_wrong_guesses_all_the_same(
    forbid: Callable[[Scene], None], asked: dict[str, bool], error: type[ServiceError]
) -> None:
    scene = Scene(right_tail="8000")
    scene.ask("shunfeng", "8000", member="owner")
    scene.time += GAP + 1
    forbid(scene)
    for tail in ("1111", "2222", "3333", "4444", "5555", "5555", "1111"):
        with pytest.raises(error):
            scene.ask("shunfeng", tail, member="stranger", **asked)
    for tail in ("6666", "8000"):
        with pytest.raises(RateLimited):
            scene.ask("shunfeng", tail, member="stranger", **asked)
    assert scene.ask("shunfeng", "8000", member="owner", **asked).source == "stale"
    assert scene.ask("shunfeng", "8000", member="another", **asked).source == "stale"
    assert len(scene.queries) == 1
