"""The command as its users call it, against one running stack, and against a server that answers what a test wrote."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.stacks import ROOT, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

    from tests.stacks import RunningStack

COMMAND = ROOT / "bin/waybill"


class Waybill(Protocol):
    def __call__(self, *arguments: str, typed: str = "", **environ: str) -> Result: ...


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("state"), WAYBILL_SCHEDULE="off") as running:
        yield running


def environment(stack: RunningStack) -> dict[str, str]:
    return {"WAYBILL_URL": stack.api, "WAYBILL_STATE": str(stack.state)}


@pytest.fixture
def waybill(stack: RunningStack) -> Waybill:
    """Runs a command in this process: its exit code, standard output and standard error."""

    def run(*arguments: str, typed: str = "", **environ: str) -> Result:
        return invoked(arguments, typed, {**environment(stack), **environ})

    return run


def invoked(arguments: tuple[str, ...], typed: str, environ: dict[str, str]) -> Result:
    fixed = {"WAYBILL_TOKEN": None, "WAYBILL_PHONE_TAIL": None, "WAYBILL_TABLE": None, **environ}
    return CliRunner().invoke(app, list(arguments), input=typed, env=fixed, catch_exceptions=False)


def started(arguments: list[str], environ: dict[str, str], **options: Any) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    return subprocess.Popen(
        [str(COMMAND), *arguments],
        env={**kept, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@dataclass
class Server:
    """Answers each method and path with what was written for it, in turn, the last for ever; keeps what it was asked."""

    url: str
    answers: dict[str, list[tuple[int, Any, dict[str, str]]]] = field(default_factory=dict)
    asked: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)

    def answer(self, what: str, body: Any, status: int = 200, **headers: str) -> None:
        """`what` is as `GET /v1/operations`; headers have _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(what, []).append((status, body, named))

    def run(self, *arguments: str, typed: str = "", **environ: str) -> Result:
        return invoked(
            arguments, typed, {"WAYBILL_URL": self.url, "WAYBILL_TOKEN": "wb_of_this_test", **environ}
        )


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            data = self.rfile.read(length)
            what = f"{self.command} {self.path.partition('?')[0]}"
            made.asked.append(
                (f"{self.command} {self.path}", json.loads(data or b"null"), dict(self.headers))
            )
            written = made.answers.get(
                what, [(404, error("NOT_FOUND", "There is nothing at this path."), {})]
            )
            status, body, headers = written.pop(0) if len(written) > 1 else written[0]
            text = (
                b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            )
            self.send_response_only(status)
            for name, value in {
                "Content-Type": "application/json",
                "Date": self.date_time_string(),
                **headers,
            }.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = reply  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        made = Server(f"http://127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            http.shutdown()
            thread.join()


def error(name: str, message: str, *faults: tuple[str, str]) -> dict[str, Any]:
    trace = [{"field": where, "message": text} for where, text in faults]
    return {"error": {"code": "400000", "message": message, "error_code": name, "error_trace": trace}}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
