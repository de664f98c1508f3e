"""SAM's own opinion: the template passes its linter, and a build lays everything out where Lambda looks for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types

if TYPE_CHECKING:
    from pathlib import Path

    from tests.template.conftest import Interpreter


UNCHECKED_HASH = (0b01).to_bytes(4, "little")
"""The flags of a .pyc that is used without a look at its source (PEP 552)."""


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "samconfig.toml").read_text())


def run(command: list[str], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("template", ["template.yaml", "monitoring.yaml"])
def test_the_linter_has_nothing_to_say(sam: str, root: Path, template: str) -> None:
    run([sam, "validate", "--lint", "--template", template], root)


def test_a_build_lays_out_functions_and_layers_where_lambda_looks_for_them(
    sam: str, root: Path, interpreter: Interpreter, tmp_path: Path
) -> None:
    for template in ("template.yaml", "monitoring.yaml"):
        shutil.copy(root / template, tmp_path)
    for folder in ("functions", "layers"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    run(
        [sam, "build", "--parameter-overrides", f"Runtime={interpreter.runtime}"],
        tmp_path,
        WAYBILL_RUNTIME=interpreter.runtime,
        WAYBILL_PYTHON=interpreter.path,
    )
    built = tmp_path / ".aws-sam" / "build"
    resources = yaml_parse((built / "template.yaml").read_text())["Resources"]

    def place(name: str, key: str) -> Path:
        return built / str(resources[name]["Properties"][key])

    core = place("CoreLayer", "ContentUri") / "python" / "waybill"
    assert (core / "__init__.py").is_file()
    compiled = {path.name.split(".")[0] for path in core.glob(f"__pycache__/*.{interpreter.tag}.pyc")}
    assert compiled == {path.stem for path in core.glob("*.py")}
    assert all(path.read_bytes()[4:8] == UNCHECKED_HASH for path in core.glob("__pycache__/*")), (
        "a layer is read-only: what is not compiled, or not taken as it is, is compiled at each cold start"
    )
    assert (place("DepsLayer", "ContentUri") / "python" / "pydantic" / "__init__.py").is_file()
    assert (place("AuthorizerFunction", "CodeUri") / "app.py").is_file()
    assert (place("QueryFunction", "CodeUri") / "app.py").is_file()
    nested = place("Monitoring", "TemplateURL").read_text()
    assert "QueryErrorsAlarm" in nested
    assert not re.search(r"<<:|: [&*]\w", nested), "CloudFormation knows neither merges nor aliases"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_deployment_of_each_stage_is_configured(
    config: dict[str, Any], source: dict[str, Any], stage: str
) -> None:
    deploy = config[stage]["deploy"]["parameters"]
    assert deploy["stack_name"] == f"waybill-{stage}"
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert deploy["resolve_s3"] is True
    overrides = dict(override.split("=", 1) for override in deploy["parameter_overrides"])
    assert overrides["Stage"] == stage
    assert overrides.keys() <= source["Parameters"].keys()
    assert config[stage]["build"]["parameters"] == {"cached": True, "parallel": True}


def test_production_asks_before_it_changes(config: dict[str, Any]) -> None:
    assert config["prod"]["deploy"]["parameters"]["confirm_changeset"] is True


def test_the_configuration_names_neither_region_nor_account(root: Path) -> None:
    text = (root / "samconfig.toml").read_text()
    assert "region =" not in text
    assert "profile =" not in text
    assert not any(word.isdigit() and len(word) == 12 for word in text.replace('"', " ").split())
