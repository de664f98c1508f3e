"""The running stack is asked all that its document allows and much that it forbids, and keeps to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests import loopback

if TYPE_CHECKING:
    from tests.stacks import RunningStack

HERE = Path(__file__).parent
CASES: Final = 2000
KNOWN, HANDED_ON = "YT7450353838751", "YT7450353838755"


def register_orders(stack: RunningStack) -> None:
    """The orders that schemathesis.toml speaks of; the parcel of one was handed to another courier."""
    events = [{"at": -600, "text": "快件已转投", "status_code": "7"}]
    journey = f"{stack.simulator}/_sim/journeys/yuantong/{HANDED_ON}"
    loopback.put(journey, json={"events": events}).raise_for_status()
    with stack.client() as member:
        for order, number in (("3550875", KNOWN), ("3550876", HANDED_ON), ("3550877", KNOWN)):
            shipment = {"order_id": order, "tracking_number": number}
            member.post("/v1/shipments", json=shipment).raise_for_status()
            member.post(f"/v1/shipments/{order}/refresh").raise_for_status()


def test_the_stack_does_what_its_document_says(stack: RunningStack) -> None:
    register_orders(stack)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{stack.api}/v1/openapi.json", "--no-color"),
            *("--header", f"Authorization: Bearer {stack.token}"),
        ],
        cwd=stack.state,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated, done.stdout
    assert int(generated[1]) >= CASES
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", done.stdout), done.stdout


def test_the_document_names_the_address_of_the_stack_and_the_page_loads(stack: RunningStack) -> None:
    with loopback.client(base_url=stack.api) as visitor:
        assert visitor.get("/v1/openapi.json").json()["servers"] == [{"url": stack.api}]
        page = visitor.get("/v1/docs")
        assert page.status_code == 200
        for file in re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text):
            loaded = visitor.get(page.url.join(file))
            assert loaded.status_code == 200
            assert len(loaded.content) > 100
