"""A parcel's history as the courier shows it, which is not always as it was: lines change wording, swap places, vanish.

```
events      e0 ---- e1 ---- e2 ---- e3          what happened, fixed from the start
revisions               r: e1 -> e1'            from r.at on, line 1 reads e1' (or is gone)
seen_at(t)  every line with at <= t, as the revisions up to t left it, newest first
```
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from local.simulator.places import Area

SHANGHAI: Final = timezone(timedelta(hours=8))
"""China has one zone and no summer time; the vendor's naive times are all in it."""


def local_time(at: float) -> datetime:
    return datetime.fromtimestamp(at, SHANGHAI)


@dataclass(frozen=True, slots=True)
class JourneyEvent:
    """One line of the history, in both languages; `at` is in epoch seconds."""

    at: float
    status_code: str
    text_zh: str
    text_en: str
    place: Area


@dataclass(frozen=True, slots=True)
class Revision:
    """From `at` on, line `index` reads `event`; with None it is gone. Two lines that swap are two revisions."""

    at: float
    index: int
    event: JourneyEvent | None


@dataclass(frozen=True, slots=True)
class SeenEvent:
    at: float
    status_code: str
    text: str
    place: Area


@dataclass(frozen=True, slots=True)
class Journey:
    """A whole life, past and future. `events` are oldest first; `phone_tail` is set where a script knows the phone.

    `shows_cached`: once the right phone was there, a wrong one is shown what that one was shown last.
    """

    events: tuple[JourneyEvent, ...]
    revisions: tuple[Revision, ...] = ()
    phone_tail: str | None = None
    shows_cached: bool = False

    def seen_at(self, t: float, lang: str = "zh") -> list[SeenEvent]:
        """What the courier shows at time `t`, newest first; of equal times, the later line first."""
        lines: list[JourneyEvent | None] = [event for event in self.events if event.at <= t]
        for revision in self.revisions:
            if revision.at <= t and revision.index < len(lines):
                lines[revision.index] = revision.event
        shown = sorted((line for line in reversed(lines) if line), key=lambda line: -line.at)
        return [
            SeenEvent(line.at, line.status_code, line.text_en if lang == "en" else line.text_zh, line.place)
            for line in shown
        ]

    @property
    def origin(self) -> Area | None:
        return next((event.place for event in self.events if event.place.code), None)

    @property
    def destination(self) -> Area | None:
        return next((event.place for event in reversed(self.events) if event.place.code), None)
