"""Members with webhooks and feeds who follow parcels, and queues that keep what they are given: what tests of the fan-out share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.followed import HOUR, LINK, NINE, Followed, known, line
from tests.kills import Inline
from tests.store.conftest import new_table
from waybill import messages, notifications
from waybill.fanout import Fanout
from waybill.feed import Feed
from waybill.queues import ByPace
from waybill.webhooks import Webhook, Webhooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.kills import Step
    from waybill.freshness import Guess, Known
    from waybill.messages import Delivery
    from waybill.model import Event, Milestone
    from waybill.notifications import Notification

COLLECTED, TOUR, SIGNED = line("103", NINE - 30 * HOUR), line("5", NINE - HOUR), line("301", NINE + 2 * HOUR)


@dataclass
class Line:
    """A queue that keeps what it is given, but for the first `refuses`."""

    bodies: list[str] = field(default_factory=list)
    refuses: int = 0
    step: Step = lambda _: None

    def send(self, bodies: Sequence[str]) -> list[int]:
        for body in bodies[self.refuses :]:
            self.step("before a message is sent")
            self.bodies.append(body)
            self.step("after a message was sent")
        return list(range(len(bodies)))[: self.refuses]


@dataclass
class Scene:
    """Followed parcels, members' webhooks and feeds, and queues that show what was sent."""

    dynamodb: DynamoDBClient
    deliveries: Line = field(default_factory=Line)
    slow_deliveries: Line = field(default_factory=Line)
    letters: Line = field(default_factory=Line)
    again: Line = field(default_factory=Line)
    results: dict[str, Known] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        tracking, cache = new_table(self.dynamodb, "TrackingTable"), new_table(self.dynamodb, "CacheTable")
        self.followed = Followed(self.dynamodb, tracking)
        self.webhooks = Webhooks(self.dynamodb, tracking)
        self.feed = Feed(self.dynamodb, tracking, cache, lambda: self.followed.courier.time)
        quick, slow, letters, again = self._queues()
        self.fanout = Fanout(
            parcels=self.followed.parcels,
            known=lambda courier, number: self.results.get(f"{courier}#{number}"),
            note_guess=self._note_guess,
            tail_hash=self.followed.courier.secrets.tail_hash,
            webhooks=self.webhooks,
            feed=self.feed,
            deliveries=ByPace(quick, slow),
            letters=letters,
            again=again,
            now=lambda: self.followed.courier.time,
            threads=Inline(),
        )

    def _queues(self) -> Any:
        return self.deliveries, self.slow_deliveries, self.letters, self.again

    def _note_guess(self, courier: str, number: str, guess: Guess) -> tuple[Guess, ...]:
        known = self.results[f"{courier}#{number}"]
        self.results[f"{courier}#{number}"] = replace(known, guesses=(*known.guesses, guess))
        return self.results[f"{courier}#{number}"].guesses

    def webhook(self, member: str = "acme", *events: str, **parts: Any) -> Webhook:
        self.made += 1
        hook = Webhook(
            member,
            f"whk_{self.made:020x}",
            "https://example.com/",
            events or ("*",),
            "",
            NINE,
            **{"slow": False, **parts},
        )
        assert self.webhooks.create(hook)
        return hook

    def learn(self, *lines: Event) -> list[Notification]:
        """What is told of the milestones that these lines bear."""
        before = self.followed.parcels.read(LINK).parcel.milestones
        self.followed.following(known(self.followed.courier.time, *lines))
        parcel = self.followed.parcels.read(LINK).parcel
        born: list[Milestone] = [each for each in parcel.milestones if each not in before]
        return [notifications.of_milestone(parcel, each, self.followed.courier.time) for each in born]

    def tell(self, *told: Notification | str) -> list[Exception | None]:
        return self.fanout([each if isinstance(each, str) else notifications.write(each) for each in told])

    def events(self, member: str = "acme") -> list[tuple[str, bool | None]]:
        """The feed of a member: types, and whether it is backfill."""
        entries = self.feed.read(member, 0, 1000)
        return [(entry.event["type"], entry.event["data"].get("backfill")) for entry in entries]

    def sent(self) -> list[Delivery]:
        return [messages.read_delivery(body) for body in self.deliveries.bodies + self.slow_deliveries.bodies]
