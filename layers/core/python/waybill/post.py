"""One signed POST to a webhook's endpoint: over a checked address, within one deadline, and whatever comes back as an `Outcome`.

httpcore opens the connection through `_Guarded`, which looks the host up, checks all of its addresses and connects to one of those
it has checked; there is no second look-up that could say otherwise, and TLS still holds the certificate against the host's name.
Each try has a connection of its own: those that a frozen container kept would be dead without a sign. What all of them trust is
read once. There are no redirects, proxies or cookies here that could lead elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpcore

from waybill import VERSION, addresses
from waybill.errors import AddressRefused
from waybill.loops import Loop
from waybill.retries import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    from waybill.addresses import Lookup

CONNECT: Final = 5.0
"""Wall seconds of a try's DEADLINE, for one address; a host may have several."""
PATIENCE: Final = 2.0
"""Wall seconds after which a try is said to be slow, while it still waits."""
READ_BYTES: Final = 65_536
"""Of an answer; what comes after is not waited for."""
USER_AGENT: Final = f"Waybill/{VERSION}"


TIMEOUT: Final = "timeout"
ERRORS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (AddressRefused, "address"),
    (socket.gaierror, "dns"),
    (UnicodeError, "dns"),
    (ssl.SSLError, "tls"),
    (TimeoutError, TIMEOUT),
    (httpcore.TimeoutException, TIMEOUT),
    (httpcore.ConnectError, "refused"),
    (httpcore.NetworkError, "broken"),
    (httpcore.ProtocolError, "protocol"),
    (OSError, "broken"),
)
"""What ends a POST and leaves it without a status, in a word: that of the first class that fits."""
_FAULTS: Final = tuple(kind for kind, _ in ERRORS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one POST came to: a status, or in a word of ERRORS why there is none. `ms` is how long it took.

    `answer` is the beginning of what came, and `retry_after` what the endpoint asks for, in wall seconds. One with a status may
    have `timed_out`, too: the answer never ended, and counts all the same. So has one that failed after it had been slow, such as
    a name that could not be looked up: it has kept its worker as an endpoint does that never answers.
    """

    ms: int
    status: int | None = None
    error: str | None = None
    answer: bytes = b""
    retry_after: float | None = None
    timed_out: bool = False

    @property
    def well(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Poster:
    """Any number of threads may use it at once. Seconds are wall seconds.

    `loopback`: the local stack's own machine may be asked. `lookup` and `tls` are the seams for tests.
    """

    def __init__(
        self,
        *,
        loopback: bool = False,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
        deadline: float = DEADLINE,
        patience: float = PATIENCE,
    ) -> None:
        self._loopback = loopback
        self._deadline = deadline
        self._patience = patience
        self._http = httpcore.AsyncConnectionPool(
            # Given none, httpcore reads all certificate authorities for each connection, and the loop stands still meanwhile.
            ssl_context=tls or httpcore.default_ssl_context(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=_Guarded(lookup or _lookup, loopback=loopback),
        )
        self._loop = Loop("webhooks")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close(self._http.aclose)

    def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, on_waiting: Callable[[], None]
    ) -> Outcome:
        """Post once. `on_waiting` is called once where nothing has come back after a while, before something does."""
        call = self._loop.start(self._post(url, headers, body))
        try:
            return call.result(self._patience)
        except TimeoutError:
            on_waiting()
        return call.result()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        started = time.perf_counter()
        answer, response, error = bytearray(), None, None
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._http.stream(
                    "POST", _url(url), headers=_headers(url, headers), content=body
                ) as response,
            ):
                async for chunk in response.aiter_stream():
                    answer += chunk
                    if len(answer) >= READ_BYTES:
                        break
        except _FAULTS as fault:
            error = _word(fault)
        took = time.perf_counter() - started
        return Outcome(
            ms=round(took * 1000),
            status=response.status if response else None,
            error=None if response else error,
            answer=bytes(answer[:READ_BYTES]),
            retry_after=_retry_after(response.headers) if response else None,
            timed_out=error == TIMEOUT or (response is None and took >= self._patience),
        )


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, and to nothing else."""

    def __init__(self, lookup: Lookup, *, loopback: bool) -> None:
        self._lookup = lookup
        self._loopback = loopback
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - httpcore's; the deadline is over all of it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await addresses.resolve(host, port, self._lookup, loopback=self._loopback)
        for place, address in enumerate(found, 1):
            try:
                return await self._network.connect_tcp(address, port, CONNECT, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(found):
                    raise
        raise AssertionError("resolve finds an address, or raises")


async def _lookup(host: str, port: int) -> list[str]:
    """What the system's resolver finds, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _url(url: str) -> httpcore.URL:
    """The URL as it was given: httpcore, reading it by itself, leaves out what stands behind a semicolon in its path."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target)


def _headers(url: str, signed: Mapping[str, str]) -> list[tuple[str | bytes, str | bytes]]:
    return [
        ("Host", urlsplit(url).netloc),
        ("User-Agent", USER_AGENT),
        ("Content-Type", "application/json"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *signed.items(),
    ]


def _word(fault: Exception) -> str:
    """What httpcore wraps says more than the wrapping: a certificate that is wrong is no host that refuses."""
    inner = fault.args[0] if fault.args else None
    found = inner if isinstance(inner, ssl.SSLError) else fault
    return next(word for kind, word in ERRORS if isinstance(found, kind))


def _retry_after(headers: Any) -> float | None:
    """Wall seconds from now on. Seconds or a date (RFC 9110, section 10.2.3); anything else says nothing."""
    said = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1")
    if said.strip().isdecimal():
        return float(said.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
