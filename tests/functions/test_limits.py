"""The admin command: limits of one member."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tools.limits import SETTLE_SECONDS, Limit, Limits
from waybill.tokens import Tokens


@pytest.fixture
def api(aws: None) -> str:  # noqa: ARG001 - in force, not used
    """An API with a stage `dev`."""
    gateway = boto3.client("apigateway")
    api_id: str = gateway.create_rest_api(name="waybill")["id"]
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    gateway.put_method(restApiId=api_id, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api_id, resourceId=root, httpMethod="GET", type="MOCK")
    gateway.create_deployment(restApiId=api_id, stageName="dev")
    return api_id


def plans() -> list[Any]:
    return list(boto3.client("apigateway").get_usage_plans()["items"])


def keys() -> list[Any]:
    return list(boto3.client("apigateway").get_api_keys(includeValues=True)["items"])


def usage_key(member: str) -> str | None:
    return Tokens(boto3.client("dynamodb"), "tracking").usage_key(member)


def limit(admin: Any, api: str, command: str, *words: str, member: str = "acme") -> tuple[int, str, str]:
    where = ("--api-id", api, "--stage", "dev", "--member", member, "--at-once")
    answer: tuple[int, str, str] = admin("members", command, *where, *words)
    return answer


def test_a_members_limit_is_a_plan_and_a_key_of_its_own(admin: Any, api: str) -> None:
    status, out, _ = limit(admin, api, "limit", "--rate", "5", "--burst", "10", "--quota-per-month", "1000")
    assert (status, out) == (0, "")
    (plan,), (key,) = plans(), keys()
    assert plan["throttle"] == {"rateLimit": 5, "burstLimit": 10}
    assert (plan["quota"]["limit"], plan["quota"]["period"]) == (1000, "MONTH")
    assert [(stage["apiId"], stage["stage"]) for stage in plan["apiStages"]] == [(api, "dev")]
    attached = boto3.client("apigateway").get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    assert [each["id"] for each in attached] == [key["id"]]
    assert key["enabled"]
    assert usage_key("acme") == key["value"]


def test_a_limit_is_changed_in_place(admin: Any, api: str) -> None:
    limit(admin, api, "limit", "--rate", "5", "--burst", "10", "--quota-per-month", "1000")
    before = usage_key("acme")
    limit(admin, api, "limit", "--rate", "7", "--burst", "20")
    (plan,), (key,) = plans(), keys()
    assert plan["throttle"] == {"rateLimit": 7, "burstLimit": 20}
    assert not plan.get("quota")
    limit(admin, api, "limit", "--rate", "7", "--burst", "20", "--quota-per-month", "50")
    assert plans()[0]["quota"]["limit"] == 50
    assert usage_key("acme") == before == key["value"]


def test_members_have_limits_apart(admin: Any, api: str) -> None:
    for member in ("acme", "acme 2"):
        limit(admin, api, "limit", "--rate", "5", "--burst", "10", member=member)
    assert usage_key("acme") != usage_key("acme 2")
    assert len(plans()) == 2
    limit(admin, api, "unlimit")
    assert usage_key("acme") is None
    assert [key["value"] for key in keys()] == [usage_key("acme 2")]
    assert len(plans()) == 1


def test_a_limit_that_is_taken_away_leaves_nothing(admin: Any, api: str) -> None:
    limit(admin, api, "limit", "--rate", "5", "--burst", "10")
    assert limit(admin, api, "unlimit")[0] == 0
    assert (plans(), keys(), usage_key("acme")) == ([], [], None)
    status, _, err = limit(admin, api, "unlimit")
    assert status == 1
    assert "no limits of its own" in err


class BrokenOff(Exception):
    """Somebody pressed Ctrl-C."""


class Pauses:
    """Notes the pauses and what a caller would have met in them; breaks off in them where it is to."""

    def __init__(self) -> None:
        self.breaks_off = False
        self.seen: list[tuple[bool, int]] = []

    def __call__(self, seconds: float) -> None:
        assert seconds == SETTLE_SECONDS > 60
        self.seen.append((usage_key("acme") is not None, len(keys())))
        if self.breaks_off:
            raise BrokenOff


def test_a_key_is_told_only_after_it_settled_and_deleted_only_when_nobody_is_told(api: str) -> None:
    pauses = Pauses()
    limits = Limits(
        boto3.client("apigateway"), Tokens(boto3.client("dynamodb"), "tracking"), api, "dev", pauses
    )
    limits.put("acme", Limit(5, 10))
    limits.put("acme", Limit(6, 10))
    limits.delete("acme")
    assert pauses.seen == [(False, 1), (False, 1)]
    assert not limits.delete("acme")


@pytest.mark.parametrize("step", ["CreateApiKey", "CreateUsagePlanKey", "pause", "PutItem"])
def test_a_limit_that_broke_off_is_completed_by_the_same_command(api: str, step: str) -> None:
    gateway, dynamodb, pauses = boto3.client("apigateway"), boto3.client("dynamodb"), Pauses()
    limits = Limits(gateway, Tokens(dynamodb, "tracking"), api, "dev", pauses)
    broken = {"is": True}

    def refuse(model: Any, **_: Any) -> None:
        if broken["is"] and model.name == step:
            raise BrokenOff

    for client in (gateway, dynamodb):
        client.meta.events.register("before-call", refuse)
    pauses.breaks_off = step == "pause"
    with pytest.raises(BrokenOff):
        limits.put("acme", Limit(5, 10))
    assert usage_key("acme") is None, "callers feel nothing yet"
    broken["is"] = pauses.breaks_off = False
    limits.put("acme", Limit(6, 10))
    (plan,), (key,) = plans(), keys()
    assert plan["throttle"]["rateLimit"] == 6
    assert len(gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]) == 1
    assert usage_key("acme") == key["value"]


@pytest.mark.parametrize("step", ["pause", "UpdateUsagePlan", "DeleteUsagePlan", "DeleteApiKey"])
@pytest.mark.parametrize("again", ["delete", "put"])
def test_a_limit_that_was_half_taken_away_can_go_or_come_back(api: str, step: str, again: str) -> None:
    gateway, pauses = boto3.client("apigateway"), Pauses()
    limits = Limits(gateway, Tokens(boto3.client("dynamodb"), "tracking"), api, "dev", pauses)
    limits.put("acme", Limit(5, 10))
    broken = {"is": True}

    def refuse(model: Any, **_: Any) -> None:
        if broken["is"] and model.name == step:
            raise BrokenOff

    gateway.meta.events.register("before-call", refuse)
    pauses.breaks_off = step == "pause"
    with pytest.raises(BrokenOff):
        limits.delete("acme")
    assert usage_key("acme") is None
    broken["is"] = pauses.breaks_off = False
    if again == "delete":
        assert limits.delete("acme")
        assert (plans(), keys()) == ([], [])
    else:
        limits.put("acme", Limit(6, 10))
        (plan,), (key,) = plans(), keys()
        assert [(stage["apiId"], stage["stage"]) for stage in plan["apiStages"]] == [(api, "dev")]
        assert [each["id"] for each in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]] == [
            key["id"]
        ]
        assert usage_key("acme") == key["value"]


def test_a_wrong_api_is_told(admin: Any) -> None:
    status, out, err = limit(admin, "nowhere", "limit", "--rate", "5", "--burst", "10")
    assert (status, out) == (1, "")
    assert "ApiId" in err
    assert (plans(), keys(), usage_key("acme")) == ([], [], None)
