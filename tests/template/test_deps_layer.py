"""The layer of third-party packages is for the functions' machine, whatever machine builds it, and is compiled already."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.template.conftest import Interpreter

ELF_MACHINE = {"arm64": 183, "x86_64": 62}
"""e_machine of the ELF header: EM_AARCH64 and EM_X86_64 (System V ABI, chapter 4)."""

UNCHECKED_HASH = 0b01
"""The flags of a .pyc that is used without a look at its source (PEP 552)."""


def make(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "build-DepsLayer"],
        cwd=root / "layers" / "deps",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module", params=ELF_MACHINE)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def layer(
    root: Path, interpreter: Interpreter, architecture: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    artifacts = tmp_path_factory.mktemp(f"layer-{architecture}")
    built = make(
        root,
        ARTIFACTS_DIR=str(artifacts),
        WAYBILL_RUNTIME=interpreter.runtime,
        WAYBILL_ARCHITECTURE=architecture,
        WAYBILL_PYTHON=interpreter.path,
    )
    assert built.returncode == 0, built.stderr
    return artifacts / "python"


def test_every_compiled_library_is_for_the_processor_and_the_python_of_the_functions(
    layer: Path, interpreter: Interpreter, architecture: str
) -> None:
    libraries = sorted(layer.rglob("*.so*"))
    assert libraries, "pydantic-core is compiled"
    for library in libraries:
        header = library.read_bytes()[:20]
        assert header[:4] == b"\x7fELF"
        assert struct.unpack_from("<H", header, 18) == (ELF_MACHINE[architecture],), library.name
        assert interpreter.tag in library.name or ".abi3." in library.name


def test_every_module_is_compiled_by_the_python_of_the_functions_and_never_checked_again(
    layer: Path, interpreter: Interpreter
) -> None:
    modules = sorted(layer.rglob("*.py"))
    assert len(modules) > 100
    for module in modules:
        compiled = module.parent / "__pycache__" / f"{module.stem}.{interpreter.tag}.pyc"
        magic, flags = struct.unpack_from("<4sI", compiled.read_bytes())
        assert (magic, flags) == (interpreter.magic, UNCHECKED_HASH), compiled


def test_tracebacks_name_the_place_in_lambda_and_not_on_the_machine_that_built_it(layer: Path) -> None:
    here = str(layer.parent).encode()
    compiled = sorted(layer.rglob("*.pyc"))
    assert not [path for path in compiled if here in path.read_bytes()]
    assert b"/opt/python/httpx/" in (layer / "httpx" / "__pycache__" / compiled_client(layer)).read_bytes()


def compiled_client(layer: Path) -> str:
    (client,) = (layer / "httpx" / "__pycache__").glob("_client.*.pyc")
    return client.name


@pytest.mark.parametrize(
    "package", ["aws_lambda_powertools", "httpx", "pydantic", "certifi", "jwt", "cryptography"]
)
def test_the_layer_has_what_the_functions_import(layer: Path, package: str) -> None:
    assert (layer / package / "__init__.py").is_file()


@pytest.mark.parametrize("package", ["boto3", "botocore", "s3transfer", "aws_xray_sdk"])
def test_the_layer_has_nothing_that_the_runtime_ships_or_that_costs_a_cold_start(
    layer: Path, package: str
) -> None:
    assert not list(layer.glob(f"{package}*"))


def test_the_layer_has_no_programs_and_no_tests(layer: Path) -> None:
    assert not list(layer.glob("bin"))
    assert not list(layer.glob("*/tests"))


def test_a_python_that_is_not_there_is_named_with_the_ways_out(root: Path, tmp_path: Path) -> None:
    built = make(root, ARTIFACTS_DIR=str(tmp_path), WAYBILL_RUNTIME="python3.99")
    assert built.returncode != 0
    for word in ("Python 3.99", "WAYBILL_PYTHON", "WAYBILL_RUNTIME"):
        assert word in built.stderr
    assert not list(tmp_path.iterdir())


def test_a_processor_that_lambda_has_not_is_refused(root: Path, tmp_path: Path) -> None:
    built = make(root, ARTIFACTS_DIR=str(tmp_path), WAYBILL_ARCHITECTURE="riscv64")
    assert built.returncode != 0
    assert "riscv64" in built.stderr


def test_the_build_has_the_defaults_of_the_template(root: Path, source: dict[str, Any]) -> None:
    makefiles = [(root / "layers" / name).read_text() for name in ("python.mk", "deps/Makefile")]
    defaults = dict(re.findall(r"^(WAYBILL_\w+) \?= (\S+)$", "".join(makefiles), re.MULTILINE))
    assert defaults == {
        "WAYBILL_RUNTIME": source["Parameters"]["Runtime"]["Default"],
        "WAYBILL_ARCHITECTURE": source["Parameters"]["Architecture"]["Default"],
    }
