"""The template as the emulator can take it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.options import SetupError
from local.template import make_plan

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
  Seconds: {Type: Number, Default: 7}
Globals:
  Function: {Runtime: python3.13, Handler: app.handler, Timeout: 5, Layers: [!Ref Core, !Ref Deps]}
Resources:
  Core: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/core}}
  Deps: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/deps}}
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/one
      Timeout: !Ref Seconds
      Events: {All: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /v1/one, Method: ANY}}}
  Guard: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions/guard}}
  Lonely: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions/lonely}}
  Clocked:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/clocked
      Events: {Often: {Type: Schedule, Properties: {Schedule: rate(2 minutes)}}}
  Fed:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/fed
      Timeout: 9
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Work.Arn, ScalingConfig: {MaximumConcurrency: !Ref Seconds}}
  Narrow:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/narrow
      ReservedConcurrentExecutions: 1
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Rest.Arn, ScalingConfig: {MaximumConcurrency: 2}}
        Other:
          Type: SQS
          Properties: {Queue: !GetAtt More.Arn, ScalingConfig: {MaximumConcurrency: 4}}
  More: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  Rest: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  Work: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 54}}
  Alarms: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: alarms.yaml}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: !Ref Stage
      Auth: {DefaultAuthorizer: A, Authorizers: {A: {FunctionArn: !GetAtt Guard.Arn}}}
      GatewayResponses:
        THROTTLED:
          StatusCode: 429
          ResponseParameters: {Headers: {X-Request-Id: context.requestId, Retry-After: !Sub "'${Seconds}'"}}
          ResponseTemplates: {application/json: '{"slow": $context.error.messageString}'}
"""


def test_a_plan_runs_functions_from_their_folders_and_writes_any_out(tmp_path: Path) -> None:
    source = tmp_path / "template.yaml"
    source.write_text(TEMPLATE)
    plan = make_plan(source, {"Stage": "local"})
    one, guard, *_ = plan.functions
    assert (one.name, one.folder, one.handler, one.timeout) == (
        "waybill-local-One",
        "functions/one",
        "app.handler",
        7,
    )
    assert (guard.timeout, guard.layers) == (
        5,
        ("layers/core",),
    )  # layers/deps is installed, not a folder of sources
    assert [(each.called, each.every, each.authorizer) for each in plan.functions] == [
        (True, None, False),
        (True, None, True),
        (False, None, False),
        (False, 120, False),
        (False, None, False),
        (False, None, False),
    ]
    kinds = {resource["Type"] for resource in plan.template["Resources"].values()}
    assert not kinds & {"AWS::Lambda::LayerVersion", "AWS::CloudFormation::Stack"}
    ((_, api),) = plan.of_type("AWS::ApiGateway::RestApi")
    assert set(api["Body"]["paths"]["/v1/one"]) == {
        "delete",
        "get",
        "head",
        "options",
        "patch",
        "post",
        "put",
    }
    ((_, response),) = plan.of_type("AWS::ApiGateway::GatewayResponse")
    assert response == {
        "RestApiId": {"Ref": "Api"},
        "ResponseType": "THROTTLED",
        "StatusCode": "429",
        "ResponseParameters": {
            "gatewayresponse.header.X-Request-Id": "context.requestId",
            "gatewayresponse.header.Retry-After": {"Fn::Sub": "'${Seconds}'"},
        },
        "ResponseTemplates": {"application/json": '{"slow": $context.error.messageString}'},
    }
    assert type(plan).from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert make_plan(source, {"Stage": "local"}).digest == plan.digest
    assert make_plan(source, {"Stage": "other"}).digest != plan.digest


def test_what_calls_an_alias_calls_the_function_itself(tmp_path: Path) -> None:
    published = """
      AutoPublishAlias: live
      AutoPublishAliasAllProperties: true
      VersionDeletionPolicy: Delete
      VersionDescription: !Sub ${Stage}
      SnapStart: {ApplyOn: PublishedVersions}"""
    source, plain = tmp_path / "template.yaml", tmp_path / "plain.yaml"
    plain.write_text(TEMPLATE)
    source.write_text(
        TEMPLATE.replace("functions/one", f"functions/one{published}")
        .replace(
            "  Guard: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions/guard}}",
            f"  Guard:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: functions/guard{published}",
        )
        .replace("!GetAtt Guard.Arn", "!Ref Guard.Alias")
    )
    plan = make_plan(source, {})
    assert plan.template == make_plan(plain, {}).template
    assert plan.functions == make_plan(plain, {}).functions


def test_a_plan_leaves_time_to_the_stack_and_numbers_of_queues_as_the_emulator_takes_them(
    tmp_path: Path,
) -> None:
    source = tmp_path / "template.yaml"
    source.write_text(TEMPLATE)
    plan = make_plan(source, {"Seconds": "3"})
    assert not plan.of_type("AWS::Events::Rule")
    mappings = plan.of_type("AWS::Lambda::EventSourceMapping")
    assert [mapping["ScalingConfig"]["MaximumConcurrency"] for _, mapping in mappings] == [3, 4, 2]
    assert {each.short_name: each.queues for each in plan.functions if each.queues} == {"fed": 1, "narrow": 2}
    assert dict(plan.of_type("AWS::SQS::Queue")) == {
        "Work": {"VisibilityTimeout": 14},
        "More": {"VisibilityTimeout": 10},
        "Rest": {"VisibilityTimeout": 10},
    }
    for _, function in plan.of_type("AWS::Lambda::Function"):
        assert "ReservedConcurrentExecutions" not in function
    source.write_text(TEMPLATE.replace("rate(2 minutes)", "cron(noon)"))
    with pytest.raises(SetupError, match="Often"):
        make_plan(source, {})
