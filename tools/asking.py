"""A secret from standard input: out of a pipe as it is, at a terminal without being shown."""

from __future__ import annotations

import getpass
import sys


def secret(prompt: str) -> str:
    """One line, empty where the input has ended."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        return getpass.getpass(prompt).strip()
    except EOFError:
        return ""
