"""A scene for one lookup: doubles all around it, a clock that the test moves, and an upstream that answers what it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.doubles import FixedSecrets, MemorySlots, MemoryStore
from waybill import couriers
from waybill.flights import Flights
from waybill.lease import Rules
from waybill.lookup import Lookup, Wanted
from waybill.model import Answer, Event, Parcel, Query
from waybill.outcomes import UpstreamError, WrongPhone

if TYPE_CHECKING:
    from waybill.budgets import Budget
    from waybill.calls import Call
    from waybill.circuit import Circuit
    from waybill.errors import WaybillError
    from waybill.freshness import Known
    from waybill.lookup import Found
    from waybill.model import Status

NUMBER = "YT7450353838751"
GAP, HOUR, DAY = 1860.0, 3600.0, 86_400.0


def answer(query: Query, *, status: Status = "in_transit", terminal: bool = False) -> Answer:
    event = Event("e1", "2026-01-01T10:00:00+08:00", "assumed", "已揽收", "1", "in_transit", "picked_up")
    parcel = Parcel(
        query.com, query.num, status, terminal=terminal, state="1", lang=query.lang, events=(event,)
    )
    return Answer(parcel)


@dataclass
class Scene:
    """A lookup over doubles, with a clock that the scene moves and an upstream that answers what it is told to."""

    store: MemoryStore = field(default_factory=MemoryStore)
    slots: MemorySlots = field(default_factory=MemorySlots)
    secrets: FixedSecrets = field(default_factory=FixedSecrets)
    rules: Rules = field(default_factory=Rules)
    time: float = 1_800_000_000.0
    says: list[UpstreamError | None] = field(default_factory=list)
    right_tail: str | None = None
    terminal: bool = False
    queries: list[Query] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    budgets: tuple[Budget, ...] = ()
    calls: list[Call] = field(default_factory=list)
    circuits: list[Circuit] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    losses: list[WaybillError] = field(default_factory=list)
    holders: int = 0

    def query(self, query: Query, credentials: tuple[str, str]) -> Answer:
        self.queries.append(query)
        self.used.append(credentials)
        self.time += 0.3
        if self.says and (error := self.says.pop(0)):
            raise error
        if self.right_tail is not None and query.phone != self.right_tail:
            raise WrongPhone
        return answer(query, status="delivered" if self.terminal else "in_transit", terminal=self.terminal)

    def holder(self) -> str:
        self.holders += 1
        return f"flight-{self.holders}"

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def ask(self, courier: str = "yuantong", tail: str | None = None, **options: object) -> Found:
        found = couriers.find(courier)
        assert found is not None
        wanted = replace(Wanted(found, NUMBER, "member", tail), **options)  # type: ignore[arg-type] # fields of Wanted
        return self.lookup().track(wanted)

    def lookup(self) -> Lookup:
        return Lookup(
            store=self.store,
            flights=Flights(
                slots=self.slots,
                query=self.query,
                secrets=self.secrets,
                rules=self.rules,
                now=lambda: self.time,
                holder=self.holder,
                budgets=lambda _: self.budgets,
                on_call=self.calls.append,
                on_circuit=self.circuits.append,
            ),
            tail_hash=self.secrets.tail_hash,
            now=lambda: self.time,
            pause=self.pause,
            on_known=self.known.append,
            on_loss=self.losses.append,
        )
