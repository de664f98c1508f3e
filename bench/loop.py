"""One process of a function under Lambda's own runtime client, and the Runtime API that it asks for events.

awslambdaric is what the managed runtimes run. Time and processor time are taken where its answers arrive.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Self

from bench.servers import Handler, Server
from local.administrator import CREDENTIALS
from local.deploy import NO_AWS_SETTINGS, REGION
from local.process import clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS = 60
_ARN = f"arn:aws:lambda:{REGION}:000000000000:function:bench"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function is: its folder, and the folders of packages before those of the runtime."""

    folder: Path
    packages: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, the wall seconds until then, and the process's seconds of processor time at that moment."""

    body: Any
    failed: bool
    wall: float
    processor: float


class Loop:
    """A function's process from its start, which is when this is made, to the end of the `with`."""

    def __init__(self, place: Place, variables: Mapping[str, str], endpoint: str) -> None:
        self._events: queue.Queue[bytes | None] = queue.Queue()
        self._answers: queue.Queue[tuple[bytes, bool, float, float]] = queue.Queue()
        self._asking = Event()
        self._server = Server(_handler(self))
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it ends with the process
        self._asked_at = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "awslambdaric", "app.handler"],
            cwd=place.folder,
            env={
                **clean_environment(),
                **CREDENTIALS,
                **NO_AWS_SETTINGS,
                "PYTHONPATH": os.pathsep.join(map(os.fspath, (place.folder, *place.packages))),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TZ": ":UTC",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_LAMBDA_FUNCTION_NAME": "bench",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_LOG_GROUP_NAME": "bench",
                "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
                "AWS_LAMBDA_RUNTIME_API": self._server.address,
                "LAMBDA_TASK_ROOT": os.fspath(place.folder),
                "_HANDLER": "app.handler",
                **variables,
            },
            stdout=self._output,
            stderr=self._output,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(None)
        self._process.kill()
        self._process.wait()
        self._output.close()
        self._server.stop()

    def first(self, event: Mapping[str, Any]) -> Answer:
        """The answer to the first event, timed from the start of the process."""
        return self._answer(event, self._asked_at)

    def invoke(self, event: Mapping[str, Any]) -> Answer:
        return self._answer(event, time.perf_counter())

    def ready(self) -> float:
        """Wait until the process asks for its first event: its seconds of processor time until then."""
        if not self._asking.wait(_SECONDS):
            raise RuntimeError(f"not ready in {_SECONDS} s: {self._said()}")
        return self._processor()

    def memory(self) -> int:
        """The most bytes that the process has had in memory so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

    def _answer(self, event: Mapping[str, Any], since: float) -> Answer:
        self._events.put(json.dumps(event).encode())
        try:
            body, failed, at, processor = self._answers.get(timeout=_SECONDS)
        except queue.Empty:
            raise RuntimeError(f"no answer in {_SECONDS} s: {self._said()}") from None
        return Answer(json.loads(body), failed, at - since, processor)

    def _said(self) -> str:
        self._output.seek(0)
        said = self._output.read().decode(errors="replace")[-2000:]
        return f"process {self._process.poll()}, {said}"

    def _processor(self) -> float:
        # The clock of another process's processor time, as clock_getcpuclockid(3) names it on Linux.
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def next(self) -> bytes | None:
        self._asking.set()
        return self._events.get()

    def answered(self, body: bytes, *, failed: bool) -> None:
        self._answers.put((body, failed, time.perf_counter(), self._processor()))


def _handler(loop: Loop) -> type[Handler]:
    class RuntimeApi(Handler):
        def do_GET(self) -> None:
            event = loop.next()
            self.send_response(410 if event is None else 200)
            # Without it the runtime's client crashes.
            self.send_header("Content-Type", "application/json")
            self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000001")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + _SECONDS) * 1000)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", _ARN)
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-67a00000-000000000000000000000001;Sampled=0")
            self.end(event or b"")

        def do_POST(self) -> None:
            loop.answered(self.body(), failed=self.path.endswith("/error"))
            self.send_response(202)
            self.end(b"")

    return RuntimeApi
