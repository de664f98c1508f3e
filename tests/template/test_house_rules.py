"""The house rules of the template, as code: what a review would have to look for in every change."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.template.resources import Resources, of_type, target
from tools import erasure

EVERY_FUNCTION = {
    "STAGE",
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
    "CORS_ORIGIN",
}
ASKING = {
    "CACHE_TABLE",
    "TRACKING_TABLE",
    "KUAIDI100_SECRET",
    "TAIL_KEY_SECRET",
    "UPSTREAM_URL",
    "UPSTREAM_LANG",
    "QUERY_GAP_SECONDS",
    "DAILY_CALL_CAP",
    "STRICT_GAP",
    "CONNECT_TIMEOUT_SECONDS",
    "READ_TIMEOUT_SECONDS",
}
BUDGETS = {
    "DAILY_CALL_BUDGET",
    "MONTHLY_CALL_BUDGET",
    "MEMBER_DAILY_CALL_BUDGET",
    "MEMBER_MONTHLY_CALL_BUDGET",
}
ENVIRONMENT = {
    "AuthorizerFunction": EVERY_FUNCTION
    | {
        "TRACKING_TABLE",
        "DEFAULT_USAGE_KEY",
        "JWT_ISSUER",
        "JWT_AUDIENCE",
        "JWT_MEMBER_CLAIM",
        "JWT_SCOPE_CLAIM",
        "JWT_DEFAULT_SCOPES",
    },
    "DispatchFunction": EVERY_FUNCTION
    | {
        "CACHE_TABLE",
        "TRACKING_TABLE",
        "REFRESH_QUEUE",
        "NOTIFICATION_TOPIC",
        "FANOUT_QUEUE",
        "SLOW_WEBHOOK_QUEUE",
        "MAIL_QUEUE",
    },
    "DocsFunction": EVERY_FUNCTION,
    "EventsFunction": EVERY_FUNCTION | {"CACHE_TABLE", "TRACKING_TABLE", "LONG_POLLS"},
    "FanoutFunction": EVERY_FUNCTION
    | {
        "CACHE_TABLE",
        "TRACKING_TABLE",
        "TAIL_KEY_SECRET",
        "FANOUT_QUEUE",
        "WEBHOOK_QUEUE",
        "SLOW_WEBHOOK_QUEUE",
        "MAIL_QUEUE",
        "MAIL_FROM",
    },
    "MailFunction": EVERY_FUNCTION
    | {
        "CACHE_TABLE",
        "TRACKING_TABLE",
        "ADDRESS_KEY_SECRET",
        "MAIL_FROM",
        "MAIL_CONFIGURATION_SET",
        "PUBLIC_BASE_URL",
    },
    "ManageFunction": EVERY_FUNCTION
    | BUDGETS
    | {
        "CACHE_TABLE",
        "TRACKING_TABLE",
        "UPSTREAM_LANG",
        "FANOUT_QUEUE",
        "WEBHOOK_QUEUE",
        "WEBHOOK_KEY_SECRET",
        "PUBLIC_BASE_URL",
    },
    "PageFunction": EVERY_FUNCTION | {"TRACKING_TABLE"},
    "OperatorFunction": EVERY_FUNCTION
    | BUDGETS
    | {
        "CACHE_TABLE",
        "TRACKING_TABLE",
        "KUAIDI100_SECRET",
        *(
            f"{queue}_{kind}"
            for queue in ("REFRESH", "FANOUT", "WEBHOOK", "SLOW_WEBHOOK", "MAIL", "MAIL_FEEDBACK")
            for kind in ("QUEUE", "DEAD_LETTERS")
        ),
    },
    "PublishFunction": EVERY_FUNCTION | {"TRACKING_TABLE", "NOTIFICATION_TOPIC", "FANOUT_QUEUE"},
    "QueryFunction": EVERY_FUNCTION | BUDGETS | ASKING,
    "RefreshFunction": EVERY_FUNCTION | BUDGETS | ASKING,
    "SuppressionFunction": EVERY_FUNCTION | {"TRACKING_TABLE", "ADDRESS_KEY_SECRET"},
    "WebhookFunction": EVERY_FUNCTION
    | {"CACHE_TABLE", "TRACKING_TABLE", "WEBHOOK_KEY_SECRET", "WEBHOOK_QUEUE", "SLOW_WEBHOOK_QUEUE"},
}
GATEWAY_SECONDS = 29
NOBODY_WAITS = {"DispatchFunction", "RefreshFunction", "WebhookFunction"}
"""The dispatch has the minute until its next run, a batch of refreshes calls that follow each other; an endpoint may take 15 s."""
POLICY_BYTES = 20_480
"""Of the policy that says who may invoke a function (Lambda developer guide, "Lambda quotas")."""
LONG_NAME, SUFFIX = "s" * 24, "x" * 12


def test_every_function_logs_to_a_group_of_its_own_that_forgets(
    resources: Resources, functions: Resources
) -> None:
    groups = {name: target(function["LoggingConfig"]["LogGroup"]) for name, function in functions.items()}
    assert len(set(groups.values())) == len(functions)
    for group in groups.values():
        assert resources[group]["Type"] == "AWS::Logs::LogGroup"
        assert resources[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_function_ends_before_the_gateway_gives_up(
    source: dict[str, Any], functions: Resources
) -> None:
    for name, function in functions.items():
        assert "Timeout" in source["Resources"][name]["Properties"], name
        assert function["Timeout"] < GATEWAY_SECONDS or name in NOBODY_WAITS, name


def test_an_erasure_reads_again_when_no_function_still_has_what_it_read_before(functions: Resources) -> None:
    for name, function in functions.items():
        assert function["Timeout"] < erasure.PAUSE, name


def test_no_function_has_more_routes_than_its_policy_holds(
    resources: Resources, functions: Resources
) -> None:
    """Each route is a statement in the policy of its function, or of that one's alias. Names are taken for long ones."""
    here = "ap-northeast-1:123456789012"
    for name in functions:
        statements = [
            {
                "Sid": f"{LONG_NAME}-{permission}-{SUFFIX}",
                "Effect": "Allow",
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": f"arn:aws:lambda:{here}:function:{LONG_NAME}-{name}-{SUFFIX}:live",
                "Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:{here}:{route}"}},
            }
            for permission, route in _routes_that_may_invoke(resources, name)
        ]
        assert len(json.dumps(statements, separators=(",", ":"))) < POLICY_BYTES, name


def _routes_that_may_invoke(resources: Resources, function: str) -> list[tuple[str, str]]:
    return [
        (name, permission["Properties"]["SourceArn"]["Fn::Sub"][0].rpartition(":")[2])
        for name, permission in of_type(resources, "AWS::Lambda::Permission").items()
        if target(permission["Properties"]["FunctionName"]) in {function, f"{function}Aliaslive"}
        and permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
    ]


def test_functions_run_on_the_python_and_processor_of_the_parameters(
    resources: Resources, functions: Resources
) -> None:
    for function in functions.values():
        assert function["Runtime"] == {"Ref": "Runtime"}
        assert function["Architectures"] == [{"Ref": "Architecture"}]
    for layer in of_type(resources, "AWS::Lambda::LayerVersion").values():
        assert layer["Properties"]["CompatibleRuntimes"] == [{"Ref": "Runtime"}]
        assert layer["Properties"]["CompatibleArchitectures"] == [{"Ref": "Architecture"}]


def test_functions_get_the_environment_that_the_code_reads_and_nothing_more(functions: Resources) -> None:
    assert {
        name: set(function["Environment"]["Variables"]) for name, function in functions.items()
    } == ENVIRONMENT


def test_layers_have_the_sources_that_sam_lays_out_right(source: dict[str, Any]) -> None:
    core, deps = source["Resources"]["CoreLayer"], source["Resources"]["DepsLayer"]
    for layer in (core, deps):
        assert layer["Metadata"]["BuildMethod"] == "makefile", "SAM's own would build it to python/python"
    assert {core["Properties"]["RetentionPolicy"], deps["Properties"]["RetentionPolicy"]} == {"Delete"}


# ---- Published versions


PUBLISHED = {"AuthorizerFunction", "ManageFunction", "PageFunction", "QueryFunction"}
UNREAD = {"AuthorizerFunction": {"CorsOrigin"}, "PageFunction": {"CorsOrigin"}}
"""Settings that every function gets, and these do not read."""
DESCRIPTION = 256
"""Characters of a version's (CloudFormation template reference, "AWS::Lambda::Version")."""


def _parameters_in(value: Any, parameters: set[str]) -> set[str]:
    match value:
        case {"Ref": str(name)}:
            return {name} & parameters
        case dict():
            return {name for each in value.values() for name in _parameters_in(each, parameters)}
        case list():
            return {name for each in value for name in _parameters_in(each, parameters)}
    return set()


def test_functions_that_somebody_waits_for_may_start_from_a_snapshot_and_others_do_not(
    resources: Resources, functions: Resources
) -> None:
    assert {name for name, each in functions.items() if "SnapStart" in each} == PUBLISHED
    for name in PUBLISHED:
        assert functions[name]["SnapStart"] == {"ApplyOn": {"Ref": "SnapStart"}}
        alias = resources[f"{name}Aliaslive"]["Properties"]
        version = alias["FunctionVersion"]["Fn::GetAtt"][0]
        assert resources[version]["Type"] == "AWS::Lambda::Version"
        assert resources[version]["DeletionPolicy"] == "Delete", "each that is kept is paid for"


def test_a_setting_that_changes_publishes_its_functions_anew(
    source: dict[str, Any], resources: Resources
) -> None:
    """An alias serves a version as it was published, settings included. SAM sees changed text, CloudFormation the description."""
    parameters = set(source["Parameters"])
    shared = _parameters_in(source["Globals"]["Function"], parameters)
    for name in PUBLISHED:
        properties = source["Resources"][name]["Properties"]
        description = properties["VersionDescription"]["Fn::Sub"]
        settings = {
            key: each for key, each in properties.items() if key not in {"Events", "VersionDescription"}
        }
        assert set(re.findall(r"\$\{(\w+)\}", description)) == (
            shared | _parameters_in(settings, parameters)
        ) - UNREAD.get(name, set())
        version = resources[f"{name}Aliaslive"]["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]
        assert resources[version]["Properties"]["Description"] == {"Fn::Sub": description}


def test_the_settings_that_a_description_names_leave_room_for_long_ones(source: dict[str, Any]) -> None:
    at_length = {
        "CorsOrigin": "https://orders.warehouse.example.com",
        "PublicBaseUrl": "https://tracking.warehouse.example.com",
        "SnapStart": "PublishedVersions",
        "JwtIssuer": "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0",
        "JwtAudience": "api://00000000-0000-0000-0000-000000000000",
        "JwtDefaultScopes": "track manage pii admin",
        **dict.fromkeys(("DailyCallBudget", "MonthlyCallBudget"), "100000000"),
        **dict.fromkeys(("MemberDailyCallBudget", "MemberMonthlyCallBudget"), "100000000"),
    }
    values = {name: str(each["Default"]) for name, each in source["Parameters"].items()} | at_length
    for name in PUBLISHED:
        description = source["Resources"][name]["Properties"]["VersionDescription"]["Fn::Sub"]
        written = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], description)
        assert len(written) <= DESCRIPTION, name


def test_new_code_in_a_layer_publishes_the_functions_anew(source: dict[str, Any]) -> None:
    for layer in ("CoreLayer", "DepsLayer"):
        assert source["Resources"][layer]["Properties"]["PublishLambdaVersion"] is True
    for name in PUBLISHED:
        assert source["Resources"][name]["Properties"]["AutoPublishAliasAllProperties"] is True


def test_a_snapshot_is_not_asked_of_a_python_that_has_none(source: dict[str, Any]) -> None:
    rule = source["Rules"]["SnapStartIsKnownToTheRuntime"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "SnapStart"}, "PublishedVersions"]}
    (assertion,) = rule["Assertions"]
    (refused,) = assertion["Assert"]["Fn::Not"]
    assert refused == {"Fn::Equals": [{"Ref": "Runtime"}, "python3.11"]}
    assert source["Parameters"]["SnapStart"]["Default"] == "None"


# ---- Permissions


def test_an_issuer_of_jwts_is_not_deployed_without_an_audience(source: dict[str, Any]) -> None:
    def named(parameter: str) -> dict[str, Any]:
        return {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}

    rule = source["Rules"]["JwtAudienceIsNamed"]
    assert rule["RuleCondition"] == named("JwtIssuer")
    assert [each["Assert"] for each in rule["Assertions"]] == [named("JwtAudience")]
    assert source["Parameters"]["JwtIssuer"]["Default"] == ""


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("JwtIssuer", "https://login.example.com/realms/acme/", True),
        ("JwtIssuer", "http://127.0.0.1:8300", True),
        ("JwtIssuer", "http://login.example.com", False),
        ("JwtIssuer", "http://localhost.example.com", False),
        ("JwtIssuer", "https://login.example.com/?tenant=1", False),
        ("JwtDefaultScopes", "track manage", True),
        ("JwtDefaultScopes", "", True),
        ("JwtDefaultScopes", "track,manage", False),
        ("JwtDefaultScopes", "root", False),
    ],
)
def test_the_parameters_of_jwts_take_what_the_code_takes(
    source: dict[str, Any], parameter: str, value: str, *, allowed: bool
) -> None:
    assert bool(re.search(source["Parameters"][parameter]["AllowedPattern"], value)) == allowed


def test_no_secret_has_a_value_in_the_template(resources: Resources) -> None:
    for secret in of_type(resources, "AWS::SecretsManager::Secret").values():
        text = secret["Properties"].get("SecretString", "{}")
        assert not any(json.loads(text).values())


# ---- Tables


def test_every_table_is_encrypted_forgets_by_time_and_bills_by_request(resources: Resources) -> None:
    tables = of_type(resources, "AWS::DynamoDB::Table")
    assert set(tables) == {"TrackingTable", "CacheTable"}
    for table in tables.values():
        assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
        assert table["Properties"]["TimeToLiveSpecification"] == {
            "AttributeName": "expires_at",
            "Enabled": True,
        }
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
        assert {"DeletionPolicy", "UpdateReplacePolicy"} <= table.keys()


def test_the_tracking_table_survives_mistakes(source: dict[str, Any], resources: Resources) -> None:
    table = resources["TrackingTable"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["DisposableTables", False, True]}
    assert source["Conditions"]["DisposableTables"] == {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}
    assert table["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_the_cache_table_has_neither_range_key_nor_stream(resources: Resources) -> None:
    properties = resources["CacheTable"]["Properties"]
    assert properties["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert "StreamSpecification" not in properties


# ---- Queues


def test_every_parameter_is_described_bounded_and_used(source: dict[str, Any]) -> None:
    body = json.dumps({key: value for key, value in source.items() if key not in {"Parameters", "Metadata"}})
    for name, parameter in source["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        assert {"AllowedValues", "AllowedPattern"} & parameter.keys() or {
            "MinValue",
            "MaxValue",
        } <= parameter.keys(), name
        assert f'{{"Ref": "{name}"}}' in body or f"${{{name}}}" in body, name


def test_every_default_is_a_value_that_its_parameter_allows(source: dict[str, Any]) -> None:
    for name, parameter in source["Parameters"].items():
        default = parameter["Default"]
        values = default.split(",") if parameter["Type"] == "CommaDelimitedList" else [default]
        assert default in parameter.get("AllowedValues", [default]), name
        assert all(re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)) for value in values), name
        assert parameter.get("MinValue", default) <= default <= parameter.get("MaxValue", default), name


def test_every_parameter_has_a_place_in_the_console(source: dict[str, Any]) -> None:
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    placed = [name for group in groups for name in group["Parameters"]]
    assert sorted(placed) == sorted(source["Parameters"])


def test_the_defaults_keep_clear_of_the_lock_of_kuaidi100(source: dict[str, Any]) -> None:
    parameters = source["Parameters"]
    assert parameters["QueryGapSeconds"]["Default"] >= 1800
    assert parameters["DailyCallCap"]["MaxValue"] < 48
    assert parameters["UpstreamUrl"]["Default"] == "https://poll.kuaidi100.com/poll/query.do"


def test_outputs_name_what_an_operator_needs(source: dict[str, Any]) -> None:
    assert set(source["Outputs"]) == {
        "ApiUrl",
        "ApiId",
        "ApiStage",
        "DefaultUsagePlan",
        "TrackingTable",
        "CacheTable",
        "RefreshQueue",
        "FanoutQueue",
        "WebhookQueue",
        "SlowWebhookQueue",
        "MailQueue",
        "MailFeedbackQueue",
        "NotificationTopic",
        "Kuaidi100Secret",
        "AlarmTopic",
    }
    assert all(output["Description"] for output in source["Outputs"].values())
