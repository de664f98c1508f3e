"""Queues, on moto and on the emulator: what is sent arrives, what fails alone is tried alone, and redriving loses nothing."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tools.redrive import main
from waybill.dead_letters import DeadLetters
from waybill.queues import BATCH, BATCH_BYTES, PAUSES, Queue

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["moto", "emulator"])
def endpoint(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str | None]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
    ):
        monkeypatch.setenv(name, value)
    if request.param == "emulator":
        yield request.getfixturevalue("emulator")
        return
    with mock_aws():
        yield None


@pytest.fixture
def sqs(endpoint: str | None) -> Any:
    make: Any = boto3.client  # typed for the services whose types are installed
    return make("sqs", endpoint_url=endpoint)


@pytest.fixture
def url(sqs: Any) -> str:
    """A queue whose messages go to a dead-letter queue after one try."""
    name = uuid.uuid4().hex[:8]
    dead = sqs.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    made = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "30"})
    return str(made["QueueUrl"])


@pytest.fixture
def dead(sqs: Any, url: str) -> str:
    head, _, name = url.rpartition("/")
    assert sqs.get_queue_url(QueueName=f"dead-{name}")
    return f"{head}/dead-{name}"


def no_pause(_: float) -> None:
    pytest.fail("something was refused")


def held(sqs: Any, url: str) -> list[str]:
    """What a queue holds, and takes it all."""
    bodies: list[str] = []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30).get(
        "Messages"
    ):
        bodies += [each["Body"] for each in got]
    return sorted(bodies)


def test_any_number_of_messages_arrives_once_each(sqs: Any, url: str) -> None:
    bodies = [f'{{"number":"{each:03}"}}' for each in range(2 * BATCH + 3)]
    assert Queue(sqs, url, no_pause).send(bodies) == []
    assert held(sqs, url) == bodies


def test_nothing_is_sent_for_nothing(sqs: Any) -> None:
    assert Queue(sqs, "https://nowhere.example/queue", no_pause).send([]) == []


def test_large_messages_share_a_batch_only_as_far_as_they_fit(sqs: Any, url: str) -> None:
    bodies = [str(each) * (BATCH_BYTES // 2) for each in range(5)]
    assert Queue(sqs, url, no_pause).send(bodies) == []
    assert held(sqs, url) == bodies


def test_a_message_that_no_queue_takes_is_refused(sqs: Any, url: str) -> None:
    with pytest.raises(ValueError, match="bytes"):
        Queue(sqs, url, no_pause).send(["快" * (BATCH_BYTES // 3 + 1)])


class Flaky:
    """A client whose queue refuses some entries, each as often as it is told to."""

    def __init__(self, sqs: Any, refused: dict[str, int]) -> None:
        self._sqs = sqs
        self._refused = refused

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        failed = [each for each in Entries if self._refused.get(each["MessageBody"], 0) > 0]
        for each in failed:
            self._refused[each["MessageBody"]] -= 1
        taken = [each for each in Entries if each not in failed]
        if taken:
            self._sqs.send_message_batch(QueueUrl=QueueUrl, Entries=taken)
        return {
            "Failed": [{"Id": each["Id"], "SenderFault": False, "Code": "InternalError"} for each in failed]
        }


def test_single_refused_entries_are_tried_again_after_growing_pauses(sqs: Any, url: str) -> None:
    pauses: list[float] = []
    bodies = [f"m{each:02}" for each in range(12)]
    assert Queue(Flaky(sqs, {"m03": 1, "m11": 2}), url, pauses.append).send(bodies) == []
    assert held(sqs, url) == bodies, "none twice"
    assert pauses == list(PAUSES[:2])


def test_what_is_refused_again_and_again_is_named_and_the_rest_arrives(sqs: Any, url: str) -> None:
    pauses: list[float] = []
    assert Queue(Flaky(sqs, {"b": 99}), url, pauses.append).send(["a", "b", "c"]) == [1]
    assert held(sqs, url) == ["a", "c"]
    assert pauses == list(PAUSES)


def test_a_queue_that_is_not_there_takes_nothing(sqs: Any, url: str) -> None:
    pauses: list[float] = []
    assert Queue(sqs, f"{url}-gone", pauses.append).send(["a", "b"]) == [0, 1]


def test_a_fair_queue_knows_whose_turn_a_message_takes(sqs: Any, url: str) -> None:
    Queue(sqs, url, no_pause, group=lambda body: body[:1]).send(["a1", "b1", "a2"])
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    groups = {each["Body"]: each["Attributes"]["MessageGroupId"] for each in got}
    assert groups == {"a1": "a", "a2": "a", "b1": "b"}


def test_what_is_sent_for_later_is_not_received_now(sqs: Any, url: str) -> None:
    queue = Queue(sqs, url, no_pause)
    assert queue.later(900).send(["later"]) == []
    assert queue.send(["now"]) == []
    assert held(sqs, url) == ["now"]
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])[
        "Attributes"
    ]
    assert counted == {"ApproximateNumberOfMessagesDelayed": "1"}


# ---- Redrive


def test_dead_letters_go_back_to_where_they_failed(
    sqs: Any, url: str, dead: str, endpoint: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = [f"m{each:02}" for each in range(13)]
    Queue(sqs, dead, no_pause).send(bodies)
    assert main(arguments(url, endpoint)) == 0
    assert held(sqs, url) == bodies
    assert held(sqs, dead) == []
    assert "13 messages" in capsys.readouterr().out


def test_no_more_go_back_than_wanted(sqs: Any, url: str, dead: str, endpoint: str | None) -> None:
    Queue(sqs, dead, no_pause).send([f"m{each:02}" for each in range(13)])
    assert main(arguments(url, endpoint, "--limit", "11")) == 0
    assert len(held(sqs, url)) == 11
    assert len(held(sqs, dead)) == 2


def test_a_look_at_dead_letters_shows_them_and_leaves_them(
    sqs: Any, url: str, dead: str, endpoint: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = [f"m{each:02}" for each in range(12)]
    Queue(sqs, dead, no_pause).send(bodies)
    assert main(arguments(url, endpoint, "--dry-run")) == 0
    assert sorted(capsys.readouterr().out.split()) == bodies
    assert held(sqs, url) == []
    assert held(sqs, dead) == bodies, "as before"


def test_a_dead_letter_that_cannot_be_sent_stays_where_it_is(sqs: Any, url: str, dead: str) -> None:
    Queue(sqs, dead, no_pause).send(["a", "b", "c"])
    target = Queue(Flaky(sqs, {"b": 99}), url, lambda _: None)
    assert DeadLetters(sqs, url, dead, target).move() == (2, 1)
    assert held(sqs, url) == ["a", "c"]
    sqs.purge_queue(QueueUrl=url)
    assert DeadLetters(sqs, url, dead, Queue(sqs, url, no_pause)).move() == (1, 0), (
        "it can be tried at once again"
    )


def test_a_queue_without_dead_letters_is_told_apart(
    dead: str, endpoint: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(dead, endpoint)) == 1
    assert "dead-letter queue" in capsys.readouterr().err


def test_a_queue_that_does_not_exist_is_named(
    url: str, endpoint: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(f"{url}-gone", endpoint)) == 1
    assert "RefreshQueue" in capsys.readouterr().err


def arguments(url: str, endpoint: str | None, *more: str) -> list[str]:
    return ["--queue", url, *(["--endpoint-url", endpoint] if endpoint else []), *more]
