"""One process of the stack: started clean, watched, and surely ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

_CHILD = Path(__file__).with_name("child.py")
_LOG_LIMIT = 10_000_000
# The emulator may have much to save.
_GRACE_SECONDS = 60


def clean_environment() -> dict[str, str]:
    """What every process gets of this machine's environment: where programs are, and the language of their messages."""
    return {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}


class Child:
    """A process in a session of its own, so that Ctrl-C in the terminal reaches the supervisor only."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        interpreter: str = sys.executable,
    ) -> Self:
        """Run `arguments` (a module or file, then its own arguments) under child.py, with its output appended to `log`."""
        with _open_log(log) as output:
            process = await asyncio.create_subprocess_exec(
                interpreter,
                "-P",  # neither the folder of child.py nor the working folder is on the path by itself
                str(_CHILD),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        return await self._process.wait()

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        # macOS says "not permitted" where all that is left of the group has ended already.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self, grace: float = _GRACE_SECONDS) -> None:
        """Ask it to end, wait, and kill what is left of it."""
        if self.running:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace)
        self.kill()
        await self._process.wait()


def _open_log(log: Path) -> BinaryIO:
    """For appending; one that grew too long begins anew."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT:
            log.unlink()
    return log.open("ab")
