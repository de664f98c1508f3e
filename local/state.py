"""The state folder: what outlives the stack. One stack at a time may use it.

lock            held while a stack runs
token           the demo token, made once
clock           service time that was reached or is promised not to be passed, and so where the next start goes on
stack.json      while one runs: where it is, for commands on this machine
deployment      what was deployed last, so that an unchanged template is not deployed again
emulator/       the emulator's own state
simulator/      the simulator's
mailbox/        e-mail that was sent, one file each
logs/           of every process and function
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from local.options import SetupError
from waybill.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

CLOCK_INTERVAL_SECONDS = 2
_PROMISE_SECONDS = 10


class StateFolder:
    """Locked from its making until `close`.

    Raises:
        SetupError: another stack is using the folder, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            for name in ("emulator", "simulator", "logs", "tmp"):
                (path / name).mkdir(parents=True, exist_ok=True)
            self._lock = (path / "lock").open("w")
        except OSError as error:
            raise SetupError(
                f"The state folder {path} cannot be written ({error}). Choose another with WAYBILL_STATE."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SetupError(
                f"Another local stack is using the state folder {path}. Stop it, or choose another folder with WAYBILL_STATE."
            ) from None

    def close(self) -> None:
        self._lock.close()

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def token(self) -> str:
        """The demo token: the same at every start."""
        file = self.path / "token"
        if not file.exists():
            self._write("token", f"wb_{secrets.token_urlsafe(32)}")
        return file.read_text()

    def clock(self, now: float, speed: float) -> Clock:
        """A clock that goes on where the last one stopped, and never shows less than the present.

        Raises:
            SetupError: the saved time cannot be read.
        """
        file = self.path / "clock"
        try:
            reached = float(file.read_text()) if file.exists() else now
        except ValueError:
            raise SetupError(
                f"{file} does not hold a time: delete it, or choose another WAYBILL_STATE."
            ) from None
        return Clock(real=now, simulated=max(now, reached), speed=speed)

    def save_clock(self, clock: Clock, now: float, *, last: bool = False) -> None:
        """Save service time; while running some seconds ahead, so that a stack that was killed cannot go back either."""
        ahead = 0 if last or clock.is_wall else _PROMISE_SECONDS
        self._write("clock", repr(clock.at(now + ahead)))

    def write_stack(self, said: dict[str, Any]) -> None:
        """Say where the running stack is."""
        self._write("stack.json", json.dumps(said))

    def forget_stack(self) -> None:
        (self.path / "stack.json").unlink(missing_ok=True)

    def read_deployment(self) -> dict[str, Any] | None:
        file = self.path / "deployment"
        return dict(json.loads(file.read_text())) if file.exists() else None

    def write_deployment(self, deployment: dict[str, Any]) -> None:
        self._write("deployment", json.dumps(deployment, ensure_ascii=False, indent=1))

    def forget_stream_positions(self) -> None:
        """Have streams read from their beginning: the emulator saves how far they were read, but not the streams themselves.

        It would pass over as many new records. Those that were lost with it are published by the dispatch.
        """
        file = self.path / "emulator" / "lambda.json"
        if file.exists():
            saved = json.loads(file.read_text())
            if saved.get("payload", {}).pop("dynamodb_stream_positions", None):
                self._write("emulator/lambda.json", json.dumps(saved))

    def _write(self, name: str, text: str) -> None:
        made = self.path / f"{name}.new"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
            output.write(text)
        made.replace(self.path / name)
