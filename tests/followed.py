"""Registered parcels on a real table, a clock that the test moves, and a courier that says what the test tells it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.simulator.history import local_time
from tests.unit.scenes import Scene
from waybill import statuses
from waybill.following import Following
from waybill.freshness import Known
from waybill.lanes import Lanes
from waybill.lessons import Lessons
from waybill.model import Answer, Event, Parcel, event_id
from waybill.outcomes import NoResult
from waybill.parcels import Parcels
from waybill.reflection import Reflection
from waybill.refresh import Refresh
from waybill.shipments import Link, Registration, Shipment
from waybill.watches import Watches

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.model import Query
    from waybill.outcomes import UpstreamError
    from waybill.tracked import Tracked

LINK = Link("yuantong", "YT7450353838751")
NINE = 1_790_125_200.0  # 2026-09-23 09:00 in Shanghai
HOUR, DAY = 3600.0, 86_400.0


def line(code: str, at: float, text: str = "") -> Event:
    status, _ = statuses.resolve(code)
    time = local_time(at).isoformat(timespec="seconds")
    text = text or f"line {code}"
    return Event(event_id(time, text, code), time, "assumed", text, code, status.status, status.substatus)


def parcel(*oldest_first: Event, link: Link = LINK) -> Parcel:
    """As an answer has it; without lines, as word that there is no trace."""
    blank = Parcel(link.courier, link.number)
    if not oldest_first:
        return blank
    code, _ = statuses.resolve(oldest_first[-1].code or "0")
    return replace(
        blank, status=code.status, substatus=code.substatus, terminal=code.terminal, state=code.code,
        events=oldest_first[::-1],
    )  # what changes, in one look # fmt: skip


def known(at: float, *lines: Event, link: Link = LINK, **fields: Any) -> Known:
    """What the cache has after an answer of that time."""
    usual = Known(int(at), parcel(*lines, link=link), at, at + 1860, at + 1860, misses=0 if lines else 1)
    return replace(usual, **fields)


@dataclass
class Courier(Scene):
    """An upstream whose journey goes on with the clock: `lines` that have happened by now are told."""

    lines: list[tuple[str, float]] = field(default_factory=list)

    def query(self, query: Query, credentials: tuple[str, str]) -> Answer:
        super().query(query, credentials)
        happened = [line(code, at) for code, at in self.lines if at <= self.time]
        if not happened:
            raise NoResult
        return Answer(parcel(*happened, link=Link(query.com, query.num)))


@dataclass
class Followed:
    """Everything that follows parcels, over one table. `learns` off: statistics are out of reach, and plans the tables' own."""

    dynamodb: DynamoDBClient
    table: str
    courier: Courier = field(default_factory=lambda: Courier(time=NINE))
    learns: bool = True
    losses: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = lambda: self.courier.time  # noqa: E731 - a clock
        pauses: list[float] = []
        self.watches = Watches(self.dynamodb, self.table, pauses.append)
        self.parcels = Parcels(self.dynamodb, self.table, pauses.append)
        tail_hash = self.courier.secrets.tail_hash
        self.reflection = Reflection(self.watches, tail_hash, now, self.losses.append)
        lessons = Lessons(self.dynamodb, self.table if self.learns else "away", now)
        self.following = Following(self.parcels, self.reflection, lessons, 1860.0, now, self.losses.append)
        lookup = replace(self.courier.lookup(), on_known=self.following)
        self.lookup = lookup
        self.lanes = Lanes(10, time.monotonic)
        self.lanes.open(3600)
        self.refresh = Refresh(
            self.parcels, self.courier.store, lookup, self.following, self.lanes, tail_hash, now
        )

    def register(
        self, order_id: str = "1001", member: str = "acme", link: Link = LINK, **said: Any
    ) -> Shipment:
        now = self.courier.time
        ship = Shipment(member, order_id, link.courier, link.number, Registration(**said), now, now)
        assert self.watches.create(ship) is None
        return ship

    def complete(self, ship: Shipment) -> None:
        assert self.watches.change(ship, lambda stands: replace(stands, completed_at=self.courier.time))

    def look(self, link: Link = LINK) -> Tracked:
        """As the worker does it when the parcel comes due: the clock goes on to that moment."""
        row = self.row(link)
        assert row.next_at is not None, row
        self.courier.time = max(self.courier.time, row.next_at)
        self.refresh(link)
        return self.row(link)

    def row(self, link: Link = LINK) -> Tracked:
        row = self.parcels.row(link)
        assert row is not None
        return row

    def ship(self, ship: Shipment) -> Shipment:
        stands = self.watches.get(ship.member, ship.order_id, ship.link)
        assert stands is not None
        return stands

    def born(self, link: Link = LINK) -> list[str]:
        """The keys of the milestones that are stored."""
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :born)",
            ExpressionAttributeValues={
                ":pk": {"S": f"PARCEL#{link.courier}#{link.number}"},
                ":born": {"S": "MILESTONE#"},
            },
        )
        return [item["sk"]["S"].removeprefix("MILESTONE#") for item in answer["Items"]]

    @property
    def calls(self) -> int:
        return len(self.courier.queries)

    def fails(self, *errors: UpstreamError) -> None:
        self.courier.says = list(errors)
