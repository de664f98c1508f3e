"""The template as checkov sees it, and the repository as a finder of secrets sees it."""

from __future__ import annotations

import json
import os
import subprocess
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.stacks import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SKIPPED: Final = 13
NOT_FOR_US: Final = ("HexHighEntropyString", "KeywordDetector")
"""Hashes of packages are no secrets, and to have the word in a name is none."""
OURS: Final = r"wb_[A-Za-z0-9_-]{43}|whsec_[A-Za-z0-9+/=]{40,}"
KNOWN: Final = {
    "events/*.json": "made-up ids of routes and tokens that no issuer signed",
    "layers/core/python/waybill/data/openapi.json": "examples, made of the next",
    "tools/openapi/*.py": "names of operations, and examples that are hashes of words",
    "tests/e2e/test_local_stack.py": "an unknown token",
    "tests/functions/test_operations_route.py": "an address with a password in it, which has to be cut",
    "tests/functions/test_webhooks_route.py": "likewise, which has to be refused",
    "tests/unit/test_signing.py": "the vectors of Standard Webhooks",
}
"""Files in which there is what looks like a secret, and why it is none."""


def tool(name: str) -> str:
    """A command of the environment that is for these scans alone."""
    command = ROOT / ".venv-security" / "bin" / name
    if not command.exists():
        reason = "there is no .venv-security with it: make .venv-security/ready"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(command)


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            tool("checkov"),
            "--config-file",
            str(ROOT / ".checkov.yaml"),
            "--file",
            str(file),
            "--output",
            "json",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
    )


@pytest.mark.parametrize("template", ["template.yaml", "monitoring.yaml"])
def test_the_template_passes_every_check_that_is_not_skipped_for_a_reason(template: str) -> None:
    done = checked(ROOT / template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert template == "monitoring.yaml" or json.loads(done.stdout)["summary"]["passed"] > 50


def test_a_check_that_is_not_skipped_would_be_told(tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}
    weak = tmp_path / "weak.yaml"
    weak.write_text(yaml.safe_dump({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Open": bucket}}))
    assert "CKV_AWS_20" in checked(weak).stdout


def test_no_skip_is_without_its_reason() -> None:
    lines = (ROOT / ".checkov.yaml").read_text(encoding="utf-8").split("skip-check:\n")[1].splitlines()
    skipped = [place for place, line in enumerate(lines) if line.startswith("  - ")]
    assert len(skipped) == SKIPPED
    for place in skipped:
        above = next(line for line in reversed(lines[:place]) if not line.startswith("  - CKV_AWS_1"))
        assert above.startswith("  # ")


# ---- Secrets


def secrets(folder: Path, *files: str) -> list[dict[str, Any]]:
    """What looks like a secret in files of a folder."""
    off = [part for name in NOT_FOR_US for part in ("--disable-plugin", name)] + [
        "--exclude-files",
        r"requirements.*\.txt$",
    ]
    command = [tool("detect-secrets"), "scan", "--no-verify", *off, *files]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout
    return [each for some in json.loads(found)["results"].values() for each in some]


def test_no_file_of_the_repository_has_a_secret() -> None:
    found = secrets(ROOT)
    unknown = [
        f"{each['filename']}:{each['line_number']} {each['type']}"
        for each in found
        if not any(fnmatch(each["filename"], known) for known in KNOWN)
    ]
    assert unknown == []
    assert {known for known in KNOWN if not any(fnmatch(each["filename"], known) for each in found)} == set()


def test_no_file_has_a_token_of_ours_or_a_webhooks_secret_that_could_be_right() -> None:
    grep = ["git", "grep", "-noE", OURS, "--", ":!tests", ":!layers/core/python/waybill/data/openapi.json"]
    found = subprocess.run(grep, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    assert found == ""


def test_a_secret_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(f'AWS = "AKIA{"QYLPMN5HHHFPZAM2"}"\n')
    assert {each["type"] for each in secrets(tmp_path, "config.py")} == {"AWS Access Key"}
