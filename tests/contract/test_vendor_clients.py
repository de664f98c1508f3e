"""Customers of the vendor in five languages, each serialising `param` its own way, get valid answers from the simulator.

The vendor signs the text as it was posted, so all of these are right: spaces and \\uXXXX (Python), `\\/` (PHP), \\u0026 (Go, Java),
plain UTF-8 (Node). Where a language is not installed its client is skipped; on CI that is a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs

import pytest

from tests.languages import demand
from tests.simulators import Simulator, running_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS: Final = Path(__file__).with_name("clients")
COMMANDS: Final = {
    "python": (sys.executable, "client.py"),
    "node": ("node", "client.mjs"),
    "java": ("java", "Client.java"),
    "go": ("go", "run", "client.go"),
    "php": ("php", "client.php"),
}
FROM: Final = "广东省深圳市 南山区科技园 A&B=C 'D' 1/2"
TO: Final = '北京市 朝阳区 & = \' / "引号"'
ESCAPES: Final = {
    "python": ('{"com": "shunfeng", ', r"\u5e7f", "A&B=C 'D' 1/2"),
    "node": ('{"com":"shunfeng",', "广东", "A&B=C 'D' 1/2"),
    "java": ('{"com":"shunfeng",', "广东", r"A\u0026B\u003dC \u0027D\u0027 1/2"),
    "go": ('{"com":"shunfeng",', "广东", r"A\u0026B=C 'D' 1/2"),
    "php": ('{"com":"shunfeng",', r"\u5e7f", r"A&B=C 'D' 1\/2"),
}
PARCEL: Final = ("shunfeng", "SF7444700499701")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


class Recorder(BaseHTTPRequestHandler):
    """Takes down what was posted and answers nothing of interest."""

    posted: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.posted.append((self.headers["Content-Type"], body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture(params=COMMANDS)
def language(request: pytest.FixtureRequest) -> str:
    language = str(request.param)
    demand(COMMANDS[language][0])
    return language


def run(language: str, url: str, *, key: str = "KEY") -> dict[str, Any]:
    arguments = (url, "DEMO", key, *PARCEL, "13800008000", FROM, TO)
    done = subprocess.run(
        [*COMMANDS[language], *arguments],
        cwd=CLIENTS,
        env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_client_gets_the_parcel(simulator: Simulator, language: str) -> None:
    answer = run(language, simulator.query_url)
    assert (answer["com"], answer["nu"], answer["status"]) == (*PARCEL, "200")
    assert answer["data"][0]["statusCode"] == answer["state"]
    assert "快件已发车" in answer["data"][0]["context"]


def test_a_client_with_a_wrong_key_gets_503(simulator: Simulator, language: str) -> None:
    answer = run(language, simulator.query_url, key="WRONG")
    assert answer == {"result": False, "returnCode": "503", "message": "验证签名失败"}


def test_a_client_writes_json_as_its_language_does(language: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        run(language, f"http://127.0.0.1:{server.server_port}/")
        thread.join()
    content_type, body = Recorder.posted.pop()
    param = parse_qs(body)["param"][0]
    assert json.loads(param)["from"] == FROM
    assert all(part in param for part in ESCAPES[language])
    assert content_type.startswith("application/x-www-form-urlencoded")
    assert (language == "java") == ("url=" in body.split("&"))
    assert language != "java" or content_type.endswith("; charset=UTF-8")
