"""The manage function: what was spent, told to whom it concerns."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import App, error, load
from tests.ledgers import begin, call, count, put_rows
from waybill.calls import CHINA
from waybill.errors import DAY, HOUR
from waybill.member_budgets import MemberBudgets

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USAGE = "/v1/usage"
ADMIN = "track admin"


@pytest.fixture
def dynamodb(aws: None) -> DynamoDBClient:  # noqa: ARG001 - in force, not used
    return boto3.client("dynamodb")


def china(at: float) -> datetime:
    return datetime.fromtimestamp(at, CHINA)


def spent(manage: App, member: str = "acme", scopes: str = "track", **query: str) -> Any:
    """Of the last three days, where nothing else is asked for."""
    days = (
        {"from": f"{china(time.time() - 2 * DAY):%Y-%m-%d}"} if not query.keys() & {"month", "from"} else {}
    )
    answer = manage.send("GET", USAGE, member=member, scopes=scopes, query={**days, **query})
    assert answer.status == 200, answer.text
    return answer.body


def three_days_of_calls(dynamodb: DynamoDBClient) -> None:
    now = time.time()
    begin(dynamodb, "tracking", now - 2 * DAY)
    put_rows(
        dynamodb,
        "tracking",
        [
            call(now - 1.9 * DAY, 1, member="acme"),
            call(now - 1.9 * DAY, 2, member="acme", outcome="500", billed=False),
            call(now - 1.9 * DAY, 3, member="other", courier="shunfeng"),
            call(now - DAY, 4),
            call(now - DAY, 5, outcome="501", billed=False),
            call(now, 6, member="acme", cause="shipment", outcome="unknown", billed=False),
            call(now, 7, member="acme", outcome="not_sent", billed=False),
        ],
    )


def test_a_member_is_told_its_own_calls_and_nothing_of_anybody_elses(
    manage: App, dynamodb: DynamoDBClient
) -> None:
    three_days_of_calls(dynamodb)
    own = spent(manage)
    assert own["total"] == {"calls": 3, "billed": 1, "unknown": 1, "failed": 0}
    assert own["by_member"] is None
    assert own["by_courier"] == [{"courier": "yuantong", "calls": 3, "billed": 1, "unknown": 1}]
    assert own["by_cause"] == [
        {"cause": "shipment", "calls": 1, "billed": 0, "unknown": 1},
        {"cause": "track", "calls": 2, "billed": 1, "unknown": 0},
    ]
    assert [each["outcome"] for each in own["by_outcome"]] == ["200", "500", "unknown"]
    nothing = spent(manage, member="acm")
    assert nothing["total"] == {"calls": 0, "billed": 0, "unknown": 0, "failed": 0}
    assert nothing["by_courier"] == nothing["by_cause"] == nothing["by_outcome"] == []
    assert nothing["forecast"]["month"] == {"calls": 0, "billed": 0}


def test_an_admin_is_told_everybodys_and_the_schedules(manage: App, dynamodb: DynamoDBClient) -> None:
    three_days_of_calls(dynamodb)
    everybody = spent(manage, scopes=ADMIN)
    assert everybody["total"] == {"calls": 6, "billed": 3, "unknown": 1, "failed": 1}
    assert everybody["by_member"] == [
        {"member": None, "calls": 2, "billed": 1, "unknown": 0},
        {"member": "acme", "calls": 3, "billed": 1, "unknown": 1},
        {"member": "other", "calls": 1, "billed": 1, "unknown": 0},
    ]


def test_an_admin_may_look_at_one_member(manage: App, dynamodb: DynamoDBClient) -> None:
    three_days_of_calls(dynamodb)
    days = {"from": f"{china(time.time() - 2 * DAY):%Y-%m-%d}", "member": "acme"}
    of_acme = manage.send("GET", USAGE, member="boss", scopes=ADMIN, query=days).body
    own = spent(manage)
    assert of_acme.pop("by_member") == [{"member": "acme", "calls": 3, "billed": 1, "unknown": 1}]
    assert own.pop("by_member") is None
    assert of_acme == own


def test_a_member_may_name_itself_and_nobody_else(manage: App) -> None:
    named = [
        manage.send("GET", USAGE, member="acme", scopes="track", query={"member": each})
        for each in ("acme", "other", "nobody")
    ]
    assert [each.status for each in named] == [200, 403, 403]
    assert named[1].text == named[2].text
    assert manage.send("GET", USAGE, scopes="manage admin pii").status == 403


def test_the_days_add_up_and_are_chinas(manage: App, dynamodb: DynamoDBClient) -> None:
    three_days_of_calls(dynamodb)
    told = spent(manage, scopes=ADMIN)
    days = [f"{china(time.time()) - timedelta(days=back):%Y-%m-%d}" for back in (2, 1, 0)]
    assert [each["day"] for each in told["by_day"]] == days
    assert told["period"] == {"from": days[0], "to": days[2]}
    for name in ("by_day", "by_member", "by_courier", "by_cause", "by_outcome"):
        for field in ("calls", "billed", "unknown"):
            assert sum(each[field] for each in told[name]) == told["total"][field], (name, field)


def test_without_a_period_it_is_the_running_month(manage: App) -> None:
    now = china(time.time())
    period = manage.send("GET", USAGE).body["period"]
    assert period["from"] == f"{now:%Y-%m}-01"
    assert period == manage.send("GET", USAGE, query={"month": f"{now:%Y-%m}"}).body["period"]
    assert manage.send("GET", USAGE, query={"month": "2024-02"}).body["period"] == {
        "from": "2024-02-01",
        "to": "2024-02-29",
    }


def test_a_month_to_come_has_no_days_yet(manage: App) -> None:
    told = spent(manage, month="2999-12")
    assert (told["by_day"], told["total"]["calls"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"month": "2026-13"}, "month"),
        ({"month": "2026"}, "month"),
        ({"month": "2026-11", "from": "2026-11-01"}, "month"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-11-15"}, "from"),
        ({"from": "2026-11-15", "to": "2026-11-14"}, "to"),
        ({"from": "2026-01-01", "to": "2026-04-03"}, "to"),
        ({"member": ""}, "member"),
        ({"member": "a\nb"}, "member"),
    ],
)
def test_what_are_no_days_is_named(manage: App, query: dict[str, str], field: str) -> None:
    refused = manage.send("GET", USAGE, query=query)
    assert refused.status == 400
    assert error(refused)["error_trace"][0]["field"] == field


def test_92_days_may_be_asked_for_and_days_of_any_age(manage: App) -> None:
    assert len(spent(manage, **{"from": "2026-01-01", "to": "2026-04-02"})["by_day"]) == 92
    assert spent(manage, **{"from": "0001-01-01", "to": "0001-01-02"})["total"]["calls"] == 0


def test_what_has_not_changed_is_not_sent_again(manage: App, dynamodb: DynamoDBClient) -> None:
    three_days_of_calls(dynamodb)
    query = {"month": "2024-02"}
    first = manage.send("GET", USAGE, query=query)
    again = manage.send("GET", USAGE, query=query, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.text) == (304, "")


# ---- Budgets


@pytest.fixture
def limited(aws: None, monkeypatch: pytest.MonkeyPatch) -> App:  # noqa: ARG001 - in force, not used
    for name, limit in (
        ("DAILY_CALL_BUDGET", "100"),
        ("MONTHLY_CALL_BUDGET", "1000"),
        ("MEMBER_MONTHLY_CALL_BUDGET", "50"),
    ):
        monkeypatch.setenv(name, limit)
    return App(load("manage"))


def test_budgets_tell_what_is_used_and_left_and_when_they_begin_anew(
    limited: App, dynamodb: DynamoDBClient
) -> None:
    today = china(time.time())
    count(dynamodb, "tracking", f"{today:%Y-%m-%d}", "", 50, 29)
    count(dynamodb, "tracking", f"{today:%Y-%m}", "", 1000)
    count(dynamodb, "tracking", f"{today:%Y-%m}", "acme", 40)
    day, month = spent(limited, scopes=ADMIN)["budgets"]
    assert (day.pop("resets_at"), month.pop("resets_at")) == tuple(
        f"{(datetime.fromisoformat(begin) - timedelta(hours=8)):%Y-%m-%dT%H:%M:%SZ}"
        for begin in (
            f"{today + timedelta(days=1):%Y-%m-%d}",
            f"{today.replace(day=1) + timedelta(days=32):%Y-%m}-01",
        )
    )
    every = {"scope": "all", "member": None}
    assert day == {
        **every,
        "period": "day",
        "limit": 100,
        "used": 79,
        "left": 21,
        "warned": False,
        "exhausted": False,
    }
    assert month == {
        **every,
        "period": "month",
        "limit": 1000,
        "used": 1000,
        "left": 0,
        "warned": True,
        "exhausted": True,
    }
    (own,) = spent(limited)["budgets"]
    del own["resets_at"]
    assert own == {
        "scope": "member",
        "member": "acme",
        "period": "month",
        "limit": 50,
        "used": 40,
        "left": 10,
        "warned": True,
        "exhausted": False,
    }


def test_a_members_own_budgets_take_the_place_of_the_default_ones(
    limited: App, dynamodb: DynamoDBClient
) -> None:
    own = MemberBudgets(dynamodb, "tracking")
    own.put("acme", 5, None)
    shown = [(each["period"], each["limit"]) for each in spent(limited)["budgets"]]
    assert shown == [("day", 5), ("month", 50)]
    assert [each["limit"] for each in spent(limited, member="other")["budgets"]] == [50]


def test_without_limits_there_are_no_budgets(manage: App) -> None:
    assert spent(manage)["budgets"] == spent(manage, scopes=ADMIN)["budgets"] == []


@pytest.mark.parametrize("wrong", ["", "-1", "1.5", "many"])
def test_an_impossible_budget_is_told_at_start(
    aws: None,  # noqa: ARG001 - in force, not used
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
) -> None:
    monkeypatch.setenv("MONTHLY_CALL_BUDGET", wrong)
    with pytest.raises(Exception, match="MONTHLY_CALL_BUDGET"):
        load("manage")


# ---- The forecast


def test_the_forecast_is_of_the_running_day_and_month_whatever_is_asked_for(
    manage: App, dynamodb: DynamoDBClient
) -> None:
    now = time.time()
    begin(dynamodb, "tracking", now - 3 * DAY)
    calls = [call(now - 2 * DAY - each * HOUR, each, member="acme") for each in range(12)]
    put_rows(dynamodb, "tracking", [*calls, call(now, 99, member="acme")])
    told = spent(manage, month="2024-02")
    assert told["total"]["calls"] == 0
    assert told["forecast"]["basis"]["days"] in {2, 3}
    assert told["forecast"]["day"]["calls"] >= 1
    assert told["forecast"]["month"]["calls"] >= told["forecast"]["day"]["calls"]
    assert told["forecast"] == spent(manage)["forecast"]
