"""The local stack as its users start it, but on free ports: `with running_stack(folder) as stack`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

from local.serving import free_port
from tests import loopback
from waybill.access import Token, hash_token, new_token
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 90


@dataclass(frozen=True)
class RunningStack:
    api: str
    simulator: str
    token: str
    state: Path
    ready: dict[str, Any]
    process: subprocess.Popen[str]
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **options: Any) -> httpx.Client:
        """A client of the API with the demo token; paths begin with /v1/."""
        return loopback.client(base_url=self.api, headers=self.authorization, **options)

    def member(self, name: str, *scopes: str) -> httpx.Client:
        """A client of the API with a token of another member's."""
        token = new_token()
        self.tokens.create(Token(hash_token(token), name, frozenset(scopes), int(time.time())))
        return loopback.client(base_url=self.api, headers={"Authorization": f"Bearer {token}"})

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.aws("dynamodb"), self.output("TrackingTable"))

    def aws(self, service: str) -> Any:
        """boto3's client of a service of the emulator."""
        if service not in self._clients:
            make: Any = boto3.client  # typed for literal names only
            self._clients[service] = make(
                service,
                region_name="us-east-1",
                endpoint_url=self.emulator,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    @cached_property
    def emulator(self) -> str:
        """The address of the emulator, which only its process knows."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # it has just ended
                if child.cmdline()[-1:] == ["ministack"]:
                    return f"http://127.0.0.1:{child.environ()['EDGE_PORT']}"
        raise AssertionError("no emulator")

    def output(self, name: str) -> str:
        """An output of the deployed stack."""
        (stack,) = self.aws("cloudformation").describe_stacks()["Stacks"]
        return str({each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}[name])

    def wall(self) -> Callable[[str], float]:
        """The wall time of a timestamp of the stack's clock, in epoch seconds."""
        clock = loopback.get(f"{self.simulator}/_sim/clock").json()
        zero = time.time() - clock["now"] / clock["speed"]
        return lambda timestamp: zero + datetime.fromisoformat(timestamp).timestamp() / float(clock["speed"])

    def calls(self) -> list[dict[str, Any]]:
        """What the simulator was asked."""
        return list(loopback.get(f"{self.simulator}/_sim/calls").json())

    def idle(self, *queues: str) -> bool:
        """Whether no message of these queues, named by their outputs, is waiting, put off, or at a function."""
        counts = [f"ApproximateNumberOfMessages{state}" for state in ("", "Delayed", "NotVisible")]
        sqs = self.aws("sqs")
        return not any(
            int(count)
            for queue in queues
            for count in sqs.get_queue_attributes(QueueUrl=self.output(queue), AttributeNames=counts)[
                "Attributes"
            ].values()
        )

    def close_circuit(self) -> None:
        """After a test in which Kuaidi100 refused everything: the others share the stack, and would wait for a probe."""
        self.aws("dynamodb").delete_item(TableName=self.output("CacheTable"), Key={"pk": {"S": "CIRCUIT"}})

    def log(self, name: str) -> str:
        file = self.state / "logs" / f"{name}.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


@dataclass(frozen=True)
class Refusal:
    """A stack that would not start."""

    status: int
    message: str


def launch(
    state: Path, *, project: Path = ROOT, code: str = "", **environment: str
) -> RunningStack | Refusal:
    """Start a stack, by `code` if there is any, and wait for its READY line. The caller stops it."""
    ports = {"WAYBILL_PORT": str(free_port()), "SIM_PORT": str(free_port())}
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    settings = {
        **inherited,
        "PYTHONPATH": "layers/core/python",
        "WAYBILL_STATE": str(state),
        # Most tests need few of the functions, and the machine is theirs.
        "WAYBILL_WARM": "off",
        **ports,
        **environment,
    }
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *(["-c", code] if code else ["-m", "local.stack"])],
            cwd=project,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.startswith("READY "):
                    ready = json.loads(line.removeprefix("READY "))
                    return RunningStack(
                        ready["api"], ready["simulator"], ready["token"], state, ready, process
                    )
        status = process.wait(STOP_SECONDS)
        errors.seek(0)
        return Refusal(status, errors.read())


@contextmanager
def running_stack(state: Path, *, project: Path = ROOT, **environment: str) -> Iterator[RunningStack]:
    stack = launch(state, project=project, **environment)
    if not isinstance(stack, RunningStack):
        logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(state.glob("logs/*.log")))
        pytest.fail(f"the stack did not start ({stack.status}): {stack.message}\n{logs}")
    try:
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop()
