"""A lookup, scene by scene: what is served, what is asked, what is refused, and what each answer says of its freshness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.doubles import FixedSecrets, MemorySlots, MemoryStore
from tests.unit.scenes import DAY, GAP, HOUR, NUMBER, Scene
from waybill.errors import (
    StoreUnavailable,
    UpstreamUnavailable,
    UpstreamUnknown,
    WaybillError,
)
from waybill.lease import Rules, take
from waybill.outcomes import (
    BadSignature,
    CompanyNotFound,
    NoResult,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    ServerBusy,
    UpstreamError,
)

if TYPE_CHECKING:
    from waybill.calls import Call
    from waybill.lease import Lease
    from waybill.slots import Slot


def test_the_first_reader_pays_and_the_second_reads() -> None:
    scene = Scene()
    first, second = scene.ask(), scene.ask()
    assert (first.source, first.reason) == ("live", "fetched_now")
    assert (second.source, second.reason) == ("cache", "within_gap")
    assert first.parcel == second.parcel
    assert len(scene.queries) == 1
    assert first.next_allowed_at == first.fetched_at + GAP


def test_a_cached_answer_costs_one_read() -> None:
    scene = Scene()
    scene.ask()
    before = scene.store.reads
    scene.ask()
    assert scene.store.reads - before == 1


def test_after_the_gap_a_reader_pays_again() -> None:
    scene = Scene()
    scene.ask()
    scene.time += GAP + 1
    assert scene.ask().source == "live"


def test_a_delivered_parcel_stays_fresh_for_a_month_unless_asked_for_fresher() -> None:
    scene = Scene(terminal=True)
    scene.ask()
    scene.time += 29 * DAY
    assert (scene.ask().source, scene.ask().reason) == ("cache", "terminal")
    assert scene.ask(max_age=HOUR).source == "live"
    scene.time += 1
    assert (scene.ask(max_age=0.0).source, scene.ask(max_age=0.0).reason) == ("stale", "gap_not_over")
    scene.time += 31 * DAY
    assert scene.ask().source == "live"


def test_a_reader_that_takes_older_answers_saves_a_call() -> None:
    scene = Scene()
    scene.ask()
    scene.time += 2 * HOUR
    assert scene.ask(max_age=DAY).source == "cache"
    assert len(scene.queries) == 1


@pytest.mark.parametrize("error", [ServerBusy(), OutcomeUnknown(), QuotaExhausted(), NotSent(), NoResult()])
def test_a_failed_refresh_serves_the_last_answer_and_says_why(error: UpstreamError) -> None:
    scene = Scene(says=[None, error])
    first = scene.ask()
    scene.time += GAP + 1
    stale = scene.ask()
    assert stale.source == "stale"
    assert stale.parcel == first.parcel
    assert stale.reason in {f"upstream_{error.outcome}", "gap_not_over"}
    assert stale.age > GAP
    assert stale.next_allowed_at > scene.time


@pytest.mark.parametrize(
    ("error", "told", "retry_after"),
    [
        (ServerBusy(), UpstreamUnavailable, 60),
        (NotSent(), UpstreamUnavailable, 5),
        (BadSignature(), UpstreamUnavailable, 60),
        (QuotaExhausted(), UpstreamUnavailable, 60),
        (OutcomeUnknown(), UpstreamUnknown, 12 + GAP),
        (CompanyNotFound(), UpstreamUnavailable, 60),
    ],
)
def test_a_failed_first_call_says_when_to_come_back_and_asking_again_is_free(
    error: UpstreamError, told: type[WaybillError], retry_after: float
) -> None:
    scene = Scene(says=[error])
    with pytest.raises(told) as caught:
        scene.ask()
    assert caught.value.retry_after == pytest.approx(retry_after, abs=1)
    with pytest.raises(told) as again:
        scene.ask()
    assert len(scene.queries) == 1
    scene.time += (again.value.retry_after or 0) + 0.01
    assert scene.ask().source == "live"


def test_what_the_vendor_says_of_an_account_without_credit_is_no_mistake_of_the_caller() -> None:
    """Codes that are not in the table were refused before: the vendor's 400 is the operator's to mend."""
    scene = Scene(says=[CompanyNotFound() for _ in range(3)])
    for _ in range(3):
        with pytest.raises(UpstreamUnavailable, match="operator") as caught:
            scene.ask()
        scene.time += (caught.value.retry_after or 0) + 0.01
    assert (caught.value.retry_after or 0) <= HOUR / 2
    assert scene.ask().source == "live"


def test_no_trace_yet_is_an_answer_and_is_asked_about_ever_more_rarely() -> None:
    scene = Scene(says=[NoResult() for _ in range(6)])
    waits = []
    for _ in range(6):
        found = scene.ask()
        assert (found.source, found.parcel.status, found.parcel.events) == ("live", "pending", ())
        assert scene.ask().reason == "pending_backoff"
        waits.append(found.fresh_until - found.fetched_at)
        scene.time = found.fresh_until
    assert waits == [GAP, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 8 * HOUR]
    assert scene.ask().parcel.status == "in_transit"


def test_a_known_parcel_keeps_its_events_when_the_courier_forgets_it() -> None:
    scene = Scene(says=[None, NoResult()])
    events = scene.ask().parcel.events
    scene.time += GAP + 1
    assert scene.ask().parcel.events == events


def test_a_parcel_keeps_the_language_of_its_first_answer() -> None:
    scene = Scene()
    assert scene.ask(lang="en").parcel.lang == "en"
    assert scene.ask(lang="zh").parcel.lang == "en"
    scene.time += GAP + 1
    assert scene.ask(lang="zh").parcel.lang == "en"
    assert [query.lang for query in scene.queries] == ["en", "en"]


def test_a_refused_signature_rereads_the_secret_and_tries_once_more_if_it_changed() -> None:
    scene = Scene(says=[BadSignature()], secrets=FixedSecrets(("old", "key"), rotated=("new", "key")))
    assert scene.ask().source == "live"
    assert scene.used == [("old", "key"), ("new", "key")]
    assert len(scene.slots.leases["yuantong", NUMBER].calls) == 2


def test_a_refused_signature_of_the_same_secret_is_not_tried_again() -> None:
    scene = Scene(says=[BadSignature(), None])
    with pytest.raises(UpstreamUnavailable, match="signature"):
        scene.ask()
    assert (len(scene.queries), scene.secrets.rereads) == (1, 1)


def test_a_secret_that_is_not_filled_in_costs_no_slot() -> None:
    scene = Scene(secrets=FixedSecrets(None))
    with pytest.raises(UpstreamUnavailable):
        scene.ask()
    assert (scene.queries, scene.slots.leases) == ([], {})


def test_a_missing_secret_still_serves_what_is_known() -> None:
    scene = Scene()
    scene.ask()
    scene.secrets.current = None
    scene.time += GAP + 1
    assert scene.ask().source == "stale"


def test_a_reader_waits_for_a_call_in_flight_and_gives_up_when_it_never_lands() -> None:
    scene = Scene()
    crashed = take(None, "crashed", scene.time, scene.rules)
    assert crashed is not None
    scene.slots.leases["yuantong", NUMBER] = crashed
    started = scene.time
    with pytest.raises(UpstreamUnknown) as caught:
        scene.ask()
    assert scene.time - started == pytest.approx(13)
    assert caught.value.retry_after == pytest.approx(GAP, abs=2)
    assert scene.queries == []


def test_a_paid_answer_is_given_even_when_it_cannot_be_stored() -> None:
    class Forgetful(MemoryStore):
        def store(self, courier: str, number: str, known: object) -> None:  # noqa: ARG002 - as the store's
            raise StoreUnavailable("full", retry_after=1)

    class Unsettled(MemorySlots):
        def settle(self, slot: Slot, lease: Lease, call: Call) -> None:  # noqa: ARG002 - as the slots'
            raise StoreUnavailable("full", retry_after=1)

    scene = Scene(store=Forgetful(), slots=Unsettled())
    assert scene.ask().source == "live"
    assert len(scene.losses) == 2
    with pytest.raises(UpstreamUnknown):
        scene.ask()
    assert len(scene.queries) == 1


def test_every_call_is_reported_with_what_it_came_to() -> None:
    scene = Scene(says=[None, ServerBusy()])
    scene.ask()
    scene.time += GAP + 1
    scene.ask()
    assert [call.outcome for call in scene.calls] == ["200", "502"]
    assert {(call.courier, call.member) for call in scene.calls} == {("yuantong", "member")}


def test_who_wants_news_since_a_time_is_content_with_what_another_fetched_later() -> None:
    """Two workers with the same message, the second of them after the gap."""
    scene = Scene()
    first = scene.ask(since=0.0)
    scene.time += GAP + 1
    assert scene.ask(since=0.0).source == "cache"
    assert scene.ask(since=first.fetched_at).source == "live"
    assert len(scene.queries) == 2


def test_a_destination_asks_for_a_forecast() -> None:
    scene = Scene()
    scene.ask(to="北京朝阳")
    assert (scene.queries[0].resultv2, scene.queries[0].to) == ("8", "北京朝阳")


def test_a_settled_answer_whose_lease_was_not_settled_is_served_and_not_fought_over() -> None:
    """The writer died between its two writes: the result says sooner than the lease."""
    scene = Scene(says=[None, ServerBusy()])
    scene.ask()
    scene.time += GAP + 1
    scene.ask()
    lease = scene.slots.leases["yuantong", NUMBER]
    scene.slots.leases["yuantong", NUMBER] = replace(lease, next_allowed_at=scene.time + GAP)
    scene.time += 61
    before = scene.store.reads + scene.slots.reads
    assert scene.ask().source == "stale"
    assert scene.store.reads + scene.slots.reads - before == 3  # what is known, twice, and the circuit


def test_a_changed_secret_does_not_break_the_cap_of_a_day() -> None:
    scene = Scene(rules=Rules(cap=3), says=[None, None, BadSignature()])
    scene.secrets = FixedSecrets(("old", "key"), rotated=("new", "key"))
    for _ in range(3):
        assert scene.ask().parcel
        scene.time += GAP + 1
    assert scene.ask().source == "stale"
    assert len(scene.queries) == 3


def test_no_call_starts_so_late_that_the_function_would_not_live_to_see_its_answer() -> None:
    scene = Scene()
    scene.ask()
    scene.time += GAP + 1

    def slow_secret(*, reread: bool = False) -> tuple[str, str]:
        del reread
        scene.time += 7
        return ("DEMO", "KEY")

    scene.secrets.kuaidi100 = slow_secret  # type: ignore[method-assign] # a secret that takes its time
    assert scene.ask().source == "stale"
    assert len(scene.queries) == 1


def test_what_the_courier_has_forgotten_and_we_may_keep_no_longer_is_pending_again() -> None:
    scene = Scene()
    scene.ask()
    scene.says = [NoResult()] * 3
    for _ in range(3):
        scene.time += 21 * DAY
        found = scene.ask(max_age=0.0)
    assert (found.source, found.parcel.events) == ("live", ())


def test_when_an_answer_was_fetched_is_known_as_it_is_read_back() -> None:
    scene = Scene(time=1_800_000_000.1234567)
    assert scene.ask().fetched_at == round(scene.time, 3)


def test_an_answer_older_than_it_may_be_kept_is_not_served() -> None:
    scene = Scene(says=[None, OutcomeUnknown()])
    scene.ask()
    scene.time += 41 * DAY
    with pytest.raises(UpstreamUnknown):
        scene.ask()
