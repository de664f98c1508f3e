"""The simulator on a port. Only here is uvicorn known: for the faults that need the bare connection, and for a quick end."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.simulator.app import create_app

if TYPE_CHECKING:
    import asyncio

    from local.simulator.world import Options


BACKLOG: Final = 2048


class Connection(H11Protocol):
    """Shows an application the connection that a request came by, as `scope["state"]["transport"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End at once. Answers are written in one go, so what is still open is idle or held up by a fault."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket that already takes connections; port 0 is a free one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only where the protocol is spelled out; with it, each answer would take 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def create_server(options: Options) -> Server:
    return Server(
        uvicorn.Config(
            create_app(options),
            http=Connection,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=1,
        )
    )
