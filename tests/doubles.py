"""Doubles that behave: a store and slots in memory with the tables' semantics, and secrets without AWS.

`tests/store` runs one suite over the doubles and the real `Cache` and `Slots`, so they cannot drift.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from waybill import freshness
from waybill.budgets import SHARDS
from waybill.errors import BudgetExhausted, CircuitOpen, UpstreamUnavailable
from waybill.freshness import Guess, Known
from waybill.slots import Slot

if TYPE_CHECKING:
    from waybill.budgets import Budget
    from waybill.calls import Call
    from waybill.circuit import Circuit
    from waybill.lease import Lease


@dataclass
class MemoryStore:
    """What `waybill.cache.Cache` does, over a dictionary."""

    results: dict[tuple[str, str], Known] = field(default_factory=dict)
    reads: int = 0

    def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None:  # noqa: ARG002 - always consistent
        self.reads += 1
        return self.results.get((courier, number))

    def store(self, courier: str, number: str, known: Known) -> None:
        stands = self.results.get((courier, number))
        if stands is None or stands.sequence < known.sequence:
            gone = freshness.needless(known)
            guesses = tuple(each for each in stands.guesses if each not in gone) if stands else ()
            self.results[courier, number] = replace(known, guesses=guesses)

    def note_guess(self, courier: str, number: str, guess: Guess) -> tuple[Guess, ...]:
        stands = self.results.get((courier, number), Known())
        guesses = tuple(sorted({*stands.guesses, guess}, key=lambda each: (each.at, each.tail, each.member)))
        self.results[courier, number] = replace(stands, guesses=guesses)
        return guesses


@dataclass
class MemorySlots:
    """What `waybill.slots.Slots` does, over dictionaries. `rows` is the ledger."""

    leases: dict[tuple[str, str], Lease] = field(default_factory=dict)
    rows: dict[tuple[str, str, int], Call] = field(default_factory=dict)
    used: Counter[tuple[str, int]] = field(default_factory=Counter)
    opened: Circuit | None = None
    reads: int = 0

    def lease(self, courier: str, number: str) -> Lease | None:
        self.reads += 1
        return self.leases.get((courier, number))

    def circuit(self) -> Circuit | None:
        self.reads += 1
        return self.opened

    def take(
        self,
        wanted: Lease,
        standing: Lease | None,
        call: Call,
        budgets: tuple[Budget, ...] = (),
        probe: tuple[Circuit, Circuit] | None = None,
    ) -> tuple[Slot | None, Lease | None]:
        key = (call.courier, call.number)
        shards = tuple((budget, self._shard(budget, call)) for budget in budgets)
        slot = Slot(wanted, call, shards, probe is not None)
        stands = self.leases.get(key)
        if _seen(standing) != _seen(stands):
            return (slot, None) if stands == wanted else (None, stands)
        if probe and self.opened is None:
            probe, slot = None, replace(slot, probe=False)
        if probe and self.opened != probe[0]:
            raise CircuitOpen("another is the probe", retry_after=60)
        for budget, shard in shards:
            if shard < 0:
                raise BudgetExhausted("used up", retry_after=budget.resets_at(call.at) - call.at)
        self.used.update((budget.name(call.at), shard) for budget, shard in shards)
        self.leases[key] = wanted
        self.rows[*key, call.sequence] = call
        if probe:
            self.opened = probe[1]
        return slot, None

    def settle(self, slot: Slot, lease: Lease, call: Call) -> None:
        row = (call.courier, call.number, call.sequence)
        if self.rows[row].outcome != "unknown":
            return
        self.rows[row] = call
        if call.outcome == "not_sent":
            self.used.subtract((budget.name(slot.call.at), shard) for budget, shard in slot.shards)
        if _seen(self.leases.get(row[:2])) == _seen(slot.lease):
            self.leases[row[:2]] = lease

    def look_at_budgets(self, slot: Slot) -> None:
        pass

    def open_circuit(self, circuit: Circuit) -> bool:
        if self.opened:
            return False
        self.opened = circuit
        return True

    def close_circuit(self, holder: str) -> bool:
        if self.opened is None or self.opened.holder != holder:
            return False
        self.opened = None
        return True

    def _shard(self, budget: Budget, call: Call) -> int:
        """One that has something left, or -1."""
        name, scheduled = budget.name(call.at), not call.member
        shards = range(SHARDS)
        left = (
            shard for shard in shards if self.used[name, shard] < budget.allotment(shard, scheduled=scheduled)
        )
        return next(left, -1)


def _seen(lease: Lease | None) -> tuple[int, str] | None:
    return (lease.sequence, lease.holder) if lease else None


@dataclass
class FixedSecrets:
    """Credentials that a test sets; `rotated` is what a re-read finds."""

    current: tuple[str, str] | None = ("DEMO", "KEY")
    rotated: tuple[str, str] | None = None
    rereads: int = 0

    def kuaidi100(self, *, reread: bool = False) -> tuple[str, str]:
        if reread:
            self.rereads += 1
            self.current = self.rotated or self.current
        if self.current is None:
            raise UpstreamUnavailable("not filled in", retry_after=300)
        return self.current

    def tail_hash(self, courier: str, number: str, tail: str) -> str:
        return f"hash-{courier}-{number}-{tail}"
