"""HTTP servers inside the supervisor's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
FREE_PORTS = range(20_000, 32_000)
"""Below those that systems give to connections (Linux: from 32768, IANA: from 49152), which may take a port that was found free."""


def bind(port: int = 0, *, alone: bool = False) -> socket.socket:
    """A socket on the loopback address, bound and not yet listening: it holds the port, and nobody can connect.

    Another that is not `alone` may be bound to the same port as long as neither listens, and the second to listen fails; in return,
    connections that have just ended do not keep it from the port.

    Raises:
        OSError: the port is taken.
    """
    # The protocol is named because asyncio looks for it before it turns off the delay of small packets (40 ms each).
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, not alone)
    try:
        made.bind((LOOPBACK, port))
    except OSError:
        made.close()
        raise
    made.setblocking(False)  # noqa: FBT003 -- the standard library's own signature
    return made


def free_port() -> int:
    """A port that nobody has now, and that no connection takes before a server does.

    Raises:
        OSError: none was found.
    """
    for port in random.sample(FREE_PORTS, k=100):
        with contextlib.suppress(OSError), bind(port, alone=True):
            return port
    raise OSError(errno.EADDRINUSE, "no free port was found")


def port_of(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the supervisor, which ends the whole stack in order."""
        yield


class Service:
    """An ASGI application served on sockets that are bound already."""

    def __init__(self, app: Any, sockets: list[socket.socket], **config: Any) -> None:
        self._sockets = sockets
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=2,
                **config,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("a server of the local stack ended while starting")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        for bound in self._sockets:
            bound.close()
