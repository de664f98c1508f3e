"""What an answer does to a followed parcel: its history, its milestones, its next look, and the copies that lists show.

The same whoever asked: a caller's own query counts as a look. Everything here may be done again, after a crash or by two at once::

    copies  ->  row + history + births, in one transaction under the revision that was read  ->  statistics

What comes before the transaction is done again with it, for the parcel stays due until then; and what comes after may be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from waybill import pace, schedule
from waybill.errors import DAY, StoreUnavailable
from waybill.merge import merge
from waybill.model import Answer
from waybill.parcels import BIRTHS, milestone_key
from waybill.shipments import Link, Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.freshness import Known
    from waybill.lessons import Lessons
    from waybill.model import Milestone, Parcel
    from waybill.parcels import Parcels
    from waybill.reflection import Reflection
    from waybill.tracked import Dossier, Tracked

ROUNDS: Final = 8
FORGOTTEN_AFTER: Final = 90 * DAY
"""So long the row of a parcel stays that is followed no more."""
NOTIFIES: Final = 1.5
"""How much dearer news is that somebody is to be told of than what lies in a list."""


@dataclass(frozen=True, slots=True)
class Following:
    """Follows parcels of one table. `gap` is the least time between two calls for a number, `now` service time.

    `on_loss` hears of an answer that could not be written down by who heard it; the parcel's next look does it again.
    """

    parcels: Parcels
    reflection: Reflection
    lessons: Lessons
    gap: float
    now: Callable[[], float]
    on_loss: Callable[[StoreUnavailable], None]

    def __call__(self, known: Known) -> None:
        """As `follow`, for a caller who has an answer to give and cannot wait for a store that is away."""
        try:
            self.follow(known)
            self.lessons.write()
        except StoreUnavailable as error:
            self.on_loss(error)

    def follow(self, known: Known, seen: Dossier | None = None) -> None:
        """Let a followed parcel learn what is known of its number; one that nobody registered is left alone.

        `seen` is what the caller has just read. An answer older than the last look may still bear milestones.

        Raises:
            StoreUnavailable: it may not be written, and has to be done again.
        """
        if known.parcel is None:
            return
        link = Link(known.parcel.courier, known.parcel.number)
        conflicts = 0
        while conflicts < ROUNDS:
            before = seen or self.parcels.read(link)
            seen = None
            if before.tracked is None or (before.tracked.next_at is None and not before.waiting):
                standing = Standing.of(known.parcel, known.fetched_at)
                self.reflection.reflect(before.watches, known, standing)
                return
            tracked, parcel, born = self._after(before, before.tracked, known)
            checked_at = max(known.fetched_at, tracked.checked_at or 0.0)
            standing = Standing.of(parcel, checked_at, stalled=tracked.stalled)
            self.reflection.reflect(before.watches, known, standing)
            partly = len(born) > BIRTHS
            if partly:
                # The row stays as it was, so that a crash in between leaves the parcel due.
                tracked, born = before.tracked, born[:BIRTHS]
                parcel = replace(before.parcel, milestones=(*before.parcel.milestones, *born))
            if (tracked, parcel) == (before.tracked, before.parcel):
                return
            news = None if parcel == before.parcel else parcel
            # A history that was restored learns again of what has been told already.
            untold = tuple(each for each in born if milestone_key(each) not in before.born)
            if self.parcels.write(before, tracked, news, untold, known.parcel, now=self.now()) is None:
                conflicts += 1
            elif not partly:
                stays = pace.stays(before.parcel, parcel, schedule.offset_of(parcel))
                self.lessons.add(link.courier, stays)
                if (
                    parcel.terminal
                    and not before.parcel.terminal
                    and before.tracked.registered_at is not None
                ):
                    # The later look at a signature is still to come.
                    lasted = checked_at - before.tracked.registered_at
                    self.lessons.over(before.tracked.looks + 2, lasted)
                return
        raise StoreUnavailable("Too many change this parcel at once. Ask again.", retry_after=1)

    def _after(
        self, before: Dossier, tracked: Tracked, known: Known
    ) -> tuple[Tracked, Parcel, tuple[Milestone, ...]]:
        """The row, the parcel and the births that an answer leads to."""
        if known.parcel is None:
            raise AssertionError("an answer without a parcel")
        merged, born = merge(before.parcel, Answer(known.parcel))
        if tracked.checked_at is not None and known.fetched_at <= tracked.checked_at:
            return tracked, replace(before.parcel, milestones=merged.milestones), born
        looked = replace(
            tracked,
            checked_at=known.fetched_at,
            misses=0 if merged.events else known.misses,
            failures=0,
            looks=tracked.looks + 1,
            sequence=known.sequence,
            status=merged.status,
            terminal=merged.terminal,
            phone_bound=known.phone_bound,
        )
        return self.plan(replace(before, parcel=merged, tracked=looked), known.next_allowed_at), merged, born

    def plan(self, dossier: Dossier, allowed_at: float = 0.0) -> Tracked:
        """The row with when to look next and why, or why no more. `allowed_at` is when the number may be asked for again."""
        tracked, parcel, now = dossier.tracked, dossier.parcel, self.now()
        if tracked is None:
            raise AssertionError("nobody registered it")
        watch = schedule.Watch(
            registered_at=now if tracked.registered_at is None else tracked.registered_at,
            checked_at=tracked.checked_at,
            misses=tracked.misses,
            allowed_at=allowed_at,
            waits=_waits(dossier),
            gap=self.gap,
        )
        learned = self.lessons.of(parcel.courier)
        quiet = replace(tracked, stalled=schedule.stalled(parcel, now, learned))
        planned = schedule.next_check(parcel, now, watch, learned)
        if planned is None:
            ended = schedule.end(parcel, now, watch) or "expired"
            return replace(stopped(quiet, ended, now), registered_at=None, looks=0, failures=0)
        at, reason = planned
        return replace(
            quiet,
            registered_at=watch.registered_at,
            next_at=at,
            due_at=at,
            reason=reason,
            expires_at=None,
        )


def stopped(tracked: Tracked, reason: str, now: float) -> Tracked:
    """A row that comes due no more, until its parcel is put on the schedule again."""
    return replace(tracked, next_at=None, due_at=None, reason=reason, expires_at=now + FORGOTTEN_AFTER)


def _waits(dossier: Dossier) -> float:
    """What news is worth to those who wait for it; who has completed their shipment waits no more."""
    if not dossier.waiting:
        return 0.0
    return NOTIFIES if any(ship.registration.notify for ship in dossier.waiting) else 1.0
