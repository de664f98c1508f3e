"""How the client behaves when things go wrong, and how a command ends then."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cli import rows
from cli.api import Api
from cli.exits import CODES, Failure, Refused, Unreachable
from tests.cli.conftest import COMMAND, error

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Server, Waybill

TRACK = "GET /v1/parcels/auto/YT7450353838751"
EVENT = {
    "sequence": 7,
    "timestamp": "2026-11-22T00:00:00Z",
    "type": "parcel.delivered",
    "data": {"number": "YT1", "shipment": {"order_id": "A-1", "metadata": {}}},
}


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def api(server: Server, pauses: list[float]) -> Api:
    return Api.at(server.url, "wb_of_this_test", lambda _: None, 4, pauses.append)


def test_who_says_when_to_come_back_is_believed(server: Server, api: Api, pauses: list[float]) -> None:
    server.answer("GET /v1/usage", error("RATE_LIMITED", "Too many."), 429, Retry_After="7")
    server.answer("GET /v1/usage", {"fine": True})
    assert api.get("/v1/usage") == {"fine": True}
    assert pauses == [7.0]


def test_pauses_double_where_nobody_says_when(server: Server, api: Api, pauses: list[float]) -> None:
    server.answer("GET /v1/usage", error("INTERNAL_ERROR", "Ours."), 500)
    with pytest.raises(Refused):
        api.get("/v1/usage")
    assert len(server.asked) == 4
    assert 1.2 * pauses[0] < pauses[1] < pauses[2]


def test_nobody_waits_for_half_an_hour(server: Server, api: Api, pauses: list[float]) -> None:
    server.answer("GET /v1/usage", error("UPSTREAM_UNKNOWN", "Nobody knows."), 503, Retry_After="1860")
    with pytest.raises(Refused) as refused:
        api.get("/v1/usage")
    assert refused.value.advice == "Come back in 31 min."
    assert pauses == []


def test_what_may_have_been_done_is_not_done_again(server: Server, api: Api, pauses: list[float]) -> None:
    server.answer("POST /v1/webhooks/x/test", error("INTERNAL_ERROR", "Ours."), 500)
    with pytest.raises(Refused):
        api.send("POST", "/v1/webhooks/x/test")
    assert len(server.asked) == 1
    assert pauses == []


def test_all_that_is_wrong_is_told(server: Server, api: Api) -> None:
    server.answer(
        "POST /v1/webhooks", error("INVALID_PARAMETER", "Wrong.", ("url", "No."), ("events", "None.")), 400
    )
    with pytest.raises(Refused) as refused:
        api.send("POST", "/v1/webhooks", {})
    assert refused.value.message == "Wrong. url: No. events: None."
    assert refused.value.faults == (("url", "No."), ("events", "None."))


@pytest.mark.parametrize("body", ["<html>", "", "[]", '{"error": "text"}'])
def test_somebody_else_is_not_taken_for_waybill(server: Server, api: Api, body: str) -> None:
    server.answer("GET /v1/usage", body, 403, Content_Type="text/html")
    with pytest.raises(Failure):
        api.get("/v1/usage")
    server.answer("GET /v1/statuses", "<html>hello", Content_Type="text/html")
    with pytest.raises(Unreachable):
        api.get("/v1/statuses")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, None, 3),
        (200, {"somebody": "else"}, 3),
        (401, error("UNAUTHORIZED", "No valid token."), 1),
        (404, error("NOT_FOUND", "Nothing."), 1),
        (422, error("PHONE_REQUIRED", "A phone."), 1),
        (502, "<html>", 3),
    ],
)
def test_a_command_ends_as_the_table_says(server: Server, status: int, body: Any, code: int) -> None:
    server.answer(TRACK, body, status)
    ended = server.run("track", "YT7450353838751", "--json")
    assert ended.exit_code == code
    assert code in CODES
    assert ended.stdout == ""
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("track", "x"),
        ("track", "not a courier", "YT7450353838751"),
        ("track",),
        ("nothing",),
        ("watch", "!"),
        ("shipments", "get", "a b"),
        ("shipments", "import", "/nowhere/orders.csv"),
        ("shipments", "share", "A", "--days", "400"),
        ("shipments", "share", "A", "--days", "3", "--revoke"),
        ("webhooks", "pause", "mine"),
        ("webhooks", "replay", "whk_0123456789abcdef0123"),
        ("dlq", "redrive", "../other"),
        ("sim", "journey", "yuantong", "YT7450353838751", "--event", "soon"),
        ("tokens", "create", "--member", "a", "--scopes", "all"),
        ("tokens", "list"),
        ("usage", "--url", "ftp://example.com"),
        ("usage", "--url", "http://example.com"),
        ("usage", "--token-file", "/nowhere/token"),
    ],
)
def test_what_can_be_nothing_is_not_sent(server: Server, arguments: tuple[str, ...]) -> None:
    ended = server.run(*arguments, WAYBILL_SIMULATOR=server.url)
    assert ended.exit_code == 2, ended.stderr
    assert ended.stdout == "" or arguments == ("track",)
    assert ended.stderr.strip()
    assert server.asked == []


def test_nobody_there_is_another_code_than_a_refusal(waybill: Waybill) -> None:
    ended = waybill("sim", "clock", "--simulator", "http://127.0.0.1:1")
    assert ended.exit_code == 3
    assert "http://127.0.0.1:1 does not answer" in ended.stderr
    assert "make run" in ended.stderr


def test_the_token_is_where_nobody_reads_it(server: Server, tmp_path: Path) -> None:
    server.answer("GET /v1/usage", error("UNAUTHORIZED", "No valid token."), 401)
    file = tmp_path / "token"
    file.write_text("wb_from_a_file\n")
    by_file = server.run("usage", "--token-file", str(file))
    by_input = server.run("usage", "--token-file", "-", typed="wb_from_standard_input\n")
    by_environment = server.run("usage")
    sent = [headers["Authorization"] for _, _, headers in server.asked]
    assert sent == ["Bearer wb_from_a_file", "Bearer wb_from_standard_input", "Bearer wb_of_this_test"]
    for ended in (by_file, by_input, by_environment):
        assert "wb_" not in ended.stdout + ended.stderr


def test_without_a_token_it_is_said_where_to_put_one(server: Server, tmp_path: Path) -> None:
    ended = server.run("usage", WAYBILL_TOKEN="", WAYBILL_STATE=str(tmp_path))
    assert ended.exit_code == 2
    assert "WAYBILL_TOKEN" in ended.stderr


def test_what_others_wrote_cannot_steer_the_terminal(server: Server) -> None:
    server.answer("GET /v1/webhooks", error("X", "\x1b[2J\u202eevil [bold]not[/bold]"), 400)
    ended = server.run("webhooks", "list")
    assert "\x1b" not in ended.stderr
    assert "\u202e" not in ended.stderr
    assert "[bold]not[/bold]" in ended.stderr


def test_a_share_is_made_and_ended(server: Server) -> None:
    path = "/v1/shipments/A/share"
    server.answer(f"POST {path}", {"url": "https://x/v1/t/abc", "expires_at": "2026-12-01T00:00:00Z"}, 201)
    server.answer(f"DELETE {path}", None, 204)
    made = server.run("shipments", "share", "A", "--days", "9", "--number", "yt7450353838751", "--json")
    ended = server.run("shipments", "share", "A", "--revoke", "--json")
    assert json.loads(made.stdout)["url"] == "https://x/v1/t/abc"
    assert json.loads(ended.stdout) == {"order_id": "A", "revoked": True}
    assert [(what, body) for what, body, _ in server.asked] == [
        (f"POST {path}?tracking_number=YT7450353838751", {"days": 9}),
        (f"DELETE {path}", None),
    ]


def test_a_watch_knows_who_is_not_waybill(server: Server) -> None:
    server.answer("GET /v1/shipments/A-1", "<html>hello", Content_Type="text/html")
    ended = server.run("watch", "A-1")
    assert ended.exit_code == 3
    assert "not JSON" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("shipments", "export", "-o", "."),
        ("shipments", "import", "."),
        ("events", "follow", "--once", "--after", "0", "--file", "."),
    ],
)
def test_a_folder_is_no_file(server: Server, arguments: tuple[str, ...]) -> None:
    server.answer("GET /v1/events", {"events": [EVENT]})
    ended = server.run(*arguments)
    assert ended.exit_code == 2
    assert "another file" in ended.stderr or "a file in it" in ended.stderr


def test_a_question_that_nobody_answers_is_misuse(server: Server) -> None:
    ended = server.run("track", "YT7450353838751", "--phone-tail", "-", typed="")
    assert ended.exit_code == 2
    assert "the input has ended" in ended.stderr


def test_who_follows_events_and_finds_no_place_to_wait_pauses(
    server: Server, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.events.time.sleep", pauses.append)
    for _ in range(3):
        server.answer("GET /v1/events", {"events": []})
    server.answer("GET /v1/events", error("FORBIDDEN", "Not any more."), 403)
    assert server.run("events", "follow").exit_code == Refused.code
    assert pauses == [1.0] * 3


def test_an_event_is_shown_with_its_order(server: Server) -> None:
    server.answer("GET /v1/events", {"events": [EVENT]})
    server.answer("GET /v1/events", {"events": []})
    ended = server.run("events", "follow", "--once")
    assert ended.stdout == "7  2026-11-22 00:00  parcel.delivered  A-1  YT1\n"


def test_json_cannot_steer_the_terminal_and_means_the_same(server: Server) -> None:
    evil = {"text": "\x9b2J\u202e上海\x7f"}
    server.answer("GET /v1/events", {"events": [{**EVENT, "data": evil}]})
    server.answer("GET /v1/events", {"events": []})
    ended = server.run("events", "follow", "--once", "--json")
    assert json.loads(ended.stdout)["data"] == evil
    assert not {"\x9b", "\u202e", "\x7f"} & set(ended.stdout)
    assert "上海" in ended.stdout


def test_an_export_is_for_its_owner_alone_and_leaves_no_part(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    shipments = "GET /v1/shipments"
    server.answer(shipments, {"shipments": [], "next_cursor": None})
    assert server.run("shipments", "export", "-o", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    server.answers.clear()
    server.answer(shipments, {"shipments": [], "next_cursor": "x"})
    server.answer(shipments, error("UNAUTHORIZED", "No valid token."), 401)
    file.unlink()
    assert server.run("shipments", "export", "-o", str(file)).exit_code == 1
    assert list(tmp_path.iterdir()) == []


def at_a_terminal(server: Server, arguments: list[str], prompt: str, typed: str) -> str:
    """All that is seen there; `typed` is typed once the prompt is."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *arguments],
        env={**os.environ, "WAYBILL_URL": server.url, "WAYBILL_TOKEN": "wb_of_this_test"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    in_vain = threading.Timer(30, process.kill)
    in_vain.start()
    shown = b""
    while True:
        try:
            shown += os.read(master, 4096)
        except OSError:  # how a terminal whose other end is closed ends on Linux
            break
        if typed and prompt.encode() in shown:
            os.write(master, f"{typed}\n".encode())
            typed = ""
    os.close(master)
    process.wait()
    in_vain.cancel()
    return shown.decode()


def test_a_token_that_is_typed_is_not_shown(server: Server) -> None:
    server.answer("GET /v1/usage", error("UNAUTHORIZED", "No valid token."), 401)
    shown = at_a_terminal(server, ["usage", "--token-file", "-"], "Token:", "wb_typed_by_hand")
    assert "wb_typed_by_hand" not in shown
    assert server.asked[0][2]["Authorization"] == "Bearer wb_typed_by_hand"


def test_cells_that_are_exported_cannot_steer_the_terminal(server: Server) -> None:
    shown = dict.fromkeys(rows.EXPORTED)
    shipment: dict[str, Any] = {
        **shown,
        "order_id": "A",
        "to": "\x1b[2J上海",
        "courier": {"code": "yuantong"},
        "phone_given": False,
        "notify": None,
        "tags": [],
    }
    server.answer("GET /v1/shipments", {"shipments": [shipment], "next_cursor": None})
    seen = at_a_terminal(server, ["shipments", "export"], "", "")
    assert "\ufffd[2J上海" in seen
    piped = server.run("shipments", "export")
    assert "\x1b[2J上海" in piped.stdout
