"""Sums of calls: they are what a plain count says, and small."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from waybill import tallies
from waybill.tallies import Count, Day, Entry, Line

WORDS = st.text(max_size=5) | st.sampled_from(["acme", "yuantong", "200", "unknown"])
LINES = st.builds(Line, WORDS, WORDS, WORDS, WORDS | st.just("not_sent"))
ENTRIES = st.lists(st.builds(Entry, LINES, st.booleans()), max_size=30)
HALF_AN_ITEM = 200 * 1024


@given(ENTRIES, st.data())
def test_a_tally_is_a_plain_count_however_its_rows_are_parted_and_ordered(
    entries: list[Entry], data: st.DataObject
) -> None:
    made = [entry for entry in entries if entry.line.outcome != "not_sent"]
    plain = {
        line: Count(
            sum(entry.line == line for entry in made),
            sum(entry.line == line and entry.billed for entry in made),
        )
        for line in {entry.line for entry in made}
    }
    shuffled = data.draw(st.permutations(entries))
    cut = data.draw(st.integers(0, len(entries)))
    parts = [tallies.tally(shuffled[:cut]), tallies.tally(shuffled[cut:])]
    assert tallies.tally(entries) == plain == tallies.together(parts)
    day = tallies.day_of({"00": parts[0], "23": parts[1]})
    assert day.lines == plain
    assert tallies.together([{(): count} for count in day.hours.values()]).get((), Count()).calls == len(made)


@given(ENTRIES, st.data())
def test_what_is_packed_comes_out_the_same_and_the_same_table_is_packed_the_same(
    entries: list[Entry], data: st.DataObject
) -> None:
    table = tallies.tally(entries)
    packed = tallies.packed(table)
    assert tallies.lines_of(packed) == table
    assert tallies.packed(tallies.tally(data.draw(st.permutations(entries)))) == packed


@given(ENTRIES)
def test_members_parts_of_a_day_make_the_day(entries: list[Entry]) -> None:
    day = tallies.day_of({"07": tallies.tally(entries)})
    parts = [tallies.narrowed(day, member) for member in {entry.line.member for entry in entries}]
    assert tallies.together(part.lines for part in parts) == day.lines
    assert tallies.together(part.hours for part in parts) == day.hours
    assert tallies.narrowed(day, "nobody at all") == Day()


def test_unknown_calls_are_no_failures_and_parcels_without_a_trace_are_answers() -> None:
    lines = {
        Line("acme", "yuantong", "track", outcome): Count(1)
        for outcome in ("200", "500", "unknown", "501", "601", "unlisted", "408")
    }
    assert tallies.unknown(lines) == 1
    assert tallies.failed(lines) == 4


def test_a_day_of_500_members_with_20_couriers_is_less_than_half_of_what_an_item_may_be() -> None:
    draw = random.Random(4)
    entries = {
        Line(f"{member:032x}", f"courier-{courier}", cause, outcome): Count(calls, draw.randint(0, calls))
        for member in (draw.getrandbits(128) for _ in range(500))
        for courier in range(20)
        for cause in ("track", "shipment")
        for outcome in ("200", "500")
        if (calls := int(draw.paretovariate(0.6)))
    }
    hours = {
        (member, f"{hour:02}"): Count(draw.randint(0, 50), draw.randint(0, 20))
        for member in {line.member for line in entries}
        for hour in range(24)
    }
    assert len(entries) == 40_000
    assert len(tallies.packed(entries)) + len(tallies.packed(hours)) < HALF_AN_ITEM
