"""Connections to the emulator, kept open, each carrying one request at a time.

By h11 alone: the connection pools of the usual clients do work that grows with the square of what is in flight, which at 200
concurrent requests took 25 ms of each.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import h11

# Under the emulator's own 75 s, so that a request never meets a connection that is being closed.
_IDLE_SECONDS = 30
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Connections:
    """To one server. `exchange` takes an idle connection, or makes another."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._idle: list[_Connection] = []

    async def exchange(
        self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Reply:
        """Send a request and read the whole answer.

        Raises:
            OSError: the server cannot be reached, or broke off.
        """
        connection = self._take() or await _Connection.open(*self._address)
        try:
            reply = await connection.exchange(
                h11.Request(method=method, target=target, headers=headers), body
            )
        except (
            BaseException
        ) as error:  # also when the caller gave up: what is still to come would be read by the next one
            connection.close()
            if isinstance(error, h11.RemoteProtocolError):
                raise ConnectionError(str(error)) from error
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh:
                return connection
            connection.close()
        return None


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._used = time.monotonic()

    @classmethod
    async def open(cls, host: str, port: int) -> _Connection:
        return cls(*await asyncio.open_connection(host, port))

    @property
    def fresh(self) -> bool:
        return not self._reader.at_eof() and time.monotonic() - self._used < _IDLE_SECONDS

    @property
    def reusable(self) -> bool:
        return self._http.our_state is h11.IDLE

    async def exchange(self, request: h11.Request, body: bytes) -> Reply:
        parts = [
            self._http.send(request),
            self._http.send(h11.Data(body)) if body else b"",
            self._http.send(h11.EndOfMessage()),
        ]
        self._writer.write(b"".join(part or b"" for part in parts))
        await self._writer.drain()
        status, headers, chunks = 0, [], []
        while not isinstance(event := self._http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                chunks.append(bytes(event.data))
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        self._used = time.monotonic()
        return Reply(status, headers, b"".join(chunks))

    def close(self) -> None:
        self._writer.close()
