"""What holds for all tests.

Property tests have no deadline, since no test here asserts on speed; in CI they try the same examples each time, elsewhere new
ones.
The order is a new one each time, but folder by folder, so that a folder's stack ends with it and leaves the machine to others.
Powertools reads whose log and metrics they are where `waybill.observe` is imported first, which may be any test's module.
"""

from __future__ import annotations

import functools
import os
import signal
from typing import Final

import botocore.session
import pytest
from hypothesis import settings

WAITING: Final = ("e2e", "examples", "browser", "docs", "cli", "faults", "attacks")
"""Folders whose tests wait for a running stack. They come first, and what is short fills the gaps at the end."""

os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "waybill-test")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Waybill")

# A shell has what it runs in the background ignore Ctrl-C, and whatever that starts does as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Each mock of AWS begins a new session, which would read the descriptions of all services anew: a quarter of a second a test.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

settings.register_profile("waybill", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("waybill")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> tuple[int, str]:
        folder = item.path.parent.name
        return (WAITING.index(folder) if folder in WAITING else len(WAITING), folder)

    items.sort(key=turn)


@pytest.fixture(scope="session")
def whole() -> bool:
    """Set by `make attacks`: all of what attacks, not the quick version that is among the tests."""
    return bool(os.environ.get("WAYBILL_ATTACKS"))
