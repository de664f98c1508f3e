"""What a function behind a queue does with a batch: all of its messages at once, and each failure told by its message.

A message that fails comes back by itself, and after some tries lies in the dead-letter queue; so does one that nobody can read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from waybill import observe
from waybill.brake import FAULTS
from waybill.errors import StoreUnavailable, WaybillError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batches(Generic[T]):
    """`read` makes of a message's body what `work` does; `named` says in a log what that was; `threads` take a whole batch at once.

    `read` raises ValueError for a body that says nothing. `close` is called at the end of a batch, and adds to its log line.
    """

    read: Callable[[str], T]
    work: Callable[[T], None]
    named: Callable[[T], Mapping[str, Any]]
    threads: Executor
    close: Callable[[], Mapping[str, Any]] = dict

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """SQS's partial batch response: the messages that are to come back."""
        started = time.perf_counter()
        records = event["Records"]
        done = list(self.threads.map(self._done, (record["body"] for record in records)))
        failed = [record["messageId"] for record, well in zip(records, done, strict=True) if not well]
        closing = self.close()
        observe.logger.info(
            "batch",
            extra={
                "messages": len(records),
                "failed": len(failed),
                **closing,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            },
        )
        observe.flush()
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    def _done(self, body: str) -> bool:
        try:
            said = self.read(body)
        except ValueError:
            observe.logger.error("unreadable message", extra={"bytes": len(body)})
            return False
        try:
            self.work(said)
        except WaybillError as error:
            observe.logger.warning(
                "message failed", extra={**self.named(said), "error": type(error).__name__}
            )
            return False
        except Exception as fault:  # noqa: BLE001 - one message's fault must not bring back the others of its batch
            observe.on_fault(fault)
            return False
        return True


class Tally:
    """Counts what calls came to, from any thread, and reports them at the end of a batch."""

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report
        self._lock = Lock()
        self._calls = self._faults = 0

    def count(self, outcome: str) -> None:
        with self._lock:
            self._calls += 1
            self._faults += outcome in FAULTS

    def close(self) -> dict[str, int]:
        """Report calls and faults since the last time, if there were any."""
        with self._lock:
            calls, faults = self._calls, self._faults
            self._calls = self._faults = 0
        if calls:
            try:
                self._report(calls, faults)
            except StoreUnavailable:
                observe.logger.warning("calls not counted for the brake", extra={"calls": calls})
        return {"calls": calls, "faults": faults}
