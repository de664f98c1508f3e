from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tools.openapi import document

if TYPE_CHECKING:
    from tools.openapi.document import Json


@pytest.fixture(scope="session")
def generated() -> str:
    """The document as the code is now."""
    return json.dumps(document.build(), ensure_ascii=False, indent=2) + "\n"


@pytest.fixture
def api(generated: str) -> Json:
    """The same, for tests to change."""
    parsed: dict[str, Any] = json.loads(generated)
    return parsed
