"""What outlives a restart, what scripts may say, the clock, and the command that starts it all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from tests import loopback
from tests.loopback import wait_until
from tests.simulators import Simulator, running_simulator
from waybill.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EVENT = {"at": -60, "text": "已揽收", "status_code": "103"}
START = 1_760_000_000.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


def at(simulated: float) -> Clock:
    return Clock(real=time.time(), simulated=simulated, speed=1.0)


# Restarts


def test_a_restart_continues_the_same_journeys_and_forgets_the_calls(tmp_path: Path) -> None:
    numbers = [f"YT{i:08}" for i in range(20)]

    def beginnings(simulated: float) -> dict[str, str]:
        with running_simulator(state=tmp_path, clock=at(simulated)) as simulator:
            assert simulator.get("calls") == simulator.get("violations") == simulator.get("faults") == []
            assert simulator.get("bill")["total"] == 0
            answers = [simulator.query("yuantong", number, order="asc") for number in numbers]
            return {a["nu"]: a["data"][-1]["ftime"] for a in answers if "data" in a and len(a["data"]) > 8}

    before = beginnings(START)
    after = beginnings(START + 3 * 86_400)
    assert before
    assert set(before) <= set(after)


def test_the_first_lines_of_a_journey_are_the_same_after_a_restart(tmp_path: Path) -> None:
    parcel = ("yuantong", "YT7450353838751")
    with running_simulator(state=tmp_path, clock=at(START)) as simulator:
        before = simulator.query(*parcel)["data"]
    with running_simulator(state=tmp_path, clock=at(START + 86_400)) as simulator:
        after = simulator.query(*parcel)["data"]
    assert after[-len(before) :] == before


def test_scripts_that_were_put_outlive_a_restart(tmp_path: Path) -> None:
    with running_simulator(state=tmp_path, clock=at(START)) as simulator:
        simulator.script(
            "ems", "EA123456785CN", EVENT, EVENT | {"at": 3600, "status_code": "301"}, phone="1234"
        )
    with running_simulator(state=tmp_path, clock=at(START + 7200)) as simulator:
        assert simulator.query("ems", "EA123456785CN")["state"] == "3"
        assert simulator.code("ems", "EA123456785CN", phone="4321") == "408"


def test_a_scripted_file_begins_when_it_is_first_read(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "one.yaml").write_text(
        yaml.safe_dump({"courier": "ems", "number": "EA123456785CN", "events": [EVENT]})
    )
    answers = []
    for simulated in (START, START + 86_400):
        with running_simulator(state=tmp_path / "state", scripts=scripts, clock=at(simulated)) as simulator:
            answers.append(simulator.query("ems", "EA123456785CN"))
    assert answers[0] == answers[1]


def test_a_file_that_is_no_script_is_named(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("courier: nosuch\nnumber: '123456'\nevents: []\n")
    with pytest.raises(ValueError, match=r"wrong\.yaml(.|\n)*nosuch"), running_simulator(scripts=tmp_path):
        pass


# Scripts


@pytest.mark.parametrize(
    ("courier", "number", "phone", "state"),
    [
        ("shunfeng", "SF7444700499701", "8000", "1002"),
        ("yunda", "3129000000017", "", "501"),
        ("zhongtong", "73100000000025", "4567", "6"),
    ],
)
def test_the_shipped_scripts_are_at_an_interesting_point(
    simulator: Simulator, courier: str, number: str, phone: str, state: str
) -> None:
    answer = simulator.query(courier, number, phone=phone, resultv2="4")
    assert answer["state"] == state


def test_a_script_can_be_put_shown_and_removed(simulator: Simulator) -> None:
    path = "journeys/jd/JD0000000009"
    put = {
        "phone": "1234",
        "events": [EVENT | {"at": -3600, "text_en": "Collected", "location": "广州市,白云区"}],
    }
    shown = simulator.put(path, put)
    assert shown.status_code == 200
    (event,) = simulator.get(path)["events"]
    assert event["at"] == pytest.approx(-3600, abs=30)
    assert event["text_en"] == "Collected"
    simulator.delete(path)
    assert simulator.http.get(f"/_sim/{path}").status_code == 404
    assert simulator.http.delete(f"/_sim/{path}").status_code == 404


def test_a_put_script_takes_the_place_of_the_former_one(simulator: Simulator) -> None:
    simulator.script("jd", "JD0000000010", EVENT)
    assert simulator.query("jd", "JD0000000010", resultv2="4")["state"] == "103"
    simulator.script("jd", "JD0000000010", EVENT | {"status_code": "501"})
    assert simulator.query("jd", "JD0000000010", resultv2="4")["state"] == "501"


@pytest.mark.parametrize(
    ("path", "script", "complaint"),
    [
        ("nosuch/123456", {"events": []}, "nosuch"),
        ("ems/12345", {"events": []}, "6 to 32"),
        ("ems/123456", {}, "events"),
        ("ems/123456", {"events": [EVENT | {"status_code": "9999"}]}, "9999"),
        ("ems/123456", {"events": [EVENT | {"at": "soon"}]}, "at"),
        ("ems/123456", {"events": [EVENT | {"text": ""}]}, "text"),
        ("ems/123456", {"events": [EVENT | {"colour": "red"}]}, "colour"),
        ("ems/123456", {"events": [], "phone": "12"}, "four digits"),
        ("ems/123456", [], "object"),
    ],
)
def test_a_wrong_script_is_refused_with_what_is_wrong(
    simulator: Simulator, path: str, script: Any, complaint: str
) -> None:
    answer = simulator.put(f"journeys/{path}", script)
    assert answer.status_code == 422
    assert complaint in answer.text


# The clock


def test_the_clock_runs_at_its_speed_and_can_be_advanced() -> None:
    with running_simulator(clock=Clock(real=time.time(), simulated=START, speed=1000)) as simulator:
        first = simulator.get("clock")
        assert first["speed"] == 1000
        assert START <= first["now"] < START + 60_000
        advanced = simulator.put("clock", {"advance": 1e6}).json()["now"]
        assert advanced >= first["now"] + 1e6
        assert simulator.now() > advanced


@pytest.mark.parametrize("body", [{"advance": -1}, {"advance": None}, {}, {"advance": 1, "back": True}])
def test_the_clock_never_goes_back(simulator: Simulator, body: Any) -> None:
    before = simulator.now()
    assert simulator.put("clock", body).status_code == 422
    assert simulator.now() >= before


# Many at once


def test_hundreds_of_queries_at_once_are_all_answered(simulator: Simulator) -> None:
    with (
        loopback.client(limits=httpx.Limits(max_connections=200)) as http,
        ThreadPoolExecutor(200) as pool,
    ):
        forms = [simulator.form("yunda", f"3130{i:09}") for i in range(400)]
        answers = list(pool.map(lambda form: http.post(simulator.query_url, data=form).json(), forms))
    assert all(answer.get("status") == "200" or answer["returnCode"] == "500" for answer in answers)


# The command


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": "layers/core/python"}
    return subprocess.Popen(
        [sys.executable, "-m", "local.simulator", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_even_while_a_query_hangs(tmp_path: Path, name: signal.Signals) -> None:
    process = start(
        "--port", "0", "--state", str(tmp_path), "--customer", "C", "--key", "K", "--clock", f"0,{START},1e-3"
    )
    assert process.stdout
    url = process.stdout.readline().split()[-1]
    assert START <= loopback.get(f"{url}/_sim/clock").json()["now"] < START + 1e7
    loopback.put(f"{url}/_sim/faults", json={"kind": "timeout"}).raise_for_status()
    form = {"customer": "C", "sign": "0", "param": "{}"}
    with pytest.raises(httpx.ReadTimeout):
        loopback.post(f"{url}/poll/query.do", data=form, timeout=httpx.Timeout(60, read=0.2))
    host, port = httpx.URL(url).host, httpx.URL(url).port
    with socket.create_connection((host, port or 0)) as hanging:
        body = b"customer=C&sign=0&param={}"
        head = f"POST /poll/query.do HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        hanging.sendall(head.encode() + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body)
        wait_until(lambda: len(loopback.get(f"{url}/_sim/calls").json()) == 2)
        process.send_signal(name)
        _, errors = process.communicate(timeout=30)  # the query would hang for a minute
    assert process.returncode == 0
    assert errors == ""


def test_a_taken_port_is_named_with_the_flag_that_changes_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start("--port", port, "--state", str(tmp_path))
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert port in errors
    assert "--port" in errors
    assert "Traceback" not in errors
