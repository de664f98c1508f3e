"""The e-mail that functions send, as files that a person or a test reads: `<state>/mailbox/*.eml`, oldest first.

The emulator loses it: of SES's raw mails it keeps no headers, and e-mail of SNS it only logs. So the functions' requests to these
two come here. SES's one operation is answered here, by its mailbox simulator's rules; requests to SNS go on to the emulator as they
are, and what they publish is written down as well for the topic's e-mail subscriptions, which take by exact values of attributes.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.administrator import AUTHORIZATION
from local.serving import LOOPBACK, Service, bind, port_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

SNS_SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"
# SES developer guide, "Using the mailbox simulator": what becomes of mail to these, also as bounce+label@.
SIMULATOR = "simulator.amazonses.com"
_REPORTS = {"bounce": "Bounce", "complaint": "Complaint"}
# The host goes on: it is signed.
_NOT_FORWARDED = {"content-length", "connection", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Subscription:
    """An address that hears of a topic's messages whose attributes have one of the values wanted."""

    topic: str
    address: str
    wanted: Mapping[str, Sequence[str]]

    def takes(self, topic: str, attributes: Mapping[str, str]) -> bool:
        return topic == self.topic and all(
            attributes.get(name) in values for name, values in self.wanted.items()
        )


class Mailbox:
    """Serves from `start` on. `configure` says where the emulator is, who is subscribed, and which topic hears of bounces."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        bound = bind()
        self.url = f"http://{LOOPBACK}:{port_of(bound)}"
        routes = [
            Route("/v2/email/outbound-emails", self._send, methods=["POST"]),
            Route("/", self._publish, methods=["POST"]),
        ]
        self._service = Service(Starlette(routes=routes), [bound])
        self._emulator = httpx.AsyncClient(trust_env=False, timeout=30)
        self._subscriptions: Sequence[Subscription] = ()
        self._reports_to = ""

    def configure(self, endpoint: str, subscriptions: Sequence[Subscription], reports_to: str) -> None:
        self._emulator.base_url = httpx.URL(endpoint)
        self._subscriptions = subscriptions
        self._reports_to = reports_to

    async def start(self) -> None:
        await self._service.start()

    async def stop(self) -> None:
        await self._service.stop()
        await self._emulator.aclose()

    async def _send(self, request: Request) -> Response:
        """SES v2's SendEmail, of raw content."""
        asked = await request.json()
        raw = asked.get("Content", {}).get("Raw", {}).get("Data")
        if raw is None:
            headers = {"x-amzn-ErrorType": "BadRequestException"}
            return JSONResponse({"message": "The local mailbox takes raw content only."}, 400, headers)
        message_id = str(uuid.uuid4())
        self._keep(base64.b64decode(raw), message_id)
        destination = asked.get("Destination", {})
        for address in (each for key in ("ToAddresses", "CcAddresses") for each in destination.get(key, [])):
            if report := _report(address, message_id, asked.get("FromEmailAddress", "")):
                await self._tell(report)
        return JSONResponse({"MessageId": message_id})

    async def _publish(self, request: Request) -> Response:
        """SNS's Publish and PublishBatch, in its query protocol; other operations of SNS go on as well."""
        body = await request.body()
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_FORWARDED}
        reply = await self._emulator.post("/", content=body, headers=headers)
        if reply.is_success:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            for message in _messages(form):
                for subscription in self._subscriptions:
                    if subscription.takes(form.get("TopicArn", ""), _attributes(message)):
                        self._keep(_mail(message, subscription.address), str(uuid.uuid4()))
        return Response(reply.content, reply.status_code, media_type=reply.headers.get("content-type"))

    async def _tell(self, report: dict[str, Any]) -> None:
        form = {"Action": "Publish", "TopicArn": self._reports_to, "Message": json.dumps(report)}
        headers = {**AUTHORIZATION, "Content-Type": "application/x-www-form-urlencoded"}
        (await self._emulator.post("/", content=urlencode(form), headers=headers)).raise_for_status()

    def _keep(self, mail: bytes, message_id: str) -> None:
        """Under a name of its own once it is whole: whoever looks sees no half of it."""
        name = f"{time.time_ns()}-{message_id[:8]}"
        made = self._folder / f"{name}.new"
        made.write_bytes(mail)
        made.rename(self._folder / f"{name}.eml")


def _messages(form: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What a request publishes, each message's fields by their names within it."""
    if form.get("Action") == "Publish":
        yield dict(form)
    for number in count(1):
        prefix = f"PublishBatchRequestEntries.member.{number}."
        entry = {name.removeprefix(prefix): form[name] for name in form if name.startswith(prefix)}
        if not entry:
            return
        yield entry


def _attributes(message: Mapping[str, str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for number in count(1):
        prefix = f"MessageAttributes.entry.{number}."
        if f"{prefix}Name" not in message:
            return attributes
        attributes[message[f"{prefix}Name"]] = message.get(f"{prefix}Value.StringValue", "")
    return attributes


def _mail(message: Mapping[str, str], address: str) -> bytes:
    """As SNS writes it: the text for e-mail, or the one for everybody."""
    text = message["Message"]
    if message.get("MessageStructure") == "json":
        texts = json.loads(text)
        text = texts.get("email", texts["default"])
    mail = EmailMessage()
    mail["From"] = SNS_SENDER
    mail["To"] = address
    mail["Subject"] = message.get("Subject", "AWS Notification Message")
    mail["Date"] = formatdate()
    mail.set_content(text)
    return bytes(mail)


def _report(address: str, message_id: str, sender: str) -> dict[str, Any] | None:
    """What SES says of mail to an address of its simulator (developer guide, "Examples of event data that SES publishes")."""
    local, _, domain = address.rpartition("@")
    kind = _REPORTS.get(local.partition("+")[0]) if domain == SIMULATOR else None
    if kind is None:
        return None
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    said = {"timestamp": now, "feedbackId": message_id}
    recipients = [{"emailAddress": address}]
    mail = {"timestamp": now, "source": sender, "messageId": message_id, "destination": [address]}
    if kind == "Bounce":
        bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": recipients}
        return {"eventType": kind, "bounce": {**bounce, **said}, "mail": mail}
    return {"eventType": kind, "complaint": {"complainedRecipients": recipients, **said}, "mail": mail}
