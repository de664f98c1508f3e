"""The admin command: what it writes where, and what it says when it cannot."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import ROOT
from tools.admin import main
from tools.limits import SETTLE_SECONDS, Limit, Limits
from waybill.access import Grant, authenticate, hash_token
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def admin(aws: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:  # noqa: ARG001 - in force, not used
    """Runs a command on the table `tracking`: exit status, standard output, standard error."""

    def run(*words: str, table: str = "tracking") -> tuple[int, str, str]:
        status = main([*words[:2], "--table", table, *words[2:]])
        written = capsys.readouterr()
        return status, written.out, written.err

    return run


def grant(token: str, wall: float | None = None) -> Grant | None:
    tokens = Tokens(boto3.client("dynamodb"), "tracking")
    return authenticate(f"Bearer {token}", tokens.grant, wall or time.time())


def id_of(token: str) -> str:
    return f"tok_{hash_token(token)[:12]}"


# ---- Tokens


def test_a_new_token_is_alone_on_the_output_opens_the_door_and_is_stored_as_a_hash(admin: Any) -> None:
    status, out, err = admin(
        "tokens", "create", "--member", " acme ", "--scopes", "track,manage", "--days", "1"
    )
    assert status == 0
    assert re.fullmatch(r"wb_[A-Za-z0-9_-]{43}\n", out)
    token = out.strip()
    assert id_of(token) in err
    assert token not in err
    allowed = grant(token)
    assert allowed is not None
    assert (allowed.member, allowed.scopes) == ("acme", frozenset({"track", "manage"}))
    assert grant(token, time.time() + 86_401) is None
    assert token not in str(boto3.client("dynamodb").scan(TableName="tracking")["Items"])


def test_a_token_of_no_days_does_not_end(admin: Any) -> None:
    _, out, _ = admin("tokens", "create", "--member", "acme", "--days", "0")
    allowed = grant(out.strip())
    assert allowed is not None
    assert allowed.expires_at is None


def test_the_list_tells_everything_but_tokens_and_hashes(admin: Any) -> None:
    tokens = [
        admin("tokens", "create", "--member", member, "--label", f"of {member}")[1].strip()
        for member in ("acme", "顺丰")
    ]
    admin("tokens", "revoke", "--id", id_of(tokens[1]))
    _, table, _ = admin("tokens", "list")
    _, text, _ = admin("tokens", "list", "--json")
    for token in tokens:
        for shown in (table, text):
            assert token not in shown
            assert hash_token(token) not in shown
            assert id_of(token) in shown
    heading, *lines = table.splitlines()
    assert heading.split() == ["ID", "MEMBER", "SCOPES", "STATE", "CREATED", "ENDS", "LABEL"]
    assert [line.split()[3] for line in lines] == ["active", "revoked"]
    listed = {each["member"]: each for each in json.loads(text)}
    assert listed["acme"].keys() == {
        *("id", "member", "scopes", "state", "created_at", "ends_at", "revoked_at", "replaced_by", "label")
    }
    assert listed["acme"]["label"] == "of acme"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", listed["顺丰"]["revoked_at"])
    _, own, _ = admin("tokens", "list", "--member", "acme", "--json")
    assert [each["member"] for each in json.loads(own)] == ["acme"]


def test_an_empty_list_is_no_error(admin: Any) -> None:
    assert admin("tokens", "list", "--json") == (0, "[]\n", "")
    assert admin("tokens", "list")[0] == 0


def test_a_rotated_token_has_a_successor_like_itself_and_a_day_left(admin: Any) -> None:
    _, out, _ = admin("tokens", "create", "--member", "acme", "--scopes", "manage", "--label", "erp")
    old = out.strip()
    status, out, err = admin("tokens", "rotate", "--id", id_of(old), "--days", "2")
    young = out.strip()
    assert status == 0
    assert young not in err
    assert young != old
    assert id_of(old) in err
    for token, days in ((old, 1), (young, 2)):
        allowed = grant(token)
        assert allowed is not None
        assert (allowed.member, allowed.scopes) == ("acme", frozenset({"manage"}))
        assert grant(token, time.time() + days * 86_400 - 60)
        assert grant(token, time.time() + days * 86_400 + 1) is None
    listed = {each["id"]: each for each in json.loads(admin("tokens", "list", "--json")[1])}
    assert listed[id_of(young)]["label"] == "erp"
    assert listed[id_of(old)]["replaced_by"] == id_of(young)
    assert listed[id_of(old)]["state"] == "replaced"


def test_a_token_rotated_without_overlap_ends_at_once(admin: Any) -> None:
    old = admin("tokens", "create", "--member", "acme")[1].strip()
    young = admin("tokens", "rotate", "--id", id_of(old), "--overlap", "0")[1].strip()
    assert grant(old) is None
    assert grant(young)


def test_only_an_active_token_is_rotated(admin: Any) -> None:
    old = admin("tokens", "create", "--member", "acme")[1].strip()
    admin("tokens", "rotate", "--id", id_of(old))
    status, out, err = admin("tokens", "rotate", "--id", id_of(old))
    assert (status, out) == (1, "")
    assert "is replaced by tok_" in err


def test_a_revoked_token_opens_nothing(admin: Any) -> None:
    token = admin("tokens", "create", "--member", "acme")[1].strip()
    status, out, err = admin("tokens", "revoke", "--id", id_of(token))
    assert (status, out) == (0, "")
    assert id_of(token) in err
    assert grant(token) is None
    assert admin("tokens", "revoke", "--id", id_of(token))[0] == 0, "again changes nothing"


def test_a_token_can_be_revoked_by_itself_from_standard_input(
    admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = admin("tokens", "create", "--member", "acme")[1].strip()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    assert admin("tokens", "revoke")[0] == 0
    assert grant(token) is None


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_a_token_that_is_not_there_is_told(admin: Any, command: str) -> None:
    status, out, err = admin("tokens", command, "--id", "tok_000000000000")
    assert (status, out) == (1, "")
    assert "no such token" in err


# ---- Refusals


@pytest.mark.parametrize(
    "words",
    [
        ("tokens", "create", "--member", "acme"),
        ("tokens", "list"),
        ("tokens", "revoke", "--id", "tok_000000000000"),
        ("tokens", "rotate", "--id", "tok_000000000000"),
    ],
)
def test_a_wrong_table_is_told_and_no_token_is_shown(admin: Any, words: tuple[str, ...]) -> None:
    status, out, err = admin(*words, table="nowhere")
    assert status == 1
    assert not out.startswith("wb_")
    assert "'nowhere'" in err
    assert "TrackingTable" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("variables", "hint"),
    [
        ({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}, "AWS_REGION"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "AWS_PROFILE"),
    ],
)
def test_missing_settings_of_aws_are_told(variables: dict[str, str], hint: str) -> None:
    """By the script, from another folder, with nothing of this machine's settings."""
    nothing = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [ROOT / "bin/waybill-admin", "tokens", "create", "--table", "tracking", "--member", "acme"],
        cwd="/",
        env={**nothing, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["tokens", "create", "--member", "acme", "--scopes", "everything"],
        ["tokens", "create", "--member", "acme", "--scopes", ","],
        ["tokens", "create", "--member", "acme", "--days", "-1"],
        ["tokens", "create", "--member", "acme", "--days", "nan"],
        ["tokens", "create", "--member", " "],
        ["tokens", "create", "--member", "a\tb"],
        ["tokens", "create"],
        ["tokens", "rotate", "--id", "tok_1", "--overlap", "-1"],
        ["tokens", "revoke", "--id", ""],
        ["members", "limit", "--member", "acme", "--rate", "1", "--burst", "1", "--stage", "dev"],
        [
            "members",
            "limit",
            "--member",
            "acme",
            "--rate",
            "0",
            "--burst",
            "1",
            "--api-id",
            "a",
            "--stage",
            "dev",
        ],
        [
            "members",
            "limit",
            "--member",
            "acme",
            "--rate",
            "1",
            "--burst",
            "0",
            "--api-id",
            "a",
            "--stage",
            "dev",
        ],
        ["members"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_words_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*wrong[:2], "--table", "tracking", *wrong[2:]] if len(wrong) > 1 else wrong)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


# ---- Limits


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
