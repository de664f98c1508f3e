"""Making and asking for webhooks through the manage function, and what it sent for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3

from tests.functions.conftest import ENVIRONMENT

if TYPE_CHECKING:
    from tests.functions.conftest import Answer, App

ALL, ONE = "/v1/webhooks", "/v1/webhooks/{webhook_id}"
URL = "https://93.184.215.14/hook"
NOBODYS = "whk_00000000000000000000"


def create(manage: App, **body: Any) -> Answer:
    parts = {key: body.pop(key) for key in ("member", "scopes", "headers") if key in body}
    return manage.send_json("POST", ALL, {"url": URL, "events": ["*"], **body}, **parts)


def made(manage: App, **body: Any) -> Any:
    answer = create(manage, **body)
    assert answer.status == 201, answer.text
    return answer.body


def act(manage: App, method: str, id_: str, what: str = "", body: Any = None, **parts: Any) -> Answer:
    path = {"webhook_id": id_}
    resource = f"{ONE}/{what}" if what else ONE
    if body is None:
        return manage.send(method, resource, path=path, **parts)
    return manage.send_json(method, resource, body, path=path, **parts)


def shown(manage: App, id_: str) -> Any:
    answer = act(manage, "GET", id_)
    assert answer.status == 200, answer.text
    return answer.body


def sent(queue: str) -> list[Any]:
    """What lies in a queue, taken out of it."""
    client = boto3.client("sqs")
    found = []
    while more := client.receive_message(QueueUrl=ENVIRONMENT[queue], MaxNumberOfMessages=10).get("Messages"):
        for message in more:
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=ENVIRONMENT[queue], ReceiptHandle=message["ReceiptHandle"])
    return found
