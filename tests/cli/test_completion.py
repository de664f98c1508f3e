"""The script `bin/waybill`, from any folder, and its completion."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cli.exits import CODES
from tests.cli.conftest import COMMAND

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    known = {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8"}
    return subprocess.run(
        arguments, cwd=folder, env={**known, **environ}, capture_output=True, text=True, check=False
    )


def test_it_runs_from_any_folder_and_by_any_name(tmp_path: Path) -> None:
    link = tmp_path / "wb"
    link.symlink_to(COMMAND)
    for command in ("waybill", str(COMMAND), str(link)):
        shown = run(command, "--help", folder=tmp_path)
        assert shown.returncode == 0, shown.stderr
        for group in (
            "track",
            "watch",
            "shipments",
            "events",
            "webhooks",
            "tokens",
            "usage",
            "dlq",
            "sim",
            "doctor",
        ):
            assert group in shown.stdout
        for code in CODES:
            assert str(code) in shown.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_for_each_shell(tmp_path: Path, shell: str) -> None:
    shown = run("waybill", "--show-completion", shell, folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "_WAYBILL_COMPLETE" in shown.stdout


def test_an_installed_completion_completes(tmp_path: Path) -> None:
    installed = run("waybill", "--install-completion", "bash", folder=tmp_path)
    assert installed.returncode == 0, installed.stderr
    ask = """
        source "$HOME/.bashrc"
        COMP_WORDS=(waybill shipments ex) COMP_CWORD=2
        $(complete -p waybill | sed 's/.*-F \\([^ ]*\\).*/\\1/') waybill
        echo "${COMPREPLY[@]}"
    """
    answered = run("bash", "-c", ask, folder=tmp_path)
    assert answered.stdout.split() == ["export"], answered.stderr


@pytest.mark.parametrize("name", ["waybill", "waybill-admin"])
def test_an_installation_that_was_broken_off_is_told(tmp_path: Path, name: str) -> None:
    command = tmp_path / "bin" / name
    command.parent.mkdir()
    command.write_bytes((COMMAND.parent / name).read_bytes())
    command.chmod(0o755)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    shown = run(str(command), "--help", folder=tmp_path)
    assert shown.returncode == 2
    assert "not installed yet" in shown.stderr
