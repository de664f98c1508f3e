from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stacks import RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack that asks nothing by itself."""
    with running_stack(tmp_path_factory.mktemp("state"), WAYBILL_SCHEDULE="off") as running:
        yield running
