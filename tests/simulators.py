"""A real simulator on a free loopback port, for any test that needs an upstream: `with running_simulator() as simulator: ...`."""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.simulator.query import Account
from local.simulator.server import create_server, listen
from local.simulator.world import SCRIPTS, Options
from tests import loopback
from waybill.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx


def sign(param: str, account: Account) -> str:
    return hashlib.md5((param + account.key + account.customer).encode()).hexdigest().upper()  # noqa: S324 - the vendor's way


@dataclass(frozen=True)
class Simulator:
    url: str
    account: Account
    http: httpx.Client

    @property
    def query_url(self) -> str:
        return f"{self.url}/poll/query.do"

    def form(self, com: str, num: str, **fields: str) -> dict[str, str]:
        """A signed form, ready to be posted."""
        param = json.dumps({"com": com, "num": num, **fields}, ensure_ascii=False)
        return {"customer": self.account.customer, "sign": sign(param, self.account), "param": param}

    def post(self, form: Mapping[str, str]) -> httpx.Response:
        return self.http.post(self.query_url, data=form)

    def query(self, com: str, num: str, **fields: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.post(self.form(com, num, **fields)).json()
        return answer

    def code(self, com: str, num: str, **fields: str) -> str:
        """The vendor's code for a query: of a failure, or "200"."""
        answer = self.query(com, num, **fields)
        return str(answer.get("returnCode") or answer["status"])

    def put(self, path: str, content: Any) -> httpx.Response:
        return self.http.put(f"/_sim/{path}", json=content)

    def get(self, path: str) -> Any:
        return self.http.get(f"/_sim/{path}").raise_for_status().json()

    def delete(self, path: str) -> None:
        self.http.delete(f"/_sim/{path}").raise_for_status()

    def advance(self, seconds: float) -> None:
        self.put("clock", {"advance": seconds}).raise_for_status()

    def now(self) -> float:
        return float(self.get("clock")["now"])

    def script(self, com: str, num: str, *events: dict[str, Any], phone: str | None = None) -> None:
        script = {"phone": phone, "events": list(events)}
        self.put(f"journeys/{com}/{num}", script).raise_for_status()


@contextmanager
def running_simulator(
    *,
    state: Path | None = None,
    seed: int = 1,
    account: Account | None = None,
    clock: Clock | None = None,
    scripts: Path = SCRIPTS,
    slow_seconds: float = 32.0,
    hang_seconds: float = 60.0,
) -> Iterator[Simulator]:
    """Run a simulator in a thread, with its own empty state unless a folder is given, and stop it at the end."""
    account = account or Account("DEMO", "KEY")
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            state=state or Path(folder),
            seed=seed,
            account=account,
            clock=clock or Clock(),
            scripts=scripts,
            slow_seconds=slow_seconds,
            hang_seconds=hang_seconds,
        )
        server = create_server(options)
        listener = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            with loopback.client(base_url=url) as client:
                yield Simulator(url, account, client)
        finally:
            server.should_exit = True
            thread.join()
