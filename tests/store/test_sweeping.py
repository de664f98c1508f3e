"""A queue is gone through once, however long that takes, and ends as it was but for what speaks of somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tools import sweeping

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sqs() -> Iterator[Any]:
    make: Any = boto3.client
    with mock_aws():
        yield make("sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.mark.parametrize("delete", [False, True])
def test_messages_that_come_back_before_the_end_are_counted_once(
    sqs: Any, monkeypatch: pytest.MonkeyPatch, *, delete: bool
) -> None:
    monkeypatch.setattr(sweeping, "HIDDEN_SECONDS", 0)
    url = sqs.create_queue(QueueName="moto")["QueueUrl"]
    for body in ("mine", "theirs", "theirs, too"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert sweeping.sweep(sqs, url, lambda said: said == "mine", delete=delete) == 1
    left = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert {each["Body"] for each in left} == {"theirs", "theirs, too"} | (set() if delete else {"mine"})


def test_messages_are_given_back_when_it_is_broken_off(sqs: Any) -> None:
    def broken(_: Any) -> bool:
        raise KeyboardInterrupt

    url = sqs.create_queue(QueueName="moto")["QueueUrl"]
    for body in ("one", "other"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    with pytest.raises(KeyboardInterrupt):
        sweeping.sweep(sqs, url, broken, delete=True)
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 2
