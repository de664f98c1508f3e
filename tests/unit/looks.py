"""Parcels told in codes and hours, and how long it is until the next look at them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local.simulator.history import local_time
from waybill import statuses
from waybill.errors import DAY, HOUR
from waybill.model import Event, Parcel, event_id
from waybill.schedule import Watch, next_check

if TYPE_CHECKING:
    from waybill.pace import Learned

BLANK = Parcel("yuantong", "YT0000001")
MONDAY = 1_772_380_800.0  # 2026-03-02 00:00 in Shanghai


def at(day: int, hour: float) -> float:
    return MONDAY + day * DAY + hour * HOUR


def parcel(*lines: tuple[str, float], **fields: object) -> Parcel:
    """A parcel with these lines, `(vendor code, epoch seconds)`, oldest first."""
    events = []
    for code, moment in lines:
        status, _ = statuses.resolve(code)
        time = local_time(moment).isoformat(timespec="seconds")
        text = f"line {code}"
        events.append(
            Event(event_id(time, text, code), time, "assumed", text, code, status.status, status.substatus)
        )
    last, _ = statuses.resolve(lines[-1][0])
    known = replace(
        BLANK,
        status=last.status,
        substatus=last.substatus,
        terminal=last.terminal,
        events=tuple(events[::-1]),
    )
    return replace(known, **fields)  # type: ignore[arg-type] # fields of Known


def wait(
    known: Parcel, now: float, learned: Learned | None = None, *, misses: int = 0, waits: float = 1.0
) -> float:
    """Hours from a check now to the next one."""
    watch = Watch(now - 5 * DAY, checked_at=now, misses=misses, waits=waits)
    planned = next_check(known, now, watch, learned)
    assert planned is not None
    return (planned[0] - now) / HOUR
