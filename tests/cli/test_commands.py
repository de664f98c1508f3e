"""Each group of commands against the running stack, as people see it and as programs do."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import COMMAND, environment, started
from tests.loopback import wait_until
from tests.parcels import COLLECTED, DELIVERED, UNDER_WAY, new_number, new_order, register, script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.cli.conftest import Waybill
    from tests.stacks import RunningStack

PHONE = "13800008000"


@pytest.fixture
def client(stack: RunningStack) -> Iterator[httpx.Client]:
    with stack.client() as made:
        yield made


def read(waybill: Waybill, *arguments: str, typed: str = "") -> Any:
    ended = waybill(*arguments, "--json", typed=typed)
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_parcel_is_tracked_with_or_without_its_courier(waybill: Waybill, stack: RunningStack) -> None:
    number = script(stack, new_number(), COLLECTED, UNDER_WAY)
    shown = waybill("track", number, "--lang", "en")
    assert shown.exit_code == 0, shown.stderr
    assert number in shown.stdout
    assert "西安市" in shown.stdout
    for arguments in ((number,), ("auto", number), ("yto", number.lower()), (number, "--max-age", "60")):
        parcel = read(waybill, "track", *arguments)
        assert (parcel["number"], parcel["courier"]["code"]) == (number, "yuantong")


def test_a_phone_is_taken_from_the_environment_or_asked_for(waybill: Waybill, stack: RunningStack) -> None:
    number = script(stack, new_number("SF"), COLLECTED, courier="shunfeng", phone=PHONE)
    without = waybill("track", number)
    assert without.exit_code == 1
    assert "--phone-tail" in without.stderr
    by_environment = waybill("track", number, WAYBILL_PHONE_TAIL=PHONE)
    asked = waybill("track", number, "--phone-tail", "-", typed="8000\n")
    for ended in (by_environment, asked):
        assert ended.exit_code == 0, ended.stderr
        assert "8000" not in ended.stdout.replace(number, "") + ended.stderr


def test_colours_are_for_terminals_that_want_them(stack: RunningStack) -> None:
    number = script(stack, new_number(), COLLECTED)

    def at_a_terminal(**environ: str) -> str:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [COMMAND, "track", number],
            env={**os.environ, **environment(stack), "TERM": "xterm", **environ},
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        shown = b""
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:  # how a terminal whose other end is closed ends on Linux
                break
            if not chunk:
                break
            shown += chunk
        os.close(master)
        assert process.wait() == 0
        return shown.decode()

    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert colour.search(at_a_terminal())
    assert not colour.search(at_a_terminal(NO_COLOR="1"))
    piped = started(["track", number], environment(stack))
    assert "\x1b" not in piped.communicate()[0]


def test_a_watch_tells_each_change_and_ends_with_the_journey(stack: RunningStack) -> None:
    number, order = new_number(), new_order()
    script(stack, number, COLLECTED, UNDER_WAY, DELIVERED)
    with stack.client() as client:
        register(client, order, number)
    process = started(["watch", order, "--every", "0.2"], environment(stack))
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert shown.count("\n") == 1
    assert "delivered" in shown
    by_number = started(["watch", number, "--json"], environment(stack))
    assert json.loads(by_number.communicate(timeout=60)[0])["number"] == number


def test_a_watch_is_broken_off(stack: RunningStack) -> None:
    number = script(stack, new_number(), COLLECTED)
    process = started(["watch", number, "--every", "0.2"], environment(stack))
    assert process.stdout
    assert str(COLLECTED["text"]) in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_shipments_are_listed_and_shown(waybill: Waybill, client: httpx.Client) -> None:
    orders = [new_order() for _ in range(3)]
    tag = orders[0][-10:]
    for order in orders:
        register(client, order, new_number(), tags=[tag])
    listed = read(waybill, "shipments", "list", "--tag", tag, "--limit", "2")["shipments"]
    assert [each["order_id"] for each in listed] == [orders[2], orders[1]]
    assert read(waybill, "shipments", "get", orders[0])["order_id"] == orders[0]
    for arguments in (("list", "--tag", tag), ("get", orders[1])):
        shown = waybill("shipments", *arguments)
        assert shown.exit_code == 0
        assert orders[1] in shown.stdout


def test_what_is_exported_can_be_imported_elsewhere(
    waybill: Waybill, client: httpx.Client, tmp_path: Path
) -> None:
    tag = new_order()[-10:]
    for place in range(105):
        register(
            client,
            f"{tag}-{place}",
            new_number(),
            tags=[tag, "a;b"],
            to="上海市",
            metadata={"place": str(place), "quote": '"x", y'},
            notify={"email": "someone@example.com", "events": ["delivered"], "lang": "en"},
        )
    exported = tmp_path / "all.csv"
    ended = waybill("shipments", "export", "--tag", tag, "--output", str(exported))
    assert ended.exit_code == 0, ended.stderr
    token = read(waybill, "tokens", "create", "--member", tag, "--scopes", "track,manage,pii")["token"]
    imported = waybill("shipments", "import", str(exported), "--json", WAYBILL_TOKEN=token)
    assert imported.exit_code == 0, imported.stderr
    assert json.loads(imported.stdout)["registered"] == 105
    again = waybill("shipments", "export", WAYBILL_TOKEN=token)

    def said(text: str) -> list[list[str]]:
        return sorted(row[:-2] for row in csv.reader(io.StringIO(text)))

    assert said(again.stdout) == said(exported.read_text(encoding="utf-8"))
    by_line = waybill("shipments", "export", "--json", WAYBILL_TOKEN=token)
    assert len([json.loads(line) for line in by_line.stdout.splitlines()]) == 105
    assert not list(tmp_path.glob("*.part"))


def test_tokens_are_made_rotated_and_revoked_without_aws(waybill: Waybill) -> None:
    made = read(waybill, "tokens", "create", "--member", "acme", "--scopes", "track", "--label", "shop")
    used = waybill("usage", "--json", WAYBILL_TOKEN=made["token"])
    assert used.exit_code == 0
    rotated = read(waybill, "tokens", "rotate", made["id"], "--overlap", "0")
    revoked = read(waybill, "tokens", "revoke", typed=f"{rotated['token']}\n")
    assert revoked["id"] == rotated["id"]
    states = {
        each["id"]: each["state"] for each in read(waybill, "tokens", "list", "--member", "acme")["tokens"]
    }
    assert states == {made["id"]: "revoked", rotated["id"]: "revoked"}
    shown = waybill("tokens", "list")
    assert "shop" in shown.stdout
    assert made["token"] not in shown.stdout
    alone = waybill("tokens", "create", "--member", "acme")
    assert re.fullmatch(r"wb_[\w-]{43}\n", alone.stdout)
    assert waybill("tokens", "revoke", "tok_nobodys").exit_code == 1


def test_a_webhook_lives(waybill: Waybill) -> None:
    made = read(waybill, "webhooks", "create", "http://127.0.0.1:9/x", "-e", "parcel.delivered")
    hook = made["id"]
    assert made["secret"].startswith("whsec_")
    assert hook in waybill("webhooks", "list").stdout
    assert read(waybill, "webhooks", "pause", hook)["state"] == "paused"
    assert read(waybill, "webhooks", "resume", hook)["state"] == "active"
    assert read(waybill, "webhooks", "rotate", hook)["secret"] != made["secret"]
    event = read(waybill, "webhooks", "test", hook)["event_id"]

    # The test event reaches the log by the fan-out.
    def log() -> Any:
        return read(waybill, "webhooks", "deliveries", hook)["deliveries"]

    wait_until(lambda: any(each["tries"] for each in log()))
    assert log()[0]["event_id"] == event
    assert event in waybill("webhooks", "deliveries", hook).stdout
    assert read(waybill, "webhooks", "replay", hook, "--event", event)["event_id"] == event
    declined = waybill("webhooks", "delete", hook, typed="n\n")
    assert declined.exit_code == 0
    assert read(waybill, "webhooks", "delete", hook, "--yes")["deleted"]
    assert waybill("webhooks", "pause", hook).exit_code == 1


def test_events_are_followed_from_where_one_stopped(
    waybill: Waybill, client: httpx.Client, stack: RunningStack, tmp_path: Path
) -> None:
    token = read(waybill, "tokens", "create", "--member", new_order(), "--scopes", "track,manage")["token"]
    file = tmp_path / "reached"

    def follow(*more: str) -> list[Any]:
        ended = waybill(
            "events", "follow", "--once", "--json", "--file", str(file), *more, WAYBILL_TOKEN=token
        )
        assert ended.exit_code == 0, ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines()]

    def happen() -> list[Any]:
        # A parcel that has just moved, so that this is all that is told of it.
        order, number = new_order(), script(stack, new_number(), {**COLLECTED, "at": -600})
        client.headers["Authorization"] = f"Bearer {token}"
        register(client, order, number)
        client.post(f"/v1/shipments/{order}/refresh").raise_for_status()
        found: list[Any] = []

        def heard() -> bool:
            found.extend(follow())
            return bool(found)

        wait_until(heard)
        return found

    first = happen()
    assert [each["sequence"] for each in first] == list(range(1, len(first) + 1))
    assert follow() == []
    assert happen()[0]["sequence"] == len(first) + 1
    assert follow("--after", "0")[0] == first[0]
    shown = waybill("events", "follow", "--once", WAYBILL_TOKEN=token)
    assert first[0]["type"] in shown.stdout.splitlines()[0]


def test_usage_tells_what_was_spent(waybill: Waybill, stack: RunningStack) -> None:
    waybill("track", script(stack, new_number(), COLLECTED))
    said = read(waybill, "usage")
    assert said["total"]["calls"] >= 1
    assert "yuantong" in waybill("usage").stdout
    assert waybill("usage", "--month", "soon").exit_code == 1


def test_the_simulator_is_driven(waybill: Waybill) -> None:
    number = new_number()
    put = read(waybill, "sim", "journey", "yuantong", number, "-e", "-60 103 已揽收", "-e", "60 301 已签收")
    assert [event["status_code"] for event in put["events"]] == ["103", "301"]
    assert read(waybill, "sim", "journey", "yuantong", number)["events"][0]["text"] == "已揽收"
    assert read(waybill, "sim", "fault", "--code", "408", "--number", number)[-1]["number"] == number
    assert waybill("track", number).exit_code == 1
    assert read(waybill, "sim", "fault", "--clear") == {"cleared": True}
    assert read(waybill, "sim", "calls")[-1]["number"] == number
    assert isinstance(read(waybill, "sim", "bill")["total"], int)
    assert read(waybill, "sim", "violations") == []
    assert read(waybill, "sim", "clock")["speed"] == 1
    assert read(waybill, "sim", "journey", "yuantong", number, "--clear") == {"cleared": True}
    assert waybill("sim", "journey", "yuantong", number).exit_code == 1
    assert waybill("sim", "fault", "--code", "7").exit_code == 1
    for command in ("calls", "bill", "violations", "clock", "fault"):
        assert waybill("sim", command).exit_code == 0
