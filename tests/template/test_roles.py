"""What each function may do, and that it may do nothing else."""

from __future__ import annotations

from typing import Any

from tests.template.resources import Resources, of_type, target

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


def test_no_function_uses_a_policy_template(source: dict[str, Any]) -> None:
    assert "Policies" not in source["Globals"]["Function"]
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert "Policies" not in resource["Properties"], name
