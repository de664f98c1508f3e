from __future__ import annotations

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _closed_sockets() -> object:
    """Unit tests reach nothing; asyncio's own socket pair is a Unix one."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
