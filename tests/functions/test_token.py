"""The command that lets a member in."""

from __future__ import annotations

import time

import boto3
import pytest

from tools.token import main
from waybill.access import Grant, authenticate
from waybill.tracking import Tracking


@pytest.mark.usefixtures("aws")
def test_a_new_token_opens_the_door_and_is_stored_as_a_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--table", "tracking", "--member", "acme", "--scopes", "track,manage", "--days", "1"]) == 0
    token = capsys.readouterr().out.strip()
    dynamodb = boto3.client("dynamodb")
    grant = authenticate(f"Bearer {token}", Tracking(dynamodb, "tracking").grant, time.time())
    assert isinstance(grant, Grant)
    assert (grant.member, grant.scopes) == ("acme", frozenset({"track", "manage"}))
    assert authenticate(f"Bearer {token}", Tracking(dynamodb, "tracking").grant, time.time() + 86_401) is None
    assert token not in str(dynamodb.scan(TableName="tracking")["Items"])


@pytest.mark.usefixtures("aws")
def test_a_missing_table_is_told_and_no_token_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--table", "nowhere", "--member", "acme"]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert "not stored" in written.err


@pytest.mark.parametrize("wrong", [["--scopes", "everything"], ["--days", "-1"], ["--member", " "]])
def test_wrong_words_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--table", "tracking", "--member", "acme", *wrong])
    assert "error" in capsys.readouterr().err
