"""One due parcel: looked at again, if that is still wanted when its turn comes.

::

    read --not due--> done                          a message that came twice, or too late
      |--known already, but not written down-->     followed, without a call
      |--planned anew: over, or later-->            written, without a call
      '--lane--> lookup --> answer --> followed
                        '--> none --> later, or paused until somebody names a phone number

The dispatcher holds a parcel back while this runs; should it die, the parcel comes due again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from waybill import couriers, freshness, schedule
from waybill.calls import SCHEDULE
from waybill.errors import (
    DAY,
    HOUR,
    MINUTE,
    BudgetExhausted,
    PhoneMismatch,
    PhoneRequired,
    RequestError,
    ServiceError,
    StoreUnavailable,
    UpstreamUnknown,
)
from waybill.following import stopped
from waybill.freshness import Ask, Known
from waybill.lookup import Wanted
from waybill.outcomes import CompanyNotFound, NoResult, OutcomeUnknown, ServerBusy, ServerFault, UnlistedCode
from waybill.shipments import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.couriers import Courier
    from waybill.following import Following
    from waybill.lanes import Lanes
    from waybill.lookup import Found, Lookup, Store
    from waybill.parcels import Parcels
    from waybill.shipments import Link, Shipment
    from waybill.tracked import Dossier, Tracked

RETRY: Final = 5 * MINUTE
"""What could not be asked now is asked after this, or what the error says; and all of it spread over as long again.

Twice as long after each further failure of the number's own, until it is a day.
"""
OWN: Final = frozenset(
    error.outcome for error in (CompanyNotFound, ServerFault, ServerBusy, OutcomeUnknown, UnlistedCode)
)
"""What a call may come to for one number again and again, while those for others are answered."""
UNTIL_BUDGET: Final = HOUR
"""The same where the budget is used up, which lasts for hours."""
ASKED: Final = frozenset(f"upstream_{error.outcome}" for error in (NoResult, OutcomeUnknown, UnlistedCode))
"""Why an answer is old though the courier was asked, or may have been."""
NO_RESULT: Final = f"upstream_{NoResult.outcome}"


@dataclass(frozen=True, slots=True)
class Refresh:
    """`store` is the cache that `lookup` works on; `tail_hash` the keyed hash of a courier's, number's and phone tail."""

    parcels: Parcels
    store: Store
    lookup: Lookup
    following: Following
    lanes: Lanes
    tail_hash: Callable[[str, str, str], str]
    now: Callable[[], float]

    def __call__(self, link: Link) -> None:
        """Look at the parcel, if it is due.

        Raises:
            StoreUnavailable, OutOfTime: try again.
        """
        self.lanes.demand_time()
        seen = self.parcels.read(link)
        tracked = self._due(seen)
        if tracked is None:
            return
        known = self._known(link)
        if known.parcel is not None and known.fetched_at > (tracked.checked_at or 0.0):
            self.following.follow(known, seen)
            seen = self.parcels.read(link)
            tracked = self._due(seen)
            if tracked is None:
                return
        planned = self.following.plan(seen, known.next_allowed_at)
        courier = couriers.find(link.courier)
        if courier is None:
            planned = stopped(planned, "courier_gone", self.now())
        if courier is None or planned.next_at is None or planned.next_at > self.now():
            self._write(seen, planned)
        else:
            self._ask(seen, replace(tracked, stalled=planned.stalled), courier, known)

    def _due(self, seen: Dossier) -> Tracked | None:
        tracked = seen.tracked
        if tracked is None or tracked.next_at is None or tracked.next_at > self.now():
            return None
        return tracked

    def _known(self, link: Link) -> Known:
        return self.store.known(link.courier, link.number, consistent=True) or Known()

    def _ask(self, seen: Dossier, tracked: Tracked, courier: Courier, known: Known) -> None:
        ship, tail, _ = self._best(seen, courier, known)
        said = ship.registration
        wanted = Wanted(
            courier=courier,
            number=ship.number,
            member=ship.member,
            tail=tail,
            lang=said.lang,
            since=tracked.checked_at or 0.0,
            origin=said.origin,
            to=said.to,
            cause=SCHEDULE,
        )
        answers: list[Known] = []
        try:
            with self.lanes.one():
                found = replace(self.lookup, on_known=answers.append).track(wanted, known)
        except StoreUnavailable:
            raise
        except (PhoneRequired, PhoneMismatch):
            self._other_phone(seen, tracked, courier)
        except (RequestError, ServiceError) as error:
            if isinstance(error, UpstreamUnknown) and seen.parcel.terminal:
                self._asked_in_vain(seen, tracked)
            elif isinstance(error, BudgetExhausted):
                # The operator may raise it long before the next one begins.
                self._later(seen, tracked, self.now(), UNTIL_BUDGET)
            else:
                self._failed(seen, tracked, known, self.now() + (error.retry_after or 0.0))
        else:
            if answers and answers[-1].phone_bound:
                # That this member has shown the phone was written after the answer was made.
                shown = self._known(tracked.link).guesses
                self.following.follow(replace(answers[-1], guesses=shown), seen)
            elif answers:
                self.following.follow(answers[-1], seen)
            elif found.fetched_at > (tracked.checked_at or 0.0):
                self.following.follow(self._known(tracked.link), seen)
            else:
                self._unanswered(seen, tracked, known, found)

    def _unanswered(self, seen: Dossier, tracked: Tracked, before: Known, found: Found) -> None:
        """No later answer than the last one. A terminal parcel is asked once more and not twice, whatever became of it."""
        if found.reason == NO_RESULT or (seen.parcel.terminal and found.reason in ASKED):
            self._asked_in_vain(seen, tracked)
        elif found.reason == BudgetExhausted.why_stale:
            self._later(seen, tracked, found.next_allowed_at, UNTIL_BUDGET)
        else:
            self._failed(seen, tracked, before, found.next_allowed_at)

    def _asked_in_vain(self, seen: Dossier, tracked: Tracked) -> None:
        """The courier was asked and has no more to say: the parcel goes on as if it had said the same again."""
        asked = replace(tracked, checked_at=self.now(), failures=0)
        self._write(seen, self.following.plan(replace(seen, tracked=asked)))

    def _failed(self, seen: Dossier, tracked: Tracked, before: Known, at: float) -> None:
        """What fails for this number alone may do so for ever, at a price; what stops all calls is no fault of it."""
        known = self._known(tracked.link)
        if known.sequence > before.sequence and known.outcome in OWN:
            wait = min(RETRY * 2 ** min(tracked.failures, 10), DAY)
            self._later(seen, replace(tracked, failures=tracked.failures + 1), at, wait)
        else:
            self._later(seen, tracked, at)

    def _later(self, seen: Dossier, tracked: Tracked, at: float, wait: float = RETRY) -> None:
        """Many may meet the same obstacle at once; they come back spread out."""
        now = self.now()
        again = max(at, now + wait) + schedule.luck(seen.parcel) * min(wait, HOUR)
        self._write(seen, replace(tracked, next_at=again, due_at=again))

    def _write(self, seen: Dossier, row: Tracked) -> None:
        """The row after a look without news. That the parcel has been quiet for too long may be new all the same."""
        before = seen.tracked
        if before and row.stalled != before.stalled:
            standing = Standing.of(seen.parcel, before.checked_at or 0.0, stalled=row.stalled)
            self.following.reflection.attend(seen.watches, self._known(row.link), standing)
        self.parcels.write(seen, row, now=self.now())

    def _other_phone(self, seen: Dossier, tracked: Tracked, courier: Courier) -> None:
        """Try a number that was not refused yet, if anybody has named one; else wait until somebody does."""
        known = self._known(tracked.link)
        _, _, promising = self._best(seen, courier, known)
        if promising:
            self._later(seen, tracked, known.next_allowed_at)
        else:
            self._write(seen, stopped(tracked, "phone_needed", self.now()))

    def _best(self, seen: Dossier, courier: Courier, known: Known) -> tuple[Shipment, str | None, int]:
        """For whom to ask, with which phone tail, and how promising that is.

        3 verified, 2 untried, 1 of a member that has no tries left today, 0 none that may be right. Where the phones do not
        decide it, one that says where the parcel goes wins, since the forecast wants that; of these, the newest.
        """

        def promising(ship: Shipment) -> int:
            tail = ship.registration.tail
            if tail is None:
                return 0
            if not known.tails and not known.guesses:
                return 2
            ask = Ask(ship.member, self.tail_hash(ship.courier, ship.number, tail), phone_bound=True)
            verdict = known.tails.get(ask.tail or "")
            if verdict and verdict.verdict == "wrong":
                return 0
            if not freshness.has_tries(known, ask, self.now()):
                return 1
            return 3 if verdict and verdict.verdict == "verified" else 2

        bound = courier.requires_phone or known.phone_bound

        def rank(ship: Shipment) -> tuple[int, bool, float, str]:
            return promising(ship) if bound else 0, bool(ship.registration.to), ship.created_at, ship.id

        best = max(seen.waiting, key=rank)
        found = promising(best)
        # A wrong tail is worse than none where none is asked for; where one is, the refusal it leads to costs no call.
        return best, best.registration.tail if found or bound else None, found
