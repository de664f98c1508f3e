"""The house rules of the template, as code: what a review would have to look for in every change."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.stacks import ROOT

Resources = dict[str, dict[str, Any]]

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
ALLOWED = {
    "AuthorizerRole": {"dynamodb:GetItem TrackingTable"},
    "DispatchRole": {
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:DescribeTable TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        "dynamodb:GetItem CacheTable",
        "dynamodb:UpdateItem CacheTable",
        "sqs:SendMessage RefreshQueue",
    },
    "DocsRole": set(),
    "ManageRole": {
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:DeleteItem CacheTable",
        "dynamodb:DeleteItem TrackingTable",
        "dynamodb:DescribeTable TrackingTable",
        "dynamodb:GetItem CacheTable",
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem CacheTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:UpdateItem CacheTable",
        "dynamodb:UpdateItem TrackingTable",
    },
    "QueryRole": {
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        "dynamodb:DeleteItem CacheTable",
        "dynamodb:GetItem CacheTable",
        "dynamodb:PutItem CacheTable",
        "dynamodb:UpdateItem CacheTable",
        "secretsmanager:GetSecretValue Kuaidi100Secret",
        "secretsmanager:GetSecretValue TailKeySecret",
    },
    "RefreshRole": {
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        "dynamodb:DeleteItem CacheTable",
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:GetItem CacheTable",
        "dynamodb:PutItem CacheTable",
        "dynamodb:UpdateItem CacheTable",
        "secretsmanager:GetSecretValue Kuaidi100Secret",
        "secretsmanager:GetSecretValue TailKeySecret",
        "sqs:DeleteMessage RefreshQueue",
        "sqs:GetQueueAttributes RefreshQueue",
        "sqs:ReceiveMessage RefreshQueue",
    },
}
LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
GATEWAY_SECONDS = 29


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def target(reference: Any) -> str:
    """The logical id that a reference points to, also one to an index of a table; `""` for anything else."""
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return name
        case {"Fn::Sub": str(text)} if index := re.fullmatch(r"\$\{(\w+)\.Arn\}/index/(\*|\w+)", text):
            return index[1]
    return ""


# ---- Functions


def test_every_function_logs_to_a_group_of_its_own_that_forgets(
    resources: Resources, functions: Resources
) -> None:
    groups = {name: target(function["LoggingConfig"]["LogGroup"]) for name, function in functions.items()}
    assert len(set(groups.values())) == len(functions)
    for group in groups.values():
        assert resources[group]["Type"] == "AWS::Logs::LogGroup"
        assert resources[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_function_has_a_role_of_its_own_that_only_lambda_takes(
    resources: Resources, functions: Resources
) -> None:
    roles = {name: target(function["Role"]) for name, function in functions.items()}
    assert len(set(roles.values())) == len(functions)
    for role in roles.values():
        properties = resources[role]["Properties"]
        (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert "ManagedPolicyArns" not in properties


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


def test_a_function_is_told_only_of_tables_queues_and_secrets_that_its_role_opens(
    resources: Resources, functions: Resources, statements: dict[str, list[dict[str, Any]]]
) -> None:
    stores = of_type(resources, "AWS::DynamoDB::Table") | of_type(resources, "AWS::SecretsManager::Secret")
    for function in functions.values():
        told = {target(value) for value in function["Environment"]["Variables"].values()} & stores.keys()
        opened = {
            target(arn) for statement in statements[target(function["Role"])] for arn in statement["Resource"]
        }
        assert told == opened & stores.keys()
        queues = of_type(resources, "AWS::SQS::Queue").keys()
        assert {target(value) for value in function["Environment"]["Variables"].values()} & queues <= opened


def test_layers_have_the_sources_that_sam_lays_out_right(source: dict[str, Any]) -> None:
    core, deps = source["Resources"]["CoreLayer"], source["Resources"]["DepsLayer"]
    assert "Metadata" not in core, "with a build method the package would end up in python/python"
    assert deps["Metadata"]["BuildMethod"] == "makefile"
    assert {core["Properties"]["RetentionPolicy"], deps["Properties"]["RetentionPolicy"]} == {"Delete"}


# ---- Permissions


def test_no_role_allows_an_action_by_wildcard(statements: dict[str, list[dict[str, Any]]]) -> None:
    actions = [
        action for allowed in statements.values() for statement in allowed for action in statement["Action"]
    ]
    assert actions
    assert not [action for action in actions if "*" in action]


def test_no_role_reaches_a_resource_that_is_not_of_this_stack(
    resources: Resources, statements: dict[str, list[dict[str, Any]]]
) -> None:
    for allowed in statements.values():
        for statement in allowed:
            assert statement["Effect"] == "Allow"
            assert all(target(arn) in resources for arn in statement["Resource"]), statement


def test_roles_allow_exactly_what_their_function_does(
    resources: Resources, functions: Resources, statements: dict[str, list[dict[str, Any]]]
) -> None:
    for function in functions.values():
        role, group = target(function["Role"]), target(function["LoggingConfig"]["LogGroup"])
        allowed = {
            f"{action} {target(arn)}"
            for statement in statements[role]
            for action in statement["Action"]
            for arn in statement["Resource"]
        }
        assert allowed == ALLOWED[role] | {f"{action} {group}" for action in LOGGING}
    assert {target(function["Role"]) for function in functions.values()} == set(
        of_type(resources, "AWS::IAM::Role")
    )


LEDGER = ["CALL#*", "LEDGER#*", "BUDGET#*", "MEMBER#*"]
KEYS = {
    "DispatchRole": {
        "dynamodb:BatchGetItem": ["CALL#*", "LEDGER#*"],
        "dynamodb:DescribeTable": [],
        "dynamodb:PutItem": ["LEDGER#*"],
        "dynamodb:Query": ["CALL#*", "LEDGER#*"],
        "dynamodb:UpdateItem": ["PARCEL#*"],
    },
    "ManageRole": {
        "dynamodb:BatchGetItem": ["PARCEL#*", *LEDGER],
        "dynamodb:DeleteItem": ["PARCEL#*"],
        "dynamodb:DescribeTable": [],
        "dynamodb:GetItem": ["PARCEL#*", *LEDGER],
        "dynamodb:PutItem": ["PARCEL#*", "LEDGER#*"],
        "dynamodb:Query": LEDGER,
        "dynamodb:UpdateItem": ["PARCEL#*"],
    },
    "QueryRole": {
        "dynamodb:BatchGetItem": ["CALL#*", "BUDGET#*"],
        "dynamodb:GetItem": ["MEMBER#*", "PARCEL#*"],
        "dynamodb:PutItem": ["CALL#*", "BUDGET#*", "PARCEL#*", "LEARNED#*"],
        "dynamodb:Query": ["PARCEL#*", "LEARNED#*"],
        "dynamodb:UpdateItem": ["CALL#*", "BUDGET#*", "PARCEL#*"],
    },
    "RefreshRole": {
        "dynamodb:BatchGetItem": ["CALL#*", "BUDGET#*"],
        "dynamodb:GetItem": ["PARCEL#*"],
        "dynamodb:PutItem": ["CALL#*", "BUDGET#*", "PARCEL#*", "LEARNED#*"],
        "dynamodb:Query": ["PARCEL#*", "LEARNED#*"],
        "dynamodb:UpdateItem": ["CALL#*", "BUDGET#*"],
    },
}
"""What each action on the Tracking table itself may reach, by the beginning of its keys; describing the table reaches no item."""


def test_functions_of_shipments_can_read_parcels_and_the_ledger_and_no_token(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    for role, keys in KEYS.items():
        reached: dict[str, list[str]] = {}
        for statement in statements[role]:
            if statement["Resource"] == [{"Fn::GetAtt": ["TrackingTable", "Arn"]}]:
                condition = statement.get(
                    "Condition", {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": []}}
                )
                (beginnings,) = [each["dynamodb:LeadingKeys"] for each in condition.values()]
                assert condition.keys() == {"ForAllValues:StringLike"}
                for action in statement["Action"]:
                    reached.setdefault(action, []).extend(
                        [beginnings] if isinstance(beginnings, str) else beginnings
                    )
        assert reached == keys


def test_the_authorizer_can_read_tokens_and_members_and_no_parcel(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    (reading,) = [each for each in statements["AuthorizerRole"] if each["Action"] == ["dynamodb:GetItem"]]
    assert reading["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TOKEN#*", "MEMBER#*"]}
    }


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


def test_no_function_uses_a_policy_template(source: dict[str, Any]) -> None:
    assert "Policies" not in source["Globals"]["Function"]
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert "Policies" not in resource["Properties"], name


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
