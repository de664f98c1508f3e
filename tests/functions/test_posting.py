"""One POST to an endpoint: to the address that was checked, within its time, and whatever comes back."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import waybill
from tests.receivers import (
    Receiver,
    Reply,
    answering,
    dripping,
    first,
    hanging,
    redirecting,
    slow,
)
from waybill import signing
from waybill.post import READ_BYTES, Outcome, Poster

if TYPE_CHECKING:
    from pathlib import Path

MASTER, WEBHOOK, EVENT = b"m" * 64, "whk_0123456789abcdef0123", "evt_1"
SECRET = signing.shown(signing.secret(MASTER, WEBHOOK, 1))
BODY = '{"type":"parcel.delivered","data":{"text":"已签收"}}'.encode()


def ignore() -> None:
    pass


def post(url: str, poster: Poster | None = None) -> Outcome:
    headers = signing.sign(MASTER, WEBHOOK, (1,), EVENT, BODY, time.time())
    if poster:
        return poster(url, headers, BODY, ignore)
    with Poster(loopback=True) as own:
        return own(url, headers, BODY, ignore)


class Names:
    """A resolver whose every answer is the next of these; the last one stays."""

    def __init__(self, *answers: list[str] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_post_arrives_as_it_was_signed_and_says_who_sends_it() -> None:
    with Receiver(SECRET, behave=answering(Reply(200, b"thanks"))) as receiver:
        outcome = post(f"{receiver.url}?token=a%20b")
    (received,) = receiver.requests
    assert received.verified
    assert received.body == BODY
    assert received.path == "/hook?token=a%20b"
    assert received.id == EVENT
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"] == f"Waybill/{waybill.VERSION}"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (outcome.status, outcome.answer, outcome.error, outcome.well) == (200, b"thanks", None, True)


@pytest.mark.parametrize("target", ["/hook;key=abc?a;b", "/a;b/c;", "/?x", "/hook/%3B"])
def test_an_endpoint_is_asked_at_the_whole_of_its_url(target: str) -> None:
    with Receiver(SECRET) as receiver:
        assert post(f"http://127.0.0.1:{receiver.port}{target}").well
    assert [each.path for each in receiver.requests] == [target]


def test_a_url_without_a_path_leads_to_the_root() -> None:
    with Receiver(SECRET) as receiver:
        assert post(f"http://127.0.0.1:{receiver.port}").well
        assert post(f"http://127.0.0.1:{receiver.port}?x=1").well
    assert [each.path for each in receiver.requests] == ["/", "/?x=1"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(status: int) -> None:
    with Receiver(SECRET, behave=answering(Reply(status))) as receiver:
        assert post(receiver.url).well


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 410, 429, 500, 503])
def test_nothing_else_is(status: int) -> None:
    with Receiver(SECRET, behave=answering(Reply(status, b"no"))) as receiver:
        outcome = post(receiver.url)
    assert (outcome.well, outcome.status, outcome.error) == (False, status, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["/elsewhere", "http://169.254.169.254/latest/", "//evil.example/", "{own}/x"]
)
def test_a_redirect_is_a_failure_and_leads_nowhere(status: int, target: str) -> None:
    with Receiver(SECRET) as receiver, Poster(loopback=True, lookup=Names(["127.0.0.1"])) as poster:
        receiver.behave = redirecting(target.replace("{own}", receiver.url), status)
        outcome = post(receiver.url, poster)
    assert (outcome.well, outcome.status) == (False, status)
    assert len(receiver.requests) == 1


# ---- Addresses


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",  # noqa: S104 - where a request would go
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "169.254.169.254",
        "2852039166",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.0.1",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
def test_a_host_inside_is_not_asked_however_it_is_written(host: str) -> None:
    """By the system's own resolver, which reads all of these forms; the check of URLs is not in its way."""
    with Receiver(SECRET) as receiver, Poster() as poster:
        outcome = post(f"http://{host}:{receiver.port}/hook", poster)
    assert outcome.error in {"address", "dns"}
    assert outcome.status is None
    assert receiver.requests == []


def test_a_name_that_leads_inside_is_not_asked() -> None:
    with Receiver(SECRET) as receiver, Poster(lookup=Names(["8.8.8.8", "127.0.0.1"])) as poster:
        assert post(f"http://hooks.example.com:{receiver.port}/", poster).error == "address"
    assert receiver.requests == []


def test_a_name_is_looked_up_once_and_the_checked_address_is_asked() -> None:
    """Rebinding: what the name leads to a moment later is never heard of."""
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with Receiver(SECRET) as receiver, Poster(loopback=True, lookup=names) as poster:
        url = f"http://hooks.example.com:{receiver.port}/"
        assert post(url, poster).well
        assert names.asked == ["hooks.example.com"]
        assert receiver.requests[0].headers["host"] == f"hooks.example.com:{receiver.port}"
        assert post(url, poster).error == "address", "each try looks the name up again"
    assert len(receiver.requests) == 1


def test_a_host_with_several_addresses_is_tried_at_each() -> None:
    with (
        Receiver(SECRET) as receiver,
        Poster(loopback=True, lookup=Names(["127.0.0.2", "127.0.0.1"])) as poster,
    ):
        assert post(f"http://hooks.example.com:{receiver.port}/", poster).well


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver(SECRET) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        assert post(receiver.url).well
    assert proxy.requests == []


# ---- What comes back


def test_each_fault_has_its_word() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert post(f"http://127.0.0.1:{port}/").error == "refused"
    with Poster(loopback=True, lookup=Names(socket.gaierror(-2, "no such name"))) as poster:
        assert post("http://hooks.example.com/", poster).error == "dns"
    with Receiver(SECRET, behave=answering(Reply(silent=True))) as receiver:
        assert post(receiver.url).error == "protocol"
        assert post(receiver.url.replace("http:", "https:")).error == "tls"
    with Receiver(SECRET, behave=hanging()) as receiver, Poster(loopback=True, deadline=0.2) as poster:
        outcome = post(receiver.url, poster)
        assert (outcome.error, outcome.timed_out, outcome.status) == ("timeout", True, None)


def test_a_name_that_nobody_answers_ends_at_the_deadline() -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    with Poster(lookup=never, deadline=0.1) as poster:
        assert post("http://hooks.example.com/", poster).error == "timeout"


@pytest.mark.parametrize(("patience", "timed_out"), [(0.1, True), (30.0, False)])
def test_what_fails_slowly_without_a_status_has_timed_out_whatever_its_word(
    patience: float, *, timed_out: bool
) -> None:
    async def late(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(0.2)
        raise socket.gaierror(-3, "temporary failure in name resolution")

    with Poster(lookup=late, patience=patience) as poster:
        outcome = post("https://hooks.example.com/", poster)
    assert (outcome.status, outcome.error, outcome.timed_out) == (None, "dns", timed_out)


def test_what_answers_slowly_has_not_timed_out() -> None:
    with (
        Receiver(SECRET, behave=slow(0.2)) as receiver,
        Poster(loopback=True, patience=0.1) as poster,
    ):
        outcome = post(receiver.url, poster)
    assert (outcome.status, outcome.timed_out) == (204, False)


def test_an_endless_answer_is_cut_off_and_counts() -> None:
    with Receiver(SECRET, behave=dripping()) as receiver:
        outcome = post(receiver.url)
    assert outcome.well
    assert READ_BYTES - 1 <= len(outcome.answer) <= READ_BYTES


def test_an_answer_that_stops_in_its_middle_counts_by_its_status() -> None:
    stuck = threading.Event()

    with socket.create_server(("127.0.0.1", 0)) as server, Poster(loopback=True, deadline=3) as poster:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nso far")
                stuck.wait(20)

        thread = threading.Thread(target=serve)
        thread.start()
        outcome = post(f"http://127.0.0.1:{server.getsockname()[1]}/", poster)
        stuck.set()
        thread.join()
    assert (outcome.status, outcome.answer, outcome.timed_out, outcome.error) == (200, b"so far", True, None)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120.0), (" 7 ", 7.0), ("0", 0.0), ("-1", None), ("soon", None), ("", None), ("1.5", None)],
)
def test_retry_after_is_read_in_seconds(said: str, seconds: float | None) -> None:
    with Receiver(SECRET, behave=answering(Reply(503, headers={"Retry-After": said}))) as receiver:
        assert post(receiver.url).retry_after == seconds


def test_retry_after_is_read_as_a_date() -> None:
    then = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    dates = [then, then - dt.timedelta(hours=2)]
    replies = [Reply(503, headers={"Retry-After": format_datetime(each, usegmt=True)}) for each in dates]
    with Receiver(SECRET, behave=first(replies)) as receiver:
        later, past = post(receiver.url).retry_after, post(receiver.url).retry_after
    assert later is not None
    assert 3500 < later <= 3600
    assert past == 0


def test_who_waits_is_told_of_while_it_waits() -> None:
    told = threading.Event()
    with Receiver(SECRET, behave=hanging()) as receiver, Poster(loopback=True, patience=0.05) as poster:

        def on_waiting() -> None:
            assert receiver.replies == []
            told.set()
            receiver.released.set()

        assert poster(receiver.url, {}, BODY, on_waiting).well
    assert told.is_set()


def test_who_answers_soon_is_not_told_of() -> None:
    with Receiver(SECRET) as receiver, Poster(loopback=True) as poster:
        assert poster(receiver.url, {}, BODY, lambda: pytest.fail("told of")).well


def test_posts_of_several_threads_are_in_flight_together() -> None:
    together = threading.Barrier(10)

    def behave(_receiver: Receiver, _received: object) -> Reply:
        together.wait(20)
        return Reply()

    with (
        Receiver(SECRET, behave=behave) as receiver,
        Poster(loopback=True) as poster,
        ThreadPoolExecutor(10) as threads,
    ):
        outcomes = list(threads.map(lambda _: post(receiver.url, poster), range(10)))
    assert all(each.well for each in outcomes)


# ---- TLS


def certificate(folder: Path, name: str | None = None) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and that of a client who trusts it; the certificate is for `name`, or for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    alternative: x509.GeneralName = (
        x509.DNSName(name) if name else x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    client = ssl.create_default_context(cadata=pem.decode())
    return server, client


def test_tls_holds_the_certificate_against_the_hosts_name_and_not_its_address(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "hooks.example.com")
    with (
        Receiver(SECRET, tls=server) as receiver,
        Poster(loopback=True, lookup=Names(["127.0.0.1"]), tls=client) as poster,
    ):
        assert post(f"https://hooks.example.com:{receiver.port}/", poster).well
        assert post(f"https://other.example.com:{receiver.port}/", poster).error == "tls"
        assert post(f"https://127.0.0.1:{receiver.port}/", poster).error == "tls"
    assert len(receiver.requests) == 1


def test_what_is_trusted_is_read_once_and_not_for_each_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes long, and would take it of every other post that is under way."""
    server, _ = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "both.pem"))
    with Receiver(SECRET, tls=server) as receiver, Poster(loopback=True) as poster:
        monkeypatch.setattr(ssl, "create_default_context", None)
        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", None)
        url = receiver.url.replace("http:", "https:")
        assert [post(url, poster).status for _ in range(2)] == [204, 204]


def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    server, _ = certificate(tmp_path)
    with Receiver(SECRET, tls=server) as receiver:
        assert post(receiver.url).error == "tls"
    assert receiver.requests == []
