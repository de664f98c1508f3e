"""How far an import has come, beside the file: what is answered is in it, on the disk, before anything goes on.

    {"waybill_import": 1, "id": ..., "sha256": of the file, "url": ..., "token": its hash, or null}
    {"batch": 0, "registered": 98, "existing": 1, "bad": [{"line", "field", "message", "advice"}]}
    {"finished": true}

A batch whose answer did not come to be written is sent again with the same key, so that the API gives the same answer. The last
line of one who was killed may be torn: it is cut off. Nothing of a row is in it but what is wrong with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from cli.exits import Misuse
from cli.rows import Bad

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX: Final = ".waybill-import"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a batch."""

    registered: int
    existing: int
    bad: tuple[Bad, ...] = ()


@dataclass
class Journal:
    """Open and locked from its making until `close`. `id` names the import in the keys of its requests."""

    path: Path
    id: str
    done: dict[int, Done]
    finished: bool
    _descriptor: int

    @classmethod
    def open(cls, file: Path, digest: str, url: str, token: str, *, restart: bool) -> Self:
        """Go on with the import of a file, or begin it.

        Raises:
            Misuse: another one is at it, the file or who imports it has changed in the middle, or there is no place to write.
        """
        path = file.with_name(f"{file.name}{SUFFIX}")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise Misuse(
                f"{path} cannot be written ({error.strerror}).", "Put the file where you may write."
            ) from error
        try:
            return cls._begun(path, descriptor, digest, url, _hash(token), restart=restart)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def _begun(
        cls, path: Path, descriptor: int, digest: str, url: str, token: str | None, *, restart: bool
    ) -> Self:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Misuse(f"Another import of this file is running ({path.name}).", "Wait for it.") from error
        lines = _lines(descriptor)
        begun = lines[0] if lines else {}
        finished = bool(lines) and "finished" in lines[-1]
        other = None
        if begun.get("url") != url:
            other = f"it was for {begun.get('url')}"
        elif begun.get("sha256") != digest:
            other = "the file has changed since"
        elif token and begun.get("token") and begun["token"] != token:
            other = "it was begun with another token"
        if begun and other and not finished and not restart:
            raise Misuse(
                f"The import of this file was broken off, and {other}.",
                "Finish it as it was, or begin anew with --restart: "
                "what is registered stays, and is not registered twice for the same member.",
            )
        if not begun or restart or other:
            os.ftruncate(descriptor, 0)
            begun = {
                "waybill_import": _FORMAT,
                "id": str(uuid.uuid4()),
                "sha256": digest,
                "url": url,
                "token": token,
            }
            lines, finished = [begun], False
            _append(descriptor, begun)
            _sync_folder(path.parent)
        done = {
            each["batch"]: Done(
                each["registered"], each["existing"], tuple(Bad(**bad) for bad in each["bad"])
            )
            for each in lines
            if "batch" in each
        }
        return cls(path, begun["id"], done, finished, descriptor)

    def add(self, batch: int, done: Done) -> None:
        said = {"batch": batch, "registered": done.registered, "existing": done.existing}
        _append(self._descriptor, {**said, "bad": [asdict(bad) for bad in done.bad]})
        self.done[batch] = done

    def finish(self) -> None:
        if not self.finished:
            _append(self._descriptor, {"finished": True})
            self.finished = True

    def close(self) -> None:
        os.close(self._descriptor)

    def key(self, batch: int) -> str:
        """The Idempotency-Key of a batch."""
        return f"{self.id}-{batch}"


def _hash(token: str) -> str | None:
    """What tells tokens apart. A JWT is another one each hour, and says nothing of who imports."""
    return hashlib.sha256(token.encode()).hexdigest() if token.startswith("wb_") else None


def _lines(descriptor: int) -> list[dict[str, Any]]:
    """What was written, without a last line that is torn, which is cut off."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    data = b""
    while chunk := os.read(descriptor, 1 << 20):
        data += chunk
    whole, _, torn = data.rpartition(b"\n")
    if torn:
        os.ftruncate(descriptor, len(data) - len(torn))
    try:
        lines = [json.loads(line) for line in whole.split(b"\n") if line]
        known = not lines or lines[0]["waybill_import"] == _FORMAT
    except (ValueError, TypeError, KeyError):
        lines, known = [], False
    if not known:
        raise Misuse(
            "What the last import wrote beside the file cannot be read.",
            f"Delete the file that ends in {SUFFIX} and import again: nothing is registered twice.",
        )
    return lines


def _append(descriptor: int, said: dict[str, Any]) -> None:
    line = f"{json.dumps(said, ensure_ascii=False)}\n".encode("utf-8", "replace")
    while line:
        line = line[os.write(descriptor, line) :]
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """The file's name has to outlive a crash, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
