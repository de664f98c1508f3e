"""Full-width characters, as Chinese keyboards type them, to the ASCII ones they stand for."""

from __future__ import annotations

from typing import Final

_ALL: Final = {0x3000: 0x20} | {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}


def to_ascii(text: str) -> str:
    """Letters, digits, signs and the space; nothing else changes."""
    return text.translate(_ALL)
