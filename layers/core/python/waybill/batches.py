"""What a function behind the refresh queue does with a batch: all of its parcels at once, and each failure told by its message.

A message that fails comes back by itself, and after some tries lies in the dead-letter queue; so does one that nobody can read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from waybill import messages, observe
from waybill.brake import FAULTS
from waybill.errors import StoreUnavailable, WaybillError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from waybill.shipments import Link


class Tally:
    """Counts what calls came to, from any thread, until it is taken."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls = self._faults = 0

    def count(self, outcome: str) -> None:
        with self._lock:
            self._calls += 1
            self._faults += outcome in FAULTS

    def take(self) -> tuple[int, int]:
        """`(calls, faults)` since it was last taken."""
        with self._lock:
            taken = self._calls, self._faults
            self._calls = self._faults = 0
        return taken


@dataclass(frozen=True, slots=True)
class Batches:
    """`refresh` does one parcel; `threads` take a whole batch at once; `report` hears what its calls came to, as `tally` has it."""

    refresh: Callable[[Link], None]
    threads: Executor
    tally: Tally
    report: Callable[[int, int], None]

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """SQS's partial batch response: the messages that are to come back."""
        started = time.perf_counter()
        records = event["Records"]
        done = list(self.threads.map(self._done, (record["body"] for record in records)))
        failed = [record["messageId"] for record, well in zip(records, done, strict=True) if not well]
        calls, faults = self.tally.take()
        if calls:
            self._report(calls, faults)
        observe.logger.info(
            "batch",
            extra={
                "messages": len(records),
                "failed": len(failed),
                "calls": calls,
                "faults": faults,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            },
        )
        observe.flush()
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    def _done(self, body: str) -> bool:
        try:
            link = messages.read(body)
        except ValueError:
            observe.logger.error("unreadable message", extra={"bytes": len(body)})
            return False
        try:
            self.refresh(link)
        except WaybillError as error:
            observe.logger.warning(
                "refresh failed",
                extra={"courier": link.courier, "number": link.number, "error": type(error).__name__},
            )
            return False
        except Exception as fault:  # noqa: BLE001 - one parcel's fault must not bring back the others of its batch
            observe.on_fault(fault)
            return False
        return True

    def _report(self, calls: int, faults: int) -> None:
        try:
            self.report(calls, faults)
        except StoreUnavailable:
            observe.logger.warning("calls not counted for the brake", extra={"calls": calls})
