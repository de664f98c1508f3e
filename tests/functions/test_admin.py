"""The admin command: what it writes where, and what it says when it cannot."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import time
from typing import Any

import boto3
import pytest

from tests.functions.conftest import ROOT
from tools.admin import main
from waybill.access import Grant, authenticate, hash_token
from waybill.tokens import Tokens


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
