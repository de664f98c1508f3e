"""The two webhook receivers, as endpoints of the stack and against what only somebody else would send."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from standardwebhooks import Webhook

from local.serving import free_port
from tests import loopback
from tests.languages import demand
from tests.loopback import wait_until
from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.stacks import RunningStack

WEBHOOKS: Final = ROOT / "examples/webhooks"
COMMANDS: Final = {
    "python": (sys.executable, "python/receiver.py"),
    "node": ("node", "node/receiver.mjs"),
}
SECRET: Final = f"whsec_{base64.b64encode(b'a key of 32 bytes, as it should.').decode()}"
OTHER: Final = f"whsec_{base64.b64encode(b'another of 32 bytes, as it ought').decode()}"
MOST_BYTES: Final = 256 * 1024


@dataclass
class Endpoint:
    """A receiver that can be ended and started again, over one store."""

    language: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def printed(self) -> list[str]:
        return (self.folder / "out").read_text().splitlines()

    @property
    def told(self) -> list[str]:
        """What it said that it handled, of all its lives: types and ids."""
        return [line for line in self.printed if not line.startswith("listening on ")]

    def start(self, secret: str = SECRET) -> None:
        before = len(self.printed) if (self.folder / "out").exists() else 0
        program, script = COMMANDS[self.language]
        with (self.folder / "out").open("ab") as out, (self.folder / "err").open("ab") as err:
            self.process = subprocess.Popen(
                [program, str(WEBHOOKS / script)],
                env={
                    "PATH": os.environ["PATH"],
                    "WEBHOOK_SECRET": secret,
                    "WEBHOOK_PORT": str(self.port),
                    "WEBHOOK_STORE": str(self.folder / "store"),
                },
                stdout=out,
                stderr=err,
                restore_signals=False,  # a file that may not grow is an error then, and not the end
            )
        wait_until(lambda: f"listening on {self.url}" in self.printed[before:])

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def post(self, event: Mapping[str, Any], **headers: str) -> int:
        """Send an event as Waybill does; headers with _ for - replace its own."""
        body = json.dumps(event, ensure_ascii=False).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(body, {**signed(event["id"], body), **named})

    def send(self, body: bytes, headers: Mapping[str, str]) -> int:
        coded = {name.encode(): value.encode() for name, value in headers.items()}
        answer = loopback.post(self.url, content=body, headers=coded)
        return answer.status_code

    @property
    def kept(self) -> list[str]:
        """The ids in its store."""
        if self.language == "node":
            return [json.loads(line)["id"] for line in (self.folder / "store").read_text().splitlines()]
        with closing(sqlite3.connect(self.folder / "store")) as database:
            return [row[0] for row in database.execute("SELECT id FROM events ORDER BY rowid")]


def signed(
    event_id: str, body: bytes, *, secret: str = SECRET, ago: float = 0, at: float | None = None
) -> dict[str, str]:
    """The headers that the official library makes."""
    sent_at = (at or time.time()) - ago
    signature = Webhook(secret).sign(event_id, datetime.fromtimestamp(sent_at, UTC), body.decode())
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(sent_at)),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


def event(event_id: str = "evt_1", status: str = "delivered", **data: Any) -> dict[str, Any]:
    parcel = {
        "courier": {"code": "yuantong", "name": "圆通速递"},
        "number": "YT1",
        "status": status,
        "occurred_at": "2026-01-02T03:04:05+08:00",
    }
    return {
        "type": f"parcel.{status}",
        "id": event_id,
        "timestamp": "2026-01-02T00:00:00Z",
        "data": {**parcel, **data},
    }


@contextmanager
def running(language: str, folder: Path) -> Iterator[Endpoint]:
    made = Endpoint(language, folder)
    try:
        yield made
    finally:
        if made.process and made.process.poll() is None:
            made.end(signal.SIGKILL)


@pytest.fixture(params=COMMANDS)
def idle(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endpoint]:
    """Not started yet."""
    demand(COMMANDS[request.param][0])
    with running(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def endpoint(idle: Endpoint) -> Endpoint:
    idle.start()
    return idle


# ---- Of the stack


def test_the_stacks_events_are_each_handled_once(stack: RunningStack, idle: Endpoint) -> None:
    number = f"YT89{time.time_ns() % 10**11:011}"
    lines = [
        {"at": at, "text": f"快件 {code}", "status_code": code}
        for at, code in ((-9000, "103"), (600, "5"), (1200, "301"))
    ]
    journey = f"{stack.simulator}/_sim/journeys/yuantong/{number}"
    loopback.put(journey, json={"events": lines}).raise_for_status()
    with stack.member(f"examples-{idle.language}", "track", "manage") as client:
        made = client.post("/v1/webhooks", json={"url": idle.url, "events": ["*"]}).raise_for_status().json()
        webhook = f"/v1/webhooks/{made['id']}"
        idle.start(made["secret"])
        client.post(f"{webhook}/test").raise_for_status()
        wait_until(lambda: any(line.startswith("webhook.test ") for line in idle.told))

        # From here on two secrets sign, and the receiver knows the older one.
        client.post(f"{webhook}/secret").raise_for_status()
        order = {"order_id": "1", "tracking_number": number, "courier": "yuantong"}
        client.post("/v1/shipments", json=order).raise_for_status()

        def delivered() -> bool:
            client.post("/v1/shipments/1/refresh")
            return any(line.startswith("parcel.delivered ") for line in idle.told)

        wait_until(delivered)

        def feed() -> dict[str, str]:
            events = client.get("/v1/events", params={"after": 0}).raise_for_status().json()["events"]
            return {each["id"]: each["type"] for each in events}

        wait_until(lambda: set(feed()) <= set(idle.kept))
        known = feed()
        assert {"parcel.delivered"} < set(known.values())

        (delivery,) = [each for each, kind in known.items() if kind == "parcel.delivered"]
        client.post(f"{webhook}/replay", json={"event_id": delivery}).raise_for_status()

        def sent_twice() -> bool:
            answer = client.get(f"{webhook}/deliveries", params={"limit": 100}).raise_for_status()
            log = answer.json()["deliveries"]
            return [each["state"] for each in log if each["event_id"] == delivery] == ["delivered"] * 2

        wait_until(sent_twice)
    assert len(idle.told) == len(set(idle.told)) == len(idle.kept)
    assert {line.split()[1] for line in idle.told} >= set(known)
    assert idle.end() == 0


# ---- Who sends


FORGED: Final[dict[str, Callable[[bytes], dict[str, str]]]] = {
    "another's key": lambda body: signed("evt_1", body, secret=OTHER),
    "another body": lambda body: signed("evt_1", body + b" "),
    "another id": lambda body: {**signed("evt_1", body), "webhook-id": "evt_2"},
    "old": lambda body: signed("evt_1", body, ago=310),
    "of the future": lambda body: signed("evt_1", body, ago=-310),
    "no time": lambda body: {**signed("evt_1", body), "webhook-timestamp": "soon"},
    "no signature": lambda body: {**signed("evt_1", body), "webhook-signature": ""},
    "no letters": lambda body: {**signed("evt_1", body), "webhook-signature": "v1,é快"},
    "no headers": lambda _body: {"content-type": "application/json"},
}


def test_what_is_not_signed_or_not_new_is_refused(endpoint: Endpoint) -> None:
    body = json.dumps(event()).encode()
    statuses = {name: endpoint.send(body, forged(body)) for name, forged in FORGED.items()}
    assert statuses == dict.fromkeys(FORGED, 401)
    assert (endpoint.told, endpoint.kept) == ([], [])
    assert endpoint.send(body, signed("evt_1", body, ago=290)) == 204
    assert endpoint.told == ["parcel.delivered evt_1"]


def test_one_good_signature_among_several_is_enough(endpoint: Endpoint) -> None:
    """As while a secret is rotated, whichever of the two it has, with a kind that it does not know in between."""
    body = json.dumps(event()).encode()
    ours, others = signed("evt_1", body), signed("evt_1", body, secret=OTHER)
    several = f"{others['webhook-signature']} v1a,AAAA {ours['webhook-signature']}"
    assert endpoint.send(body, {**ours, "webhook-signature": several}) == 204
    assert (
        endpoint.send(body, {**ours, "webhook-signature": f"{others['webhook-signature']} v1a,AAAA"}) == 401
    )


def test_a_secret_that_is_none_is_told_at_once(idle: Endpoint) -> None:
    program, script = COMMANDS[idle.language]
    for secret in ("", "whsec_", "a-token"):
        done = subprocess.run(
            [program, str(WEBHOOKS / script)],
            env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret},
            cwd=idle.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("WEBHOOK_SECRET is not the secret")


# ---- What is sent


def test_a_body_that_is_too_large_is_refused_before_it_is_read(endpoint: Endpoint) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(MOST_BYTES + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413
    body = b" " * (MOST_BYTES - 1000) + json.dumps(event()).encode()
    assert endpoint.send(body, signed("evt_1", body)) == 204


def test_a_body_without_a_length_cannot_be_too_large_either(endpoint: Endpoint) -> None:
    """Python's server takes no chunks at all, Node's are counted."""
    with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        if endpoint.language == "node":
            connection.send(f"{MOST_BYTES + 1:x}\r\n".encode() + b"x" * (MOST_BYTES + 1))
        assert connection.getresponse().status == {"python": 411, "node": 413}[endpoint.language]
    assert endpoint.post(event()) == 204
    assert endpoint.kept == ["evt_1"]


# ---- Once


def test_an_event_is_handled_once_however_often_and_however_much_at_once_it_comes(endpoint: Endpoint) -> None:
    events = [event(f"evt_{place % 5}") for place in range(60)]
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(endpoint.post, events)) == {204}
    once = [f"evt_{place}" for place in range(5)]
    assert sorted(endpoint.kept) == once
    assert sorted(endpoint.told) == [f"parcel.delivered {each}" for each in once]


def test_what_was_answered_is_kept_whatever_happens_then(endpoint: Endpoint) -> None:
    assert endpoint.post(event("evt_1")) == 204
    endpoint.end(signal.SIGKILL)
    if endpoint.language == "node":  # it was in the middle of a line, which ends in half a letter
        with (endpoint.folder / "store").open("ab") as store:
            store.write('{"id": "evt_2", "data": "圆'.encode()[:-1])
    endpoint.start()
    assert [endpoint.post(event(each)) for each in ("evt_1", "evt_2")] == [204, 204]
    assert endpoint.end() == 0
    endpoint.start()
    assert [endpoint.post(event(each)) for each in ("evt_1", "evt_2")] == [204, 204]
    assert endpoint.kept == ["evt_1", "evt_2"]
    assert endpoint.told == ["parcel.delivered evt_1", "parcel.delivered evt_2"]


def test_what_cannot_be_kept_is_not_answered_with_success(endpoint: Endpoint) -> None:
    assert endpoint.process is not None
    assert endpoint.post(event("evt_1")) == 204
    full = max(file.stat().st_size for file in endpoint.folder.glob("store*")) + 50_000
    endpoint_limit = resource.prlimit(endpoint.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(endpoint.process.pid, resource.RLIMIT_FSIZE, (full, endpoint_limit[1]))
    large = event("evt_2", note="长" * 60_000)
    assert endpoint.post(large) == 503
    assert endpoint.kept == ["evt_1"]
    resource.prlimit(endpoint.process.pid, resource.RLIMIT_FSIZE, endpoint_limit)
    assert [endpoint.post(large), endpoint.post(large), endpoint.post(event("evt_3"))] == [204] * 3
    endpoint.end(signal.SIGKILL)
    endpoint.start()
    assert endpoint.kept == ["evt_1", "evt_2", "evt_3"]
    assert re.search(r"evt_2 is not kept: \w", (endpoint.folder / "err").read_text())


def test_who_is_at_work_is_answered_before_the_end(endpoint: Endpoint) -> None:
    assert endpoint.process is not None
    body = json.dumps(event()).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)) as connection:
        connection.putrequest("POST", "/")
        for name, value in {**signed("evt_1", body), "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body[:10])
        assert endpoint.post(event("evt_0")) == 204, "others do not wait for a slow one"
        endpoint.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listens(endpoint.port))
        connection.send(body[10:])
        assert connection.getresponse().status == 204
    assert endpoint.process.wait(30) == 0
    assert endpoint.kept == ["evt_0", "evt_1"]
    assert (endpoint.folder / "err").read_text() == ""


def listens(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def test_an_older_event_that_comes_late_changes_no_parcel(tmp_path: Path) -> None:
    """In Python's database; Node's file is in the order of arrival."""
    with running("python", tmp_path) as endpoint:
        endpoint.start()
        for event_id, status, occurred_at in (
            ("evt_1", "in_transit", "2026-01-02T03:04:05+08:00"),
            ("evt_2", "delivered", "2026-01-01T20:00:00Z"),  # an hour later
            ("evt_3", "out_for_delivery", "2026-01-02T03:30:00+08:00"),
            ("evt_4", "stalled", "2026-01-03T00:00:00Z"),  # noticed, which is no status
            ("evt_5", "returning", None),  # then its timestamp counts
        ):
            assert endpoint.post(event(event_id, status, occurred_at=occurred_at)) == 204
            if event_id in {"evt_3", "evt_4"}:
                assert parcels(endpoint) == [("yuantong", "YT1", "delivered", "2026-01-01T20:00:00Z")]
        assert parcels(endpoint) == [("yuantong", "YT1", "returning", "2026-01-02T00:00:00Z")]


def parcels(endpoint: Endpoint) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(endpoint.folder / "store")) as database:
        return database.execute("SELECT * FROM parcels").fetchall()
