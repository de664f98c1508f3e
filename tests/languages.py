"""Interpreters and compilers of other languages, which a developer's machine need not have and CI has to."""

from __future__ import annotations

import os
import shutil

import pytest


def demand(*commands: str) -> None:
    """Skip the test where one of these is missing; on CI that is a failure."""
    for command in commands:
        if shutil.which(command) is None:
            reason = f"{command} is not installed"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
