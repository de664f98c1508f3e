"""A reader's place: a copy of the project, a terminal in it, the local stack, and a cloud to deploy to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from local.administrator import CREDENTIALS
from local.deploy import NO_AWS_SETTINGS, REGION
from local.options import SIMULATOR_CREDENTIALS
from local.process import clean_environment
from local.template import STACK
from tests import loopback
from tests.emulators import running_emulator
from tests.loopback import wait_until
from tests.stacks import ROOT, RunningStack, running_stack
from waybill.access import SCOPES, Token, hash_token, new_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.docs.blocks import Block

PLANNED: Final = {
    "run": "stays in the foreground; the harness has a stack of its own",
    "test": "these tests are part of it",
    "check": "likewise",
    "proof": "minutes, and a test of its own",
    "proof-told": "likewise",
    "proof-import": "likewise",
    "faults": "likewise",
    "bench-schedule": "minutes",
    "member-limit": "waits a minute for the gateway; tests/functions/test_limits.py has no gateway to wait for",
    "member-unlimit": "likewise",
    "lock": "changes what is pinned, and needs uv",
}
"""Targets of the Makefile that are not run for a document, and why; `make -n` has to find them and all that they need."""
ORDER: Final = "10001"
SEPARATOR: Final = "\x1e"
SECONDS: Final = 900
_IGNORED: Final = shutil.ignore_patterns(
    ".git", ".venv*", ".local", ".aws-sam", ".*_cache", ".hypothesis", "__pycache__"
)
_MAKE: Final = """#!/bin/sh
case " $* " in {cases}) exec {make} -n "$@" >/dev/null ;; esac
exec {make} "$@"
"""


@dataclass(frozen=True)
class Terminal:
    """A shell in the copy of the project, with the variables that readers set."""

    project: Path
    variables: Mapping[str, str]
    replaced: Mapping[str, str] = field(default_factory=dict)

    def run(self, blocks: list[Block]) -> list[str]:
        """What each block prints. They run in one shell, so that a later one has the variables of those before it."""
        script = f"printf '{SEPARATOR}'\n".join(block.commands for block in blocks)
        for text, other in self.replaced.items():
            script = script.replace(text, other)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.project,
            env=dict(self.variables),
            input="y\n" * 9,  # production asks before it changes
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        printed = done.stdout.split(SEPARATOR)
        failed = blocks[len(printed) - 1]
        assert done.returncode == 0, f"{failed}\n{failed.commands}\n{printed[-1]}{done.stderr}"
        assert len(printed) == len(blocks), f"{failed} ended the shell"
        return printed


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, since commands write into it. What is installed stays installed: make goes by the age of files."""
    folder = tmp_path_factory.mktemp("reader") / "waybill"
    shutil.copytree(ROOT, folder, ignore=_IGNORED, symlinks=True)
    for environment in ROOT.glob(".venv*"):
        (folder / environment.name).symlink_to(environment.resolve())
    for file in (folder / "requirements").iterdir():
        os.utime(file, (0, 0))
    # What is released is checked out before it is deployed.
    git = ["git", "-c", "user.name=reader", "-c", "user.email=reader@example.com"]
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "release"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="package")
def variables(project: Path) -> dict[str, str]:
    """Of every terminal. The programs are the project's, but for a `make` that only plans what would take too long."""
    programs = project.parent / "programs"
    programs.mkdir()
    make = shutil.which("make")
    cases = "|".join(f'*" {target} "*' for target in PLANNED)
    (programs / "make").write_text(_MAKE.format(cases=cases, make=make))
    (programs / "make").chmod(0o755)
    # Version 1 of the command line does not take SQS's address from the environment in us-east-1.
    aws = programs / "aws"
    aws.write_text(f'#!/bin/sh\nexec "{project}/.venv-aws/bin/aws" --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n')
    aws.chmod(0o755)
    (programs / "python").symlink_to(project / ".venv/bin/python")
    return {
        **clean_environment(),
        **CREDENTIALS,
        **NO_AWS_SETTINGS,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(project.parent),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PAGER": "",
        "NO_COLOR": "1",
        "RELEASE": "HEAD",
        "SAM_CLI_TELEMETRY": "0",
    }


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[RunningStack]:
    """Its clock is quick, so that what comes within a minute comes within three seconds."""
    with running_stack(tmp_path_factory.mktemp("state"), SIM_SPEED="20") as running:
        (project / ".local").mkdir()
        (project / ".local/state").symlink_to(running.state)
        yield running


@pytest.fixture
def terminal(project: Path, variables: dict[str, str]) -> Terminal:
    return Terminal(project, variables)


@pytest.fixture
def reader(
    project: Path, variables: dict[str, str], stack: RunningStack, request: pytest.FixtureRequest
) -> Terminal:
    """At the local stack, as a member of this document's own, who has a parcel and a webhook."""
    name = request.node.name
    member, token = f"reader-{zlib.crc32(name.encode())}", new_token()
    number = f"YT{zlib.crc32(name.encode()):013}"
    stack.tokens.create(Token(hash_token(token), member, SCOPES, int(time.time())))
    # As the demo's, but nobody else has read or registered anything with it.
    newcomer = new_token()
    stack.tokens.create(Token(hash_token(newcomer), f"new-{member}", SCOPES, int(time.time())))
    travelled = [
        {"at": -90_000, "text": "已揽收", "status_code": "103"},
        {"at": -600, "text": "运输中", "status_code": "1002"},
    ]
    journey = f"{stack.simulator}/_sim/journeys/yuantong/{number}"
    loopback.put(journey, json={"events": travelled}).raise_for_status()
    with stack.client() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        shipment = {"order_id": ORDER, "tracking_number": number, "courier": "yuantong"}
        client.post("/v1/shipments", json=shipment).raise_for_status()
        wait_until(lambda: client.post(f"/v1/shipments/{ORDER}/refresh").is_success)
        hook = {"url": "http://127.0.0.1:9/hook", "events": ["*"]}
        webhook = client.post("/v1/webhooks", json=hook).raise_for_status().json()["id"]
        wait_until(lambda: client.get("/v1/events?after=0").raise_for_status().json()["events"])
    return Terminal(
        project,
        {
            **variables,
            "WAYBILL": stack.api,
            "WAYBILL_URL": stack.api,
            "TOKEN": token,
            "WAYBILL_TOKEN": token,
            "MEMBER": member,
            "ORDER": ORDER,
            "NUMBER": number,
            "WEBHOOK": webhook,
            "HOOK": webhook,
            "SIMULATOR": stack.simulator,
            "TABLE": stack.output("TrackingTable"),
            "CACHE": stack.output("CacheTable"),
            "API": stack.output("ApiId"),
            "STAGE": stack.output("ApiStage"),
            "QUEUE": stack.output("RefreshQueue"),
            "STACK": STACK,
            "LOG_GROUP": function_log(stack, f"/aws/lambda/{STACK}-{member}"),
            "SECRET": stack.output("Kuaidi100Secret"),
            "CUSTOMER": SIMULATOR_CREDENTIALS.customer,
            "KEY": SIMULATOR_CREDENTIALS.key,
            "AWS_ENDPOINT_URL": stack.emulator,
        },
        {
            "http://127.0.0.1:8080": stack.api,
            "http://127.0.0.1:8100": stack.simulator,
            "$(cat .local/state/token)": newcomer,
        },
    )


def function_log(stack: RunningStack, name: str) -> str:
    """A log of this name with a line of an error. The local stack's own is deleted again and again while it runs."""
    logs = stack.aws("logs")
    where = {"logGroupName": name, "logStreamName": "2026/01/01/[1]"}
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(**where)
    line = {
        "timestamp": int(time.time() * 1000),
        "message": '{"level": "ERROR", "message": "unexpected fault"}',
    }
    logs.put_log_events(**where, logEvents=[line])
    return name


@pytest.fixture(scope="package")
def cloud(
    project: Path, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    """At an account to deploy to, as far as the emulator is one."""
    lent = sysconfig.get_paths()["purelib"]
    program = (str(ROOT / "tests/docs/emulator.py"), lent)
    with running_emulator(tmp_path_factory.mktemp("cloud"), *program) as url:
        # Layers hold compiled code, which only this machine's own Python makes here.
        runtime = f"python{sysconfig.get_python_version()}"
        built = {"RUNTIME": runtime, "ARCHITECTURE": _architecture(), "WAYBILL_PYTHON": sys.executable}
        yield Terminal(project, {**variables, **built, "AWS_ENDPOINT_URL": url})


def _architecture() -> str:
    return "arm64" if os.uname().machine in {"arm64", "aarch64"} else "x86_64"
