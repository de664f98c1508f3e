"""Queues lose nothing, and somebody hears of everything that goes wrong."""

from __future__ import annotations

import re
from typing import Any

from tests.stacks import ROOT
from tests.template.resources import Resources, of_type, target


def test_every_queue_is_encrypted_and_has_a_dead_letter_queue_that_somebody_watches(
    resources: Resources,
) -> None:
    queues = {name: each["Properties"] for name, each in of_type(resources, "AWS::SQS::Queue").items()}
    dead = {
        target(each["RedrivePolicy"]["deadLetterTargetArn"])
        for each in queues.values()
        if "RedrivePolicy" in each
    }
    watched = {
        target(alarm["Properties"]["Dimensions"][0]["Value"])
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert dead
    assert dead == watched == {name for name, each in queues.items() if "RedrivePolicy" not in each}
    for name, each in queues.items():
        assert each["SqsManagedSseEnabled"] is True, name
        if name in dead:
            assert each["MessageRetentionPeriod"] == 14 * 86_400, "as long as SQS keeps anything"


def test_a_queue_hides_a_message_for_six_time_outs_of_its_function_and_hears_of_single_failures(
    resources: Resources, functions: Resources
) -> None:
    mappings = [
        each["Properties"]
        for each in of_type(resources, "AWS::Lambda::EventSourceMapping").values()
        if target(each["Properties"]["EventSourceArn"]) in of_type(resources, "AWS::SQS::Queue")
    ]
    assert {target(each["FunctionName"]) for each in mappings} == {"RefreshFunction"}
    for mapping in mappings:
        queue = resources[target(mapping["EventSourceArn"])]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * functions[target(mapping["FunctionName"])]["Timeout"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BatchSize"] == 10


def test_refreshes_are_throttled_at_their_source(source: dict[str, Any], functions: Resources) -> None:
    event = source["Resources"]["RefreshFunction"]["Properties"]["Events"]["Due"]["Properties"]
    assert event["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "RefreshConcurrency"}}
    assert source["Parameters"]["RefreshConcurrency"]["MinValue"] >= 2, "less is refused by Lambda"
    assert not [name for name, function in functions.items() if "ReservedConcurrentExecutions" in function]


def test_the_dispatch_runs_every_minute_and_ends_before_the_next_begins(
    resources: Resources, functions: Resources
) -> None:
    (rule,) = of_type(resources, "AWS::Events::Rule").values()
    assert rule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert [target(each["Arn"]) for each in rule["Properties"]["Targets"]] == ["DispatchFunction"]
    assert functions["DispatchFunction"]["Timeout"] < 60


# ---- Alarms


def test_every_function_and_the_api_have_an_alarm_for_errors(
    resources: Resources, functions: Resources
) -> None:
    watched = {
        (
            alarm["Properties"]["MetricName"],
            *(target(each["Value"]) for each in alarm["Properties"]["Dimensions"]),
        )
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
    }
    assert {("Errors", name) for name in functions} <= watched
    assert {
        ("Throttles", name) for name in functions if name not in {"AuthorizerFunction", "DocsFunction"}
    } <= watched
    assert ("5XXError", "AWS::StackName", "Stage") in watched


def test_an_alarm_says_what_is_wrong_tells_somebody_and_is_quiet_at_night(resources: Resources) -> None:
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmDescription"]
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


METRICS = {
    ("UpstreamConfiguration", "waybill-query"),
    ("UpstreamConfiguration", "waybill-refresh"),
    ("BudgetWarnings", "waybill-query"),
    ("BudgetWarnings", "waybill-refresh"),
    ("CircuitOpen", "waybill-dispatch"),
    ("RefreshLag", "waybill-dispatch"),
}


def test_alarms_of_our_own_metrics_watch_them_under_the_names_of_the_functions(
    resources: Resources, functions: Resources
) -> None:
    own = [
        alarm["Properties"]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if not alarm["Properties"]["Namespace"].startswith("AWS/")
    ]
    for name, function in functions.items():
        assert function["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == "Waybill", name
    services = {
        function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for function in functions.values()
    }
    assert {alarm["Namespace"] for alarm in own} == {"Waybill"}
    watched = {(alarm["MetricName"], alarm["Dimensions"][0]["Value"]) for alarm in own}
    assert watched == METRICS
    assert {service for _, service in METRICS} <= services
    counted = re.findall(r'add_metric\("(\w+)"', (ROOT / "layers/core/python/waybill/observe.py").read_text())
    assert {name for name, _ in METRICS} <= set(counted)


def test_the_operator_is_subscribed_only_when_an_address_is_given(
    source: dict[str, Any], resources: Resources
) -> None:
    assert resources["AlarmSubscription"]["Condition"] == "HasAlarmEmail"
    assert source["Parameters"]["AlarmEmail"]["Default"] == ""


# ---- Parameters and outputs
