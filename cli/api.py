"""The one client of HTTP: tries again what passes, and turns each refusal into words.

`Retry-After` is believed, up to a minute; without it pauses double. What may have been done already is
asked again only where that does no harm: reads, and writes with an Idempotency-Key.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from cli.connection import is_loopback
from cli.exits import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TRIES: Final = 4
LONGEST_WAIT: Final = 60.0
"""Who is to come back later than this is told so instead."""
_FIRST_PAUSE: Final = 0.4
_TIMEOUT: Final = httpx.Timeout(40, connect=5)
"""The gateway answers within 29 seconds."""
_SAFE: Final = frozenset({"GET", "PUT", "DELETE", "PATCH"})
_OF_NAMES: Final = {
    "PHONE_REQUIRED": "The phone goes into --phone-tail, WAYBILL_PHONE_TAIL, or an import's column phone.",
    "IDEMPOTENCY_KEY_REUSED": "An import of another version was here: begin anew with --restart.",
}
_ADVICE: Final = {
    401: "Check the token: WAYBILL_TOKEN, or --token-file. `waybill tokens list` shows which are valid.",
    403: "Ask the operator for a token that has the scope.",
}


@dataclass(frozen=True, slots=True)
class Api:
    """Paths begin with a slash. `say` tells why there is a wait; `pause` waits so many seconds."""

    http: httpx.Client
    say: Callable[[str], None]
    pause: Callable[[float], None] = time.sleep
    tries: int = TRIES

    @classmethod
    def at(
        cls,
        url: str,
        token: str | None,
        say: Callable[[str], None],
        tries: int = TRIES,
        pause: Callable[[float], None] = time.sleep,
    ) -> Self:
        headers = {"User-Agent": "waybill-cli", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        loopback = is_loopback(url)
        # Where there is no TLS, no time is spent on certificates; and a proxy has nothing to do with this machine.
        client = httpx.Client(
            base_url=url, headers=headers, timeout=_TIMEOUT, verify=not loopback, trust_env=not loopback
        )
        return cls(client, say, pause, tries)

    def get(self, path: str, query: Mapping[str, Any] | None = None, **headers: str) -> Any:
        """The body of an answer. None in a query is left out."""
        return body_of(self.ask("GET", path, query=query, headers=headers))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        """The body of an answer, None where there is none. `key` makes the request one that can be repeated."""
        headers = {"Idempotency-Key": f'"{key}"'} if key else {}
        return body_of(self.ask(method, path, query=query, headers=headers, body=body))

    def pages(self, path: str, items: str, query: Mapping[str, Any] | None = None) -> Iterator[list[Any]]:
        """The items of each page of a list."""
        cursor = None
        while True:
            page = self.get(path, {**(query or {}), "cursor": cursor})
            yield page[items]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """An answer that is no refusal; 304 is none.

        Raises:
            Refused, Unreachable: after as many tries as make sense.
        """
        wanted = {name: str(value) for name, value in (query or {}).items() if value is not None}
        repeatable = method in _SAFE or "Idempotency-Key" in (headers or {})
        for attempt in range(1, self.tries + 1):
            last = attempt == self.tries
            try:
                answer = self.http.request(method, path, params=wanted, headers=headers, json=body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if last:
                    raise self._unreachable(error) from error
                self._wait(attempt, None, "Nobody answers")
                continue
            except httpx.HTTPError as error:
                if last or not repeatable:
                    raise self._unreachable(error) from error
                self._wait(attempt, None, "The connection broke")
                continue
            if answer.is_success or answer.status_code == 304:
                return answer
            wait = _retry_after(answer)
            if last or not _passes(answer.status_code, wait, read=method == "GET"):
                raise refusal(answer)
            self._wait(attempt, wait, f"HTTP {answer.status_code}")
        raise AssertionError("unreachable: the last try returns or raises")

    def _wait(self, attempt: int, wanted: float | None, reason: str) -> None:
        backoff = _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        seconds = max(wanted or 0.0, backoff)
        self.say(f"{reason}; trying again in {seconds:.1f} s ({attempt + 1} of {self.tries}).")
        self.pause(seconds)

    def _unreachable(self, error: Exception) -> Unreachable:
        url = str(self.http.base_url).rstrip("/")
        advice = "Is the address right (--url, WAYBILL_URL)?"
        if is_loopback(url):
            advice += " The local stack is started with `make run`."
        return Unreachable(f"{url} does not answer ({error or type(error).__name__}).", advice)


def refusal(answer: httpx.Response) -> Refused | Unreachable:
    """What an answer with an error says, whoever gave it: the API, the simulator, or something that stands before them."""
    try:
        said = (
            answer.json() if answer.content else {"detail": f"HTTP {answer.status_code}: nothing is there."}
        )
    except ValueError:
        said = None
    error = said.get("error") if isinstance(said, dict) else None
    if isinstance(said, dict) and "detail" in said:
        return Refused(_detail(said["detail"]), status=answer.status_code)
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        kind = answer.headers.get("content-type", "nothing")
        return Unreachable(
            f"{answer.request.url.host} answers HTTP {answer.status_code} with {kind}, which is not Waybill's.",
            "Is the address right (--url, WAYBILL_URL)? It ends before /v1.",
        )
    found = refused(error, answer.status_code)
    if (wait := _retry_after(answer)) is not None:
        found.advice = f"Come back in {duration(wait)}."
    if answer.status_code >= 500 and (request_id := answer.headers.get("x-request-id")):
        found.advice = f"{found.advice} The request's id is {request_id}.".strip()
    return found


def refused(error: Any, status: int) -> Refused:
    """What an error says that is in the API's envelope: which fields are wrong, and how, and between what there is to choose."""
    faults = tuple((str(each["field"]), str(each["message"])) for each in error.get("error_trace", []))
    words = [
        error["message"],
        *(f"{field}: {text}" for field, text in faults if text not in error["message"]),
    ]
    if candidates := error.get("candidates"):
        words.append("Candidates: " + ", ".join(each["code"] for each in candidates) + ".")
    name = str(error.get("error_code", ""))
    return Refused(
        " ".join(words),
        _OF_NAMES.get(name, _ADVICE.get(status, "")),
        status=status,
        name=name,
        faults=faults,
    )


def duration(seconds: float) -> str:
    """In words, to two digits or so: `45 s`, `31 min`, `5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def body_of(answer: httpx.Response) -> Any:
    """What an answer holds in JSON, None where it holds nothing.

    Raises:
        Unreachable: it is no JSON, so whoever answers is not Waybill.
    """
    if answer.status_code == 204:
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise Unreachable(
            f"{answer.request.url.host} answers with something that is not JSON.",
            "Is the address right (--url, WAYBILL_URL)? It ends before /v1.",
        ) from error


def _detail(detail: Any) -> str:
    """What the simulator says: a text, or a list of faults as pydantic tells them."""
    if isinstance(detail, list):
        return " ".join(
            f"{'.'.join(str(part) for part in each['loc']) or 'body'}: {each['msg']}." for each in detail
        )
    return str(detail)


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _passes(status: int, wait: float | None, *, read: bool) -> bool:
    """Whether another try makes sense, and soon enough."""
    if (wait or 0.0) > LONGEST_WAIT:
        return False
    if status in {429, 503} or (status == 409 and wait is not None):
        return True
    return read and status in {500, 502, 504}
