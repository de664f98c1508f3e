#!/usr/bin/env python3
"""A webhook of Waybill's: checks who sends, keeps each event once, and answers when it is kept. Standard library only.

    WEBHOOK_SECRET=whsec_... python3 receiver.py

Listens on 127.0.0.1:9000; a proxy in front of it speaks TLS to the internet. Events and what they come to are in SQLite.

Waybill may send an event twice and in any order (docs/notifications.md). So the event and its effect are one transaction: a
`webhook-id` that is there already changes nothing, and an event that is older than what is known changes no parcel. Only then comes
the 2xx, since after it Waybill sends the event no more. Whatever takes long (a mail, a call of another system) is for a worker that
reads the table: Waybill waits for 15 seconds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import Message

MOST_BYTES = 256 * 1024
TOLERANCE_SECONDS = 5 * 60
SCHEMA = """
    CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS parcels (
        courier TEXT, number TEXT, status TEXT NOT NULL, since TEXT NOT NULL, PRIMARY KEY (courier, number)
    );
"""


def is_signed(key: bytes, headers: Message, body: bytes) -> bool:
    """Whether somebody who has the key sent this body just now (Standard Webhooks 1.0)."""
    sent_at = headers.get("webhook-timestamp", "")
    # An old request is somebody's who has recorded it.
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent_at}.".encode() + body
    wanted = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    # While a secret is rotated there are two; others are of kinds (v1a) that this key cannot check. The comparison takes equally
    # long whatever is wrong, so that nobody finds a signature letter by letter.
    return any(
        hmac.compare_digest(wanted, each.encode()) for each in headers.get("webhook-signature", "").split(" ")
    )


class Inbox:
    """Which events there were, and where each parcel is by them."""

    def __init__(self, path: str) -> None:
        self._path = path
        with closing(self._connection()) as database:
            database.execute(
                "PRAGMA journal_mode = WAL"
            )  # readers and the one writer do not wait for each other
            database.executescript(SCHEMA)

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10, isolation_level=None)

    def take(self, event_id: str, event: dict[str, Any], body: bytes) -> bool:
        """Keep an event and do what it asks for; False if that has been done. It is on the disk when this returns."""
        with closing(self._connection()) as database, database:
            database.execute("BEGIN IMMEDIATE")
            new = database.execute(
                "INSERT INTO events VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (event_id, event["type"], body.decode()),
            ).rowcount
            # That nothing has been heard for long is noticed later than what happened meanwhile, and says nothing of it.
            if new and "number" in event["data"] and event["type"] != "parcel.stalled":
                database.execute(
                    """INSERT INTO parcels VALUES (:code, :number, :status, coalesce(:occurred_at, :timestamp))
                       ON CONFLICT DO UPDATE SET status = excluded.status, since = excluded.since
                       WHERE julianday(excluded.since) >= julianday(since)""",  # their zones may differ
                    {"timestamp": event["timestamp"], **event["data"], **event["data"]["courier"]},
                )
            return bool(new)


class Receiver(BaseHTTPRequestHandler):
    """One request to a connection, as HTTP/1.0 has it: nothing idle is left to wait for at the end."""

    timeout = 10  # for each wait for the client
    key: bytes
    inbox: Inbox

    def do_POST(self) -> None:
        self.send_response(self._received())
        self.end_headers()

    def _received(self) -> int:
        """The status that tells Waybill whether to send it again: a 2xx that it need not."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return 411
        if int(length) > MOST_BYTES:  # before any of it is read
            return 413
        body = self.rfile.read(int(length))
        # The body as it came: parsed and written again it may be another.
        if len(body) < int(length) or not is_signed(self.key, self.headers, body):
            return 401
        try:
            event = json.loads(body)
        except ValueError:
            return 400
        event_id = self.headers["webhook-id"]
        try:
            new = self.inbox.take(event_id, event, body)
        except sqlite3.Error as error:  # a full disk, a lock that is held for long: Waybill comes again
            self.log_error("%s is not kept: %s", event_id, error)
            return 503
        if new:
            print(event["type"], event_id, flush=True)
        return 204

    def log_request(self, *_: object) -> None:
        """Nothing: what is new is printed, what is wrong is in the answer, and Waybill keeps both."""


def main() -> int:
    secret = os.environ.get("WEBHOOK_SECRET", "")
    try:
        Receiver.key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        Receiver.key = b""
    if not secret.startswith("whsec_") or not Receiver.key:
        print("WEBHOOK_SECRET is not the secret that POST /v1/webhooks showed: whsec_...", file=sys.stderr)
        return 2
    Receiver.inbox = Inbox(os.environ.get("WEBHOOK_STORE", "events.db"))
    # A thread to a request; on the way out it waits for those that are at work.
    ThreadingHTTPServer.daemon_threads = False
    # Five, which is usual, are too few where many events come at once: Linux resets a connection that has waited too long.
    ThreadingHTTPServer.request_queue_size = 128
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("WEBHOOK_PORT", "9000"))), Receiver) as server:
        # `shutdown` waits for the loop, which stands still while a signal is handled: so another thread calls it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
