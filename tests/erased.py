"""Two members in tables that have an item of every kind, written by whatever writes it: what tests of erasing share."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import zlib
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tests.followed import Followed, known, line
from tests.store.conftest import new_table
from tools.erasure import Erasure
from waybill import lease as leases
from waybill import notifications, shares
from waybill.access import SCOPES, Token, hash_token, new_token
from waybill.brakes import Brakes
from waybill.budgets import Budget
from waybill.cache import Cache
from waybill.calls import Call
from waybill.circuit import Circuit
from waybill.clock import Clock
from waybill.deliveries import Deliveries, Progress, Try, delivered
from waybill.feed import Entry, Feed
from waybill.freshness import Guess, Tail
from waybill.gate import Gates
from waybill.gateway import Request, Response
from waybill.idempotency import Idempotency
from waybill.lease import Rules
from waybill.ledger import Ledger
from waybill.lessons import Lessons
from waybill.member_budgets import MemberBudgets
from waybill.member_settings import MemberSettings, QuietHours, Settings
from waybill.messages import Delivery, Letter
from waybill.pace import Stay
from waybill.polls import Polls
from waybill.sent import Sent
from waybill.shares import Share, Shares
from waybill.shipments import Link
from waybill.slots import Slots
from waybill.spending import Spending
from waybill.suppression import ALL, Recipient, Suppressions
from waybill.tokens import Tokens
from waybill.waiting_letters import WaitingLetters
from waybill.webhooks import Webhook, Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tools.holdings import Item, Subject, Where
    from waybill.shipments import Shipment

NOW: Final = 1_790_125_200.0
HOUR, DAY = 3600.0, 86_400.0
KEY: Final = b"addresses" * 5
ERIN, OTHER = "erin#1", "erin"
SHARED: Final = Link("yuantong", "YT1000000000001")
ALONE: Final = Link("yuantong", "YT1000000000002")


class Context:
    """Of an invocation with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass
class World:
    """Tables, and what writes them. `calls` counts what was asked of Kuaidi100."""

    dynamodb: DynamoDBClient
    tracking: str = ""
    cache: str = ""
    calls: int = 0
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tracking = new_table(self.dynamodb, "TrackingTable")
        self.cache = new_table(self.dynamodb, "CacheTable")
        self.followed = Followed(self.dynamodb, self.tracking)
        self.feed = Feed(self.dynamodb, self.tracking, self.cache, lambda: NOW)
        self.webhooks = Webhooks(self.dynamodb, self.tracking)
        self.tokens = Tokens(self.dynamodb, self.tracking)
        spending = Spending(self.dynamodb, self.tracking, lambda *_: None)
        self.slots = Slots(self.dynamodb, self.cache, self.tracking, spending, self.pauses.append)

    def erasure(self, subject: Subject, pause: Callable[[float], None] = lambda _: None) -> Erasure:
        return Erasure(self.dynamodb, self.tracking, self.cache, subject, lambda: NOW + DAY, pause)

    def items(self) -> dict[tuple[str, str], Item]:
        """Every item of both tables, by its keys."""
        found: dict[tuple[str, str], Item] = {}
        for table in (self.tracking, self.cache):
            for page in self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
                for item in page["Items"]:
                    found[item["pk"]["S"], item.get("sk", {"S": ""})["S"]] = dict(item)
        return found

    def everybody(self) -> None:
        """What belongs to no member."""
        Polls(self.dynamodb, self.cache, 4, lambda: NOW)._take(0, "a reader")  # noqa: SLF001 - as one dies who waits
        Brakes(self.dynamodb, self.cache).count(3, 1, NOW)
        self.slots.open_circuit(Circuit.opened("601", "flight", NOW))
        lessons = Lessons(self.dynamodb, self.tracking, lambda: NOW)
        lessons.add("yuantong", [Stay("hub", NOW - HOUR, NOW, 8 * HOUR, "road")])
        lessons.over(9, 3 * DAY)
        lessons.write()

    def member(self, name: str, *orders: tuple[str, Link]) -> None:
        """A member with everything that one may have, and these orders."""
        wall, email = int(time.time()), f"mail.{name.replace('#', '')}@example.com"
        self.tokens.create(Token(hash_token(new_token()), name, SCOPES, wall, label=f"of {name}"))
        hook = Webhook(
            name,
            webhook_id(name),
            "https://example.com/",
            ("*",),
            "",
            NOW,
            operator=True,
        )
        assert self.webhooks.create(hook)
        self.webhooks.gave_up(hook, NOW)
        assert self.webhooks.disable(hook, "failing", NOW)
        MemberSettings(self.dynamodb, self.tracking).put(
            name, Settings(QuietHours("22:00", "08:00", "Asia/Shanghai"))
        )
        MemberBudgets(self.dynamodb, self.tracking).put(name, 100, 1000)
        place = Gates(self.dynamodb, self.cache).enter(hook.id, NOW)
        assert place
        for order_id, link in orders:
            self.order(name, order_id, link, email, hook)

    def order(self, name: str, order_id: str, link: Link, email: str, hook: Webhook) -> None:
        """A shipment on its way, with all that it leads to."""
        notify = {"email": email, "events": ["*"], "lang": "zh"}
        metadata = {"customer": f"c-{order_id}"}
        self.followed.register(
            order_id, name, link, notify=notify, tags=("vip",), metadata=metadata, tail="1234"
        )
        ship = self.followed.watches.get(name, order_id, link)
        assert ship is not None
        lines = [line("103", NOW - 30 * HOUR), line("1002", NOW - HOUR), line("205", NOW)]
        learned = known(NOW, *lines, link=link, tails={"a" * 32: Tail("verified", NOW)})
        self.followed.following.follow(learned)
        self._stall(link)
        cached = Cache(self.dynamodb, self.cache)
        cached.store(link.courier, link.number, learned)
        cached.note_guess(link.courier, link.number, Guess(NOW, name, "b" * 32))
        self.call(name, link, NOW - 30 * HOUR)
        self.call(name, link, NOW)
        self.tell(ship, hook)
        Shares(self.dynamodb, self.tracking).put(shares.new_token(), Share.of(ship, int(NOW + DAY)))
        letter = Letter(name, order_id, link.courier, link.number, 1)
        WaitingLetters(self.dynamodb, self.tracking).put(letter, 1, NOW + HOUR, NOW)
        self.suppress(ship, email)
        self.answer(ship)

    def _stall(self, link: Link) -> None:
        seen = self.followed.parcels.read(link)
        assert seen.tracked is not None
        if not seen.tracked.stalled:
            assert self.followed.parcels.write(seen, replace(seen.tracked, stalled=True), now=NOW)

    def call(self, member: str, link: Link, at: float) -> None:
        """A call that went well, as a flight books it."""
        self.calls += 1
        standing = self.slots.lease(link.courier, link.number)
        free = max(at, standing.next_allowed_at if standing else 0.0)
        lease = leases.take(standing, f"flight-{self.calls}", free, Rules())
        assert lease is not None
        call = Call(link.courier, link.number, member, "parcel", at, self.calls)
        slot, _ = self.slots.take(
            lease, standing, call, (Budget(member, "day", 10), Budget("", "month", 1000))
        )
        assert slot is not None
        self.slots.look_at_budgets(replace(slot, shards=((Budget(member, "day", 1), 0),)))
        settled = leases.settle(lease, None, free + 1, Rules())
        self.slots.settle(slot, settled, replace(call, outcome="200", billed=True))

    def tell(self, ship: Shipment, hook: Webhook) -> None:
        """An event in the member's feed, and its delivery."""
        dossier = self.followed.parcels.read(ship.link)
        told = notifications.of_milestone(dossier.parcel, dossier.parcel.milestones[-1], NOW)
        event = notifications.of_shipment(told, ship)
        (sequence,) = self.feed.append(ship.member, [Entry(event)])
        progress = Progress(Delivery(ship.member, hook.id, sequence), event["id"], event["type"])
        log = Deliveries(self.dynamodb, self.tracking)
        assert log.put(delivered(progress, Try(NOW, 5, 200, answer=f"hello {ship.order_id}")), NOW)
        sent = Sent(self.dynamodb, self.cache)
        context: Any = Context()
        sent.config.register_lambda_context(context)
        sent.once(event["id"], hook.id, lambda: json.dumps(asdict(Try(NOW, 5, 200))))

    def suppress(self, ship: Shipment, email: str) -> None:
        recipient = Recipient.of(KEY, ship, email)
        suppressions = Suppressions(self.dynamodb, self.tracking)
        for what in (ALL, recipient.of_member, recipient.of_shipment):
            suppressions.add(recipient.address, what, "unsubscribed", NOW)

    def answer(self, ship: Shipment) -> None:
        """What a registration with an Idempotency-Key was answered with."""
        once = Idempotency(self.dynamodb, self.cache)
        context: Any = Context()
        once.config.register_lambda_context(context)
        view = {"id": ship.id, "order_id": ship.order_id, "tracking_number": ship.number}
        request = Request(
            method="POST",
            resource="/v1/shipments",
            path={},
            query={},
            headers={"idempotency-key": ship.id},
            body="{}",
            is_base64=False,
            member=ship.member,
            scopes=SCOPES,
            request_id="request",
        )
        assert once.once(request, lambda: Response(201, view, {})).status == 201

    def sum_up(self) -> None:
        """Have the ledger close what is over: the calls of the day before."""
        ledger = Ledger(self.dynamodb, self.tracking, Clock(time.time(), NOW - 40 * HOUR))
        ledger.close(NOW)


def busy(dynamodb: DynamoDBClient) -> World:
    """Two members with a parcel each, a shared one, and one number that the first has asked about without following it."""
    world = World(dynamodb)
    world.everybody()
    world.member(ERIN, ("e-1", ALONE), ("e-2", SHARED))
    world.member(OTHER, ("o-1", Link("yuantong", "YT1000000000003")), ("o-2", SHARED))
    world.tokens.put_usage_key(OTHER, "a key of the gateway's")
    world.call(ERIN, Link("shunfeng", "SF1000000000004"), NOW)
    world.sum_up()
    return world


def restored(dynamodb: DynamoDBClient, items: dict[tuple[str, str], Item]) -> World:
    """A world whose tables have these items."""
    world = World(dynamodb)
    for (_, sk), item in items.items():
        dynamodb.put_item(TableName=world.tracking if sk else world.cache, Item=item)
    return world


def webhook_id(member: str) -> str:
    return f"whk_{hashlib.sha256(member.encode()).hexdigest()[:20]}"


def text_of(item: Item) -> str:
    """All that an item says, in clear: what is compressed is unpacked, however it is wrapped."""
    text = json.dumps(item, default=lambda raw: zlib.decompress(raw).decode(), ensure_ascii=False)
    for packed in re.findall(r"eJ[A-Za-z0-9+/=]{8,}", text):
        text += zlib.decompress(base64.b64decode(packed)).decode()
    return text


def of_tables(world: World) -> Iterator[tuple[Where, Item]]:
    for (_, sk), item in world.items().items():
        yield ("Tracking" if sk else "Cache"), item
