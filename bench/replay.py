"""Replays stories under a policy, in virtual time, and keeps count of calls, locks and of how late each piece of news was seen.

All policies are treated alike: the same registration, the same answers, the same merge, the same end. What is learned is learned
at the moment of a call, from the lines that this call showed, in the order of virtual time over all parcels.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from bench.stories import WATCHED, Story
from local.simulator.rules import LockKeeper
from waybill import schedule
from waybill.merge import merge
from waybill.model import Parcel, instant
from waybill.pace import Learned, stays
from waybill.schedule import GAP, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ADAPTIVE: Final = "adaptive"
ORACLE: Final = "oracle"
FIXED: Final = {
    "fixed-31min": 1860.0,
    "fixed-1h": 3600.0,
    "fixed-2h": 7200.0,
    "fixed-4h": 14400.0,
    "fixed-6h": 21600.0,
}
POLICIES: Final = (ADAPTIVE, *FIXED, ORACLE)


@dataclass(slots=True)
class Score:
    """What a policy came to over all stories; delays in seconds by status, when each call was made, and seconds followed."""

    policy: str
    parcels: int = 0
    calls: int = 0
    locks: int = 0
    times: list[float] = field(default_factory=list)
    followed: float = 0.0
    delays: dict[str, list[float]] = field(default_factory=lambda: {status: [] for status in WATCHED})


class Policy(Protocol):
    """Says when a parcel is asked about first, and after each call when again; None leaves it to the common end."""

    def first(self, story: Story) -> float: ...
    def next(self, story: Story, parcel: Parcel, now: float, watch: Watch) -> float | None: ...
    def saw(self, before: Parcel, after: Parcel) -> None: ...
    def ended(self, calls: int, lasted: float) -> None: ...


class Adaptive:
    """Our schedule, with what it has learned so far, courier by courier."""

    def __init__(self) -> None:
        self.common = Learned()
        self.learned: dict[str, Learned] = {}

    def first(self, story: Story) -> float:
        return story.registered_at

    def next(self, story: Story, parcel: Parcel, now: float, watch: Watch) -> float | None:
        planned = schedule.next_check(parcel, now, watch, self._of(story.courier))
        return planned[0] if planned else None

    def saw(self, before: Parcel, after: Parcel) -> None:
        for stay in stays(before, after, schedule.offset_of(after)):
            self.learned[after.courier] = self._of(after.courier).after(stay)
            self.common = self.common.after(stay)

    def ended(self, calls: int, lasted: float) -> None:
        self.common = self.common.over(calls + 1, lasted)  # the later look at a signature is still to come

    def _of(self, courier: str) -> Learned:
        return replace(self.learned.get(courier, Learned()), common=self.common)


class Fixed:
    """Every so often, from a phase of the parcel's own."""

    def __init__(self, interval: float, seed: int) -> None:
        self._interval = interval
        self._seed = seed

    def first(self, story: Story) -> float:
        phase = random.Random(f"{self._seed}/{self._interval}/{story.number}").random()
        return story.registered_at + phase * self._interval

    def next(self, story: Story, parcel: Parcel, now: float, watch: Watch) -> float | None:  # noqa: ARG002 - as every policy's
        return now + self._interval

    def saw(self, before: Parcel, after: Parcel) -> None:
        """Nothing is learned."""

    def ended(self, calls: int, lasted: float) -> None:
        """Nothing is learned."""


class Oracle:
    """Knows the journeys, and asks at the very moment of each piece of news, as far as the gap allows."""

    def first(self, story: Story) -> float:
        return self._after(story, story.registered_at, 0.0)

    def next(self, story: Story, parcel: Parcel, now: float, watch: Watch) -> float | None:  # noqa: ARG002 - as every policy's
        return self._after(story, now, now + GAP)

    def saw(self, before: Parcel, after: Parcel) -> None:
        """Nothing is left to learn."""

    def ended(self, calls: int, lasted: float) -> None:
        """Nothing is left to learn."""

    @staticmethod
    def _after(story: Story, now: float, allowed_at: float) -> float:
        return max(allowed_at, next((at for at in story.news if at > now), story.until))


def replay(name: str, policy: Policy, stories: Iterable[Story], tick: Callable[[], None]) -> Score:
    """All stories under one policy; `tick` hears of each one that is over."""
    score = Score(name)
    keeper = LockKeeper()
    parcels: dict[int, Parcel] = {}
    shown: dict[int, int] = {}
    misses: dict[int, int] = {}
    calls: dict[int, int] = {}
    last: dict[int, float] = {}
    told = list(stories)
    due = [(policy.first(story), index) for index, story in enumerate(told)]
    heapq.heapify(due)
    score.parcels = len(told)
    while due:
        now, index = heapq.heappop(due)
        story = told[index]
        if now >= story.until:
            tick()
            continue
        before = parcels.get(index) or Parcel(story.courier, story.number)
        after = before
        score.calls += 1
        score.times.append(now)
        score.followed += now - last.get(index, story.registered_at)
        last[index] = now
        calls[index] = calls.get(index, 0) + 1
        # Numbers are used again after a while: what is counted is a journey.
        keeper.record((story.courier, str(index)), now, may_have_reached=True, journey=None)
        answer = story.answer_at(now)
        if answer < 0:
            misses[index] = misses.get(index, 0) + 1
        elif answer != shown.get(index):
            shown[index] = answer
            after, born = merge(before, story.answers[answer])
            parcels[index] = after
            policy.saw(before, after)
            if after.terminal and not before.terminal:
                policy.ended(calls[index], now - story.registered_at)
            for each in born:
                at = datetime.fromisoformat(each.occurred_at).timestamp()
                if each.status in WATCHED and at > story.registered_at:
                    score.delays[each.status].append(now - at)
        watch = Watch(story.registered_at, checked_at=now, misses=misses.get(index, 0), allowed_at=now + GAP)
        following = _following(policy, story, after, now, watch)
        if following is None:
            tick()
        else:
            heapq.heappush(due, (following, index))
    score.locks = len(keeper.violations)
    return score


def _following(policy: Policy, story: Story, parcel: Parcel, now: float, watch: Watch) -> float | None:
    """The next call. Whatever the policy, the schedule's ends end it, and its later look at a signature is its last."""
    if schedule.end(parcel, now, watch):
        return None
    if parcel.terminal:
        return max(now + GAP, instant(parcel.events[0]) + schedule.DISPUTED_WITHIN)
    return policy.next(story, parcel, now, watch)
