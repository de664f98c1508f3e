"""The five examples as programs, what they are asked for, and their runs: what their tests share.

Most of what they do here is waiting, so the first test that asks for a scenario starts it in all languages at once.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.receivers import Receiver, Reply
from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future, ThreadPoolExecutor

    from tests.receivers import Behaviour, Received
    from tests.stacks import RunningStack

EXAMPLES: Final = ROOT / "examples"
LANGUAGES: Final = ("shell", "python", "go", "java", "php")
NEEDS: Final = {
    "shell": ("bash", "curl", "jq"),
    "python": (sys.executable,),
    "go": ("go",),
    "java": ("java", "javac"),
    "php": ("php",),
}
TOKEN: Final = "a-token-that-nobody-else-sees"
PHONE: Final = "13800008642"
ARGUMENTS: Final = ("圆通", 'YT"8\\ é📦')
TRACES: Final = [
    {"time": "2026-01-02 03:04:05", "desc": '【上海市】已签收 📦 "本人" \\ / A&B <é>'},
    {"time": "", "desc": "{[,:]} %s $HOME `date`"},
]
FOUND: Final = {
    "code": "SUCCESS",
    "message": "success",
    "data": {
        "status": "已签收",
        "statusDesc": "快件已签收",
        "traces": TRACES,
        "more": [1.5e3, None, True, {}],
    },
}
SHOWN: Final = "已签收: 快件已签收\n" + "".join(f"{each['time']}  {each['desc']}\n" for each in TRACES)
BUSY: Final = {"error": {"code": "429000", "code_reason": "TOO_MANY_REQUESTS", "message": "等一等, wait."}}
DOWN: Final = {"code": "UPSTREAM_UNAVAILABLE", "message": "快递100 did not answer.", "data": None}
DELIVERED: Final = ("yuantong", "YT8900000000001")
PHONE_BOUND: Final = ("shunfeng", "SF8900000000002")
UNANSWERED: Final = tuple(f"YT890000000010{place}" for place, _ in enumerate(LANGUAGES))
"""A parcel for each language."""


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str
    requests: list[Received] = field(default_factory=list)

    @property
    def waits(self) -> list[float]:
        """Seconds between one request and the next."""
        times = [each.at for each in self.requests]
        return [after - before for before, after in itertools.pairwise(times)]


@dataclass(frozen=True)
class Example:
    command: tuple[str, ...]

    def run(self, url: str, *arguments: str, **environment: str) -> Outcome:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        settings = {"LC_ALL": "C.UTF-8", "WAYBILL_URL": url, "WAYBILL_TOKEN": TOKEN}
        done = subprocess.run(
            [*self.command, *arguments],
            env={**inherited, **settings, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


class Runs:
    """Scenarios under way, each in all languages at once, and each name once in all modules."""

    def __init__(self, examples: Mapping[str, Example], pool: ThreadPoolExecutor) -> None:
        self._examples = examples
        self._pool = pool
        self._outcomes: dict[str, dict[str, Future[Outcome]]] = {}

    def of(self, language: str, name: str, scenario: Callable[[Example], Outcome]) -> Outcome:
        if name not in self._outcomes:
            self._outcomes[name] = {
                each: self._pool.submit(scenario, example) for each, example in self._examples.items()
            }
        return self._outcomes[name][language].result()


def says(status: int, body: object, **headers: str) -> Reply:
    """An answer of the API's; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json", **named})


def asking(behave: Behaviour, *arguments: str, **environment: str) -> Callable[[Example], Outcome]:
    """One run against a server of its own."""

    def scenario(example: Example) -> Outcome:
        with Receiver(behave=behave) as server:
            url = server.url.removesuffix("/hook")
            done = example.run(url, *(arguments or ARGUMENTS), **environment)
        return Outcome(done.status, done.out, done.err, server.requests)

    return scenario


def lines_of(stack: RunningStack, body: Mapping[str, str]) -> str:
    """A parcel as the examples show it, made of the API's own answer."""
    with stack.client() as client:
        parcel = client.post("/v1/track", json=body).raise_for_status().json()["data"]
    traces = "".join(f"{each['time']}  {each['desc']}\n" for each in parcel["traces"])
    return f"{parcel['status']}: {parcel['statusDesc']}\n{traces}"
