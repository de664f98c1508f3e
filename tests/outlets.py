"""Where the functions send things: a topic with the fan-out queue behind it, as the template has it, and the workers' queues."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import boto3

REGION = "eu-central-1"


@dataclass(frozen=True)
class Outlets:
    """The topic's ARN, the queues' URLs, and the clients that they are asked with."""

    sns: Any
    sqs: Any
    topic: str
    refresh: str
    fanout: str
    webhook: str
    mail: str

    def taken(self, url: str) -> list[Any]:
        """What a queue holds, as JSON, and is empty then."""
        bodies: list[Any] = []
        while got := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                bodies.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def subscribe(self, policy: dict[str, Any] | None = None) -> str:
        """The URL of one more queue that gets what is published, as it is; of this policy, if there is one."""
        url = queue_of(self.sqs, "subscriber")
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        attributes = {"RawMessageDelivery": "true"}
        if policy:
            attributes["FilterPolicy"] = json.dumps(policy)
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return url


def outlets_of(url: str | None) -> Outlets:
    """New ones, on the emulator at `url` or on moto."""
    make: Any = boto3.client  # typed for the services whose types are installed
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sns, sqs = (make(service, region_name=REGION, endpoint_url=url, **keys) for service in ("sns", "sqs"))
    topic = sns.create_topic(Name=f"notifications-{uuid.uuid4().hex[:8]}")["TopicArn"]
    refresh, webhook, mail = (queue_of(sqs, name) for name in ("refresh", "webhook", "mail"))
    bare = Outlets(sns, sqs, topic, refresh, "", webhook, mail)
    return Outlets(sns, sqs, topic, refresh, bare.subscribe(), webhook, mail)


def queue_of(sqs: Any, name: str) -> str:
    return str(sqs.create_queue(QueueName=f"{name}-{uuid.uuid4().hex[:8]}")["QueueUrl"])
