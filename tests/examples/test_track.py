"""The five examples show one parcel in the same lines, and each runs as it says."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests import receivers
from tests.examples.tracking import (
    ARGUMENTS,
    DELIVERED,
    EXAMPLES,
    FOUND,
    NEEDS,
    PHONE,
    PHONE_BOUND,
    SHOWN,
    TOKEN,
    Example,
    Outcome,
    Runs,
    asking,
    lines_of,
    says,
)
from tests.languages import demand

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stacks import RunningStack


def test_all_show_the_same_parcel_in_the_same_lines(parcels: RunningStack, runs: Runs, language: str) -> None:
    """Also where the locale knows no Chinese."""

    def run(example: Example) -> Outcome:
        return example.run(f"{parcels.api}/", *DELIVERED, WAYBILL_TOKEN=parcels.token, LC_ALL="C")

    done = runs.of(language, "parcel", run)
    assert (done.status, done.err) == (0, "")
    assert done.out == lines_of(parcels, {"expCode": DELIVERED[0], "expNo": DELIVERED[1]})
    assert done.out.startswith("已签收: ")
    assert [line[21:] for line in done.out.splitlines()[1:]] == [
        "您的快件已签收，感谢使用",
        "【深圳转运中心】 已发出 & on its way",
        "快递员已揽收",
    ]


def test_a_phone_comes_from_the_environment(parcels: RunningStack, runs: Runs, language: str) -> None:
    def without_phone(example: Example) -> Outcome:
        return example.run(parcels.api, *PHONE_BOUND, WAYBILL_TOKEN=parcels.token)

    def with_phone(example: Example) -> Outcome:
        return example.run(parcels.api, *PHONE_BOUND, WAYBILL_TOKEN=parcels.token, WAYBILL_PHONE=PHONE)

    refused = runs.of(language, "no phone", without_phone)
    assert (refused.status, refused.out) == (3, "")
    assert refused.err.startswith("PHONE_REQUIRED: ")
    done = runs.of(language, "phone", with_phone)
    assert (done.status, done.err) == (0, "")
    body = {"expCode": PHONE_BOUND[0], "expNo": PHONE_BOUND[1], "phone": PHONE}
    assert done.out == lines_of(parcels, body)


def test_a_request_says_what_was_asked_for(runs: Runs, language: str) -> None:
    done = runs.of(language, "request", asking(receivers.answering(says(200, FOUND)), WAYBILL_PHONE=PHONE))
    assert (done.status, done.out, done.err) == (0, SHOWN, "")
    (request,) = done.requests
    assert request.path == "/v1/track"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.event == {"expCode": ARGUMENTS[0], "expNo": ARGUMENTS[1], "phone": PHONE}


# ---- As they are


@pytest.mark.parametrize("name", ["go", "java"])
def test_a_compiled_language_runs_as_its_comment_says(stack: RunningStack, name: str) -> None:
    demand(*NEEDS[name])
    command = {
        "go": ("go", "run", str(EXAMPLES / "go/track.go")),
        "java": ("java", str(EXAMPLES / "java/Track.java")),
    }[name]
    done = Example(command).run(stack.api, "yuantong", "YT7450353838751", WAYBILL_TOKEN=stack.token)
    assert done.status == 0, done.err
    assert done.out == lines_of(stack, {"expCode": "yuantong", "expNo": "YT7450353838751"})


def test_the_shell_gives_no_secret_to_a_command_line(tmp_path: Path) -> None:
    demand(*NEEDS["shell"])
    seen = tmp_path / "seen"
    for name in ("curl", "jq"):
        wrapper = tmp_path / name
        wrapper.write_text(f'#!/bin/sh\necho "{name} $*" >>{seen}\nexec {shutil.which(name)} "$@"\n')
        wrapper.chmod(0o755)
    shell = Example(("bash", str(EXAMPLES / "shell/track.sh")))
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = asking(receivers.answering(says(200, FOUND)), WAYBILL_PHONE=PHONE, PATH=path)(shell)
    assert (done.status, done.out) == (0, SHOWN)
    assert {"curl", "jq"} <= {line.split()[0] for line in seen.read_text().splitlines()}
    assert TOKEN not in seen.read_text()
    assert PHONE not in seen.read_text()


def test_go_is_formatted_and_vetted() -> None:
    demand("go", "gofmt")
    source = str(EXAMPLES / "go/track.go")
    unformatted: Any = subprocess.run(["gofmt", "-l", source], capture_output=True, check=True).stdout
    assert unformatted == b""
    subprocess.run(["go", "vet", source], check=True)
