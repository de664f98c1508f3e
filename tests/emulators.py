"""The emulator of AWS by itself, for tests that need no stack: `with running_emulator(folder) as url`."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from local.process import clean_environment
from local.serving import LOOPBACK, free_port
from local.stack import EMULATOR_PYTHON
from tests import loopback
from tests.loopback import wait_until
from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def running_emulator(folder: Path, *program: str) -> Iterator[str]:
    """Its address. `program` are a module or file and its arguments, where it is not the emulator's own."""
    port = free_port()
    variables = {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "ERROR",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder),
        "TMPDIR": str(folder),
    }
    # child.py ends it when this process ends, however that happens.
    with subprocess.Popen(
        [EMULATOR_PYTHON, "-P", ROOT / "local/child.py", *(program or ["ministack"])],
        env={**clean_environment(), **variables},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        url = f"http://{LOOPBACK}:{port}"
        wait_until(lambda: _answers(f"{url}/_ministack/health"))
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return loopback.get(url).is_success
    except httpx.TransportError:
        return False
