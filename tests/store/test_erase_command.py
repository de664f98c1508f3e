"""The operator's commands that export and erase, on the emulator: what they say, and what is left in tables and queues."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.erased import ALONE, ERIN, OTHER, World, busy
from tests.store.conftest import client_of
from tools.admin import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., int]


@pytest.fixture
def world(emulator: str, monkeypatch: pytest.MonkeyPatch) -> World:
    client = client_of(emulator)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", client.meta.region_name)
    return busy(client)


@pytest.fixture
def command(world: World, emulator: str) -> Command:
    def run(group: str, name: str, *more: str, member: str = ERIN) -> int:
        tables = ["--table", world.tracking, "--cache", world.cache, "--endpoint-url", emulator]
        return main([group, name, *tables, "--member", member, *more])

    return run


def test_members_and_orders_are_exported_and_erased_with_the_messages_of_queues(
    world: World, command: Command, emulator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make: Any = boto3.client
    sqs = make("sqs", endpoint_url=emulator)
    queue = sqs.create_queue(QueueName=f"fanout-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    bodies = [
        {"member": ERIN, "webhook": "whk_1", "sequence": 1, "series": ""},
        {"member": OTHER, "webhook": "whk_2", "sequence": 1, "series": ""},
        {"courier": ALONE.courier, "number": ALONE.number},
        "no object",
    ]
    for body in bodies:
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(body))

    def waiting() -> list[Any]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(each["Body"]) for each in found.get("Messages", [])]

    assert command("shipments", "export", "--order", "e-1") == 0
    assert command("members", "export") == 0
    out, err = capsys.readouterr()
    assert {json.loads(line)["table"] for line in out.splitlines()} == {"Tracking", "Cache"}
    assert f"items are held of {ERIN}." in err
    before = world.items()
    assert command("members", "erase", "--dry-run", "--queue", queue) == 0
    assert world.items() == before
    assert len(waiting()) == len(bodies)
    assert command("shipments", "erase", "--order", "e-1", "--at-once") == 0
    assert command("members", "erase", "--queue", queue, "--at-once") == 0
    out, _ = capsys.readouterr()
    lines = out.splitlines()
    assert lines[2] == "2 messages would be erased in 1 queues"
    assert lines[-1] == f"A search of both tables finds nothing of {ERIN} any more."
    left = waiting()
    assert bodies[0] not in left
    assert bodies[1] in left
    assert bodies[3] in left


def test_what_cannot_be_erased_yet_says_what_to_do(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("members", "erase", "--at-once", member=OTHER) == 1
    _, err = capsys.readouterr()
    assert "make member-unlimit" in err


def test_a_name_that_nobody_has_is_an_error(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("shipments", "erase", "--order", "e-3", "--at-once") == 1
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"Nothing is held of order e-3 of {ERIN}, ")) == ("", True)
    with pytest.raises(SystemExit, match="2"):
        command("shipments", "erase", "--order", "e 3", "--at-once")
    assert "'e 3' is no order id" in capsys.readouterr().err
