"""The bench of the schedule: fair to every policy, the same for the same seed, and judged by an oracle."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from bench import schedule as bench
from bench import stories
from bench.replay import POLICIES, Adaptive, Fixed, Oracle, Policy, replay
from waybill.schedule import GAP

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stories import Story
    from waybill.model import Parcel
    from waybill.schedule import Watch

COUNT = 40
SEED = 90210


class Recording:
    """A policy, and the times at which it asked."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.asked: dict[str, list[float]] = {}
        self.order: list[float] = []

    def first(self, story: Story) -> float:
        return self._policy.first(story)

    def next(self, story: Story, parcel: Parcel, now: float, watch: Watch) -> float | None:
        self.asked.setdefault(story.number, []).append(now)
        self.order.append(now)
        return self._policy.next(story, parcel, now, watch)

    def saw(self, before: Parcel, after: Parcel) -> None:
        self._policy.saw(before, after)

    def ended(self, calls: int, lasted: float) -> None:
        self._policy.ended(calls, lasted)


def nothing() -> None:
    """No progress is shown."""


@pytest.fixture(scope="module")
def told() -> list[Story]:
    return stories.drawn(COUNT, SEED)


@pytest.fixture(scope="module")
def rows(told: list[Story]) -> dict[str, dict[str, Any]]:
    return {row["policy"]: row for row in bench.report(bench.run(told, SEED, nothing))}


def test_every_policy_is_reported_in_the_agreed_shape(rows: dict[str, dict[str, Any]]) -> None:
    assert tuple(rows) == POLICIES
    for row in rows.values():
        assert set(row) == {"policy", "calls_per_parcel", "locks", "delay_seconds"}
        assert set(row["delay_seconds"]) == set(stories.WATCHED)
        assert all(delay["p50"] <= delay["p95"] for delay in row["delay_seconds"].values())


def test_no_policy_locks_a_number(rows: dict[str, dict[str, Any]]) -> None:
    assert [row["locks"] for row in rows.values()] == [0] * len(POLICIES)


def test_the_oracle_is_best(rows: dict[str, dict[str, Any]]) -> None:
    oracle = rows["oracle"]
    for row in rows.values():
        assert oracle["calls_per_parcel"] <= row["calls_per_parcel"]
        for status in stories.WATCHED:
            assert oracle["delay_seconds"][status]["p50"] <= row["delay_seconds"][status]["p50"]


def test_a_shorter_interval_costs_more_and_sees_more(rows: dict[str, dict[str, Any]]) -> None:
    fixed = [row for name, row in rows.items() if name.startswith("fixed")]
    calls = [row["calls_per_parcel"] for row in fixed]
    seen = [row["delay_seconds"]["delivered"]["p95"] for row in fixed]
    assert calls == sorted(calls, reverse=True)
    assert seen == sorted(seen)


def test_our_schedule_sees_a_delivery_sooner_than_asking_every_two_hours_for_fewer_calls_than_every_four(
    rows: dict[str, dict[str, Any]],
) -> None:
    ours = rows["adaptive"]
    assert ours["calls_per_parcel"] <= rows["fixed-4h"]["calls_per_parcel"]
    assert ours["delay_seconds"]["delivered"]["p50"] < rows["fixed-2h"]["delay_seconds"]["delivered"]["p50"]


def test_the_same_seed_gives_the_same_figures_and_another_others(
    told: list[Story], rows: dict[str, dict[str, Any]]
) -> None:
    again = {row["policy"]: row for row in bench.report(bench.run(stories.drawn(COUNT, SEED), SEED, nothing))}
    assert again == rows
    assert stories.drawn(3, SEED) == told[:3]
    assert stories.drawn(3, SEED + 1) != told[:3]


def test_all_begin_after_the_same_registration_and_keep_the_gap(told: list[Story]) -> None:
    registered = {story.number: story.registered_at for story in told}
    for policy in (Adaptive(), Fixed(1860, 1), Fixed(7200, 1), Oracle()):
        recording = Recording(policy)
        replay("any", recording, told, nothing)
        for number, asked in recording.asked.items():
            assert asked[0] >= registered[number]
            assert all(later - earlier >= GAP for earlier, later in pairwise(asked))


def test_fixed_policies_have_a_phase_of_their_own(told: list[Story]) -> None:
    phases = [Fixed(3600, 1).first(story) - story.registered_at for story in told]
    assert all(0 <= phase < 3600 for phase in phases)
    assert len(set(phases)) == len(told)
    assert phases == [Fixed(3600, 1).first(story) - story.registered_at for story in told]
    assert phases != [Fixed(3600, 2).first(story) - story.registered_at for story in told]


def test_calls_of_all_parcels_are_made_in_the_order_of_time(told: list[Story]) -> None:
    recording = Recording(Adaptive())
    replay("adaptive", recording, told, nothing)
    assert recording.order == sorted(recording.order)


def test_learning_sees_only_lines_that_a_call_has_shown(told: list[Story]) -> None:
    """Whatever comes after a moment, all calls before it are the same."""
    moment = sorted(story.registered_at for story in told)[COUNT // 2]

    def asked(known: list[Story]) -> list[float]:
        recording = Recording(Adaptive())
        replay("adaptive", recording, known, nothing)
        return [at for at in recording.order if at < moment]

    early = [story for story in told if story.registered_at < moment]
    assert asked(told) == asked(early)


def journeys(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "journeys.jsonl"
    path.write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in lines), encoding="utf-8")
    return path


JOURNEY: dict[str, Any] = {
    "courier": "yuantong",
    "number": "YT0000001",
    "events": [
        {"at": "2026-03-01T18:12:00+08:00", "status_code": "103", "text": "已揽收"},
        {"at": "2026-03-02T07:30:00+08:00", "status_code": "0", "text": "已到达"},
        {"at": "2026-03-02T09:12:00+08:00", "status_code": "5", "text": "正在派件"},
        {"at": "2026-03-02T12:40:00+08:00", "status_code": "301", "text": "已签收"},
    ],
}


def test_journeys_of_a_file_are_replayed_and_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = journeys(tmp_path, JOURNEY, {**JOURNEY, "number": "YT0000002"})
    assert bench.main(["--journeys", str(path), "--out", str(tmp_path / "out")]) == 0
    rows = json.loads((tmp_path / "out" / "schedule.json").read_text())
    assert [row["policy"] for row in rows] == list(POLICIES)
    assert rows[-1]["delay_seconds"]["delivered"] == {"p50": 0.0, "p95": 0.0}
    assert rows[0]["delay_seconds"]["exception"] == {"p50": None, "p95": None}
    drawing = ET.fromstring((tmp_path / "out" / "schedule.svg").read_text())  # noqa: S314 - our own
    assert "adaptive" in "".join(drawing.itertext())
    assert "fixed-31min" in capsys.readouterr().out


def changed(**fields: Any) -> dict[str, Any]:
    """The journey, with fields of its second event changed."""
    events = [dict(each) for each in JOURNEY["events"]]
    events[1] |= fields
    return {**JOURNEY, "events": events}


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({**JOURNEY, "events": []}, "events"),
        ({**JOURNEY, "events": ["5"]}, "events[0]"),
        ({"courier": "jd"}, "events"),
        ({**JOURNEY, "courier": None}, "courier"),
        ({**JOURNEY, "number": " "}, "number"),
        (changed(at="soon"), "events[1].at"),
        (changed(at="2026-03-02T07:30:00"), "zone"),
        (changed(status_code=None), "events[1].status_code"),
        (changed(text=7), "events[1].text"),
    ],
)
def test_a_file_that_is_no_journeys_is_refused_by_line_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: dict[str, Any], field: str
) -> None:
    assert bench.main(["--journeys", str(journeys(tmp_path, JOURNEY, line)), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "line 2" in said
    assert field in said


def test_a_line_that_is_not_json_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "journeys.jsonl"
    path.write_text("\n[1\n", encoding="utf-8")
    assert bench.main(["--journeys", str(path), "--out", str(tmp_path)]) == 2
    assert "line 2: not JSON" in capsys.readouterr().err


def test_order_zone_spelling_of_codes_and_blank_lines_of_a_file_do_not_matter(tmp_path: Path) -> None:
    plain = stories.read(journeys(tmp_path, JOURNEY), 1)
    events = list(reversed(JOURNEY["events"]))
    events[0] = {**events[0], "at": "2026-03-02T04:40:00Z", "status_code": 301}
    path = tmp_path / "odd.jsonl"
    path.write_text(f"\n{json.dumps({**JOURNEY, 'events': events})}\n\n", encoding="utf-8-sig")
    assert stories.read(path, 1) == plain


def test_a_number_that_is_used_again_is_another_parcel(tmp_path: Path) -> None:
    told = stories.read(journeys(tmp_path, JOURNEY, JOURNEY), 1)
    score = replay("any", Fixed(1860, 1), told, nothing)
    assert (score.parcels, score.locks) == (2, 0)
    assert len(score.delays["delivered"]) == 2


def test_unknown_codes_and_journeys_without_an_end_are_replayed(tmp_path: Path) -> None:
    path = journeys(
        tmp_path, changed(status_code="1099"), {**JOURNEY, "number": "2", "events": JOURNEY["events"][:2]}
    )
    assert bench.main(["--journeys", str(path), "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "schedule.json").read_text())
    assert all(row["locks"] == 0 for row in rows)
    assert {row["delay_seconds"]["available_for_pickup"]["p95"] for row in rows} == {None}
