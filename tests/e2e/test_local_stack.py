"""What can be relied on from outside: READY, ports, state, signals. Everything here starts stacks of its own."""

from __future__ import annotations

import re
import signal
import socket
from typing import TYPE_CHECKING

import psutil
import pytest

from local.serving import bind, port_of
from tests import loopback
from tests.loopback import wait_until
from tests.stacks import ROOT, Refusal, RunningStack, launch

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import StartStack

PARCEL = "/v1/parcels/yuantong/YT7450353838751"


def family_of(stack: RunningStack) -> list[psutil.Process]:
    """Every process that the stack started."""
    return psutil.Process(stack.process.pid).children(recursive=True)


def all_ended(family: list[psutil.Process]) -> bool:
    """Whether none is left but what nobody has asked for its exit status yet."""
    _, alive = psutil.wait_procs(family, timeout=5)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


def test_ready_tells_where_everything_is(stack: RunningStack) -> None:
    assert stack.ready.keys() == {"api", "simulator", "token"}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", stack.api)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", stack.simulator)
    assert re.fullmatch(r"wb_[A-Za-z0-9_-]{43}", stack.token)
    assert (stack.state / "token").stat().st_mode & 0o777 == 0o600
    with stack.client() as client:
        assert client.get("/v1/health").status_code == 200
        assert client.get(PARCEL).json()["events"]


def test_a_second_start_goes_on_where_the_first_stopped(start_stack: StartStack, tmp_path: Path) -> None:
    with start_stack(tmp_path) as first, first.client() as client:
        bought = client.get(PARCEL).json()
        assert len(first.calls()) == 1
    with start_stack(tmp_path) as second:
        assert second.token == first.token
        with second.client() as client:
            kept = client.get(PARCEL).json()
        assert kept["events"] == bought["events"]
        assert kept["freshness"]["source"] == "cache"
        assert second.calls() == []


def test_the_template_is_deployed_again_when_a_setting_changed_and_nothing_is_lost(
    start_stack: StartStack, tmp_path: Path
) -> None:
    bound, tail = "/v1/parcels/shunfeng/SF1234567890123", {"X-Phone-Tail": "1234"}
    with start_stack(tmp_path) as first, first.client() as client:
        before = [client.get(PARCEL).json(), client.get(bound, headers=tail).json()]
    with start_stack(tmp_path, QUERY_GAP_SECONDS="2400") as second, second.client() as client:
        after = [client.get(PARCEL).json(), client.get(bound, headers=tail).json()]
        # The phone's hash is still known, so its key is the old one.
        assert [parcel.get("events") for parcel in after] == [parcel.get("events") for parcel in before]
        assert second.calls() == []


def test_the_clock_never_goes_back_even_after_a_kill(start_stack: StartStack, tmp_path: Path) -> None:
    with start_stack(tmp_path, SIM_SPEED="600") as first:
        reached = loopback.get(f"{first.simulator}/_sim/clock").text
        family = family_of(first)
        assert len(family) >= 3
        first.stop(signal.SIGKILL)
        wait_until(lambda: all_ended(family))
    number = re.compile(r"\d{10}(?:\.\d+)?")
    with start_stack(tmp_path) as second:
        now = loopback.get(f"{second.simulator}/_sim/clock").text
    assert float(number.findall(now)[0]) > float(number.findall(reached)[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_process(start_stack: StartStack, number: int) -> None:
    with start_stack() as stack:
        with stack.client() as client:
            client.get(PARCEL)
        family = family_of(stack)
        assert len(family) >= 4  # simulator, emulator, two functions
        assert stack.stop(number) == 0
        assert all_ended(family)


@pytest.mark.parametrize("variable", ["WAYBILL_PORT", "SIM_PORT"])
def test_a_taken_port_is_named_with_what_changes_it(variable: str, tmp_path: Path) -> None:
    with bind() as taken:
        taken.listen()
        port = port_of(taken)
        settings = {variable: str(port)}
        refused = launch(tmp_path / "state", project=ROOT, **settings)
    assert isinstance(refused, Refusal)
    assert refused.status != 0
    assert f"Port {port} is taken" in refused.message
    assert variable in refused.message
    assert not list(tmp_path.glob("state/logs/*"))  # nothing was started


def test_one_state_folder_serves_one_stack(stack: RunningStack) -> None:
    refused = launch(stack.state)
    assert isinstance(refused, Refusal)
    assert "WAYBILL_STATE" in refused.message


def test_a_scaled_clock_is_refused_with_the_real_upstream(tmp_path: Path) -> None:
    refused = launch(tmp_path, KUAIDI100_CUSTOMER="somebody", KUAIDI100_KEY="secret", SIM_SPEED="600")
    assert isinstance(refused, Refusal)
    assert "SIM_SPEED" in refused.message
    assert "secret" not in refused.message


def test_the_real_upstream_takes_the_place_of_the_simulator(start_stack: StartStack) -> None:
    with start_stack(KUAIDI100_CUSTOMER="somebody", KUAIDI100_KEY="secret") as stack:
        assert stack.ready["simulator"] is None
        with stack.client() as client:
            assert client.get("/v1/health").status_code == 200


def test_when_a_part_dies_the_stack_says_which_and_ends(start_stack: StartStack) -> None:
    with start_stack() as stack:
        family = family_of(stack)
        (emulator,) = [process for process in family if process.cmdline()[-1:] == ["ministack"]]
        emulator.kill()
        assert stack.process.wait(60) == 1
        assert all_ended(family)


def test_only_one_address_is_served(stack: RunningStack) -> None:
    for url in (stack.api, stack.simulator):
        with pytest.raises(OSError, match=r".*"):
            socket.create_connection(("127.0.0.2", int(url.rsplit(":", 1)[1])), timeout=5).close()


TAKES_A_TAKEN_PORT_FIRST = """
import os, sys
from local import stack
free_port, taken = stack.free_port, [int(os.environ["TAKEN_PORT"])]
stack.free_port = lambda: taken.pop() if taken else free_port()
sys.exit(stack.main())
"""


def test_an_emulator_whose_port_was_taken_meanwhile_gets_another(tmp_path: Path) -> None:
    with bind() as taken:
        taken.listen()
        running = launch(tmp_path, code=TAKES_A_TAKEN_PORT_FIRST, TAKEN_PORT=str(port_of(taken)))
        assert isinstance(running, RunningStack), running
        with running.client() as client:
            assert client.get("/v1/health").status_code == 200
        assert running.stop() == 0


def test_a_port_at_which_a_server_does_not_listen_yet_counts_as_taken() -> None:
    with bind() as held, pytest.raises(OSError, match="in use"), bind(port_of(held), alone=True):
        pass
