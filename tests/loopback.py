"""Servers on this machine: asking them, with patience for one that is busy, and waiting for what they do."""

from __future__ import annotations

import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The default context takes 40 ms to make, for every client and every single request."""
ANSWERED: Final = 60.0
"""Seconds in which an answer comes, also of a function whose process has yet to begin."""
DONE: Final = 240.0
"""Seconds in which any one thing comes about. On a busy machine requests fail: a message comes back after 35 s, and one that
was not sent is sent by the dispatch after two minutes."""
LOOKS: Final = (0.02, 1.0)
"""Seconds between two looks, at first and at the most: whoever is waited for needs the processor."""


def client(**options: Any) -> httpx.Client:
    return httpx.Client(**_patient(options))


def async_client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(**_patient(options))


def request(method: str, url: str, **options: Any) -> httpx.Response:
    return httpx.request(method, url, **_patient(options))


get = partial(request, "GET")
put = partial(request, "PUT")
post = partial(request, "POST")
delete = partial(request, "DELETE")


def wait_until(condition: Callable[[], Any], seconds: float = DONE) -> None:
    """Look again and again, ever less often. An answer 503 that a condition raises for says that it is not so yet."""
    until = time.monotonic() + seconds
    pause, longest = LOOKS
    while not _is_so(condition):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(pause)
        pause = min(pause * 1.3, longest)


def _is_so(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            raise
        return False


def _patient(options: dict[str, Any]) -> dict[str, Any]:
    return {"timeout": ANSWERED, "trust_env": False, "verify": NO_TLS, **options}
