"""What `sam build` makes of this checkout for this machine, laid out for a process as Lambda lays it out; and the usual stack."""

from __future__ import annotations

import compileall
import os
import platform
import py_compile
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types

from bench.loop import Place

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / ".local/bench"
USUAL: Final = ROOT / "requirements/bench.txt"


@dataclass(frozen=True, slots=True)
class Built:
    """Functions by their short name, with their logical id; the layers that all of them have."""

    functions: dict[str, Path]
    logical_ids: dict[str, str]
    layers: dict[str, Path]

    def place(self, function: str) -> Place:
        return Place(self.functions[function], [layer / "python" for layer in self.layers.values()])

    def sizes(self) -> dict[str, int]:
        """Bytes of each artifact, unpacked."""
        return {name: _size(folder) for name, folder in {**self.functions, **self.layers}.items()}


def build() -> Built:
    """Build for this machine's processor and Python, into a folder of its own; what has not changed is not built again."""
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    for folder in ("functions", "layers/core"):
        for cache in list((ROOT / folder).rglob("__pycache__")):
            shutil.rmtree(cache, ignore_errors=True)
    subprocess.run(
        [
            *(ROOT / ".venv-sam/bin/sam", "build", "--cached", "--cache-dir", FOLDER / "cache"),
            *("--build-dir", FOLDER / "build", "--parameter-overrides"),
            *(f"Runtime={runtime}", f"Architecture={architecture}"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "SAM_CLI_TELEMETRY": "0",
            "WAYBILL_RUNTIME": runtime,
            "WAYBILL_ARCHITECTURE": architecture,
            "WAYBILL_PYTHON": sys.executable,
        },
        check=True,
        capture_output=True,
    )
    template = FOLDER / "build/template.yaml"
    functions, logical_ids, layers = {}, {}, {}
    for name, resource in yaml_parse(template.read_text(encoding="utf-8"))["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            folder = (template.parent / resource["Properties"]["CodeUri"]).resolve()
            functions[folder.name], logical_ids[folder.name] = folder, name
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            layers[name] = template.parent / resource["Properties"]["ContentUri"]
    return Built(functions, logical_ids, layers)


def bare() -> Place:
    """The bare function, byte-compiled."""
    folder = _copy("bare")
    compileall.compile_dir(folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return Place(folder)


def usual() -> Place:
    """The usual stack with packages as pip brings them; botocore comes with the runtime, which is to its advantage."""
    packages = FOLDER / "usual-packages"
    done = packages / "done"
    if not done.exists() or done.read_bytes() != USUAL.read_bytes():
        shutil.rmtree(packages, ignore_errors=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"),
                *("--require-hashes", "--only-binary=:all:", "--target", packages, "--requirement", USUAL),
            ],
            check=True,
            capture_output=True,
        )
        for each in packages.glob("botocore*"):
            shutil.rmtree(each)
        done.write_bytes(USUAL.read_bytes())
    return Place(_copy("usual"), [packages])


def _copy(name: str) -> Path:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    return shutil.copytree(
        ROOT / "bench/functions" / name, folder, ignore=shutil.ignore_patterns("__pycache__")
    )


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
