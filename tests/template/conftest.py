"""The template as data: as it is written (SAM), and as CloudFormation gets it; and what this machine can build it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped, unused-ignore] # comes without types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped, unused-ignore] # comes without types
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that layers can be compiled by: what Lambda calls it, where it is, and what it writes into its bytecode."""

    runtime: str
    path: str
    magic: bytes

    @property
    def tag(self) -> str:
        return self.runtime.replace("python", "cpython-").replace(".", "")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def source(root: Path) -> dict[str, Any]:
    """template.yaml as it is written, with the short tags (`!Ref x`) in their long form (`{"Ref": "x"}`)."""
    template: dict[str, Any] = yaml_parse((root / "template.yaml").read_text())
    return template


@pytest.fixture(scope="session")
def resources(source: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The resources that CloudFormation gets, by logical id, at the parameters' defaults."""
    template = deepcopy(source)
    for resource in template["Resources"].values():
        for place in {"CodeUri", "ContentUri"} & resource["Properties"].keys():
            resource["Properties"][place] = "s3://bucket/" + resource["Properties"][place]
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    translator = Translator({}, Parser(), boto_session=Session(region_name="us-east-1"))
    expanded = translator.translate(template, defaults)["Resources"]
    plain: dict[str, dict[str, Any]] = json.loads(
        json.dumps(expanded)
    )  # SAM's dictionaries compare in ways of their own
    return plain


@pytest.fixture(scope="session")
def monitoring(root: Path) -> dict[str, Any]:
    """monitoring.yaml as it is written, but for short tags, as in `source`."""
    template: dict[str, Any] = yaml_parse((root / "monitoring.yaml").read_text())
    return template


@pytest.fixture(scope="session")
def alarms(source: dict[str, Any], monitoring: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of every alarm, by logical id; references are to what template.yaml gives for the parameters."""
    given = source["Resources"]["Monitoring"]["Properties"]["Parameters"]

    def resolved(value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return given[name]
            case dict():
                return {key: resolved(each) for key, each in value.items()}
            case list():
                return [resolved(each) for each in value]
        return value

    return {
        name: resolved(resource["Properties"])
        for name, resource in monitoring["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


@pytest.fixture(scope="session")
def functions(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The properties of every function, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


@pytest.fixture(scope="session")
def statements(resources: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What every role allows, by logical id; `Action` and `Resource` are always lists."""
    return {
        name: [
            {**statement, **{key: _listed(statement[key]) for key in ("Action", "Resource")}}
            for policy in [*resource["Properties"].get("Policies", []), *_policies_of(name, resources)]
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
    }


def _policies_of(role: str, resources: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are resources of their own."""
    return [
        each["Properties"]
        for each in resources.values()
        if each["Type"] == "AWS::IAM::Policy" and {"Ref": role} in each["Properties"]["Roles"]
    ]


@pytest.fixture(scope="session")
def paths(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The API's paths, and by method (`ANY` for the rest) what the gateway does there."""
    return {
        path: {
            {"x-amazon-apigateway-any-method": "ANY"}.get(method, method.upper()): operation
            for method, operation in operations.items()
        }
        for path, operations in resources["Api"]["Properties"]["Body"]["paths"].items()
    }


@pytest.fixture(scope="session")
def interpreter(source: dict[str, Any]) -> Interpreter:
    """The Python of the template's default runtime; where this machine has none, the one that runs the tests."""
    runtime = source["Parameters"]["Runtime"]["Default"]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(versions.glob(runtime.removeprefix("python") + "*/bin/python"))
    candidates = [_interpreter(path) for path in (runtime, "python3", *map(str, installed))]
    matching = [candidate for candidate in candidates if candidate and candidate.runtime == runtime]
    own = _interpreter(sys.executable)
    assert own is not None
    return matching[0] if matching else own


@pytest.fixture(scope="session")
def sam(root: Path) -> str:
    """The SAM command line, which lives in an environment of its own."""
    command = root / ".venv-sam" / "bin" / "sam"
    if not command.exists():
        reason = "there is no .venv-sam with the SAM command line"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(command)


def _interpreter(path: str) -> Interpreter | None:
    """What `path` is, or None where it does not run, as pyenv's shim of a version that is not switched on."""
    script = (
        "import importlib.util, sys;"
        "print(sys.executable, 'python%d.%d' % sys.version_info[:2], importlib.util.MAGIC_NUMBER.hex(), sep='\\n')"
    )
    try:
        answer = subprocess.run([path, "-c", script], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    executable, runtime, magic = answer.stdout.splitlines()
    return Interpreter(runtime, executable, bytes.fromhex(magic))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
