"""Every fault on demand, as a client sees it on the wire, and what it does to calls, lock and bill."""

from __future__ import annotations

import itertools
import json
import socket
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest

from local.simulator.world import Options
from tests.loopback import wait_until
from tests.simulators import Simulator, running_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = ["timeout", "reset", "html", "truncated", "slow", "wrong_charset", "huge", "wrong_clock"]

Parcel = tuple[str, str]

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def parcel(simulator: Simulator) -> Iterator[Parcel]:
    parcel = ("shentong", f"77900{next(_numbers):08}")
    simulator.script(*parcel, {"at": -60, "text": "【广州市】已揽收", "status_code": "103"})
    yield parcel
    simulator.delete("faults")


def order(simulator: Simulator, parcel: Parcel, **fault: Any) -> None:
    simulator.put("faults", {"number": parcel[1], **fault}).raise_for_status()


def codes(simulator: Simulator, parcel: Parcel) -> list[str]:
    return [call["code"] for call in simulator.get("calls") if call["number"] == parcel[1]]


def ask_raw(simulator: Simulator, parcel: Parcel) -> socket.socket:
    """Send a query by hand and return the socket, to see what comes back and how it ends."""
    body = urlencode(simulator.form(*parcel)).encode()
    url = httpx.URL(simulator.url)
    connection = socket.create_connection((url.host, url.port or 80), timeout=10)
    head = (
        f"POST /poll/query.do HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize("code", ["400", "408", "500", "501", "502", "503", "601"])
def test_a_code_is_answered_and_nothing_else_happens(simulator: Simulator, parcel: Parcel, code: str) -> None:
    charged = simulator.get("bill")["total"]
    order(simulator, parcel, code=code)
    answer = simulator.query(*parcel)
    assert (answer["result"], answer["returnCode"]) == (False, code)
    assert answer["message"]
    assert codes(simulator, parcel) == [code]
    assert simulator.get("bill")["total"] == charged


def test_timeout_takes_the_request_and_never_answers(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, kind="timeout")
    with pytest.raises(httpx.ReadTimeout):
        simulator.http.post(
            simulator.query_url, data=simulator.form(*parcel), timeout=httpx.Timeout(60, read=0.3)
        )
    wait_until(lambda: codes(simulator, parcel))
    assert codes(simulator, parcel) == ["timeout"]


def test_a_timeout_ends_without_an_answer_when_nobody_gives_up() -> None:
    with running_simulator(hang_seconds=0.1) as simulator:
        order(simulator, ("ems", "EA123456785CN"), kind="timeout")
        with pytest.raises(httpx.RemoteProtocolError):
            simulator.query("ems", "EA123456785CN")


def test_reset_ends_the_connection_with_rst(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, kind="reset")
    with ask_raw(simulator, parcel) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_html_is_a_page_with_status_200(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, kind="html")
    answer = simulator.post(simulator.form(*parcel))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_truncated_closes_properly_in_the_middle_of_the_body(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, kind="truncated")
    with ask_raw(simulator, parcel) as connection:
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert body.startswith(b'{"message":"ok"')
    assert 0 < len(body) < promised


def test_slow_takes_longer_than_half_a_minute_by_default(tmp_path: Path) -> None:
    assert Options(state=tmp_path).slow_seconds > 30


def test_slow_begins_at_once_and_goes_on_in_drops(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, kind="slow")
    with simulator.http.stream("POST", simulator.query_url, data=simulator.form(*parcel)) as answer:
        first = next(answer.iter_raw())
        assert 0 < len(first) < int(answer.headers["content-length"]) / 2


def test_slow_is_the_right_answer_in_the_end() -> None:
    with running_simulator(slow_seconds=0.2) as simulator:
        parcel = ("shunfeng", "SF7444700499701")
        right = simulator.query(*parcel, phone="8000")
        order(simulator, parcel, kind="slow")
        assert simulator.query(*parcel, phone="8000") == right


def test_wrong_charset_is_gbk_that_calls_itself_utf_8(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, kind="wrong_charset")
    answer = simulator.post(simulator.form(*parcel))
    assert "utf-8" in answer.headers["content-type"].lower()
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode("utf-8")
    assert json.loads(answer.content.decode("gbk"))["data"][0]["context"] == "【广州市】已揽收"


def test_huge_is_ten_megabytes(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, kind="huge")
    answer = simulator.post(simulator.form(*parcel))
    assert len(answer.content) == 10 * 1024 * 1024
    assert answer.json()["status"] == "200"


def test_a_wrong_clock_dates_every_line_an_hour_and_a_half_too_late(
    simulator: Simulator, parcel: Parcel
) -> None:
    (right,) = simulator.query(*parcel)["data"]
    order(simulator, parcel, kind="wrong_clock")
    (wrong,) = simulator.query(*parcel)["data"]
    for field in ("time", "ftime"):
        late = datetime.fromisoformat(wrong[field]) - datetime.fromisoformat(right[field])
        assert late == timedelta(minutes=90)
    assert wrong["context"] == right["context"]


def test_a_new_key_is_worth_something_and_the_one_before_nothing() -> None:
    with running_simulator() as simulator:
        parcel = ("shentong", "7790099999999")
        simulator.put("account", {"key": "ROTATED"}).raise_for_status()
        assert simulator.code(*parcel) == "503"
        renewed = replace(simulator, account=replace(simulator.account, key="ROTATED"))
        assert renewed.code(*parcel) == "200"
        assert simulator.put("account", {"key": ""}).status_code == 422


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_with_a_fault_may_have_reached_the_courier(
    simulator: Simulator, parcel: Parcel, kind: str
) -> None:
    order(simulator, parcel, kind=kind, next=1)
    ask_raw(simulator, parcel).close()
    wait_until(lambda: kind in codes(simulator, parcel))
    assert simulator.code(*parcel) == "200"
    broken = [v["rule"] for v in simulator.get("violations") if v["number"] == parcel[1]]
    assert broken == ["gap"]


@pytest.mark.parametrize(
    ("kind", "charged"), [("html", False), ("reset", False), ("wrong_charset", True), ("huge", True)]
)
def test_what_was_answered_is_charged_even_if_spoiled(
    simulator: Simulator, parcel: Parcel, kind: str, *, charged: bool
) -> None:
    order(simulator, parcel, kind=kind)
    with ask_raw(simulator, parcel) as connection:
        try:
            connection.recv(1)
        except ConnectionResetError:
            assert kind == "reset"
    numbers = [charge["number"] for charge in simulator.get("bill")["charges"]]
    assert (parcel[1] in numbers) == charged


# Which queries are struck


def test_next_strikes_so_many_queries_and_is_gone(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, code="502", next=2)
    assert simulator.get("faults") == [{"code": "502", "next": 2, "number": parcel[1]}]
    assert [simulator.code(*parcel) for _ in range(3)] == ["502", "502", "200"]
    assert simulator.get("faults") == []


def test_rate_strikes_a_share_the_same_for_the_same_seed() -> None:
    def struck() -> list[str]:
        with running_simulator() as simulator:
            simulator.put("faults", {"code": "501", "rate": 0.3}).raise_for_status()
            return [simulator.code("ems", "EA123456785CN", phone="1") for _ in range(40)]

    codes = struck()
    assert 4 < codes.count("501") < 22
    assert struck() == codes


def test_a_fault_of_one_number_leaves_the_others_alone(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, code="501")
    assert simulator.code("yuantong", "YT7450353838751") == "200"


def test_several_faults_are_in_force_until_cleared(simulator: Simulator, parcel: Parcel) -> None:
    order(simulator, parcel, code="501", next=1)
    order(simulator, parcel, code="502")
    assert [simulator.code(*parcel) for _ in range(3)] == ["501", "502", "502"]
    simulator.delete("faults")
    assert simulator.get("faults") == []
    assert simulator.code(*parcel) == "200"


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"code": "501", "kind": "html"},
        {"code": "999"},
        {"kind": "fire"},
        {"kind": "html", "rate": 2},
        {"kind": "html", "next": 0},
        {"kind": "html", "rate": 0.5, "next": 1},
        {"kind": "html", "often": True},
        [],
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(simulator: Simulator, fault: Any) -> None:
    answer = simulator.put("faults", fault)
    assert answer.status_code == 422
    assert answer.json()["detail"]
