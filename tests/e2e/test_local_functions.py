"""How the local stack runs functions: live from their source, one event at a time, killed at their time-out, without the host's
environment. The stack under test is a copy of this project whose query function is the probe.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.conftest import PROBE_TIMEOUT
from tests.loopback import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack


def ask(client: httpx.Client, **asked: str) -> dict[str, Any]:
    answer = client.get("/v1/track", params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def gone(group: int) -> bool:
    """Whether a function's process has ended, and all that it started."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return True
    return False


def test_a_function_sees_nothing_of_the_hosts_environment(client: httpx.Client, project: Path) -> None:
    environment = ask(client)["environment"]
    assert "MY_SECRET" not in environment
    assert "HTTP_PROXY" not in environment
    assert "HOME" not in environment
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "1024"
    assert environment["LAMBDA_TASK_ROOT"] == str(project / "functions/query")
    assert environment["QUERY_GAP_SECONDS"] == "1860"
    assert len(environment["WAYBILL_CLOCK"].split(",")) == 3
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")


def test_a_function_imports_from_its_own_folder_first_and_then_from_the_layers(
    client: httpx.Client, project: Path
) -> None:
    path = ask(client)["path"]
    assert path[:2] == [str(project / "functions/query"), str(project / "layers/core/python")]
    assert path[-1].endswith("site-packages")
    assert str(project / "local") not in path


def test_a_function_starts_once_and_serves_many_events(client: httpx.Client) -> None:
    assert len({ask(client)["pid"] for _ in range(20)}) == 1


def test_an_edit_is_live_on_the_next_call(client: httpx.Client, project: Path) -> None:
    assert ask(client)["answer"] == "first"
    source = project / "functions/query/app.py"
    original = source.read_text()
    source.write_text(original.replace('ANSWER = "first"', 'ANSWER = "second"'))
    assert ask(client)["answer"] == "second"
    source.write_text(original)
    assert ask(client)["answer"] == "first"


def test_an_edit_of_a_layer_is_live_too(client: httpx.Client, project: Path) -> None:
    pid = ask(client)["pid"]
    (project / "layers/core/python/waybill/added.py").write_text("")
    assert ask(client)["pid"] != pid


def test_code_that_cannot_start_is_answered_and_mended_by_the_next_edit(
    client: httpx.Client, project: Path, probe: RunningStack
) -> None:
    source = project / "functions/query/app.py"
    original = source.read_text()
    source.write_text("raise RuntimeError('broken on purpose')\n")
    broken = client.get("/v1/track")
    source.write_text(original)
    assert broken.status_code == 500
    assert broken.json()["error"]["code"] == "500999"
    assert "broken on purpose" in probe.log("query")
    assert ask(client)["answer"] == "first"


def test_a_function_is_killed_at_its_time_out_and_the_caller_gets_an_answer(client: httpx.Client) -> None:
    before = ask(client)
    assert 0 < before["remaining"] <= PROBE_TIMEOUT * 1000
    started = time.monotonic()
    late = client.get("/v1/track", params={"sleep": "60"})
    assert PROBE_TIMEOUT <= time.monotonic() - started < PROBE_TIMEOUT + 5
    assert late.status_code == 500
    assert late.json()["error"]["code"] == "500999"
    assert late.headers["x-request-id"]
    wait_until(lambda: gone(before["pid"]))
    assert ask(client)["pid"] != before["pid"]


@pytest.mark.parametrize("asked", [{"raise": "on purpose"}, {"die": "now"}])
def test_a_function_that_fails_is_answered_in_the_envelope(
    client: httpx.Client, asked: dict[str, str]
) -> None:
    failed = client.get("/v1/track", params=asked)
    assert failed.status_code == 500
    assert failed.json()["error"]["code"] == "500999"
    assert failed.headers["x-request-id"]
    assert ask(client)["answer"] == "first"


def test_two_hundred_requests_at_once_are_all_answered(probe: RunningStack) -> None:
    # A pool that keeps fewer connections closes some of them under the threads that use them.
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    with probe.client(limits=limits) as client, ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: client.get("/v1/track", params={"sleep": "0.02"}), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert 1 < len({answer.json()["pid"] for answer in answers}) <= 8


def test_the_python_runtime_client_serves_as_well(start_stack: StartStack, project: Path) -> None:
    with start_stack(project=project, WAYBILL_RUNTIME_CLIENT="python") as stack, stack.client() as client:
        first, second = ask(client), ask(client)
        assert first["pid"] == second["pid"]
        assert first["environment"]["_X_AMZN_TRACE_ID"] != second["environment"]["_X_AMZN_TRACE_ID"]
        assert client.get("/v1/track", params={"raise": "on purpose"}).status_code == 500
        assert "on purpose" in stack.log("query")
        assert ask(client)["pid"] == first["pid"]


def test_what_a_function_started_ends_with_the_stack(start_stack: StartStack, project: Path) -> None:
    with start_stack(project=project) as stack, stack.client() as client:
        group = ask(client, spawn="1")["pid"]
        assert os.getpgid(group) == group
        assert stack.stop() == 0
    wait_until(lambda: gone(group))
