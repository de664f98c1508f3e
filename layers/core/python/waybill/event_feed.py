"""The route of the change feed, `GET /v1/events`: for those who cannot be called, and for those who want to be sure.

A caller names the last number that it has and gets what came after it, in order; where nothing has, it may wait for it. Whoever
finds no place to wait is answered at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from waybill import access, event_fields
from waybill.errors import EventsGone, InvalidField
from waybill.gateway import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from waybill.event_views import EventPage
    from waybill.feed import Entry, Feed
    from waybill.gateway import Handler, Request
    from waybill.polls import Polls

LOOK_SECONDS: Final = 0.5
"""Wall seconds between two looks of one who waits, each of which reads one small item."""


@dataclass(frozen=True, slots=True)
class EventFeed:
    """`join` puts a member among the operators, who hear of what is everybody's; `monotonic` and `pause` are wall seconds."""

    feed: Feed
    polls: Polls
    join: Callable[[str], None]
    monotonic: Callable[[], float]
    pause: Callable[[float], None]

    def routes(self) -> dict[tuple[str, str], Handler]:
        return {("GET", "/v1/events"): self.list}

    def list(self, request: Request) -> Response:
        """Events after a number, oldest first.

        Raises:
            InvalidField: no event has had the number yet.
            EventsGone: what came next after the number is no longer kept.
        """
        access.demand(request.scopes, "track")
        after = event_fields.AFTER.read(request.query) or 0
        wait = event_fields.WAIT.read(request.query) or 0
        limit = event_fields.LIMIT.read(request.query) or event_fields.PAGE
        if "admin" in request.scopes:
            self.join(request.member)
        entries = self._read(request.member, after, limit)
        if not entries:
            self._check(request.member, after)
            if wait and self._waited(request.member, after, wait):
                entries = self._read(request.member, after, limit)
        if entries and after and entries[0].sequence > after + 1:
            raise _gone(entries[0].sequence - 1)
        return Response(200, _page(entries, after), {"Cache-Control": "no-store"})

    def _read(self, member: str, after: int, limit: int) -> Sequence[Entry]:
        """Events after a number, up to the first that is just being written."""
        entries, before = self.feed.read(member, after, limit), after
        for place, entry in enumerate(entries):
            if entry.sequence > before + 1 and not self.feed.gone(member, entry.sequence - 1):
                return entries[:place]
            before = entry.sequence
        return entries

    def _check(self, member: str, after: int) -> None:
        last = self.feed.last(member)
        if after > last and self.feed.gone(member, after):
            raise InvalidField("after", f"The newest event has number {last}. Begin with after=0.")
        if 0 < after < last and self.feed.gone(member, last) and not self.feed.read(member, after, 1):
            raise _gone(last)

    def _waited(self, member: str, after: int, wait: float) -> bool:
        """Whether something has come meanwhile."""
        until = self.monotonic() + wait
        with self.polls.place() as place:
            while place and self.monotonic() < until:
                self.pause(min(LOOK_SECONDS, max(0.0, until - self.monotonic())))
                if self.feed.last(member) > after:
                    return True
        return False


def _gone(before: int) -> EventsGone:
    return EventsGone(
        f"Events up to number {before} are no longer kept. Go on with after={before}, and read what you missed from the shipments."
    )


def _page(entries: Sequence[Entry], after: int) -> EventPage:
    return {
        "events": [{"sequence": entry.sequence, **entry.event} for entry in entries],
        "next_after": entries[-1].sequence if entries else after,
    }
