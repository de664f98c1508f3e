"""What answers do to followed parcels: births, plans, copies, whatever comes twice, too late, at once, or dies halfway."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.followed import DAY, HOUR, LINK, NINE, Followed, known, line
from tests.store.conftest import client_of, new_table
from waybill import merge
from waybill.errors import StoreUnavailable
from waybill.model import Answer, Parcel
from waybill.pace import Stay
from waybill.schedule import JITTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.freshness import Known
    from waybill.shipments import Link

CODES = ("103", "1002", "1001", "0", "5", "501", "204", "206", "202", "2", "203", "6", "301", "304")
COLLECTED, TOUR = line("103", NINE - 30 * HOUR), line("5", NINE - HOUR)


@pytest.fixture
def followed(dynamodb: DynamoDBClient) -> Followed:
    return Followed(dynamodb, new_table(dynamodb, "TrackingTable"))


def test_an_answer_is_a_look_whoever_asked(followed: Followed) -> None:
    ship = followed.register()
    followed.following(known(NINE, COLLECTED, TOUR))
    row = followed.row()
    assert (row.checked_at, row.sequence, row.reason) == (NINE, int(NINE), "on_tour")
    assert row.next_at is not None
    assert NINE + 1860 <= row.next_at < NINE + 3 * HOUR
    assert row.due_at == row.next_at
    assert followed.born() == ["in_transit", "out_for_delivery"]
    assert followed.ship(ship).standing.status == "out_for_delivery"


def test_the_same_answer_again_writes_nothing(followed: Followed) -> None:
    followed.register()
    followed.following(known(NINE, COLLECTED, TOUR))
    row = followed.row()
    followed.courier.time += 3 * HOUR
    followed.following(known(NINE, COLLECTED, TOUR))
    assert followed.row() == row


def test_an_older_answer_bears_what_is_missing_and_moves_nothing(followed: Followed) -> None:
    followed.register()
    late = known(NINE - HOUR, COLLECTED, line("204", NINE - 2 * HOUR))
    followed.following(known(NINE, COLLECTED, TOUR))
    row = followed.row()
    followed.following(late)
    assert set(followed.born()) == {"in_transit", "out_for_delivery", "failed_attempt"}
    assert replace(followed.row(), revision=0) == replace(row, revision=0)
    assert followed.parcels.read(LINK).parcel.events[0] == TOUR


def test_what_only_the_cache_remembers_is_born_and_once(followed: Followed) -> None:
    """An answer was cached and died before it was followed; the next one has lost its lines."""
    followed.register()
    failed, corrected = line("204", NINE - 3 * HOUR), line("204", NINE - 2 * HOUR)
    lost = known(NINE, COLLECTED, failed, line("2", NINE - 2 * HOUR)).parcel
    assert lost is not None
    kept, _ = merge.merge(Parcel(LINK.courier, LINK.number), Answer(lost))
    for later, lines in enumerate([(COLLECTED, TOUR), (COLLECTED, corrected, TOUR)], 1):
        told = known(NINE + later * HOUR, *lines)
        assert told.parcel is not None
        kept, _ = merge.merge(kept, Answer(told.parcel))
        for _ in range(2):
            followed.following(replace(told, parcel=kept))
        assert followed.born() == ["exception", "failed_attempt", "in_transit", "out_for_delivery"]
    times = {each.status: each.occurred_at for each in followed.parcels.read(LINK).parcel.milestones}
    assert times["failed_attempt"] == failed.time


def test_a_corrected_time_that_only_the_cache_knows_is_one_birth(followed: Followed) -> None:
    followed.register()
    kept = Parcel(LINK.courier, LINK.number)
    for hours in (3, 2):
        told = known(NINE, COLLECTED, line("204", NINE - hours * HOUR))
        assert told.parcel is not None
        kept, _ = merge.merge(kept, Answer(told.parcel))
    followed.following(replace(told, parcel=kept))
    assert followed.born() == ["failed_attempt", "in_transit"]


def test_an_answer_about_a_parcel_of_nobody_writes_nothing(followed: Followed) -> None:
    followed.following(known(NINE, COLLECTED))
    assert followed.dynamodb.scan(TableName=followed.table)["Items"] == []


def test_a_shipment_from_before_the_schedule_is_shown_the_answer_all_the_same(followed: Followed) -> None:
    ship = followed.register()
    followed.dynamodb.delete_item(
        TableName=followed.table, Key={"pk": {"S": f"PARCEL#yuantong#{ship.number}"}, "sk": {"S": "PARCEL"}}
    )
    followed.following(known(NINE, COLLECTED))
    assert followed.ship(ship).standing.status == "in_transit"
    assert followed.parcels.row(LINK) is None


def test_word_that_there_is_no_trace_slows_the_looks_down(followed: Followed) -> None:
    followed.register()
    waits = []
    for misses in (1, 2, 3):
        followed.following(known(followed.courier.time, misses=misses))
        row = followed.row()
        assert row.next_at is not None
        assert (row.reason, row.misses) == ("not_found_yet", misses)
        waits.append((row.next_at - followed.courier.time) / HOUR)
        followed.courier.time = row.next_at
    assert waits == pytest.approx([2, 4, 8], rel=JITTER)
    assert followed.born() == []


def test_a_delivered_parcel_is_looked_at_once_more_and_then_rests(followed: Followed) -> None:
    followed.register()
    signed = line("301", NINE - HOUR)
    followed.following(known(NINE, COLLECTED, signed))
    row = followed.row()
    assert row.next_at is not None
    assert (row.reason, row.terminal) == ("signature_check", True)
    assert row.next_at >= NINE + 47 * HOUR
    followed.courier.time = row.next_at
    followed.following(known(row.next_at, COLLECTED, signed))
    row = followed.row()
    assert (row.next_at, row.due_at, row.reason) == (None, None, "delivered")
    assert row.expires_at == int(followed.courier.time + 90 * DAY)


def test_a_signature_that_is_disputed_after_the_end_wakes_the_parcel(followed: Followed) -> None:
    followed.register()
    signed = line("301", NINE - 60 * HOUR)
    followed.following(known(NINE, signed))
    assert followed.row().next_at is None
    followed.courier.time += HOUR
    followed.following(known(NINE + HOUR, signed, line("2", NINE)))
    row = followed.row()
    assert (row.reason, row.expires_at) == ("problem", None)
    assert row.next_at is not None


def test_a_parcel_is_not_looked_at_for_who_has_completed_it(followed: Followed) -> None:
    ship = followed.register()
    followed.complete(ship)
    followed.following(known(NINE, COLLECTED))
    assert (followed.row().next_at, followed.row().reason) == (None, "nobody_waits")
    assert followed.ship(ship).standing.status == "in_transit"
    row = followed.row()
    followed.following(known(NINE + HOUR, COLLECTED))
    assert followed.row() == row


def test_who_is_to_be_notified_is_worth_an_earlier_look(followed: Followed) -> None:
    followed.register()
    followed.following(known(NINE, COLLECTED))
    usual = followed.row().next_at
    followed.register("2", notify={"email": "a@b.example", "events": ["delivered"], "lang": "en"})
    followed.courier.time += 1
    followed.following(known(NINE + 1, COLLECTED))
    earlier = followed.row().next_at
    assert usual is not None
    assert earlier is not None
    assert earlier < usual


def test_a_parcel_that_is_quiet_for_too_long_gets_attention_until_it_moves(followed: Followed) -> None:
    ship = followed.register()
    gone = line("1002", NINE - 12 * DAY)
    followed.following(known(NINE, gone))
    assert followed.row().stalled
    assert followed.ship(ship).standing.attention == "stalled"
    shown = followed.ship(ship)
    followed.courier.time += HOUR
    later = replace(shown.standing, as_of=NINE + HOUR, attention=None)
    assert followed.reflection.show(shown, later).standing.attention == "stalled"  # an answer does not tell
    followed.following(known(NINE + HOUR, gone, line("1002", NINE + HOUR, "moves")))
    assert not followed.row().stalled
    assert followed.ship(ship).standing.attention is None


def test_a_problem_is_shown_rather_than_that_it_has_stalled(followed: Followed) -> None:
    ship = followed.register()
    followed.following(known(NINE, line("2", NINE - 20 * DAY)))
    assert followed.ship(ship).standing.attention == "exception"


def test_what_a_phone_protects_is_shown_to_who_has_shown_it(followed: Followed) -> None:
    ship = followed.register(tail="8000")
    bound = known(NINE, COLLECTED, phone_bound=True)
    followed.following(bound)
    assert followed.row().phone_bound
    assert followed.ship(ship).standing.as_of == 0


def test_stays_teach_the_courier_and_all(followed: Followed) -> None:
    followed.register()
    followed.following(known(NINE, COLLECTED, TOUR))
    items = followed.dynamodb.scan(TableName=followed.table)["Items"]
    taught = {item["pk"]["S"]: item for item in items if item["pk"]["S"].startswith("LEARNED#")}
    assert taught.keys() == {"LEARNED#yuantong", "LEARNED#*"}
    assert {item["sk"]["S"] for item in taught.values()} == {"collected"}
    again = Followed(followed.dynamodb, followed.table)
    learned = again.following.lessons.of("yuantong")
    assert sum(learned.tallies["collected"].seen) > 0
    assert learned.common is not None
    assert again.following.lessons.of("yunda").tallies == {}


def test_a_container_that_counts_over_what_another_has_counted_reads_it_first(followed: Followed) -> None:
    others = Followed(followed.dynamodb, followed.table)
    for number, each in enumerate((followed, others, followed, others)):
        link = replace(LINK, number=f"YT000000000000{number}")
        each.register(link=link)
        each.following(known(NINE, COLLECTED, TOUR, link=link))
    fresh = Followed(followed.dynamodb, followed.table).following.lessons.of("yuantong")
    # A news line counts in four cells: by age, by day, by kind and by hour.
    assert sum(fresh.tallies["collected"].seen) == 4 * 4


def test_statistics_that_are_out_of_reach_stop_nothing(dynamodb: DynamoDBClient) -> None:
    followed = Followed(dynamodb, new_table(dynamodb, "TrackingTable"), learns=False)
    followed.register()
    followed.following(known(NINE, COLLECTED, TOUR))
    assert followed.row().reason == "on_tour"
    assert followed.losses == []


def test_a_store_that_is_away_costs_the_asker_nothing_and_the_parcel_stays_due(followed: Followed) -> None:
    followed.register()

    def away(**_: object) -> None:
        raise StoreUnavailable("away")

    followed.dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", away)
    followed.following(known(NINE, COLLECTED))
    assert len(followed.losses) == 1
    followed.dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", away)
    assert followed.row().checked_at is None


# Interleavings, repetitions and crashes


class Died(BaseException):
    """A process that was killed."""


class Interrupted:
    """Lets something happen before or after the n-th request of a kind."""

    def __init__(self, client: DynamoDBClient, moment: str, count: int, what: Callable[[], None]) -> None:
        self._events, self._moment, self._left, self._what = client.meta.events, moment, count, what

    def __enter__(self) -> None:
        self._events.register(f"{self._moment}.dynamodb", self._heard)

    def __exit__(self, *_: object) -> None:
        self._events.unregister(f"{self._moment}.dynamodb", self._heard)

    def _heard(self, **_: Any) -> None:
        self._left -= 1
        if self._left == 0:
            self._what()


def nothing() -> None:
    pass


def die() -> None:
    raise Died


@pytest.fixture(scope="module")
def client() -> DynamoDBClient:
    """For one `mock_aws` after the other: making one takes longer than an example."""
    return client_of()


steps = st.tuples(st.sampled_from(CODES), st.floats(min_value=0, max_value=20))


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Known], list[tuple[int, str, str, int, int]]]:
    """A journey's answers, the whole one last, and what happens: which answer comes, who interrupts it, when, and how."""
    at, lines = NINE - 20 * DAY, []
    for code, hours in draw(st.lists(steps, min_size=1, max_size=8)):
        at += round(hours, 3) * HOUR
        lines.append(line(code, at))
    shown = [*sorted(draw(st.lists(st.integers(1, len(lines)), max_size=4))), len(lines)]
    answers, kept = [], Parcel(LINK.courier, LINK.number)
    for each, count in enumerate(shown):
        answer = known(NINE + 2000 * each, *lines[:count])
        assert answer.parcel is not None
        kept, _ = merge.merge(kept, Answer(answer.parcel))
        answers.append(replace(answer, parcel=kept))
    happenings = st.tuples(
        st.integers(0, len(answers) - 1),
        st.sampled_from(["nothing", "dies", "another"]),
        st.sampled_from(["before-call", "after-call"]),
        st.integers(1, 5),
        st.integers(0, len(answers) - 1),
    )
    return answers, draw(st.lists(happenings, max_size=6))


@given(lives())
@settings(max_examples=25, deadline=None)
def test_whatever_comes_twice_too_late_at_once_or_dies_halfway_ends_alike(
    client: DynamoDBClient,
    life: tuple[list[Known], list[tuple[int, str, str, int, int]]],
) -> None:
    # A table of its own for each: moto copies all it has for every transaction.
    with mock_aws():
        _lived(Followed(client, new_table(client, "TrackingTable"), learns=False), *life)


def _lived(
    followed: Followed, answers: list[Known], happenings: list[tuple[int, str, str, int, int]]
) -> None:
    whole = answers[-1].parcel
    assert whole is not None
    link = LINK
    other_link = replace(link, number=f"{link.number}A")
    end = followed.courier.time = NINE + 2000 * len(answers)
    usual = followed.register(link=other_link)
    followed.following.follow(replace(answers[-1], parcel=replace(whole, number=other_link.number)))

    ship = followed.register(link=link)
    born: dict[str, str] = {}
    for which, how, moment, count, other in happenings:
        another = partial(followed.following.follow, answers[other])
        happens: dict[str, Callable[[], None]] = {"nothing": nothing, "dies": die, "another": another}
        try:
            with Interrupted(followed.dynamodb, moment, count, happens[how]):
                followed.following.follow(answers[which])
        except Died:
            pass
        now_born = _birth_times(followed, link)
        assert born.items() <= now_born.items(), "a milestone is written once"
        born = now_born
        followed.courier.time += 1
    followed.courier.time = end
    followed.following.follow(answers[-1])

    _, milestones = merge.merge(Parcel(link.courier, link.number), Answer(whole))
    seen, expected = followed.parcels.read(link), followed.parcels.read(other_link)
    assert set(seen.parcel.milestones) == set(milestones)
    assert len(seen.parcel.milestones) == len(milestones)
    assert followed.born(link) == followed.born(other_link)
    assert replace(seen.parcel, milestones=()) == replace(whole, milestones=())
    assert seen.tracked is not None
    assert expected.tracked is not None
    for name in ("checked_at", "status", "terminal", "reason", "sequence", "stalled"):
        assert getattr(seen.tracked, name) == getattr(expected.tracked, name), name
    assert (seen.tracked.next_at is None) == (expected.tracked.next_at is None)
    assert followed.ship(ship).standing.same_as(followed.ship(usual).standing)


def _birth_times(followed: Followed, link: Link) -> dict[str, str]:
    items = followed.dynamodb.query(
        TableName=followed.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"PARCEL#{link.courier}#{link.number}"}},
    )["Items"]
    return {item["sk"]["S"]: item["born_at"]["N"] for item in items if "born_at" in item}


def test_what_many_threads_learn_at_once_is_counted_whole(emulator: str) -> None:
    client = client_of(emulator)
    followed = Followed(client, new_table(client, "TrackingTable"))
    stay = Stay("collected", NINE, NINE + HOUR, 0.0, "road")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: followed.following.lessons.add("yuantong", [stay]), range(24)))
    followed.following.lessons.write()
    fresh = Followed(client, followed.table).following.lessons.of("yuantong")
    assert fresh.tallies["collected"].onward == {"road": 24}
    client.close()
