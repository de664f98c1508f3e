#!/usr/bin/env python3
"""Where is a parcel? Asks Waybill's `POST /v1/track` and prints the status, then what happened, newest first.

    export WAYBILL_URL=http://127.0.0.1:8080 WAYBILL_TOKEN=...
    python3 track.py yuantong YT7450353838751
    WAYBILL_PHONE=13800008000 python3 track.py shunfeng SF7444700499701

The phone that some couriers demand and the token come from the environment: whatever stands on a command line, every user of the
machine can read. The standard library is enough for one request; a program that makes many would keep its connections with httpx.

Exit codes: 0 shown, 2 called wrongly, 3 refused, 4 the token is not accepted, 5 not available now: come back later.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import Message

TRIES = 4
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = (
    30  # nobody sits before a command for longer; a job in the background may wait for hours
)
USAGE = """\
usage: track.py COURIER NUMBER
environment: WAYBILL_TOKEN, WAYBILL_URL (http://127.0.0.1:8080), WAYBILL_PHONE (none), WAYBILL_TIMEOUT (20, seconds)"""


@dataclass
class NoParcelError(Exception):
    """Why there is none: the API's own code and message, and when to ask again where it says so."""

    code: str
    message: str
    exit_code: int
    retry_after: int = 0

    @property
    def passes(self) -> bool:
        return self.exit_code == 5


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token along, wherever it leads."""

    def redirect_request(self, *_: object) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirects)


def ask(url: str, token: str, wanted: dict[str, str], timeout: float) -> dict[str, Any]:
    """The parcel's data, by one request. `timeout` bounds each wait for the network, not their sum."""
    request = urllib.request.Request(  # noqa: S310 - main() has looked at the scheme
        f"{url}/v1/track",
        data=json.dumps(wanted).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        try:
            response = OPENER.open(request, timeout=timeout)
        except urllib.error.HTTPError as refused:  # how urllib tells every status but 2xx
            response = refused
        with response:
            return read(response.status, response.headers, response.read())
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise NoParcelError("NETWORK", str(reason) or type(error).__name__, exit_code=5) from error


def read(status: int, headers: Message, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
        if answer.get("code") == "SUCCESS":
            return dict(answer["data"])
        # The gateway, which looks at the token, has another envelope than this route.
        error = answer.get("error") or answer
        code, message = str(error.get("code_reason") or error["code"]), str(error["message"])
    except (ValueError, AttributeError, KeyError, TypeError):
        # A page of some proxy's, or half an answer.
        code, message = f"HTTP_{status}", "The answer is not Waybill's."
    exit_code = 3
    if status in {401, 403}:
        exit_code = 4
    elif status in {200, 429} or status >= 500:
        exit_code = 5
    retry_after = headers.get("Retry-After", "")  # Waybill sends seconds, never a date
    raise NoParcelError(code, message, exit_code, int(retry_after) if retry_after.isdigit() else 0)


def ask_patiently(url: str, token: str, wanted: dict[str, str], timeout: float) -> dict[str, Any]:
    """Asks again what may pass by itself. That is safe, since asking changes nothing."""
    backoff = FIRST_WAIT_SECONDS
    for left in reversed(range(TRIES)):
        try:
            return ask(url, token, wanted, timeout)
        except NoParcelError as error:
            if error.retry_after > LONGEST_WAIT_SECONDS:
                error.message += f" Come back in {error.retry_after} s."
                raise
            if not left or not error.passes:
                raise
            # Never sooner than we were told, and by chance later: or all who were refused together come back together.
            wait = error.retry_after + backoff * random.uniform(0.5, 1)  # noqa: S311 - chance, not a secret
            print(f"{error.code}: {error.message} Asking again in {wait:.1f} s.", file=sys.stderr)
            time.sleep(wait)
            backoff *= 2
    raise AssertionError("the last try returns or raises")


def main(arguments: list[str]) -> int:
    url = (os.environ.get("WAYBILL_URL") or "http://127.0.0.1:8080").rstrip("/")
    token = os.environ.get("WAYBILL_TOKEN", "")
    timeout = os.environ.get("WAYBILL_TIMEOUT") or "20"
    if (
        len(arguments) != 2
        or not token
        or not url.startswith(("http://", "https://"))
        or not timeout.isdigit()
    ):
        print(USAGE, file=sys.stderr)
        return 2
    wanted = {"expCode": arguments[0], "expNo": arguments[1]}
    if phone := os.environ.get("WAYBILL_PHONE"):
        wanted["phone"] = phone
    try:
        parcel = ask_patiently(url, token, wanted, float(timeout))
    except NoParcelError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return error.exit_code
    print(f"{parcel['status']}: {parcel['statusDesc']}")
    for trace in parcel["traces"]:
        print(f"{trace['time']}  {trace['desc']}")
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # couriers write Chinese, whatever the locale
    sys.exit(main(sys.argv[1:]))
