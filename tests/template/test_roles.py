"""What each function may do, and that it may do nothing else."""

from __future__ import annotations

from typing import Any

from tests.template.resources import Resources, of_type, target

FAILING = ("Refresh", "Fanout", "Webhook", "SlowWebhook", "Mail", "MailFeedback")
"""Queues that have dead letters."""
KEEPING = ("DeleteItem", "GetItem", "PutItem", "UpdateItem")


def receiving(queue: str) -> set[str]:
    return {f"sqs:{action} {queue}" for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")}


ALLOWED = {
    "AuthorizerRole": {"dynamodb:GetItem TrackingTable"},
    "DispatchRole": {
        "lambda:InvokeFunction DispatchFunction",
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:DescribeTable TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        "dynamodb:GetItem CacheTable",
        "dynamodb:UpdateItem CacheTable",
        "dynamodb:DeleteItem TrackingTable",
        "sns:Publish NotificationTopic",
        "sqs:SendMessage RefreshQueue",
        "sqs:SendMessage FanoutQueue",
        "sqs:SendMessage SlowWebhookQueue",
        "sqs:SendMessage MailQueue",
    },
    "DocsRole": set(),
    "EventsRole": {
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:DeleteItem CacheTable",
        "dynamodb:PutItem CacheTable",
    },
    "FanoutRole": {
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        "dynamodb:BatchGetItem CacheTable",
        "dynamodb:GetItem CacheTable",
        "dynamodb:PutItem CacheTable",
        "dynamodb:UpdateItem CacheTable",
        "secretsmanager:GetSecretValue TailKeySecret",
        "sqs:SendMessage FanoutQueue",
        "sqs:SendMessage WebhookQueue",
        "sqs:SendMessage SlowWebhookQueue",
        "sqs:SendMessage MailQueue",
        *receiving("FanoutQueue"),
    },
    "MailRole": {
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        *(f"dynamodb:{action} CacheTable" for action in KEEPING),
        "secretsmanager:GetSecretValue AddressKeySecret",
        "ses:SendEmail ",
        "ses:SendRawEmail ",
        *receiving("MailQueue"),
    },
    "ManageRole": {
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:BatchGetItem CacheTable",
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
        "secretsmanager:GetSecretValue WebhookKeySecret",
        "sqs:SendMessage FanoutQueue",
        "sqs:SendMessage WebhookQueue",
    },
    "PageRole": {"dynamodb:BatchGetItem TrackingTable", "dynamodb:GetItem TrackingTable"},
    "OperatorRole": {
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:BatchGetItem CacheTable",
        "dynamodb:DescribeTable TrackingTable",
        "dynamodb:GetItem CacheTable",
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:Query TrackingTable",
        "secretsmanager:GetSecretValue Kuaidi100Secret",
        *(
            f"sqs:{action} {queue}Queue"
            for action in ("GetQueueAttributes", "SendMessage")
            for queue in FAILING
        ),
        *(
            f"sqs:{action} {queue}DeadLetterQueue"
            for action in (
                "ChangeMessageVisibility",
                "DeleteMessage",
                "GetQueueAttributes",
                "ReceiveMessage",
            )
            for queue in FAILING
        ),
    },
    "PublishRole": {
        "dynamodb:DescribeStream TrackingTable",
        "dynamodb:GetRecords TrackingTable",
        "dynamodb:GetShardIterator TrackingTable",
        "dynamodb:ListStreams TrackingTable",
        "dynamodb:BatchGetItem TrackingTable",
        "dynamodb:DeleteItem TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        "sns:Publish NotificationTopic",
        "sqs:SendMessage FanoutQueue",
        "sqs:SendMessage PublishFailureQueue",
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
        *receiving("RefreshQueue"),
    },
    "SuppressionRole": {
        "dynamodb:PutItem TrackingTable",
        "secretsmanager:GetSecretValue AddressKeySecret",
        *receiving("MailFeedbackQueue"),
    },
    "WebhookRole": {
        "dynamodb:GetItem TrackingTable",
        "dynamodb:PutItem TrackingTable",
        "dynamodb:UpdateItem TrackingTable",
        *(f"dynamodb:{action} CacheTable" for action in KEEPING),
        "secretsmanager:GetSecretValue WebhookKeySecret",
        "sqs:SendMessage WebhookQueue",
        "sqs:SendMessage SlowWebhookQueue",
        *receiving("WebhookQueue"),
        *receiving("SlowWebhookQueue"),
    },
}
SENDING_MAIL = "SendFromOneAddress"
"""The identity that mail is sent from is the operator's and not of the stack."""
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
            if statement["Sid"] != SENDING_MAIL:
                assert all(target(arn) in resources for arn in statement["Resource"]), statement


def test_mail_is_sent_from_the_address_of_the_parameter_alone(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    sending = {
        role: each for role, allowed in statements.items() for each in allowed if each["Sid"] == SENDING_MAIL
    }
    assert sending.keys() == {"MailRole"}
    assert sending["MailRole"]["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "MailFrom"}}}
    here = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
    identity, configuration_set = sending["MailRole"]["Resource"]
    assert identity["Fn::Sub"] == f"{here}:identity/*"
    condition, given, _ = configuration_set["Fn::If"]
    assert condition == "HasSes"
    assert given["Fn::Sub"] == f"{here}:configuration-set/${{MailConfigurationSet}}"


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
OUTBOX = ["PARCEL#*", "BUDGET#*", "CIRCUIT#*", "MEMBER#*"]
KEYS = {
    "DispatchRole": {
        "dynamodb:BatchGetItem": [*OUTBOX, "CALL#*", "LEDGER#*"],
        "dynamodb:DeleteItem": OUTBOX,
        "dynamodb:DescribeTable": [],
        "dynamodb:PutItem": ["LEDGER#*"],
        "dynamodb:Query": ["CALL#*", "LEDGER#*"],
        "dynamodb:UpdateItem": ["PARCEL#*", "DELIVERY#*", "LETTER#*", *OUTBOX],
    },
    "EventsRole": {
        "dynamodb:GetItem": ["EVENTS#*"],
        "dynamodb:PutItem": ["OPERATORS"],
        "dynamodb:Query": ["EVENTS#*"],
    },
    "FanoutRole": {
        "dynamodb:GetItem": ["MEMBER#*", "EVENTS#*"],
        "dynamodb:PutItem": ["EVENTS#*"],
        "dynamodb:Query": ["PARCEL#*", "MEMBER#*", "OPERATORS", "EVENTS#*"],
        "dynamodb:UpdateItem": ["EVENTS#*"],
    },
    "MailRole": {
        "dynamodb:GetItem": ["PARCEL#*", "MEMBER#*", "EVENTS#*", "LETTER#*"],
        "dynamodb:PutItem": ["LETTER#*", "SHARE#*"],
        "dynamodb:Query": ["PARCEL#*", "SUPPRESSED#*"],
        "dynamodb:UpdateItem": ["LETTER#*"],
    },
    "ManageRole": {
        "dynamodb:BatchGetItem": ["PARCEL#*", *LEDGER, "DELIVERY#*"],
        "dynamodb:DeleteItem": ["PARCEL#*", "MEMBER#*"],
        "dynamodb:DescribeTable": [],
        "dynamodb:GetItem": ["PARCEL#*", *LEDGER, "EVENTS#*"],
        "dynamodb:PutItem": ["PARCEL#*", "LEDGER#*", "MEMBER#*", "OPERATORS", "DELIVERY#*", "SHARE#*"],
        "dynamodb:Query": [*LEDGER, "EVENTS#*", "DELIVERY#*"],
        "dynamodb:UpdateItem": ["PARCEL#*", "MEMBER#*"],
    },
    "PageRole": {"dynamodb:BatchGetItem": ["PARCEL#*"], "dynamodb:GetItem": ["SHARE#*"]},
    "OperatorRole": {
        "dynamodb:BatchGetItem": ["PARCEL#*", "MEMBER#*", "LEDGER#*", "BUDGET#*"],
        "dynamodb:DescribeTable": [],
        "dynamodb:GetItem": ["MEMBER#*", "DELIVERY#*", "EVENTS#*"],
        "dynamodb:PutItem": ["LEDGER#*"],
        "dynamodb:Query": ["CALL#*", "EVENTS#*"],
    },
    "PublishRole": {
        "dynamodb:BatchGetItem": OUTBOX,
        "dynamodb:DeleteItem": OUTBOX,
        "dynamodb:UpdateItem": OUTBOX,
    },
    "QueryRole": {
        "dynamodb:BatchGetItem": ["CALL#*", "BUDGET#*"],
        "dynamodb:GetItem": ["MEMBER#*", "PARCEL#*"],
        "dynamodb:PutItem": ["CALL#*", "BUDGET#*", "PARCEL#*", "CIRCUIT#*", "LEARNED#*"],
        "dynamodb:Query": ["PARCEL#*", "LEARNED#*"],
        "dynamodb:UpdateItem": ["CALL#*", "BUDGET#*", "PARCEL#*"],
    },
    "RefreshRole": {
        "dynamodb:BatchGetItem": ["CALL#*", "BUDGET#*"],
        "dynamodb:GetItem": ["PARCEL#*"],
        "dynamodb:PutItem": ["CALL#*", "BUDGET#*", "PARCEL#*", "CIRCUIT#*", "LEARNED#*"],
        "dynamodb:Query": ["PARCEL#*", "LEARNED#*"],
        "dynamodb:UpdateItem": ["CALL#*", "BUDGET#*"],
    },
    "SuppressionRole": {"dynamodb:PutItem": ["SUPPRESSED#*"]},
    "WebhookRole": {
        "dynamodb:GetItem": ["MEMBER#*", "EVENTS#*", "DELIVERY#*"],
        "dynamodb:PutItem": ["MEMBER#*", "DELIVERY#*"],
        "dynamodb:UpdateItem": ["MEMBER#*"],
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
