"""What README.md and docs/*.md tell readers to run is run, in their order, and shows what they say it shows."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import DOCUMENTS, Block, answers, blocks, differences, is_error
from tests.docs.conftest import PLANNED
from tests.stacks import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Terminal

LOCAL = [each for each in DOCUMENTS if any(not block.of_a_deployment for block in blocks(each))]
DEPLOYED = [each for each in DOCUMENTS if any(block.of_a_deployment for block in blocks(each))]
AWS = re.compile(r"\baws [a-z]")


@pytest.mark.parametrize("document", LOCAL, ids=lambda path: path.stem)
def test_commands_for_the_local_stack_work_as_pasted(document: Path, reader: Terminal) -> None:
    wanted = [block for block in blocks(document) if not block.of_a_deployment]
    if any(AWS.search(block.commands) for block in wanted):
        needs(".venv-aws/bin/aws")
    for block, output in zip(wanted, reader.run(wanted), strict=True):
        shows(block, output)


@pytest.mark.parametrize("document", DEPLOYED, ids=lambda path: path.stem)
def test_commands_for_a_deployment_work_as_pasted(document: Path, cloud: Terminal) -> None:
    """The emulator is the account: SAM builds, uploads and deploys to it, the AWS command line asks it."""
    needs(".venv-aws/bin/aws")
    needs(".venv-sam/bin/sam")
    wanted = [block for block in blocks(document) if block.of_a_deployment]
    for block, output in zip(wanted, cloud.run(wanted), strict=True):
        shows(block, output)


def shows(block: Block, output: str) -> None:
    found = answers(output)
    if block.shown is not None:
        assert found, f"{block} prints no JSON, and some is shown:\n{output}"
        unlike = differences(block.shown, found[-1])
        assert not unlike, f"{block}\n" + "\n".join(unlike)
    refused = [each for each in found if is_error(each)]
    expected = [found[-1]] if block.shown is not None and is_error(block.shown) else []
    assert refused == expected, f"{block}\n{block.commands}"


def needs(program: str) -> None:
    """Skip without it, but where all has to be tested: make check installs it."""
    if not (ROOT / program).exists():
        reason = f"there is no {program}; make check installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.parametrize("target", PLANNED)
def test_what_is_planned_only_is_there_to_be_run(target: str, terminal: Terminal) -> None:
    block = Block(ROOT / "Makefile", 1, f"make {target}\n")
    assert terminal.run([block]) == [""]


def test_a_target_that_is_not_there_is_found(terminal: Terminal) -> None:
    with pytest.raises(AssertionError, match="No rule to make target"):
        terminal.run([Block(ROOT / "README.md", 1, "make no-such-target\n")])


def test_a_command_that_fails_is_found(terminal: Terminal) -> None:
    good, bad = (
        Block(ROOT / "README.md", line, text) for line, text in ((1, "echo 1\n"), (5, "false | cat\n"))
    )
    with pytest.raises(AssertionError, match=r"README\.md:5"):
        terminal.run([good, bad, good])


def test_an_error_that_is_not_shown_is_found(reader: Terminal) -> None:
    commands = 'curl -s "$WAYBILL/v1/couriers" -H "Authorization: Bearer $TOKEN"\n'
    error = {"error": {"error_code": "INVALID_PARAMETER"}}
    unsaid, said = Block(ROOT / "README.md", 1, commands), Block(ROOT / "README.md", 1, commands, error)
    (output, again) = reader.run([unsaid, said])
    with pytest.raises(AssertionError, match=r"README\.md:1"):
        shows(unsaid, output)
    shows(said, again)
