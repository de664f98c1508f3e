"""The house rules of the template, as code: what a review would have to look for in every change."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.template.resources import Resources, of_type, target

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
    "DispatchFunction": EVERY_FUNCTION | {"CACHE_TABLE", "TRACKING_TABLE", "REFRESH_QUEUE"},
    "DocsFunction": EVERY_FUNCTION,
    "ManageFunction": EVERY_FUNCTION | BUDGETS | {"CACHE_TABLE", "TRACKING_TABLE", "UPSTREAM_LANG"},
    "QueryFunction": EVERY_FUNCTION | BUDGETS | ASKING,
    "RefreshFunction": EVERY_FUNCTION | BUDGETS | ASKING,
}
GATEWAY_SECONDS = 29


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
        assert function["Timeout"] < GATEWAY_SECONDS, name


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
    assert "Metadata" not in core, "with a build method the package would end up in python/python"
    assert deps["Metadata"]["BuildMethod"] == "makefile"
    assert {core["Properties"]["RetentionPolicy"], deps["Properties"]["RetentionPolicy"]} == {"Delete"}


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
        assert default in parameter.get("AllowedValues", [default]), name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(default)), name
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
        "Kuaidi100Secret",
        "AlarmTopic",
    }
    assert all(output["Description"] for output in source["Outputs"].values())
