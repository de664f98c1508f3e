"""What is learned of how long things take, and when a parcel has been quiet for too long."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench.stories import drawn
from tests.unit.looks import BLANK, at, parcel, wait
from waybill import pace, schedule
from waybill.errors import DAY, HOUR
from waybill.merge import merge, oldest_first
from waybill.model import Parcel
from waybill.pace import Learned, Rate, Stay, leg_of
from waybill.schedule import stalled


def taught(leg: str, hours: float, *, begins: float = 9, count: int = 60, then: str | None = None) -> Learned:
    learned = Learned()
    for day in range(count):
        began = at(day, begins)
        learned = learned.after(Stay(leg, began, began + hours * HOUR, 8 * HOUR, then))
    return learned


def test_a_courier_that_is_quick_is_asked_sooner_than_one_that_is_slow() -> None:
    tour = parcel(("5", at(100, 9)))
    quick, slow = taught("on_tour", 1), taught("on_tour", 9)
    assert wait(tour, at(100, 9.1), quick) < wait(tour, at(100, 9.1)) < wait(tour, at(100, 9.1), slow)


def test_an_hour_at_which_nothing_ever_happens_is_learned() -> None:
    afternoon = taught("station", 7, begins=7)
    station = parcel(("1001", at(100, 1)), ("0", at(100, 7)))
    assert wait(station, at(100, 7.5), afternoon) > 1.5 * wait(station, at(100, 7.5))


def test_where_a_leg_leads_is_learned() -> None:
    assert Rate("hub", taught("hub", 6, then="station")).onward["station"] > 0.8 * 60


def test_what_all_couriers_taught_serves_one_that_is_new() -> None:
    tour = parcel(("5", at(100, 9)))
    common = taught("on_tour", 9)
    assert wait(tour, at(100, 9.1), Learned(common=common)) == wait(tour, at(100, 9.1), common)


def test_lines_whose_codes_tell_nothing_are_told_apart_by_how_many_there_were() -> None:
    lines = [("0", at(0, hour)) for hour in range(1, 7)]
    legs = [leg_of(oldest_first(parcel(*lines[:count]).events)) for count in range(1, 7)]
    assert legs == ["transit", "transit_2", "transit_3", "far_transit", "far_transit", "far_transit"]


def test_calls_become_dearer_while_journeys_cost_more_than_is_fair_and_cheaper_while_less() -> None:
    learned = Learned()
    assert learned.dearness == 1
    dear = cheap = learned
    for _ in range(400):
        dear, cheap = dear.over(30, 3 * DAY), cheap.over(10, 3 * DAY)
    assert (cheap.dearness, dear.dearness) == pytest.approx(pace.DEARNESS)
    tour = parcel(("5", at(100, 9)))
    calls = [wait(tour, at(100, 9.1), Learned(common=each)) for each in (cheap, learned, dear)]
    assert calls == sorted(calls)
    assert calls[0] < calls[2]


def test_what_was_overspent_is_kept_and_paid_back() -> None:
    dear = Learned().over(30, 3 * DAY)
    assert Learned.from_dict(json.loads(json.dumps(dear.to_dict()))).dearness == pytest.approx(
        dear.dearness, rel=0.001
    )
    assert dear.after(Stay("on_tour", at(0, 9), at(0, 12), 8 * HOUR, None)).dearness == dear.dearness
    assert dear.dearness > dear.over(10, 3 * DAY).dearness


def test_a_little_teaches_little() -> None:
    nothing, one, many = (
        Rate("on_tour", taught("on_tour", 9, count=count)).at(at(0, 10), HOUR, 8 * HOUR)[1]
        for count in (0, 1, 100)
    )
    assert nothing > one > 2 * many
    assert pace.FLOOR * nothing <= many < 0.2 * nothing


def test_what_was_learned_is_small_and_the_same_when_read_back() -> None:
    learned = taught("on_tour", 3)
    data = json.loads(json.dumps(learned.to_dict()))
    again = Learned.from_dict(data)
    assert len(json.dumps(data)) < 1500
    tour = parcel(("5", at(100, 9)))
    assert wait(tour, at(100, 9.1), again) == pytest.approx(wait(tour, at(100, 9.1), learned), rel=0.01)
    assert Learned.from_dict({"a leg of former days": data["on_tour"]}) == Learned()


def test_every_stay_of_a_journey_is_learned_once_whatever_was_seen_when() -> None:
    for story in drawn(15, 5):
        whole = pace.stays(BLANK, story.answers[-1].parcel, 8 * HOUR)
        for step in (1, 3):
            before, counted = Parcel(story.courier, story.number), 0
            for answer in (*story.answers[::step], story.answers[-1]):
                after, _ = merge(before, answer)
                counted += len(pace.stays(before, after, 8 * HOUR))
                before = after
            assert counted >= len(whole)
            assert counted <= len(whole) + 2  # lines that vanished later were learned when they were there


# Stalled


def test_a_parcel_quiet_for_longer_than_nearly_all_others_is_stalled() -> None:
    station = parcel(("1001", at(0, 1)), ("0", at(0, 6)))
    assert not stalled(station, at(0, 20))
    assert not stalled(station, at(1, 5.9))
    assert stalled(station, at(5, 12))
    assert not stalled(BLANK, at(5, 12))
    assert not stalled(parcel(("301", at(0, 6))), at(9, 0))


def test_no_more_of_a_silence_is_reckoned_than_until_the_parcel_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reckoned = []
    rate_at = Rate.at

    def counted(self: Rate, *moment: float) -> tuple[float, float]:
        reckoned.append(moment)
        return rate_at(self, *moment)

    monkeypatch.setattr(Rate, "at", counted)
    line = parcel(("0", at(0, 6))).events[0]
    ancient = parcel(("0", at(0, 6)), events=(replace(line, time="0001-01-01T00:00:00+08:00"),))
    assert stalled(ancient, at(5, 12))
    assert len(reckoned) < 24 * 61 + 96


def test_where_parcels_usually_rest_for_days_a_quiet_one_is_not_stalled() -> None:
    station = parcel(("1001", at(99, 1)), ("0", at(99, 6)))
    assert stalled(station, at(102, 12))
    assert not stalled(station, at(102, 12), taught("station", 96))


def test_about_five_in_a_hundred_stays_last_longer_than_the_percentile() -> None:
    learned = taught("at_counter", 2, count=200)
    began = at(300, 9)
    quiet = [
        Rate("at_counter", learned).quiet(began, began + hours * HOUR, 8 * HOUR) for hours in (1, 2, 4, 8)
    ]
    assert quiet == sorted(quiet, reverse=True)
    assert quiet[0] > 0.5
    assert quiet[-1] < schedule.UNLIKELY
