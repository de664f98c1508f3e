"""Somebody hears of everything that goes wrong, and sees on one page what to do."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.stacks import ROOT
from tests.template.resources import Resources, of_type, target

COLUMNS = 24
STACK = {"Ref": "AWS::StackName"}
"""The namespace of our own metrics; monitoring.yaml is given it as ApiName."""
COUNTED = {
    "dispatch": {
        "CircuitOpen",
        "Dispatched",
        "DueAgain",
        "OutboxLag",
        "PublishedAgain",
        "RefreshLag",
        "Republished",
    },
    "docs": {"Faults"},
    "events": {"Faults"},
    "fanout": {"Faults"},
    "mail": {"Faults", "MailsRefused", "MailsSent"},
    "manage": {"Faults"},
    "operator": {"Faults"},
    "page": {"Faults"},
    "publish": {"Faults", "PublishedAgain"},
    "query": {
        "AnswersNotStored",
        "BudgetWarnings",
        "CircuitOpened",
        "CopiesBehind",
        "Faults",
        "UnknownStatusCodes",
        "UpstreamCalls",
        "UpstreamConfiguration",
        "UpstreamFailures",
    },
    "suppression": {"Faults"},
    "webhook": {"DeliveriesFailed", "DeliveriesParked", "DeliveriesSucceeded", "DeliveryMs", "Faults"},
}
COUNTED["refresh"] = COUNTED["query"]
"""What each function counts, as `waybill.observe` is used by it."""
OF_AWS = {
    "AWS/ApiGateway": (
        {"4XXError", "5XXError", "Count", "IntegrationLatency", "Latency"},
        {"ApiName", "Stage"},
    ),
    "AWS/DynamoDB": (
        {
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        },
        {"TableName"},
    ),
    "AWS/Lambda": ({"ConcurrentExecutions", "Duration", "Errors", "Throttles"}, {"FunctionName"}),
    "AWS/SES": ({"Reputation.BounceRate", "Reputation.ComplaintRate"}, set()),
    "AWS/SNS": ({"NumberOfMessagesPublished"}, {"TopicName"}),
    "AWS/SQS": ({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}, {"QueueName"}),
}
"""Metrics of AWS and the dimensions that we name them by (CloudWatch chapters of the services' developer guides)."""


@pytest.fixture(scope="module")
def widgets(monitoring: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the dashboard; a reference is the name of what it refers to."""
    text = monitoring["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    body = json.loads(re.sub(r"\$\{([\w:.]+)\}", r"\1", text))
    found: list[dict[str, Any]] = body["widgets"]
    return found


@pytest.fixture(scope="module")
def shown(widgets: list[dict[str, Any]]) -> list[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric of the dashboard, but for those that are searched for."""
    lines = [
        line for each in of_kind(widgets, "metric") for line in each["metrics"] if isinstance(line[0], str)
    ]
    plain = [[word for word in line if isinstance(word, str)] for line in lines]
    return [(line[0], line[1], dict(zip(line[2::2], line[3::2], strict=True))) for line in plain]


def counted() -> set[str]:
    """Names of the metrics that the code knows."""
    core = (ROOT / "layers/core/python/waybill").glob("*.py")
    return set(re.findall(r'add_metric\(\s*"(\w+)"', "".join(path.read_text() for path in core)))


def of_kind(widgets: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each["properties"] for each in widgets if each["type"] == kind]


def test_the_nested_stack_is_given_the_names_that_it_asks_for(
    source: dict[str, Any], monitoring: dict[str, Any]
) -> None:
    nested = source["Resources"]["Monitoring"]
    assert nested["Properties"]["TemplateURL"] == "monitoring.yaml"
    given = dict(nested["Properties"]["Parameters"])
    assert given.keys() == monitoring["Parameters"].keys()
    assert given.pop("ApiName") == source["Resources"]["Api"]["Properties"]["Name"]
    named = {"Queue": "QueueName", "NotificationTopic": "TopicName"}
    for name, value in given.items():
        attributes = [attribute for ending, attribute in named.items() if name.endswith(ending)]
        assert value == ({"Fn::GetAtt": [name, *attributes]} if attributes else {"Ref": name}), name


# ---- Alarms


def test_every_function_and_the_api_have_an_alarm_for_errors(alarms: Resources, functions: Resources) -> None:
    watched = {
        (alarm["MetricName"], *(target(each["Value"]) for each in alarm["Dimensions"]))
        for alarm in alarms.values()
    }
    assert {("Errors", name) for name in functions} <= watched
    assert {
        ("Throttles", name) for name in functions if name not in {"AuthorizerFunction", "DocsFunction"}
    } <= watched
    assert ("5XXError", "AWS::StackName", "Stage") in watched


def test_an_alarm_says_what_is_wrong_tells_somebody_and_is_quiet_at_night(alarms: Resources) -> None:
    assert alarms
    for name, alarm in alarms.items():
        assert alarm["AlarmDescription"].endswith((".", "?")), name
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_no_two_alarms_watch_or_say_the_same(alarms: Resources) -> None:
    """An alarm takes over what it does not say itself, so one that forgets its dimensions would watch another's function."""
    watched = [(alarm["MetricName"], str(alarm["Dimensions"])) for alarm in alarms.values()]
    assert len(set(watched)) == len(watched)
    assert len({alarm["AlarmDescription"] for alarm in alarms.values()}) == len(alarms)


def test_an_alarm_watches_what_its_name_says(alarms: Resources) -> None:
    for name, alarm in alarms.items():
        if alarm["Namespace"] == "AWS/Lambda":
            (dimension,) = alarm["Dimensions"]
            function = target(dimension["Value"]).removesuffix("Function")
            assert (dimension["Name"], name) == ("FunctionName", f"{function}{alarm['MetricName']}Alarm")


METRICS = {
    ("UpstreamConfiguration", "waybill-query"),
    ("UpstreamConfiguration", "waybill-refresh"),
    ("BudgetWarnings", "waybill-query"),
    ("BudgetWarnings", "waybill-refresh"),
    ("CircuitOpen", "waybill-dispatch"),
    ("RefreshLag", "waybill-dispatch"),
    ("OutboxLag", "waybill-dispatch"),
    ("DeliveriesParked", "waybill-webhook"),
    ("MailsRefused", "waybill-mail"),
}


def test_alarms_of_our_own_metrics_watch_them_under_the_names_of_the_functions(
    alarms: Resources, functions: Resources
) -> None:
    own = [alarm for alarm in alarms.values() if not str(alarm["Namespace"]).startswith("AWS/")]
    for name, function in functions.items():
        assert function["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == STACK, name
    services = {
        function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for function in functions.values()
    }
    assert all(alarm["Namespace"] == STACK for alarm in own), "no other stack of the account counts there"
    watched = {(alarm["MetricName"], alarm["Dimensions"][0]["Value"]) for alarm in own}
    assert watched == METRICS
    assert {service for _, service in METRICS} <= services


def test_the_operator_is_subscribed_only_when_an_address_is_given(
    source: dict[str, Any], resources: Resources
) -> None:
    assert resources["AlarmSubscription"]["Condition"] == "HasAlarmEmail"
    assert source["Parameters"]["AlarmEmail"]["Default"] == ""


def test_the_operators_table_tells_of_every_alarm_once_and_of_none_else(alarms: Resources) -> None:
    text = (ROOT / "docs/operations.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| `\w+Alarm`", line)]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(told) == sorted(alarms)
    assert all(len(row) == len(("alarm", "meaning", "what to do")) for row in rows)


def test_what_the_operators_page_points_to_is_on_it() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    headings = [
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"(?m)^#+ (.*)$", text)
    ]
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= set(headings)


# ---- Dashboard


def test_everything_that_the_dashboard_refers_to_is_there(monitoring: dict[str, Any]) -> None:
    text = monitoring["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    named = {name.removesuffix(".Arn") for name in re.findall(r"\$\{(.*?)\}", text)}
    known = monitoring["Parameters"].keys() | monitoring["Resources"].keys() | {"AWS::Region"}
    assert named <= known
    assert len(text) < 100_000


def test_the_dashboard_shows_every_alarm_function_queue_and_table(
    resources: Resources,
    functions: Resources,
    alarms: Resources,
    widgets: list[dict[str, Any]],
    shown: list[tuple[str, str, dict[str, str]]],
) -> None:
    (board,) = of_kind(widgets, "alarm")
    assert sorted(board["alarms"]) == sorted(f"{name}.Arn" for name in alarms)
    seen = {(name, value) for _, name, dimensions in shown for value in dimensions.values()}
    for metric in OF_AWS["AWS/Lambda"][0]:
        assert {(metric, name) for name in functions} <= seen, metric
    for metric in OF_AWS["AWS/DynamoDB"][0]:
        assert {(metric, name) for name in of_type(resources, "AWS::DynamoDB::Table")} <= seen, metric
    queues = of_type(resources, "AWS::SQS::Queue")
    assert {("ApproximateNumberOfMessagesVisible", name) for name in queues} <= seen
    worked_off = {name for name, each in queues.items() if "RedrivePolicy" in each["Properties"]}
    assert {("ApproximateAgeOfOldestMessage", name) for name in worked_off} <= seen


def test_every_metric_of_alarms_and_dashboard_is_one_that_somebody_emits(
    alarms: Resources, shown: list[tuple[str, str, dict[str, str]]], widgets: list[dict[str, Any]]
) -> None:
    alarmed = [
        (each["Namespace"], each["MetricName"], {line["Name"]: line["Value"] for line in each["Dimensions"]})
        for each in alarms.values()
    ]
    for namespace, name, dimensions in [*shown, *alarmed]:
        if namespace in (STACK, "ApiName"):
            assert dimensions.keys() == {"service"}
            assert name in COUNTED[dimensions["service"].removeprefix("waybill-")]
        else:
            names, keys = OF_AWS[namespace]
            assert name in names
            assert dimensions.keys() == keys
    searches = [
        line[0]["expression"]
        for each in of_kind(widgets, "metric")
        for line in each["metrics"]
        if not isinstance(line[0], str)
    ]
    assert searches
    for search in searches:
        found = re.search(r"\{(AWS/\w+),.*MetricName=\"(\w+)\"", search)
        assert found
        assert found[2] in OF_AWS[found[1]][0]


def test_the_dashboard_shows_all_that_the_functions_count(
    shown: list[tuple[str, str, dict[str, str]]],
) -> None:
    own = {name for namespace, name, _ in shown if namespace == "ApiName"}
    assert own == set().union(*COUNTED.values()) == counted()


def test_the_dashboard_counts_log_lines_that_the_code_writes(widgets: list[dict[str, Any]]) -> None:
    core = "".join(path.read_text() for path in (ROOT / "layers/core/python/waybill").glob("*.py"))
    queries = [each["query"] for each in of_kind(widgets, "log")]
    assert queries
    for query in queries:
        (message,) = re.findall(r'message = "([\w ]+)"', query)
        (line,) = re.findall(
            rf'logger\.info\(\s+"{message}",\s+extra=\{{(.*?)\n        \}},', core, re.DOTALL
        )
        for field in re.findall(r"strcontains\((\w+)|count\(\*\) as calls by (\w+), (\w+)", query):
            assert all(f'"{name}":' in line for name in field if name)


def test_widgets_stand_beside_each_other_and_say_what_they_show(widgets: list[dict[str, Any]]) -> None:
    for one in widgets:
        assert one["x"] + one["width"] <= COLUMNS
        assert one["type"] == "text" or one["properties"]["title"]
    for one, other in combinations(widgets, 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        below = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert beside or below, (one, other)
