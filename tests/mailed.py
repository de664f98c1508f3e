"""A customer who wants letters, and a letter box that shows what was put in: what tests of letters share."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.followed import HOUR, LINK, NINE, Followed, known, line
from tests.store.conftest import new_table
from waybill import messages, notifications
from waybill.feed import Entry, Feed
from waybill.mailing import Mailing
from waybill.member_settings import MemberSettings
from waybill.messages import Letter
from waybill.model import Milestone
from waybill.sent import Sent
from waybill.shares import Shares
from waybill.suppression import Recipient, Suppressions
from waybill.waiting_letters import WaitingLetters

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.kills import Step
    from waybill.model import Status
    from waybill.shipments import Shipment

KEY = b"k" * 64
EMAIL = "someone@example.com"
COLLECTED, TOUR, SIGNED = line("103", NINE - 30 * HOUR), line("5", NINE - 2 * HOUR), line("301", NINE - HOUR)


@dataclass
class Invocation:
    """A function that may run this long."""

    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Office:
    """A shipment whose customer wants all mails, its member's feed, and a letter box that shows what was put in."""

    dynamodb: DynamoDBClient
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    step: Step = lambda _: None
    wall: float = 1_800_000_000.0

    def __post_init__(self) -> None:
        self.tracking, cache = (
            new_table(self.dynamodb, "TrackingTable"),
            new_table(self.dynamodb, "CacheTable"),
        )
        self.followed = Followed(self.dynamodb, self.tracking)
        now = lambda: self.followed.courier.time  # noqa: E731 - a clock
        self.feed = Feed(self.dynamodb, self.tracking, cache, now)
        self.suppressions = Suppressions(self.dynamodb, self.tracking)
        self.settings = MemberSettings(self.dynamodb, self.tracking)
        self.waiting = WaitingLetters(self.dynamodb, self.tracking)
        self.shares = Shares(self.dynamodb, self.tracking)
        self.marks = Sent(self.dynamodb, cache)
        context: Any = Invocation()
        self.marks.config.register_lambda_context(context)
        self.mailing = Mailing(
            watches=self.followed.watches,
            feed=self.feed,
            suppressions=self.suppressions,
            settings=self.settings,
            waiting=self.waiting,
            parcels=self.followed.parcels,
            shares=self.shares,
            key=lambda: KEY,
            once=self.marks.once,
            send=self.send,
            now=now,
            wall=lambda: self.wall,
            on_end=lambda _, end: self.ends.append(end),
            sender="Shop <no-reply@shop.example>",
            address="https://api.example.com/prod",
        )
        notify = {"email": EMAIL, "events": ["*"], "lang": None}
        self.ship = self.followed.register(notify=notify)
        self.followed.following(known(NINE, COLLECTED, TOUR, SIGNED))
        self.made = 0

    def send(self, to: str, message: bytes) -> None:
        self.step("before the letter is sent")
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append((to, message))
        self.step("after the letter was sent")

    def happens(self, status: Status = "delivered", ship: Shipment | None = None) -> Letter:
        """The letter that the fan-out asks for when something happened."""
        self.made += 1
        parcel = self.followed.parcels.read(LINK).parcel
        milestone = Milestone(status, "2026-09-23T08:00:00+08:00", SIGNED.id, occurrence=self.made)
        told = notifications.of_shipment(
            notifications.of_milestone(parcel, milestone, self.now), ship or self.ship
        )
        (sequence,) = self.feed.append("acme", [Entry(told)])
        return Letter("acme", "1001", LINK.courier, LINK.number, sequence)

    def due(self) -> list[Letter]:
        """What the dispatch finds in the index by now, and sends again."""
        answer = self.dynamodb.scan(
            TableName=self.tracking,
            IndexName="due",
            FilterExpression="begins_with(due_shard, :later) AND due_at <= :now",
            ExpressionAttributeValues={":later": {"S": "LATER#"}, ":now": {"N": repr(self.now)}},
        )
        found = [messages.of_key(item["pk"]["S"], item["sk"]["S"]) for item in answer["Items"]]
        return [each for each in found if isinstance(each, Letter)]

    def change(self, **said: Any) -> None:
        def changed(ship: Shipment) -> Shipment:
            return replace(ship, registration=replace(ship.registration, **said))

        assert self.followed.watches.change(self.ship, changed)

    @property
    def recipient(self) -> Recipient:
        return Recipient.of(KEY, self.ship, EMAIL)

    @property
    def now(self) -> float:
        return self.followed.courier.time

    def goes_on(self, until: float) -> None:
        self.followed.courier.time = until

    @property
    def subjects(self) -> list[str]:
        return [
            str(email.message_from_bytes(message, policy=email.policy.default)["Subject"])
            for _, message in self.sent
        ]
