"""Merging: the parcel is what the courier says now, its milestones what it ever said, each born once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import stories
from local.simulator.history import local_time
from waybill import statuses
from waybill.merge import fresh_lines, merge
from waybill.model import Answer, Eta, Event, Milestone, Parcel, Route, event_id

if TYPE_CHECKING:
    from random import Random

BLANK = Parcel("yuantong", "YT0000001")
NINE = 1_772_413_200.0  # 2026-03-02 09:00 in Shanghai
HOUR = 3600.0
CODES = ("103", "1002", "1001", "0", "5", "501", "204", "206", "202", "2", "203", "6", "301", "304")


def line(code: str, hours: float, text: str = "") -> Event:
    status, _ = statuses.resolve(code)
    time = local_time(NINE + hours * HOUR).isoformat(timespec="seconds")
    text = text or f"line {code}"
    return Event(event_id(time, text, code), time, "assumed", text, code, status.status, status.substatus)


def answer(*oldest_first: Event) -> Answer:
    code, _ = statuses.resolve(oldest_first[-1].code or "0")
    return Answer(
        replace(
            BLANK, status=code.status, substatus=code.substatus, terminal=code.terminal, state=code.code,
            events=oldest_first[::-1],
        )
    )  # what changes, in one look # fmt: skip


def merged(*answers: Answer) -> tuple[Parcel, list[Milestone]]:
    parcel = BLANK
    born: list[Milestone] = []
    for each in answers:
        parcel, new = merge(parcel, each)
        born += new
    return parcel, born


def told(born: list[Milestone]) -> list[tuple[str, int]]:
    return [(each.status, each.occurrence) for each in born]


FIRST_TOUR = line("5", 0)
FAILED = line("206", 5)
SECOND_TOUR = line("5", 24)
SIGNED = line("301", 27)


def test_every_status_is_born_at_its_first_line() -> None:
    parcel, born = merged(answer(line("103", -40), line("1002", -30), line("0", -2), FIRST_TOUR, SIGNED))
    assert told(born) == [("in_transit", 1), ("out_for_delivery", 1), ("delivered", 1)]
    assert born[0].occurred_at == line("103", -40).time
    assert parcel.milestones == tuple(born)
    assert parcel.terminal


def test_a_second_tour_is_another_occurrence() -> None:
    history = (FIRST_TOUR, FAILED, SECOND_TOUR, SIGNED)
    one_by_one = [answer(*history[: count + 1]) for count in range(4)]
    expected = [("out_for_delivery", 1), ("failed_attempt", 1), ("out_for_delivery", 2), ("delivered", 1)]
    assert told(merged(*one_by_one)[1]) == expected
    assert told(merged(one_by_one[-1])[1]) == expected
    assert told(merged(*one_by_one[::-1])[1]) == expected


def test_lines_that_tell_the_same_in_a_row_are_one_occurrence() -> None:
    assert told(merged(answer(FIRST_TOUR, line("5", 1, "once more")))[1]) == [("out_for_delivery", 1)]


def test_lines_of_one_second_are_one_occurrence_whichever_way_they_come() -> None:
    history = (FIRST_TOUR, line("204", 0), line("5", 0, "again"))
    expected = [("out_for_delivery", 1), ("failed_attempt", 1)]
    assert told(merged(answer(*history))[1]) == expected
    assert told(merged(*(answer(*history[: count + 1]) for count in range(3)))[1]) == expected


def test_problems_of_different_kinds_are_different_occurrences() -> None:
    _, born = merged(answer(line("202", 0), line("2", 80)))
    assert told(born) == [("exception", 1), ("exception", 2)]
    assert [each.substatus for each in born] == ["stalled", None]


def test_a_reworded_line_is_not_born_again() -> None:
    reworded = replace(FIRST_TOUR, text="other words", id="other")
    parcel, born = merged(answer(FIRST_TOUR), answer(reworded, FAILED, SECOND_TOUR))
    assert told(born) == [("out_for_delivery", 1), ("failed_attempt", 1), ("out_for_delivery", 2)]
    assert parcel.events[-1].text == "other words"


@pytest.mark.parametrize("hours", [-2.5, -0.2, 0.2, 2.5])
def test_a_corrected_time_is_no_second_birth(hours: float) -> None:
    assert told(merged(answer(FIRST_TOUR), answer(line("5", hours)))[1]) == [("out_for_delivery", 1)]


def test_a_line_that_vanished_leaves_its_milestone_and_does_not_hide_the_next() -> None:
    parcel, born = merged(answer(FIRST_TOUR, FAILED), answer(FAILED, SECOND_TOUR))
    assert told(born) == [("out_for_delivery", 1), ("failed_attempt", 1), ("out_for_delivery", 2)]
    assert len(parcel.events) == 2


def test_a_disputed_signature_goes_back_and_is_not_told_twice() -> None:
    history = (FIRST_TOUR, SIGNED, line("2", 40), line("3", 60))
    parcel, born = merged(*(answer(*history[: count + 1]) for count in range(3)))
    assert (parcel.status, parcel.terminal) == ("exception", False)
    parcel, more = merge(parcel, answer(*history))
    assert parcel.terminal
    assert told(born) == [("out_for_delivery", 1), ("delivered", 1), ("exception", 1)]
    assert more == ()


def test_an_answer_that_came_late_changes_nothing() -> None:
    new, _ = merged(answer(FIRST_TOUR, FAILED, SECOND_TOUR))
    assert merge(new, answer(FIRST_TOUR, FAILED)) == (new, ())


def test_an_answer_without_events_keeps_what_is_known() -> None:
    known, _ = merged(answer(FIRST_TOUR))
    assert merge(known, Answer(BLANK)) == (known, ())


def test_a_forecast_and_a_route_stay_until_there_is_another_or_the_end() -> None:
    first = answer(FIRST_TOUR)
    known = replace(first.parcel, eta=Eta("2026-03-03T18:00:00+08:00"), route=Route())
    parcel, _ = merged(Answer(known), answer(FIRST_TOUR, FAILED))
    assert (parcel.eta, parcel.route) == (known.eta, known.route)
    over, _ = merge(parcel, answer(FIRST_TOUR, FAILED, SIGNED))
    assert (over.eta, over.route) == (None, known.route)


def test_a_newest_line_without_a_code_has_the_status_of_the_answer() -> None:
    bare = replace(SIGNED, code=None, status=None, substatus=None)
    came = Answer(replace(answer(SIGNED).parcel, events=(bare, FIRST_TOUR)))
    assert told(merged(came)[1]) == [("out_for_delivery", 1), ("delivered", 1)]


def test_a_line_without_a_time_is_no_milestone() -> None:
    assert merged(answer(replace(FIRST_TOUR, time=None)))[1] == []


def test_a_parcel_with_milestones_is_the_same_when_read_back() -> None:
    parcel, _ = merged(answer(FIRST_TOUR, FAILED, SIGNED))
    assert Parcel.from_dict(parcel.to_dict()) == parcel


def test_a_parcel_stored_before_there_were_milestones_can_be_read() -> None:
    data = BLANK.to_dict()
    del data["milestones"]
    assert Parcel.from_dict(data) == BLANK


def test_fresh_lines_are_new_ones_not_reworded_ones() -> None:
    before = answer(FIRST_TOUR, FAILED).parcel
    after = answer(replace(FIRST_TOUR, text="other", id="other"), FAILED, SIGNED).parcel
    assert fresh_lines(before, after) == (SIGNED,)


# Histories in general

steps = st.tuples(st.sampled_from(CODES), st.floats(min_value=0, max_value=30))
histories = st.lists(steps, min_size=1, max_size=12).map(
    lambda each: [
        line(code, round(sum(hours for _, hours in each[: index + 1]), 3))
        for index, (code, _) in enumerate(each)
    ]
)
"""Any codes at any distance, also at none."""


@st.composite
def watched(draw: st.DrawFn) -> tuple[list[Event], list[int]]:
    """A history, and how many lines of it were shown in each answer; the whole is among them."""
    history = draw(histories)
    shown = draw(st.lists(st.integers(1, len(history)), max_size=8))
    return history, draw(st.permutations([*shown, len(history)]))


@given(watched())
def test_whatever_was_seen_when_and_in_which_order_the_milestones_are_those_of_the_whole(
    case: tuple[list[Event], list[int]],
) -> None:
    history, shown = case
    parcel, born = merged(*(answer(*history[:count]) for count in shown))
    _, whole = merged(answer(*history))
    assert set(born) == set(whole)
    assert len(born) == len(whole)
    assert parcel.events[0].time == history[-1].time


@st.composite
def rewritten(draw: st.DrawFn) -> list[Answer]:
    """Answers about one parcel by a courier that rewords, re-times, swaps and drops lines as it likes."""
    history = draw(histories)
    answers = []
    for _ in range(draw(st.integers(1, 6))):
        count = draw(st.integers(1, len(history)))
        shown = [
            line(
                event.code or "",
                draw(st.sampled_from([0.0, 0.0, 0.0, 0.4])) + offset,
                draw(st.sampled_from(["", "x"])),
            )
            for event, offset in ((each, _hours(each)) for each in history[:count])
            if draw(st.integers(0, 5)) or count == 1
        ]
        if shown:
            answers.append(answer(*sorted(draw(st.permutations(shown)), key=_hours)))
    return answers


def _hours(event: Event) -> float:
    return (datetime.fromisoformat(event.time or "").timestamp() - NINE) / HOUR


@given(rewritten())
def test_nothing_is_born_twice_and_nothing_born_vanishes(answers: list[Answer]) -> None:
    parcel = BLANK
    everything: list[Milestone] = []
    for each in answers:
        before = parcel
        parcel, born = merge(parcel, each)
        everything += born
        assert parcel.milestones == (*before.milestones, *born)
        assert merge(parcel, each) == (parcel, ())
    keys = told(everything)
    assert len(keys) == len(set(keys))
    for status in {status for status, _ in keys}:
        assert [n for each, n in keys if each == status] == list(
            range(1, 1 + sum(s == status for s, _ in keys))
        )


@given(st.integers(0, 400), st.randoms(use_true_random=False))
def test_journeys_of_the_simulator_survive_any_order_of_their_answers(seed: int, random: Random) -> None:
    story = stories.drawn(1, seed)[0]
    _, as_it_went = merged(*story.answers)
    shuffled = list(story.answers)
    random.shuffle(shuffled)
    _, otherwise = merged(*shuffled)
    assert sorted(told(as_it_went)) == sorted(told(otherwise))
    _, at_the_end = merged(story.answers[-1])
    assert set(told(at_the_end)) <= set(told(as_it_went))  # first lines may be gone by then


def test_births_of_the_simulator_are_in_order_of_time() -> None:
    for story in stories.drawn(20, 3):
        _, born = merged(*story.answers)
        assert all(a.occurred_at <= b.occurred_at for a, b in pairwise(born))
