"""The local stack's mailbox, in front of the emulator: what AWS's clients send arrives as files, and goes on where it has to."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.mailbox import Mailbox, Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

OPERATOR = "operator@example.com"
RAW = (
    "From: Waybill <waybill@example.com>\r\nTo: ana@example.com\r\nSubject: =?utf-8?b?5b+r6YCS?=\r\n"
    "List-Unsubscribe: <https://waybill.example/v1/unsubscribe/abc>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n快递到了\r\n"
)


def client(service: str, url: str) -> Any:
    make: Any = boto3.client  # typed for the services whose types are installed
    return make(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@contextmanager
def served(mailbox: Mailbox) -> Iterator[None]:
    """In an event loop of its own, since AWS's clients block."""
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever)
    running.start()
    asyncio.run_coroutine_threadsafe(mailbox.start(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(mailbox.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        running.join()
        loop.close()


class Post:
    """A topic with an operator and a queue behind it, and the folder that mail falls into."""

    def __init__(self, emulator: str, mailbox: Mailbox, folder: Path) -> None:
        name = uuid.uuid4().hex[:8]
        self.folder = folder
        self.ses, self.sns, self._sqs = (
            client("sesv2", mailbox.url),
            client("sns", mailbox.url),
            client("sqs", emulator),
        )
        self.topic = self.sns.create_topic(Name=name)["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        self.sns.subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=asked["Attributes"]["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )
        wanted = {"type": ["parcel.delivered", "parcel.exception"]}
        mailbox.configure(emulator, [Subscription(self.topic, OPERATOR, wanted)], self.topic)

    def queued(self) -> list[str]:
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [message["Body"] for message in answer.get("Messages", [])]

    def mails(self) -> list[EmailMessage]:
        return [
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            for file in sorted(self.folder.iterdir())
        ]

    def send(self, address: str) -> str:
        sent = self.ses.send_email(
            FromEmailAddress="waybill@example.com",
            Destination={"ToAddresses": [address]},
            Content={"Raw": {"Data": RAW.encode()}},
        )
        return str(sent["MessageId"])


@pytest.fixture
def post(emulator: str, tmp_path: Path) -> Iterator[Post]:
    mailbox = Mailbox(tmp_path / "mailbox")
    mailbox.configure(emulator, [], "")
    with served(mailbox):
        yield Post(emulator, mailbox, tmp_path / "mailbox")


def entry(number: int, kind: str, text: str) -> dict[str, Any]:
    return {
        "Id": str(number),
        "Message": json.dumps({"default": f"default {number}", "email": text}),
        "MessageStructure": "json",
        "Subject": f"Parcel {number}",
        "MessageAttributes": {
            "courier": {"DataType": "String", "StringValue": "yuantong"},
            "type": {"DataType": "String", "StringValue": kind},
        },
    }


def test_a_customers_mail_is_kept_byte_by_byte(post: Post) -> None:
    assert post.send("ana@example.com")
    (file,) = post.folder.iterdir()
    assert file.suffix == ".eml"
    assert file.read_bytes() == RAW.encode()
    (mail,) = post.mails()
    assert mail["List-Unsubscribe"] == "<https://waybill.example/v1/unsubscribe/abc>"
    assert post.queued() == []


def test_mails_lie_in_the_order_in_which_they_were_sent(post: Post) -> None:
    for each in range(12):
        batch = [entry(each, "parcel.delivered", "")]
        post.sns.publish_batch(TopicArn=post.topic, PublishBatchRequestEntries=batch)
    assert [mail["Subject"] for mail in post.mails()] == [f"Parcel {each}" for each in range(12)]


def test_an_operator_gets_the_text_for_mail_of_the_types_wanted_and_queues_get_the_message(
    post: Post,
) -> None:
    batch = [
        entry(1, "parcel.delivered", "Dear operator,\n快递到了"),
        entry(2, "parcel.in_transit", "not wanted"),
        entry(3, "parcel.exception", "Something is wrong."),
    ]
    answer = post.sns.publish_batch(TopicArn=post.topic, PublishBatchRequestEntries=batch)
    assert [each["Id"] for each in answer["Successful"]] == ["1", "2", "3"]
    assert sorted(post.queued()) == ["default 1", "default 2", "default 3"]
    assert [(mail["To"], mail["Subject"], mail.get_content().strip()) for mail in post.mails()] == [
        (OPERATOR, "Parcel 1", "Dear operator,\n快递到了"),
        (OPERATOR, "Parcel 3", "Something is wrong."),
    ]


def test_nothing_is_kept_of_what_the_topic_refuses(post: Post) -> None:
    with pytest.raises(ClientError):
        post.sns.publish_batch(
            TopicArn=post.topic + "-none", PublishBatchRequestEntries=[entry(1, "parcel.delivered", "")]
        )
    assert post.mails() == []


@pytest.mark.parametrize(
    ("address", "kind", "part", "recipients"),
    [
        ("bounce@simulator.amazonses.com", "Bounce", "bounce", "bouncedRecipients"),
        ("complaint+7@simulator.amazonses.com", "Complaint", "complaint", "complainedRecipients"),
    ],
)
def test_the_addresses_of_sess_simulator_bounce_and_complain(
    post: Post, address: str, kind: str, part: str, recipients: str
) -> None:
    message_id = post.send(address)
    (report,) = map(json.loads, post.queued())
    assert report["eventType"] == kind
    assert report[part][recipients] == [{"emailAddress": address}]
    assert report["mail"]["messageId"] == message_id
    assert report["mail"]["destination"] == [address]
