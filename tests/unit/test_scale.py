"""docs/scale.md says what its program works out, and the program's arithmetic holds."""

from __future__ import annotations

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types

from bench.crowd import simulated
from tools import cost, scale
from tools.scale import Scale
from tools.scale_tables import tables

TEN_MILLION = Scale(scale.TEN_MILLION, scale.read())


def test_the_document_has_the_tables_that_the_program_prints() -> None:
    assert tables(TEN_MILLION) in scale.DOCUMENT.read_text(encoding="utf-8")


def test_what_comes_in_a_day_takes_all_its_calls_in_its_life() -> None:
    measured = {**scale.read(), "calls_per_parcel": 20.0, "active_days": 5.0, "peak_hour": 2.0}
    some = Scale(864_000, measured)
    assert some.calls_a_day == pytest.approx(3_456_000)
    assert some.calls_a_second == pytest.approx(40)
    assert some.peak == pytest.approx(80)


def test_the_first_limit_is_where_its_use_is_whole_and_no_other_is() -> None:
    first, shipments = TEN_MILLION.first_limit
    there = Scale(int(shipments), scale.read())
    used = {part.name: part.used for part in there.parts}
    assert used[first.name] == pytest.approx(1, rel=1e-3)
    assert max(used.values()) == used[first.name]


def test_the_last_limit_is_where_no_setting_and_no_request_helps() -> None:
    last, shipments = TEN_MILLION.last_limit
    there = Scale(int(shipments), scale.read())
    used = {part.name: part.asked / part.most for part in there.parts}
    assert used[last.name] == pytest.approx(1, rel=1e-3)
    assert max(used.values()) == used[last.name]
    assert shipments > TEN_MILLION.first_limit[1]


@pytest.mark.parametrize("place", range(len(TEN_MILLION.parts)), ids=[p.name for p in TEN_MILLION.parts])
def test_each_part_is_asked_twice_as_much_by_twice_the_shipments(place: int) -> None:
    one, two = TEN_MILLION.parts[place], Scale(2 * scale.TEN_MILLION, scale.read()).parts[place]
    assert two.name == one.name
    assert (two.limit, two.most) == (one.limit, one.most)
    assert one.limit <= one.most
    assert two.asked == pytest.approx(2 * one.asked)


def test_what_is_told_and_written_is_among_the_parts() -> None:
    begun = {part.name.partition(",")[0] for part in TEN_MILLION.parts}
    assert {"fanout", "webhooks", "mail", "outbox", "Tracking table", "Cache table"} <= begun


def test_so_many_events_ask_so_much() -> None:
    measured = {**scale.read(), "calls_per_parcel": 20.0, "active_days": 5.0, "peak_hour": 2.0}
    some = Scale(864_000, measured)
    assert some.events_a_day == pytest.approx(864_000)
    assert some.told_a_second == pytest.approx(20)
    assert some.tracking_writes == pytest.approx(80 * (26 + 1) + 20 * 7 + 4 * 4)
    assert some.cache_writes == pytest.approx(80 * 6 + 20 * 6)


def test_a_message_takes_its_share_of_a_processor_and_a_batch_waits_once_for_its_endpoints() -> None:
    measured = {"tell_webhook_cpu_ms": 1000 * 512 / cost.CPU_AT_MB * 0.12, "tell_webhook_aws_calls": 6}
    assert scale.telling(measured, "webhook") == pytest.approx(0.12 + 6 * 0.005)
    assert scale.posted(measured, 10) == pytest.approx(100 / (1 + 10 * 0.15))


def test_limits_are_those_of_the_template() -> None:
    template = yaml_parse((scale.ROOT / "template.yaml").read_text(encoding="utf-8"))
    at_once = {
        name: event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        for name, resource in template["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if "ScalingConfig" in event["Properties"]
    }
    assert at_once["FanoutFunction"] == scale.FANOUT_AT_ONCE
    assert at_once["MailFunction"] == scale.MAIL_AT_ONCE
    for parameter, default in (
        ("RefreshConcurrency", scale.REFRESH_AT_ONCE),
        ("SlowWebhookConcurrency", scale.WEBHOOK_AT_ONCE),
    ):
        assert template["Parameters"][parameter]["Default"] == default
        assert template["Parameters"][parameter]["MaxValue"] == scale.QUEUE_AT_ONCE
    assert template["Resources"]["DispatchFunction"]["Properties"]["MemorySize"] == scale.DISPATCH_MB
    assert template["Resources"]["RefreshFunction"]["Properties"]["MemorySize"] == scale.REFRESH_MB
    for each in cost.TELLING:
        function = template["Resources"][f"{each.capitalize()}Function"]
        assert function["Properties"]["MemorySize"] == cost.TELLING_MB


def test_a_simulation_counts_calls_days_and_hours_of_its_journeys() -> None:
    ticks: list[None] = []
    figures = simulated(40, 7, lambda: ticks.append(None))
    assert len(ticks) == 40
    assert figures == simulated(40, 7, lambda: None)
    assert figures["calls_per_parcel"] > 1
    assert 0.5 < figures["active_days"] < 60
    assert 1 <= figures["peak_hour"] <= 24
    assert 1 <= figures["peak_shard"] <= 16
