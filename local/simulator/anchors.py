"""When each journey began, kept on disk, so that a restart continues the same journeys.

Spread over small files by a hash of the number: a new parcel rewrites one of them, not the whole.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.simulator.rules import ParcelKey


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader, also after a crash, finds the former content or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=path.name, delete=False
    ) as file:
        file.write(text)
    Path(file.name).replace(path)


class Anchors:
    """Epoch seconds by parcel, each set once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[str, dict[str, float]] = {}

    def get(self, parcel: ParcelKey) -> float | None:
        return self._shard(_shard_name(parcel)).get(_entry(parcel))

    def fix(self, parcel: ParcelKey, at: float) -> None:
        name = _shard_name(parcel)
        shard = self._shard(name)
        shard[_entry(parcel)] = at
        write_whole(self._path(name), json.dumps(shard))

    def _shard(self, name: str) -> dict[str, float]:
        if name not in self._shards:
            path = self._path(name)
            self._shards[name] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return self._shards[name]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _entry(parcel: ParcelKey) -> str:
    return " ".join(parcel)


def _shard_name(parcel: ParcelKey) -> str:
    return hashlib.sha256(_entry(parcel).encode()).hexdigest()[:2]
