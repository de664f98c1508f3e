"""One call to Kuaidi100, from the leave to make it to the row that it leaves in the ledger.

::

    clearance --take--> slot --fly--> landing --settle--> done
        |                 '-- another's lease: wait for it
        '-- circuit open, budget used up, no credentials, no time: no call

Whoever dies in between has the slot taken and the row unknown: never too early, never unseen.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from waybill import lease
from waybill.calls import Call
from waybill.circuit import CLOSED_BY, OPENED_BY, Circuit
from waybill.errors import BudgetExhausted, CircuitOpen, StoreUnavailable, UpstreamUnavailable
from waybill.freshness import ANSWERED
from waybill.outcomes import OUTCOMES, BadSignature, NotSent, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.budgets import Budget
    from waybill.calls import Cause
    from waybill.lease import Lease, Rules
    from waybill.model import Answer, Query
    from waybill.slots import Slot

LAST_START_SECONDS: Final = 6.0
"""How long after a question came its call may still start: it has to end within the function's time-out of 20 s."""
ROUNDS: Final = 12

Credentials = tuple[str, str]
"""`(customer, key)`"""


class Secrets(Protocol):
    """What `credentials.Secrets` does; see there."""

    def kuaidi100(self, *, reread: bool = False) -> Credentials: ...


class Slots(Protocol):
    """What `slots.Slots` does; see there."""

    def lease(self, courier: str, number: str) -> Lease | None: ...
    def circuit(self) -> Circuit | None: ...
    def take(
        self,
        wanted: Lease,
        standing: Lease | None,
        call: Call,
        budgets: tuple[Budget, ...] = (),
        probe: tuple[Circuit, Circuit] | None = None,
    ) -> tuple[Slot | None, Lease | None]: ...
    def settle(self, slot: Slot, lease: Lease, call: Call) -> None: ...
    def look_at_budgets(self, slot: Slot) -> None: ...
    def open_circuit(self, circuit: Circuit) -> bool: ...
    def close_circuit(self, holder: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose call it is: `member` is whom it is booked on, "" for the schedule; `asked_at` is when the question came."""

    courier: str
    number: str
    member: str
    cause: Cause
    asked_at: float


@dataclass(frozen=True, slots=True)
class Clearance:
    """Leave to make a call, if its slot is free. `circuit` is the open one that the call would be the probe of."""

    ticket: Ticket
    credentials: Credentials
    budgets: tuple[Budget, ...]
    circuit: Circuit | None


@dataclass(frozen=True, slots=True)
class Landing:
    """What a call came to `at`, and the lease that it leaves."""

    slot: Slot
    came: Answer | UpstreamError
    lease: Lease
    at: float

    @property
    def outcome(self) -> str:
        return self.came.outcome if isinstance(self.came, UpstreamError) else ANSWERED


@dataclass(frozen=True, slots=True)
class Flights:
    """Makes calls over one store of slots, one upstream and one set of rules.

    `query` is imported with its client at the first call only; `holder` gives every flight a name of its own; `budgets` are those
    that a member's call counts in ("" for the schedule's); `on_call` hears of every call, `on_circuit` of each time it opens.
    """

    slots: Slots
    query: Callable[[Query, Credentials], Answer]
    secrets: Secrets
    rules: Rules
    now: Callable[[], float]
    holder: Callable[[], str]
    budgets: Callable[[str], tuple[Budget, ...]]
    on_call: Callable[[Call], None]
    on_circuit: Callable[[Circuit], None]

    def clearance(self, ticket: Ticket) -> Clearance:
        """Leave to make a call now.

        Raises:
            UpstreamUnavailable: there are no credentials, or too little time is left.
            CircuitOpen: Kuaidi100 refuses all calls; when the next one may be made.
        """
        circuit, now = self.slots.circuit(), self.now()
        if circuit and now < circuit.probe_at:
            raise CircuitOpen(OUTCOMES[circuit.code].action, retry_after=circuit.probe_at - now)
        # A probe may find the secret mended; the one in memory may be the old one.
        credentials = self.secrets.kuaidi100(reread=circuit is not None)
        if self.now() - ticket.asked_at > LAST_START_SECONDS * self.rules.second:
            raise UpstreamUnavailable(
                "Another call about this parcel took too long. Ask again.", retry_after=1
            )
        return Clearance(ticket, credentials, self.budgets(ticket.member), circuit)

    def take(self, clearance: Clearance) -> tuple[Slot | None, Lease | None]:
        """Write first, read on failure: the slot and the lease before, or none and the lease that forbids a call.

        Raises:
            BudgetExhausted, CircuitOpen: as `slots.Slots.take`.
        """
        ticket, circuit = clearance.ticket, clearance.circuit
        holder, now = self.holder(), self.now()
        probe = (circuit, circuit.probed(holder, now)) if circuit else None
        standing: Lease | None = None
        for _ in range(ROUNDS):
            wanted = lease.take(standing, holder, now, self.rules)
            if wanted is None and standing:
                return None, lease.capped(standing, self.rules)
            if wanted:
                call = Call(
                    ticket.courier, ticket.number, ticket.member, ticket.cause, round(now, 3), wanted.sequence
                )
                slot, stands = self.slots.take(wanted, standing, call, clearance.budgets, probe)
                if slot:
                    return slot, standing
                standing = stands
        raise StoreUnavailable("Too many callers ask about this parcel at once. Ask again.", retry_after=1)

    def fly(self, slot: Slot, clearance: Clearance, query: Query) -> Landing:
        """Make the call whose slot is taken. A refused signature re-reads the secret, and tries once more where it has changed."""
        landing = self._land(slot, clearance.credentials, query)
        if isinstance(landing.came, BadSignature) and not self.rules.strict:
            again = self._retake(landing, clearance)
            if again:
                landing = self._land(*again, query)
        self._judge(landing)
        return landing

    def settle(self, landing: Landing) -> None:
        """Write what the call came to."""
        slot, outcome = landing.slot, landing.outcome
        charges, billed = slot.lease.charges.after(outcome, landing.at)
        call = replace(slot.call, outcome=outcome, billed=billed)
        self.slots.settle(slot, replace(landing.lease, charges=charges), call)
        self.slots.look_at_budgets(slot)

    def give_back(self, slot: Slot, before: Lease) -> None:
        """Leave the lease as it was before: no call was made."""
        self.slots.settle(slot, before, replace(slot.call, outcome=NotSent.outcome))

    def _land(self, slot: Slot, credentials: Credentials, query: Query) -> Landing:
        came: Answer | UpstreamError
        try:
            came = self.query(query, credentials)
        except UpstreamError as error:
            came = error
        now = round(self.now(), 3)  # as it is read back
        settled = lease.settle(slot.lease, came if isinstance(came, UpstreamError) else None, now, self.rules)
        landing = Landing(slot, came, settled, now)
        unknown = () if isinstance(came, UpstreamError) else came.unknown_codes
        self.on_call(replace(slot.call, outcome=landing.outcome, unknown_codes=unknown))
        return landing

    def _judge(self, landing: Landing) -> None:
        """Open or close the circuit where the call shows the one or the other, before anything else is written."""
        slot, outcome = landing.slot, landing.outcome
        opened = Circuit.opened(outcome, slot.lease.holder, landing.at)
        with contextlib.suppress(StoreUnavailable):  # the next call says the same
            if outcome in OPENED_BY and not slot.probe and self.slots.open_circuit(opened):
                self.on_circuit(opened)
            elif slot.probe and outcome in CLOSED_BY:
                self.slots.close_circuit(slot.lease.holder)

    def _retake(self, landing: Landing, clearance: Clearance) -> tuple[Slot, Credentials] | None:
        """A slot for one more call after a refused signature, where the secret has changed since and time is left."""
        try:
            fresh = self.secrets.kuaidi100(reread=True)
            if fresh == clearance.credentials:
                return None
            # Before the circuit hears of the refusal: the secret is most likely mended.
            again = self.clearance(clearance.ticket)
            free = lease.capped(replace(landing.lease, next_allowed_at=self.now()), self.rules)
            self.slots.settle(landing.slot, free, replace(landing.slot.call, outcome=landing.outcome))
            slot, _ = self.take(again)
        except (UpstreamUnavailable, BudgetExhausted, StoreUnavailable):
            return None
        return (slot, fresh) if slot else None
