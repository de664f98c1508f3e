"""Deploys a plan to the emulator through CloudFormation, then applies what its CloudFormation takes and ignores.

Ignored by it, and applied here through the service's own API: a table's TTL and point-in-time recovery, and that gateway responses
take effect.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from local.mailbox import Subscription
from local.options import SetupError
from local.rights import Role, statements
from local.template import STACK
from waybill.access import SCOPES, Token, hash_token
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.options import Credentials
    from local.template import Plan

REGION = "us-east-1"
NO_AWS_SETTINGS = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
_DIGEST = "LocalDigest"
# A template is larger than what a request to CloudFormation may hold.
_BUCKET, _KEY = f"{STACK}-templates", "template.json"
_POLL_SECONDS = 0.1
# The longest that STS knows, so that nothing has to be renewed in the life of a local stack.
_SESSION_SECONDS = 43_200
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def forget_aws_settings() -> None:
    """Take a developer's own AWS settings out of this process: they must neither break the stack nor leak into it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(NO_AWS_SETTINGS)


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where to find what was deployed."""

    api_id: str
    stage: str
    resources: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]]
    # By type, as the API keeps them: `{statusCode, responseParameters, responseTemplates}`.
    gateway_responses: Mapping[str, Any]
    # The smallest answer that the API compresses, in bytes.
    compressed_from: int
    # Those of SNS's subscriptions that are e-mail.
    mail_subscriptions: tuple[Subscription, ...]


class Emulator:
    """The emulator's services, at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        session = Session("test", "test", region_name=REGION)
        config = Config(
            proxies={}, retries={"total_max_attempts": 1}, read_timeout=60, s3={"addressing_style": "path"}
        )
        self.cloudformation = session.client("cloudformation", endpoint_url=endpoint, config=config)
        self.dynamodb = session.client("dynamodb", endpoint_url=endpoint, config=config)
        self.functions = session.client("lambda", endpoint_url=endpoint, config=config)
        self.secrets = session.client("secretsmanager", endpoint_url=endpoint, config=config)
        self.apis = session.client("apigateway", endpoint_url=endpoint, config=config)
        self.files = session.client("s3", endpoint_url=endpoint, config=config)
        self.topics = session.client("sns", endpoint_url=endpoint, config=config)
        self.sessions = session.client("sts", endpoint_url=endpoint, config=config)
        self.roles = session.client("iam", endpoint_url=endpoint, config=config)

    def close(self) -> None:
        """Close the connections; the emulator would wait for them when it is to end."""
        clients = (
            self.cloudformation,
            self.dynamodb,
            self.functions,
            self.secrets,
            self.apis,
            self.files,
            self.topics,
            self.sessions,
            self.roles,
        )
        for client in clients:
            client.close()

    def deployed_digest(self) -> str | None:
        """Of the stack that is there and whole, if one is."""
        stack = self._stack()
        if stack is None or stack["StackStatus"] not in _GOOD:
            return None
        return self._outputs(stack).get(_DIGEST)

    def deploy(self, plan: Plan, parameters: Mapping[str, str]) -> None:
        """Create the stack, or bring it up to date.

        Raises:
            SetupError: a parameter is not allowed, or a resource could not be made; with the reasons.
        """
        template = json.loads(json.dumps(plan.template))
        template.setdefault("Outputs", {})[_DIGEST] = {"Value": plan.digest}
        self.files.create_bucket(Bucket=_BUCKET)
        self.files.put_object(Bucket=_BUCKET, Key=_KEY, Body=json.dumps(template).encode())
        request: dict[str, Any] = {
            "StackName": STACK,
            "TemplateURL": f"{self._endpoint}/{_BUCKET}/{_KEY}",
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
            ],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        try:
            if self._stack() is None:
                self.cloudformation.create_stack(**request)
            else:
                self.cloudformation.update_stack(**request)
        except ClientError as error:
            raise SetupError(
                f"The template cannot be deployed to the emulator: {error.response['Error']['Message']}"
            ) from error
        while (stack := self._stack()) is not None and stack["StackStatus"].endswith("_IN_PROGRESS"):
            time.sleep(_POLL_SECONDS)
        if stack is None or stack["StackStatus"] not in _GOOD:
            raise SetupError(
                "\n".join(["The template cannot be deployed to the emulator:", *self._failures()])
            )
        self._apply_table_settings(plan)
        # Gateway responses take effect with the next deployment of the API to its stage.
        deployed = self.deployed(plan)
        self.apis.create_deployment(restApiId=deployed.api_id, stageName=deployed.stage)

    def deployed(self, plan: Plan) -> Deployed:
        resources = self._resources()
        api_id = resources[plan.only("AWS::ApiGateway::RestApi")]
        configurations = (
            self.functions.get_function_configuration(FunctionName=made.name) for made in plan.functions
        )
        return Deployed(
            api_id=api_id,
            stage=resources[plan.only("AWS::ApiGateway::Stage")],
            resources=resources,
            environments={
                configuration["FunctionName"]: configuration.get("Environment", {}).get("Variables", {})
                for configuration in configurations
            },
            gateway_responses={
                response["responseType"]: response
                for response in self.apis.get_gateway_responses(restApiId=api_id)["items"]
                if not response["defaultResponse"]
            },
            compressed_from=self.apis.get_rest_api(restApiId=api_id)["minimumCompressionSize"],
            mail_subscriptions=tuple(self._mail_subscriptions()),
        )

    def take_roles(self, plan: Plan) -> dict[str, tuple[Role, dict[str, str]]]:
        """Each function's own role, and credentials for it as variables of its process, by the function's name."""
        taken = {}
        for function in plan.functions:
            arn = self.functions.get_function_configuration(FunctionName=function.name)["Role"]
            name = arn.rpartition("/")[2]
            made = self.sessions.assume_role(
                RoleArn=arn, RoleSessionName=function.short_name, DurationSeconds=_SESSION_SECONDS
            )["Credentials"]
            documents = [
                self.roles.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in self.roles.list_role_policies(RoleName=name)["PolicyNames"]
            ]
            credentials = {
                "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
                "AWS_SESSION_TOKEN": made["SessionToken"],
            }
            role = Role(function.short_name, made["AccessKeyId"], statements(documents))
            taken[function.name] = role, credentials
        return taken

    def put_secret(self, secret: str, credentials: Credentials) -> None:
        text = json.dumps({"customer": credentials.customer, "key": credentials.key})
        self.secrets.put_secret_value(SecretId=secret, SecretString=text)

    def put_token(self, table: str, token: str) -> None:
        """Make `token` an access token with every scope that does not expire."""
        tokens, token_hash = Tokens(self.dynamodb, table), hash_token(token)
        if tokens.grant(token_hash) is None:
            tokens.create(Token(token_hash, "demo", SCOPES, created_at=int(time.time()), label="make run"))

    def _stack(self) -> Any | None:
        try:
            return self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        except ClientError as error:
            if (
                error.response["Error"]["Code"] == "ValidationError"
            ):  # what CloudFormation says of a stack that is not there
                return None
            raise

    def _outputs(self, stack: Any) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _resources(self) -> dict[str, str]:
        answer = self.cloudformation.describe_stack_resources(StackName=STACK)
        return {made["LogicalResourceId"]: made["PhysicalResourceId"] for made in answer["StackResources"]}

    def _failures(self) -> list[str]:
        events = self.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        return [
            f"  {event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in reversed(events)
            if event.get("ResourceStatusReason") and "FAILED" in event.get("ResourceStatus", "")
        ]

    def _mail_subscriptions(self) -> Iterator[Subscription]:
        for made in self.topics.list_subscriptions()["Subscriptions"]:
            if made["Protocol"] == "email":
                arn = made["SubscriptionArn"]
                told = self.topics.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
                wanted = json.loads(told.get("FilterPolicy") or "{}")
                yield Subscription(made["TopicArn"], made["Endpoint"], wanted)

    def _apply_table_settings(self, plan: Plan) -> None:
        resources = self._resources()
        for logical_id, properties in plan.of_type("AWS::DynamoDB::Table"):
            table = resources[logical_id]
            ttl = properties.get("TimeToLiveSpecification")
            if ttl and ttl.get("Enabled", True):
                self._enable_ttl(table, ttl["AttributeName"])
            if properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
                self.dynamodb.update_continuous_backups(
                    TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
                )

    def _enable_ttl(self, table: str, attribute: str) -> None:
        current = self.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if current.get("TimeToLiveStatus") != "ENABLED":
            self.dynamodb.update_time_to_live(
                TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
            )
