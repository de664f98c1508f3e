from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests import loopback
from tests.examples.tracking import (
    DELIVERED,
    EXAMPLES,
    LANGUAGES,
    NEEDS,
    PHONE,
    PHONE_BOUND,
    UNANSWERED,
    Example,
    Runs,
)
from tests.languages import demand
from tests.stacks import RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """At 600 times speed, so that a parcel's gap is over in about three seconds."""
    with running_stack(tmp_path_factory.mktemp("state"), SIM_SPEED="600") as running:
        yield running


@pytest.fixture(scope="package")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Example]:
    """Every example whose language is here. Go and Java are compiled once, which `go run` and `java Track.java` do each time."""
    made = {
        "shell": Example(("bash", str(EXAMPLES / "shell/track.sh"))),
        "python": Example((sys.executable, str(EXAMPLES / "python/track.py"))),
        "php": Example(("php", str(EXAMPLES / "php/track.php"))),
    }
    folder = tmp_path_factory.mktemp("compiled")
    if shutil.which("go"):
        subprocess.run(
            ["go", "build", "-o", str(folder / "track"), str(EXAMPLES / "go/track.go")], check=True
        )
        made["go"] = Example((str(folder / "track"),))
    if shutil.which("javac"):
        java = ["javac", "-Xlint:all", "-Werror", "-encoding", "UTF-8", "-d", str(folder)]
        subprocess.run([*java, str(EXAMPLES / "java/Track.java")], check=True)
        made["java"] = Example(
            ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", str(folder), "Track")
        )
    return made


@pytest.fixture(scope="package")
def runs(examples: dict[str, Example]) -> Iterator[Runs]:
    with ThreadPoolExecutor(len(LANGUAGES)) as pool:
        yield Runs(examples, pool)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    language = str(request.param)
    demand(*NEEDS[language])
    return language


@pytest.fixture(scope="package")
def parcels(stack: RunningStack) -> RunningStack:
    """The stack, with what Kuaidi100 says of the parcels that it is asked for."""
    lines = [
        {"at": -90_000, "text": "快递员已揽收", "status_code": "103"},
        {"at": -80_000, "text": "【深圳转运中心】 已发出 & on its way", "status_code": "0"},
        {"at": -70_000, "text": "您的快件已签收，感谢使用", "status_code": "301"},
    ]
    with loopback.client(base_url=f"{stack.simulator}/_sim") as simulator:
        for (courier, number), phone in ((DELIVERED, None), (PHONE_BOUND, PHONE)):
            journey = {"phone": phone, "events": lines}
            simulator.put(f"/journeys/{courier}/{number}", json=journey).raise_for_status()
        for number in UNANSWERED:
            simulator.put("/faults", json={"code": "502", "number": number}).raise_for_status()
    return stack
