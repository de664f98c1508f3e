from __future__ import annotations

import shutil
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.stacks import ROOT, RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import httpx


PROBE_TIMEOUT = 3
# None of it may reach a function, or keep the stack from starting.
OF_THE_HOST = {
    "MY_SECRET": "1",
    "AWS_PROFILE": "no-such",
    "AWS_ACCESS_KEY_ID": "real",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


class StartStack(Protocol):
    """Starts another stack, with a new state folder unless one is given: `with start_stack(SIM_SPEED="600") as stack`."""

    def __call__(
        self, state: Path | None = None, project: Path = ROOT, **environment: str
    ) -> AbstractContextManager[RunningStack]: ...


@pytest.fixture(scope="package")
def start_stack(tmp_path_factory: pytest.TempPathFactory) -> StartStack:
    @contextmanager
    def start(state: Path | None = None, project: Path = ROOT, **environment: str) -> Iterator[RunningStack]:
        folder = state or tmp_path_factory.mktemp("state")
        with running_stack(folder, project=project, **environment) as stack:
            yield stack

    return start


@pytest.fixture(scope="package")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    """One stack for all tests that share it: every test uses tracking numbers of its own, and counts what it asks for itself."""
    with start_stack(WAYBILL_SCHEDULE="off") as running:
        yield running


@pytest.fixture(scope="package")
def fast_stack(start_stack: StartStack) -> Iterator[RunningStack]:
    """One at 600 times speed, where the gap is over in about three seconds; shared as `stack` is."""
    with start_stack(SIM_SPEED="600") as running:
        yield running


class NewMember(Protocol):
    """A client with a token of a member that nobody else is; of the same one again by its `name`."""

    def __call__(self, *scopes: str, name: str = "", on: RunningStack | None = None) -> httpx.Client: ...


@pytest.fixture
def member(stack: RunningStack) -> Iterator[NewMember]:
    with ExitStack() as ends:

        def made(*scopes: str, name: str = "", on: RunningStack | None = None) -> httpx.Client:
            name = name or f"member-{uuid.uuid4().hex[:8]}"
            return ends.enter_context((on or stack).member(name, *(scopes or ("track", "manage"))))

        yield made


def copy_project(folder: Path) -> Path:
    """This project with the probe for its query function, which may take `PROBE_TIMEOUT`."""
    for name in ("local", "layers", "functions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".venv", ".venv-ministack"):
        (folder / name).symlink_to(ROOT / name)
    template = (ROOT / "template.yaml").read_text()
    assert template.count("Timeout: 20\n") == 1
    (folder / "template.yaml").write_text(template.replace("Timeout: 20\n", f"Timeout: {PROBE_TIMEOUT}\n"))
    shutil.copy(Path(__file__).with_name("probe.py"), folder / "functions/query/app.py")
    return folder


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="package")
def probe(start_stack: StartStack, project: Path) -> Iterator[RunningStack]:
    with start_stack(None, project, **OF_THE_HOST) as running:
        yield running


@pytest.fixture
def client(probe: RunningStack) -> Iterator[httpx.Client]:
    with probe.client() as made:
        yield made
