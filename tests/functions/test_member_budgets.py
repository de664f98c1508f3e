"""The admin command: budgets of single members."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tools.admin import main
from waybill.member_budgets import MemberBudgets
from waybill.tokens import Tokens


def own(member: str) -> tuple[int | None, int | None]:
    return MemberBudgets(boto3.client("dynamodb"), "tracking").get(member)


def test_a_member_gets_budgets_of_its_own(admin: Any) -> None:
    status, out, err = admin("members", "budget", "--member", " acme ", "--day", "100", "--month", "2000")
    assert (status, out) == (0, "")
    assert "100 calls a day" in err
    assert "2000 calls a month" in err
    assert own("acme") == (100, 2000)
    assert own("other") == (None, None)


def test_new_budgets_take_the_place_of_old_ones_and_0_is_as_everybody(admin: Any) -> None:
    admin("members", "budget", "--member", "acme", "--day", "100", "--month", "2000")
    assert admin("members", "budget", "--member", "acme", "--day", "0", "--month", "5")[0] == 0
    assert own("acme") == (None, 5)
    admin("members", "budget", "--member", "acme", "--day", "7")
    assert own("acme") == (7, None)


def test_budgets_are_shown_and_left_as_they_are(admin: Any) -> None:
    admin("members", "budget", "--member", "acme", "--month", "2000")
    status, out, _ = admin("members", "budget", "--member", "acme")
    assert status == 0
    assert out == "acme: as many calls as everybody a day\nacme: 2000 calls a month\n"
    assert own("acme") == (None, 2000)


def test_a_member_has_the_budgets_of_everybody_again(admin: Any) -> None:
    admin("members", "budget", "--member", "acme", "--day", "100")
    assert admin("members", "unbudget", "--member", "acme")[0] == 0
    assert own("acme") == (None, None)
    status, _, err = admin("members", "unbudget", "--member", "acme")
    assert status == 1
    assert "no budgets of its own" in err


def test_a_members_budgets_and_its_key_of_the_gateway_do_not_touch(admin: Any) -> None:
    tokens = Tokens(boto3.client("dynamodb"), "tracking")
    tokens.put_usage_key("acme", "key")
    admin("members", "budget", "--member", "acme", "--day", "100")
    admin("members", "unbudget", "--member", "acme")
    assert tokens.usage_key("acme") == "key"


def test_a_wrong_table_is_told(admin: Any) -> None:
    for words in (("budget",), ("budget", "--day", "1"), ("unbudget",)):
        status, out, err = admin("members", *words, "--member", "acme", table="nowhere")
        assert (status, out) == (1, "")
        assert "TrackingTable" in err


@pytest.mark.parametrize("wrong", [["--day", "-1"], ["--month", "x"], ["--day", "1.5"]], ids=" ".join)
def test_what_is_no_budget_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["members", "budget", "--table", "tracking", "--member", "acme", *wrong])
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err
