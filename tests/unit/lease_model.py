"""Every way in which callers may meet at one number's lease, explored completely: explicit states, breadth first.

The model is the protocol of `flights` around the real `lease.take` and `lease.settle`: a conditional write, a call, a conditional
write. Between any two steps another caller may go on, time may pass, or the caller may die. Time stands still or passes to where
something changes: the end of a step's time, of the gap, of the cap, and the millisecond before it. That is all there is to see,
since times are only ever added and compared. Callers' clocks may differ.

::

    ready --take--> slot --start--> calling --land--> landed --settle--> ready, one try less
      ^ refused: sees what stands     '-- reaches the courier, or not; answered, refused, not sent, or never known

Each write may come through and its answer not; a settling write may also fail for good, or come however late. A write that is sent
again finds itself standing and changes nothing, so it has no step of its own. A call that reaches the courier may do so at any
moment until it lands, and one whose caller died, until its deadline: calls are as close as the end of one is to the next's start.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from waybill import lease
from waybill.errors import DAY
from waybill.lease import Lease, Rules
from waybill.outcomes import NotSent, OutcomeUnknown, ServerBusy, UpstreamError, WrongPhone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EPOCH: Final = 1_800_000_000.0
LATE: Final = 15.0
"""Seconds for which a process may be held up between its slot and its call."""
LONG_AGO: Final = -10_000.0
"""Seconds after which it no longer matters when something was, but for the cap."""

Came = UpstreamError | None
OUTCOMES: Final[dict[bool, tuple[Came, ...]]] = {
    True: (None, OutcomeUnknown()),
    False: (OutcomeUnknown(), ServerBusy(), WrongPhone(), NotSent()),
}
"""What a call that reached the courier comes to, and one that did not: one for each way in which a lease is settled."""


class Caller(NamedTuple):
    """`seen` is the lease that it takes to stand; `own` its slot's; `limit` until when its step has to be done, in true time."""

    name: str
    skew: float
    tries: int
    at: str = "ready"
    seen: Lease | None = None
    own: Lease | None = None
    reaches: bool = False
    landed: float | None = None
    limit: float | None = None


class State(NamedTuple):
    """`reached` is until when the courier may have been asked last; `starts` are the last calls, as many as the cap."""

    now: float
    standing: Lease | None
    callers: tuple[Caller, ...]
    crashes: int
    reached: float | None = None
    starts: tuple[float, ...] = ()


def same_flight(standing: Lease | None, seen: Lease | None) -> bool:
    """The condition of `slots`: sequence and holder, which a settled lease shares with the one before."""
    if standing is None or seen is None:
        return standing is seen
    return standing.sequence == seen.sequence and standing.holder == seen.holder


@dataclass
class Exploration:
    """What was found. Seconds; `closest` between two calls that may have reached the courier, `most` in any 24 hours."""

    states: int = 0
    calls: int = 0
    closest: float = float("inf")
    longest_wait: float = 0.0
    most: int = 0


@dataclass(frozen=True)
class World:
    """What may happen. `take` and `settle` are the lease's, and `stands` the condition of a write, unless a test breaks them."""

    skews: tuple[float, ...] = (0.0, 0.0, 0.0)
    crashes: int = 2
    tries: int = 1
    rules: Rules = field(default_factory=Rules)
    take: Callable[[Lease | None, str, float, Rules], Lease | None] = lease.take
    settle: Callable[[Lease, Came, float, Rules], Lease] = lease.settle
    stands: Callable[[Lease | None, Lease | None], bool] = same_flight
    outcomes: dict[bool, tuple[Came, ...]] = field(default_factory=lambda: OUTCOMES)
    loses: bool = True
    """Whether writes and their answers may get lost."""
    prompt: bool = False
    """Whether what a call came to is written at once, or however late."""

    @property
    def capped(self) -> bool:
        """Whether there are callers enough for the cap to matter."""
        return self.rules.cap < len(self.skews) * self.tries

    def explore(self) -> Exploration:
        callers = tuple(Caller(str(place), skew, self.tries) for place, skew in enumerate(self.skews))
        first = State(EPOCH, None, callers, self.crashes)
        seen, queue, found = {self._essence(first)}, deque([first]), Exploration()
        while queue:
            state = queue.popleft()
            for after in self._after(state, found):
                if after.standing:
                    found.longest_wait = max(found.longest_wait, after.standing.next_allowed_at - after.now)
                essence = self._essence(after)
                if essence not in seen:
                    seen.add(essence)
                    queue.append(after)
        found.states = len(seen)
        return found

    def _after(self, state: State, found: Exploration) -> Iterator[State]:
        yield from self._time(state)
        for place, caller in enumerate(state.callers):
            before, behind = state.callers[:place], state.callers[place + 1 :]
            for after, changed in self._steps(state, caller, found):
                callers = (*before, changed, *behind) if changed else before + behind
                yield after._replace(callers=callers)
            if state.crashes and caller.at != "ready":
                yield state._replace(callers=before + behind, crashes=state.crashes - 1)

    def _time(self, state: State) -> Iterator[State]:
        limits = [caller.limit for caller in state.callers if caller.limit is not None]
        until = min(limits, default=float("inf"))
        marks = set(limits)
        if state.standing:
            free = state.standing.next_allowed_at
            marks |= {free, free - 0.001, *(free - caller.skew for caller in state.callers)}
        for mark in sorted(marks):
            if state.now < mark <= until:
                yield state._replace(now=round(mark, 3))

    def _steps(
        self, state: State, caller: Caller, found: Exploration
    ) -> Iterator[tuple[State, Caller | None]]:
        match caller.at:
            case "ready":
                yield from self._taking(state, caller)
            case "slot":
                # It never comes to the courier: refused before, not sent, or lost on the way.
                calling = caller._replace(at="calling", limit=state.now + self.rules.deadline)
                starts = (*state.starts, state.now)[-self.rules.cap - 1 :] if self.capped else ()
                begun = state._replace(starts=starts)
                yield begun, calling
                found.calls += 1
                found.most = max(found.most, sum(at > state.now - DAY for at in starts))
                if state.reached is not None:
                    found.closest = min(found.closest, round(state.now - state.reached, 3))
                yield begun._replace(reached=calling.limit), calling._replace(reaches=True)
            case "calling":
                due = state.now if self.prompt else None
                landed = caller._replace(at="landed", landed=round(state.now + caller.skew, 3), limit=due)
                # Its own call may have been followed by another's, if something is broken.
                mine = caller.reaches and state.reached == caller.limit
                yield state._replace(reached=state.now) if mine else state, landed
            case "landed":
                yield from self._settling(state, caller)

    def _taking(self, state: State, caller: Caller) -> Iterator[tuple[State, Caller | None]]:
        clock = round(state.now + caller.skew, 3)
        wanted = self.take(caller.seen, f"{caller.name}/{caller.tries}", clock, self.rules)
        if wanted is not None and self.stands(state.standing, caller.seen):
            after = state._replace(standing=wanted)
            yield after, caller._replace(at="slot", seen=None, own=wanted, limit=state.now + LATE)
            if self.loses:  # nobody knows of the slot, which stays taken
                yield after, self._next(caller)
        elif caller.seen != state.standing:
            # It would wait, or serve what is known; it may look again.
            yield state, caller._replace(seen=state.standing)

    def _settling(self, state: State, caller: Caller) -> Iterator[tuple[State, Caller | None]]:
        assert caller.own is not None
        assert caller.landed is not None
        stands = self.stands(state.standing, caller.own)
        if stands:
            for came in self.outcomes[caller.reaches]:
                settled = self.settle(caller.own, came, caller.landed, self.rules)
                # What was not sent is no call.
                kept = state.starts[:-1] if isinstance(came, NotSent) else state.starts
                yield state._replace(standing=settled, starts=kept), self._next(caller)
        if self.loses or not stands:
            yield state, self._next(caller)

    def _next(self, caller: Caller) -> Caller | None:
        """The same caller with its next question, or nobody."""
        return Caller(caller.name, caller.skew, caller.tries - 1) if caller.tries > 1 else None

    def _essence(self, state: State) -> object:
        """What decides over all that may follow: times from now on, and callers without their names."""
        now, standing, callers, crashes, reached, starts = state
        capped = self.capped

        def ahead(at: float | None) -> float:
            return LONG_AGO if at is None or at - now < LONG_AGO else round(at - now, 3)

        def view(seen: Lease | None) -> tuple[float, ...]:
            if seen is None:
                return ()
            if not same_flight(seen, standing):
                return (LONG_AGO,)
            calls = tuple(round(at - now, 3) for at in seen.calls) if capped else ()
            return (ahead(seen.next_allowed_at), seen.failures, *calls)

        who = sorted(
            (
                each.skew,
                each.tries,
                each.at,
                view(each.seen),
                view(each.own),
                each.reaches,
                ahead(each.limit),
                ahead(each.landed),
            )
            for each in callers
        )
        spent = tuple(round(at - now, 3) for at in starts)
        return view(standing), tuple(who), crashes, ahead(reached), spent
