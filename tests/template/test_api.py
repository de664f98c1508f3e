"""What the gateway does by itself: routes, authorizer, limits, compression, and its own answers, with CORS or without."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from waybill import routes

Resources = dict[str, dict[str, Any]]
Paths = dict[str, dict[str, Any]]

Security = list[dict[str, list[str]]]

OPEN: Security = []
TOKEN: Security = [{"BearerToken": []}, {"api_key": []}]
RESPONSES = {
    "ACCESS_DENIED": "401000 UNAUTHORIZED",
    "API_CONFIGURATION_ERROR": "500999 API_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR": "500999 API_ERROR",
    "AUTHORIZER_FAILURE": "500999 API_ERROR",
    "BAD_REQUEST_BODY": "400000 BAD_REQUEST",
    "BAD_REQUEST_PARAMETERS": "400000 BAD_REQUEST",
    "DEFAULT_4XX": "400000 BAD_REQUEST",
    "DEFAULT_5XX": "500999 API_ERROR",
    "EXPIRED_TOKEN": "403000 FORBIDDEN",
    "INTEGRATION_FAILURE": "503000 SERVICE_UNAVAILABLE",
    "INTEGRATION_TIMEOUT": "504000 GATEWAY_TIMEOUT",
    "INVALID_API_KEY": "403000 FORBIDDEN",
    "INVALID_SIGNATURE": "403000 FORBIDDEN",
    "MISSING_AUTHENTICATION_TOKEN": "404000 NOT_FOUND",
    "QUOTA_EXCEEDED": "429000 TOO_MANY_REQUESTS",
    "REQUEST_TOO_LARGE": "413000 PAYLOAD_TOO_LARGE",
    "RESOURCE_NOT_FOUND": "404000 NOT_FOUND",
    "THROTTLED": "429000 TOO_MANY_REQUESTS",
    "UNAUTHORIZED": "401000 UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE": "415000 UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED": "403000 FORBIDDEN",
}
"""Every type that a REST API has (API Gateway developer guide, "Gateway response types"), and our code and reason for it."""


@pytest.fixture(scope="session")
def gateway_responses(resources: Resources) -> dict[str, Any]:
    responses: dict[str, Any] = resources["Api"]["Properties"]["Body"][
        "x-amazon-apigateway-gateway-responses"
    ]
    return responses


@pytest.fixture(scope="session")
def authorizer(resources: Resources) -> dict[str, Any]:
    scheme = resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"]["BearerToken"]
    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    extension: dict[str, Any] = scheme["x-amazon-apigateway-authorizer"]
    return extension


# ---- Routes


def test_the_api_has_exactly_the_routes_of_the_table(paths: Paths) -> None:
    assert {
        path: {method: operation["security"] for method, operation in operations.items()}
        for path, operations in paths.items()
    } == {
        path: {**dict.fromkeys(methods, OPEN if path in routes.OPEN else TOKEN), "ANY": OPEN}
        for path, methods in routes.ROUTES.items()
    } | {"/{proxy+}": {"ANY": TOKEN}}


def test_every_route_ends_in_the_function_that_the_table_names(paths: Paths, resources: Resources) -> None:
    for path, operations in paths.items():
        for method, operation in operations.items():
            integration = operation["x-amazon-apigateway-integration"]
            assert integration["type"] == "aws_proxy"
            if method != "ANY":
                function = routes.ROUTES[path][method].title()
                alias = f"{function}FunctionAliaslive"
                called = alias if alias in resources else f"{function}Function.Arn"
                assert f"/functions/${{{called}}}/invocations" in integration["uri"]["Fn::Sub"]


def test_every_path_answers_wrong_methods_in_the_function(paths: Paths) -> None:
    assert all("ANY" in operations for operations in paths.values())


def test_there_is_one_stage_throttled_by_the_parameters_and_its_bodies_are_not_logged(
    resources: Resources,
) -> None:
    (stage,) = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::ApiGateway::Stage"]
    assert stage["StageName"] == {"Ref": "Stage"}
    assert stage["MethodSettings"] == [
        {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": {"Ref": "ThrottleRate"},
            "ThrottlingBurstLimit": {"Ref": "ThrottleBurst"},
            "MetricsEnabled": True,
            "DataTraceEnabled": False,
            "LoggingLevel": "OFF",
        }
    ]


def test_answers_of_a_kilobyte_and_more_are_compressed(resources: Resources) -> None:
    assert resources["Api"]["Properties"]["MinimumCompressionSize"] == 1024


def test_a_parameter_inside_the_api_takes_effect_with_the_next_deployment(source: dict[str, Any]) -> None:
    assert source["Resources"]["Api"]["Properties"]["AlwaysDeploy"] is True


# ---- Usage plan


def test_the_authorizer_names_the_key_by_which_a_caller_is_counted(
    resources: Resources, functions: Resources
) -> None:
    assert resources["Api"]["Properties"]["ApiKeySourceType"] == "AUTHORIZER"
    named = functions["AuthorizerFunction"]["Environment"]["Variables"]["DEFAULT_USAGE_KEY"]
    key = resources["DefaultApiKey"]["Properties"]
    assert key["Enabled"] is True
    assert key["Value"] == named == {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}


def test_the_default_plan_limits_the_stage_by_the_parameters(resources: Resources) -> None:
    plan = resources["DefaultUsagePlan"]["Properties"]
    (stage,) = [name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Stage"]
    assert plan["ApiStages"] == [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": stage}}]
    assert plan["Throttle"] == {"RateLimit": {"Ref": "MemberRate"}, "BurstLimit": {"Ref": "MemberBurst"}}
    assert "Quota" not in plan
    assert resources["DefaultUsagePlanKey"]["Properties"] == {
        "KeyId": {"Ref": "DefaultApiKey"},
        "KeyType": "API_KEY",
        "UsagePlanId": {"Ref": "DefaultUsagePlan"},
    }


def test_the_api_as_a_whole_takes_more_than_the_default_plan(source: dict[str, Any]) -> None:
    defaults = {name: parameter["Default"] for name, parameter in source["Parameters"].items()}
    assert defaults["MemberRate"] < defaults["ThrottleRate"]
    assert defaults["MemberBurst"] < defaults["ThrottleBurst"]


# ---- Authorizer


def test_a_token_is_looked_up_at_least_every_minute(authorizer: dict[str, Any]) -> None:
    assert authorizer["type"] == "token"
    assert authorizer["authorizerResultTtlInSeconds"] == 60
    assert "AuthorizerFunction" in json.dumps(authorizer["authorizerUri"])


@pytest.mark.parametrize("header", ["Bearer abc", "bearer AZaz09-._~+/", "BEARER abc==", "Bearer  abc="])
def test_a_bearer_token_reaches_the_authorizer(authorizer: dict[str, Any], header: str) -> None:
    assert re.fullmatch(authorizer["identityValidationExpression"], header)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "abc", "Basic abc", "Bearerabc", "Bearer a=b", "Bearer a b", "Bearer 快"],
)
def test_what_is_no_bearer_token_is_refused_without_a_call(authorizer: dict[str, Any], header: str) -> None:
    assert not re.fullmatch(authorizer["identityValidationExpression"], header)


# ---- The gateway's own answers


def test_no_answer_of_the_gateway_is_left_as_it_comes(gateway_responses: dict[str, Any]) -> None:
    assert gateway_responses.keys() == RESPONSES.keys()


@pytest.mark.parametrize("kind", sorted(RESPONSES))
def test_an_answer_of_the_gateway_has_the_envelope_and_the_request_id(
    gateway_responses: dict[str, Any], kind: str
) -> None:
    response = gateway_responses[kind]
    assert response["responseParameters"]["gatewayresponse.header.X-Request-Id"] == "context.requestId"
    assert response["responseTemplates"].keys() == {"application/json"}
    text = response["responseTemplates"]["application/json"]
    assert text.isascii()
    assert "$" not in text, "a variable would have to be escaped"
    envelope = json.loads(text)
    assert envelope.keys() == {"error"}
    error = envelope["error"]
    assert error.keys() == {"code", "code_reason", "message"}
    assert f"{error['code']} {error['code_reason']}" == RESPONSES[kind]
    assert error["message"].endswith(".")
    assert response["statusCode"] == error["code"][:3]


@pytest.mark.parametrize("kind", [kind for kind, code in RESPONSES.items() if code.startswith("401")])
def test_a_401_names_the_scheme_that_is_wanted(gateway_responses: dict[str, Any], kind: str) -> None:
    assert (
        gateway_responses[kind]["responseParameters"]["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"
    )


@pytest.mark.parametrize(
    "kind", [kind for kind, code in RESPONSES.items() if code.startswith(("429", "503", "504"))]
)
def test_an_answer_that_may_be_tried_again_says_when(gateway_responses: dict[str, Any], kind: str) -> None:
    header = gateway_responses[kind]["responseParameters"]["gatewayresponse.header.Retry-After"]
    assert re.fullmatch(r"'[0-9]+'", header), "a constant stands in quotes"


@pytest.mark.parametrize("kind", [kind for kind, code in RESPONSES.items() if code.startswith("429")])
def test_a_429_names_the_default_policy_and_claims_no_rest(
    gateway_responses: dict[str, Any], kind: str
) -> None:
    headers = gateway_responses[kind]["responseParameters"]
    assert headers["gatewayresponse.header.RateLimit-Policy"] == {
        "Fn::Sub": "'\"default\";q=${MemberRate};w=1'"
    }
    assert [name for name in headers if "ratelimit" in name.lower()] == [
        "gatewayresponse.header.RateLimit-Policy"
    ]


@pytest.mark.parametrize("kind", sorted(RESPONSES))
def test_an_answer_of_the_gateway_may_be_read_by_the_origin_where_one_is_named(
    gateway_responses: dict[str, Any], source: dict[str, Any], kind: str
) -> None:
    assert source["Conditions"]["HasCorsOrigin"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "CorsOrigin"}, ""]}]}
    assert source["Parameters"]["CorsOrigin"]["Default"] == ""
    headers = gateway_responses[kind]["responseParameters"]
    cors = {name: value for name, value in headers.items() if "Access-Control" in name}
    nothing = {"Ref": "AWS::NoValue"}
    assert cors == {
        "gatewayresponse.header.Access-Control-Allow-Origin": {
            "Fn::If": ["HasCorsOrigin", {"Fn::Sub": "'${CorsOrigin}'"}, nothing]
        },
        "gatewayresponse.header.Access-Control-Expose-Headers": {
            "Fn::If": ["HasCorsOrigin", "'X-Request-Id, Retry-After'", nothing]
        },
    }


def test_preflights_are_answered_by_the_function_and_by_nothing_that_sam_adds(paths: Paths) -> None:
    assert not [path for path, operations in paths.items() if "OPTIONS" in operations]


@pytest.mark.parametrize(
    "origin", ["", "*", "https://shop.example", "http://localhost:5173", "https://a-b.shop.example:8443"]
)
def test_an_origin_is_taken(source: dict[str, Any], origin: str) -> None:
    assert re.fullmatch(source["Parameters"]["CorsOrigin"]["AllowedPattern"], origin)


@pytest.mark.parametrize(
    "origin",
    [
        "shop.example",
        "https://shop.example/",
        "https://Shop.example",
        "https://*.shop.example",
        "https://a.example, https://b.example",
        "https://a.example'",
        "null",
        "**",
        " ",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(source: dict[str, Any], origin: str) -> None:
    assert not re.fullmatch(source["Parameters"]["CorsOrigin"]["AllowedPattern"], origin)


# ---- Sample events


WITHOUT_ROUTE = {"delivery", "dispatch", "fanout", "mail", "publish", "refresh", "suppression"}
"""Events of time, of queues and of a stream."""
EVENTS = sorted(
    path for path in (Path(__file__).parents[2] / "events").glob("*.json") if path.stem not in WITHOUT_ROUTE
)


def load(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return event


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_sample_event_comes_by_a_route_of_the_template(
    paths: Paths, authorizer: dict[str, Any], path: Path
) -> None:
    event = load(path)
    if event.get("type") == "TOKEN":
        assert re.fullmatch(authorizer["identityValidationExpression"], event["authorizationToken"])
        return
    operations, context = paths[event["resource"]], event["requestContext"]
    operation = operations[event["httpMethod"] if event["httpMethod"] in operations else "ANY"]
    assert (operation["security"] == TOKEN) == ("authorizer" in context)
    assert (context["resourcePath"], context["httpMethod"]) == (event["resource"], event["httpMethod"])
    assert context["path"] == f"/{context['stage']}{event['path']}"
    filled = event["resource"].replace("{proxy+}", "{proxy}").format(**(event["pathParameters"] or {}))
    assert filled == event["path"]
    for single, multi in (
        ("headers", "multiValueHeaders"),
        ("queryStringParameters", "multiValueQueryStringParameters"),
    ):
        assert (event[multi] or {}) == {name: [value] for name, value in (event[single] or {}).items()}


def test_every_route_has_a_sample_event() -> None:
    events = [load(path) for path in EVENTS]
    sampled = {(event["resource"], event["httpMethod"]) for event in events if "resource" in event}
    declared = {(path, method) for path, methods in routes.ROUTES.items() for method in methods}
    assert declared <= sampled
    assert any(resource == "/{proxy+}" for resource, _ in sampled)
    assert any(method not in routes.ROUTES.get(resource, ()) for resource, method in sampled)


def test_the_sample_events_hold_no_real_account(root: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (root / "events").glob("*.json"))
    assert set(re.findall(r"(?<![0-9A-Za-z-])[0-9]{12}(?![0-9A-Za-z-])", text)) == {"123456789012"}
