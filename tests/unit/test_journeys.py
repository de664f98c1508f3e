from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from local.simulator.journeys import Journey, local_time, natural, start_of
from waybill import couriers, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator.journeys import JourneyEvent

NOW = 1_760_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
MONDAY = 1_759_716_000.0  # 2025-10-06 10:00 in Shanghai
STYLES = ("yuantong", "zhongtong", "shunfeng", "shentong", "yunda", "jtexpress", "jd", "ems", "debangkuaidi")

AT_THE_DOOR = {"5", "501", "301", "302", "303", "204", "206", "203"}
COLLECTED = {"1", "103"}


def life(courier: str, number: str, *, seed: int = 1, now: float = NOW) -> Journey:
    return natural(seed, courier, number, start_of(seed, courier, number, now))


@pytest.fixture(scope="module")
def lives() -> list[Journey]:
    domestic = [life(courier, f"77{i:09}") for courier in STYLES for i in range(300)]
    return domestic + [life("dhl", f"66{i:08}") for i in range(300)]


def hour(event: JourneyEvent) -> float:
    moment = local_time(event.at)
    return moment.hour + moment.minute / 60


def events_with(lives: list[Journey], codes: set[str]) -> Iterator[JourneyEvent]:
    return (event for journey in lives for event in journey.events if event.status_code in codes)


def test_the_same_seed_courier_number_and_start_give_the_same_life() -> None:
    assert life("yuantong", "YT0000001") == life("yuantong", "YT0000001")


@pytest.mark.parametrize(
    "other",
    [
        life("yuantong", "YT0000001", seed=2),
        life("shentong", "YT0000001"),
        life("yuantong", "YT0000002"),
        life("yuantong", "YT0000001", now=NOW + DAY),
    ],
)
def test_another_seed_courier_number_or_start_gives_another_life(other: Journey) -> None:
    assert other.events != life("yuantong", "YT0000001").events


def test_events_are_in_order_of_time_and_on_whole_seconds(lives: list[Journey]) -> None:
    for journey in lives:
        times = [event.at for event in journey.events]
        assert times == sorted(times)
        assert all(at.is_integer() for at in times)


def test_parcels_are_collected_by_day(lives: list[Journey]) -> None:
    assert all(9 <= hour(event) < 20 for event in events_with(lives, COLLECTED))


def test_parcels_are_delivered_by_day(lives: list[Journey]) -> None:
    assert all(8 <= hour(event) < 20 for event in events_with(lives, AT_THE_DOOR))


def test_line_haul_between_hubs_leaves_at_night(lives: list[Journey]) -> None:
    departure = re.compile("离开【[^】]*转运中心】，已发往【[^】]*转运中心】")
    left = [event for event in events_with(lives, {"1002"}) if departure.search(event.text_zh)]
    assert len(left) > 50
    assert all(hour(event) >= 20 or hour(event) < 6 for event in left)


def test_most_parcels_are_signed_for_on_the_day_of_the_tour(lives: list[Journey]) -> None:
    pairs = [
        (before, after)
        for journey in lives
        for before, after in pairwise(journey.events)
        if before.status_code == "5" and after.status_code in {"3", "301", "303"}
    ]
    same_day = [local_time(a.at).date() == local_time(b.at).date() for a, b in pairs]
    assert sum(same_day) > 0.9 * len(same_day)


def hours_to_signature(start: float) -> float:
    """The mean over parcels without incident."""
    journeys = [natural(1, "zhongtong", f"75{i:08}", start) for i in range(400)]
    durations = [
        journey.events[-1].at - start
        for journey in journeys
        if journey.events[-1].status_code in {"301", "303"} and len(journey.events) < 12
    ]
    return sum(durations) / len(durations) / HOUR


def test_weekends_are_slower() -> None:
    assert hours_to_signature(MONDAY + 4 * DAY) > hours_to_signature(MONDAY) + 2


def test_far_parcels_take_longer_than_near_ones(lives: list[Journey]) -> None:
    def mean_hours(*, near: bool) -> float:
        durations = [
            journey.events[-1].at - journey.events[0].at
            for journey in lives
            if journey.events[-1].status_code in {"301", "303"}
            and journey.origin
            and journey.destination
            and (journey.origin.name or "")[:2] in {"广东", "浙江", "江苏"}
            and ((journey.destination.name or "")[:2] in {"新疆", "黑龙", "吉林", "西藏"}) != near
        ]
        return sum(durations) / len(durations) / HOUR

    assert mean_hours(near=False) > mean_hours(near=True) + 12


def test_no_text_has_digits_that_could_be_a_telephone_number(lives: list[Journey]) -> None:
    shown = [event for journey in lives for event in journey.events]
    shown += [revision.event for journey in lives for revision in journey.revisions if revision.event]
    for event in shown:
        assert not re.search(r"\d{4,}|\d{3}[- ]\d{3}", event.text_zh + event.text_en), event


def test_english_texts_have_no_chinese_in_them(lives: list[Journey]) -> None:
    assert not [e for journey in lives for e in journey.events if re.search(r"[\u3000-\u9fff]", e.text_en)]


def test_every_courier_of_the_table_has_a_life() -> None:
    for code in couriers.table():
        assert life(code, "LC123456").events


def test_every_kind_of_event_happens_to_someone(lives: list[Journey]) -> None:
    seen = {event.status_code for journey in lives for event in journey.events}
    families = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "14"}
    assert seen >= families | {code for code in statuses.codes() if len(code) > 1}


def test_most_parcels_arrive_without_incident(lives: list[Journey]) -> None:
    last = Counter(journey.events[-1].status_code for journey in lives)
    assert sum(last[code] for code in ("301", "303", "3", "304")) > 0.7 * len(lives)


def test_customs_are_for_couriers_that_cross_borders() -> None:
    codes = {"8", "10", "11", "12", "13"}
    assert not list(events_with([life("shunfeng", f"SF{i:08}") for i in range(200)], codes))
    abroad = [life("dhl", f"{i:010}") for i in range(100)]
    assert sum(bool(list(events_with([journey], {"12"}))) for journey in abroad) > 60


def test_about_four_in_a_hundred_numbers_are_not_found_yet_and_the_rest_are_of_every_age() -> None:
    numbers = [f"88{i:08}" for i in range(2000)]
    ages = [NOW - start_of(1, "yunda", number, NOW) for number in numbers]
    assert 0.025 < sum(age < 0 for age in ages) / len(ages) < 0.06
    assert sum(0 <= age < 1.5 * DAY for age in ages) > 400
    assert sum(age > 5 * DAY for age in ages) > 200
    seen = {
        life("yunda", number).seen_at(NOW)[0].status_code
        for number in numbers[:500]
        if life("yunda", number).seen_at(NOW)
    }
    assert seen >= {"103", "1002", "1001", "5", "501", "304", "301"}


@pytest.mark.parametrize("at", [NOW + hours * HOUR for hours in range(0, 24, 3)])
def test_journeys_begin_at_an_hour_when_couriers_work(at: float) -> None:
    for i in range(50):
        assert 9 <= local_time(start_of(1, "jd", f"JD{i:08}", at)).hour < 20


@pytest.mark.parametrize("hours", range(0, 7 * 24, 5))
def test_the_example_number_is_under_way_whenever_it_is_asked_for(hours: int) -> None:
    now = MONDAY + hours * HOUR
    seen = life("yuantong", "YT7450353838751", now=now).seen_at(now)
    assert len(seen) >= 4
    assert statuses.codes()[seen[0].status_code].state in {"0", "5"}


def test_what_is_seen_is_the_past_newest_first(lives: list[Journey]) -> None:
    for journey in lives[::10]:
        for t in (
            journey.events[0].at - 1,
            journey.events[len(journey.events) // 2].at,
            journey.events[-1].at,
        ):
            times = [event.at for event in journey.seen_at(t)]
            assert times == sorted(times, reverse=True)
            assert all(at <= t for at in times)
    assert lives[0].seen_at(lives[0].events[0].at - 1) == []


def test_texts_come_in_the_language_asked_for() -> None:
    journey = life("yuantong", "YT0000001")
    end = journey.events[0].at
    assert [event.text for event in journey.seen_at(end)] == [journey.events[0].text_zh]
    assert [event.text for event in journey.seen_at(end, "en")] == [journey.events[0].text_en]


def histories(journey: Journey) -> Iterator[tuple[list[str], list[str], bool]]:
    """Before and after each revision: the texts, newest first, and whether two lines of one time are among them."""
    for revision in journey.revisions:
        before, after = journey.seen_at(revision.at - 1), journey.seen_at(revision.at)
        times = [event.at for event in after]
        yield [e.text for e in before], [e.text for e in after], len(set(times)) < len(times)


def test_history_is_reworded_reordered_and_shortened_for_some(lives: list[Journey]) -> None:
    changes = [change for journey in lives for change in histories(journey)]
    reworded = [
        1
        for before, after, _ in changes
        if any(text.startswith(old) and text != old for old in before for text in after)
    ]
    reordered = [
        1 for before, after, tie in changes if tie and before != after and sorted(before) == sorted(after)
    ]
    shortened = [1 for before, after, _ in changes if len(after) < len(before)]
    assert min(len(reworded), len(reordered), len(shortened)) > 10
    assert sum(not journey.revisions for journey in lives) > len(lives) / 2


def test_a_few_lives_go_back_from_signed_to_problem(lives: list[Journey]) -> None:
    states = [[statuses.codes()[event.status_code].state for event in journey.events] for journey in lives]
    assert sum(("3", "2") in pairwise(chain) for chain in states) > 5


def test_places_are_well_formed_and_now_and_then_unparsed(lives: list[Journey]) -> None:
    places = [event.place for journey in lives for event in journey.events]
    assert all(place.location for place in places)
    for place in places:
        if place.code:
            assert re.fullmatch(r"CN\d{12}", place.code)
            assert place.name
            assert re.fullmatch(r"\d+\.\d{6},\d+\.\d{6}", place.center or "")
            assert re.fullmatch(r"[a-z ]+", place.pinyin or "")
    unparsed = [place for place in places if place.code is None and place.name is None]
    assert 0.03 < len(unparsed) / len(places) < 0.25
