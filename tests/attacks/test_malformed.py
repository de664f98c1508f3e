"""Whatever is sent, the answer is one of the API's: in time, in its envelope, and without a word of how the API is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings

from tests.attacks.malformed import Malformed, ask, fault_of, requests

if TYPE_CHECKING:
    from tests.stacks import RunningStack

QUICK, WHOLE = 300, 6000


def port_of(stack: RunningStack) -> int:
    return int(stack.api.rsplit(":", 1)[1])


def test_no_request_breaks_the_api(stack: RunningStack, *, whole: bool) -> None:
    @settings(
        max_examples=WHOLE if whole else QUICK,
        database=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
        phases=[Phase.generate, Phase.shrink],
    )
    @given(requests())
    def attack(sent: Malformed) -> None:
        answered = ask(port_of(stack), sent.bytes(stack.token), head=sent.method == "HEAD")
        assert fault_of(sent, answered) is None, (sent, answered)

    attack()
    logs = {file.stem: file.read_text(errors="replace") for file in (stack.state / "logs").glob("*.log")}
    assert logs
    assert {name for name, text in logs.items() if "unexpected fault" in text} == set()
    assert {
        name for name, text in logs.items() if "Traceback" in text and not name.startswith("emulator")
    } == set()
