"""`dlq` and `doctor`, which ask the routes of operators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import error

if TYPE_CHECKING:
    from tests.cli.conftest import Server, Waybill

WELL: dict[str, Any] = {
    "now": "2026-11-22T00:00:00Z",
    "wall": "2026-11-22T00:00:00Z",
    "upstream": {"circuit": "closed", "reason": None, "secret": "ok"},
    "refresh": {"due": 3, "more": False, "lag_seconds": 12},
    "attention": {"shipments": [], "more": False},
    "usage": {
        "today": {"calls": 4, "billed": 4, "budget": 100, "left": 96},
        "month": {"calls": 40, "billed": 40, "budget": None, "left": None},
        "hours": [],
    },
    "deliveries": [],
    "queues": [{"queue": "refresh", "waiting": 1, "in_flight": 0, "failed": 0}],
}
FAILING = {
    "member": "acme",
    "webhook_id": "whk_0123456789abcdef0123",
    "url": "https://x.example",
    "state": "active",
    "failing_since": "2026-11-21T00:00:00Z",
    "waiting": 2,
    "parked": 1,
    "last_status": 500,
    "last_error": None,
}
SICK: list[tuple[str, str, str, dict[str, Any]]] = [
    ("kuaidi100", "fail", "secret", {"upstream": {"circuit": "closed", "reason": None, "secret": "missing"}}),
    ("kuaidi100", "fail", "601", {"upstream": {"circuit": "open", "reason": "601", "secret": "ok"}}),
    ("kuaidi100", "warn", "probing", {"upstream": {"circuit": "probing", "reason": None, "secret": "ok"}}),
    ("refreshes", "warn", "10 min", {"refresh": {"due": 9, "more": True, "lag_seconds": 600}}),
    ("refreshes", "fail", "2 h", {"refresh": {"due": 9, "more": True, "lag_seconds": 7200}}),
    ("attention", "warn", "--attention", {"attention": {"shipments": [{}], "more": False}}),
    (
        "budget",
        "warn",
        "Raise",
        {"usage": {**WELL["usage"], "today": {"calls": 90, "billed": 90, "budget": 100, "left": 10}}},
    ),
    (
        "budget",
        "fail",
        "Raise",
        {"usage": {**WELL["usage"], "month": {"calls": 100, "billed": 9, "budget": 100, "left": 0}}},
    ),
    (
        "deliveries",
        "warn",
        "1 webhooks fail; acme's whk_0123456789abcdef0123: 500",
        {"deliveries": [FAILING]},
    ),
    ("deliveries", "warn", "given up", {"deliveries": [{**FAILING, "failing_since": None}]}),
    (
        "queues",
        "fail",
        "dlq redrive",
        {"queues": [{"queue": "mail", "waiting": 0, "in_flight": 0, "failed": 2}]},
    ),
]


@pytest.fixture
def operator(server: Server) -> Server:
    server.answer("GET /v1/health", {"status": "ok"})
    server.answer("GET /v1/statuses", {"statuses": []})
    server.answer("GET /v1/webhooks", {"webhooks": []})
    return server


def checks(ended: Any) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(ended.stdout)["checks"]}


def test_a_service_that_is_well_is_told_so(operator: Server) -> None:
    operator.answer("GET /v1/operations", WELL)
    ended = operator.run("doctor", "--json")
    assert ended.exit_code == 0, ended.stdout
    assert {each["state"] for each in checks(ended).values()} == {"ok"}
    shown = operator.run("doctor")
    assert shown.exit_code == 0
    assert shown.stdout.count("\n") == 1 + len(checks(ended))


@pytest.mark.parametrize(("name", "state", "said", "change"), SICK)
def test_what_is_wrong_is_told_with_what_to_do(
    operator: Server, name: str, state: str, said: str, change: dict[str, Any]
) -> None:
    operator.answer("GET /v1/operations", {**WELL, **change})
    ended = operator.run("doctor", "--json")
    found = checks(ended)
    assert found[name]["state"] == state
    assert said in found[name]["found"] + found[name]["advice"]
    assert found[name]["advice"]
    assert ended.exit_code == (4 if state == "fail" else 0)
    assert all(each["state"] == "ok" for other, each in found.items() if other != name)


def test_a_clock_that_is_wrong_is_noticed(server: Server) -> None:
    server.answer("GET /v1/health", {"status": "ok"}, Date="Sun, 22 Nov 2020 00:00:00 GMT")
    server.answer("GET /v1/statuses", error("UNAUTHORIZED", "No valid token."), 401)
    ended = server.run("doctor", "--json")
    found = checks(ended)
    assert ended.exit_code == 4
    assert found["token"]["state"] == "fail"
    assert "NTP" in found["clock"]["advice"]


def test_without_the_scope_of_operators_it_is_said_what_was_not_checked(waybill: Waybill) -> None:
    made = waybill("tokens", "create", "--member", "someone", "--scopes", "track")
    ended = waybill("doctor", "--json", WAYBILL_TOKEN=made.stdout.strip())
    found = checks(ended)
    assert ended.exit_code == 0, ended.stdout
    assert found["token"]["found"] == "It is valid, with track."
    assert {name for name, each in found.items() if each["state"] == "warn"} == {
        "kuaidi100",
        "refreshes",
        "attention",
        "budget",
        "deliveries",
        "queues",
    }
    assert "admin" in found["queues"]["advice"]


def test_the_local_stack_is_examined(waybill: Waybill) -> None:
    found = checks(waybill("doctor", "--json"))
    for name in ("api", "clock", "token", "simulator"):
        assert found[name]["state"] == "ok", found[name]
    assert "admin" in found["token"]["found"]


def test_nothing_there_is_one_check_that_fails(waybill: Waybill) -> None:
    ended = waybill("doctor", "--json", WAYBILL_URL="http://127.0.0.1:1", WAYBILL_TOKEN="wb_nobodys")
    assert ended.exit_code == 4
    assert list(checks(ended)) == ["api"]


def test_failed_messages_are_shown_and_sent_back(operator: Server) -> None:
    queues = [{"queue": "mail", "waiting": 0, "in_flight": 0, "failed": 2}]
    operator.answer("GET /v1/operations", {**WELL, "queues": queues})
    path = "/v1/operations/queues/mail"
    message = {"id": "1", "body": {"event": "evt_1"}, "failed_at": "2026-11-22T00:00:00Z"}
    operator.answer(f"GET {path}/failed", {"messages": [message], "more": True})
    operator.answer(f"POST {path}/redrive", {"moved": 1, "kept": 0})
    operator.answer(f"POST {path}/redrive", {"moved": 1, "kept": 1})
    assert json.loads(operator.run("dlq", "list", "--json").stdout) == {"queues": queues}
    assert "mail" in operator.run("dlq", "list").stdout
    shown = operator.run("dlq", "list", "mail", "--limit", "1")
    assert "evt_1" in shown.stdout
    assert json.loads(operator.run("dlq", "list", "mail", "--json").stdout)["messages"] == [message]
    moved = operator.run("dlq", "redrive", "mail", "--limit", "1", "--json")
    assert (moved.exit_code, json.loads(moved.stdout)) == (0, {"moved": 1, "kept": 0})
    kept = operator.run("dlq", "redrive", "mail", "--json")
    assert (kept.exit_code, json.loads(kept.stdout)["kept"]) == (4, 1)
    assert [body for what, body, _ in operator.asked if what.startswith("POST")] == [
        {"limit": 1},
        {"limit": 1000},
    ]


@pytest.mark.parametrize(
    ("limit", "answers", "asked", "moved"),
    [
        ((), (1000, 400, 0), [1000, 1000, 1000], 1400),
        (("--limit", "1500"), (1000, 300, 200), [1000, 500, 200], 1500),
    ],
)
def test_more_are_sent_back_than_one_request_moves(
    operator: Server, limit: tuple[str, ...], answers: tuple[int, ...], asked: list[int], moved: int
) -> None:
    for count in answers:
        operator.answer("POST /v1/operations/queues/mail/redrive", {"moved": count, "kept": 0})
    ended = operator.run("dlq", "redrive", "mail", *limit, "--json")
    assert (ended.exit_code, json.loads(ended.stdout)) == (0, {"moved": moved, "kept": 0})
    assert [body["limit"] for what, body, _ in operator.asked if what.startswith("POST")] == asked
