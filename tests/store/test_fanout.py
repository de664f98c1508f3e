"""Who is told: watchers of what happens after they began to watch, each once, by every way that they named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from tests.fanned import COLLECTED, SIGNED, TOUR, Scene
from tests.followed import HOUR, LINK, NINE, known, line
from tests.kills import kill_points
from tests.store.conftest import client_of
from waybill import messages, notifications, outbox
from waybill.budgets import Budget
from waybill.circuit import Circuit
from waybill.errors import QueueUnavailable, UpstreamUnavailable
from waybill.fanout import REPLAYED_AT_ONCE
from waybill.feed import Entry
from waybill.freshness import Guess, Tail
from waybill.messages import Delivery, Letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.kills import Step
    from waybill.notifications import Notification
    from waybill.shipments import Shipment


@pytest.fixture
def scene(dynamodb: DynamoDBClient) -> Scene:
    return Scene(dynamodb)


@pytest.fixture
def alone() -> Iterator[Scene]:
    """Where it does not matter which DynamoDB it is."""
    with mock_aws():
        yield Scene(client_of())


def test_what_happens_is_told_to_every_watcher_and_delivered_to_every_webhook(scene: Scene) -> None:
    mine, theirs = scene.webhook("acme"), scene.webhook("other")
    scene.followed.register("1", "acme", tags=("gift",))
    scene.followed.register("2", "acme")
    scene.followed.register("3", "other")
    scene.followed.courier.time += 3 * HOUR

    assert scene.tell(*scene.learn(SIGNED)) == [None]

    assert scene.events() == [("parcel.delivered", False)] * 2
    assert scene.events("other") == [("parcel.delivered", False)]
    entries = scene.feed.read("acme", 0, 9)
    assert {each.event["data"]["shipment"]["order_id"] for each in entries} == {"1", "2"}
    assert len({each.event["id"] for each in entries}) == 2
    assert sorted(scene.sent(), key=str) == [
        Delivery("acme", mine.id, 1),
        Delivery("acme", mine.id, 2),
        Delivery("other", theirs.id, 1),
    ]


def test_of_what_was_before_only_the_newest_is_told_and_named_so(scene: Scene) -> None:
    scene.followed.register()

    scene.tell(*scene.learn(COLLECTED, TOUR))

    assert scene.events() == [("parcel.out_for_delivery", True)]


def test_who_comes_later_hears_the_newest_and_then_what_happens(scene: Scene) -> None:
    scene.followed.register("1", "acme")
    told = scene.learn(COLLECTED, TOUR)
    scene.tell(*told)
    scene.followed.courier.time += HOUR
    late = scene.followed.register("2", "other")
    notice = outbox.backfill(late, scene.followed.courier.time)["message"]["S"]

    scene.tell(notice)
    scene.tell(notice, *told)
    scene.followed.courier.time += 2 * HOUR
    scene.tell(*scene.learn(COLLECTED, TOUR, SIGNED))

    assert scene.events("other") == [("parcel.out_for_delivery", True), ("parcel.delivered", False)]
    assert scene.events("acme") == [("parcel.out_for_delivery", True), ("parcel.delivered", False)]


def test_a_notice_says_nothing_where_nothing_was_before(scene: Scene) -> None:
    ship = scene.followed.register()
    notice = outbox.backfill(ship, NINE)["message"]["S"]
    scene.tell(notice)
    scene.followed.courier.time += 3 * HOUR
    scene.learn(SIGNED)
    scene.tell(notice)
    assert scene.events() == []


def test_what_one_answer_tells_of_a_parcel_is_told_in_the_order_in_which_it_happened(alone: Scene) -> None:
    alone.followed.register()
    alone.followed.courier.time += 4 * HOUR
    failed = line("2", NINE + 2 * HOUR)
    tour = line("5", NINE + HOUR)
    signed = line("301", NINE + 3 * HOUR)
    told = alone.learn(tour, failed, signed)
    assert len({each["timestamp"] for each in told}) == 1

    alone.tell(*sorted(told, key=lambda each: each["type"]))

    types = ["parcel.out_for_delivery", "parcel.exception", "parcel.delivered"]
    assert alone.events() == [(type_, False) for type_ in types]


def test_what_the_courier_said_late_is_told_as_the_newest_of_before(scene: Scene) -> None:
    scene.followed.register()
    assert scene.learn() == []
    scene.followed.courier.time += HOUR

    scene.tell(*scene.learn(TOUR))

    assert scene.events() == [("parcel.out_for_delivery", True)]


def test_who_is_done_with_a_shipment_hears_no_more_of_it(alone: Scene) -> None:
    done, _ = alone.followed.register("1"), alone.followed.register("2")
    alone.followed.complete(done)
    alone.followed.courier.time += 3 * HOUR

    alone.tell(*alone.learn(SIGNED))

    (entry,) = alone.feed.read("acme", 0, 9)
    assert entry.event["data"]["shipment"]["order_id"] == "2"


def bound_to(scene: Scene, right: str, *wrong: str, guesses: tuple[Guess, ...] = ()) -> Notification:
    """What is told of a parcel that is bound to a phone with this tail; others were tried in vain."""
    tails = {right: Tail("verified", NINE), **dict.fromkeys(wrong, Tail("wrong", NINE))}
    tail_hash = scene.followed.courier.secrets.tail_hash
    hashed = {tail_hash(LINK.courier, LINK.number, tail): each for tail, each in tails.items()}
    scene.followed.courier.time += 3 * HOUR
    bound = known(scene.followed.courier.time, SIGNED, phone_bound=True, tails=hashed, guesses=guesses)
    scene.followed.following(bound)
    scene.results[f"{LINK.courier}#{LINK.number}"] = bound
    parcel = scene.followed.parcels.read(LINK).parcel
    return notifications.of_milestone(parcel, parcel.milestones[0], scene.followed.courier.time)


def test_a_parcel_bound_to_a_phone_is_told_to_whose_phone_is_right_whoever_asked(scene: Scene) -> None:
    scene.followed.register("1", "acme", tail="0001")
    scene.followed.register("2", "other", tail="0002")
    scene.followed.register("3", "third")

    scene.tell(bound_to(scene, "0001", "0002"))

    assert scene.events("acme") == [("parcel.delivered", False)]
    assert scene.events("other") == scene.events("third") == []


def test_who_registers_many_phones_is_told_by_none_after_five_wrong_ones(alone: Scene) -> None:
    for tail in range(10):
        alone.followed.register(f"{tail}", "guesser", tail=f"{tail:04}")

    alone.tell(bound_to(alone, "0009"))

    assert alone.events("guesser") == []
    (known,) = alone.results.values()
    assert len(known.guesses) == 5, "which all members share the place of"


def test_while_the_key_of_phones_cannot_be_read_only_what_needs_it_comes_back(alone: Scene) -> None:
    def away(*_: str) -> str:
        raise UpstreamUnavailable("The secret cannot be read.")

    alone.followed.register("1", "acme", tail="0001")
    alone.followed.courier.time += 3 * HOUR
    bound = known(alone.followed.courier.time, SIGNED, phone_bound=True)
    alone.followed.following(bound)
    alone.results[f"{LINK.courier}#{LINK.number}"] = bound
    parcel = alone.followed.parcels.read(LINK).parcel
    told = notifications.of_milestone(parcel, parcel.milestones[0], NINE)
    other = notifications.of_budget(Budget("acme", "day", 10), 80, NINE)

    faults = replace(alone.fanout, tail_hash=away)([notifications.write(each) for each in (told, other)])

    assert [type(each) for each in faults] == [UpstreamUnavailable, type(None)]
    assert alone.events("acme") == [("budget.warning", None)]


def test_a_webhook_gets_the_types_that_it_named_whatever_its_state(scene: Scene) -> None:
    scene.webhook("acme", "parcel.exception")
    delivered = scene.webhook("acme", "parcel.delivered", "parcel.stalled")
    paused = scene.webhook("acme", state="paused")
    scene.followed.register()
    scene.followed.courier.time += 3 * HOUR

    scene.tell(*scene.learn(SIGNED))

    assert {each.webhook for each in scene.sent()} == {delivered.id, paused.id}


def test_a_stall_is_told_to_who_waits(scene: Scene) -> None:
    scene.followed.register()
    scene.learn(COLLECTED)
    parcel = scene.followed.parcels.read(LINK).parcel
    scene.tell(notifications.of_stall(parcel, NINE + 99 * HOUR))
    (entry,) = scene.feed.read("acme", 0, 9)
    assert entry.event["type"] == "parcel.stalled"
    assert entry.event["data"]["attention"] == "stalled"


def test_customers_get_a_letter_of_what_their_shipment_names(scene: Scene) -> None:
    def notify(*events: str) -> dict[str, Any]:
        return {"email": "customer@example.com", "events": list(events), "lang": "en"}

    scene.followed.register("1", notify=notify("delivered"))
    scene.followed.register("2", notify=notify("*"))
    scene.followed.register("3", notify=notify("exception", "stalled"))
    scene.followed.register("4")
    scene.followed.courier.time += 3 * HOUR

    scene.tell(*scene.learn(SIGNED))

    letters = [messages.read_letter(body) for body in scene.letters.bodies]
    numbers = {
        each.event["data"]["shipment"]["order_id"]: each.sequence for each in scene.feed.read("acme", 0, 9)
    }
    assert sorted(letters, key=str) == [
        Letter("acme", order, LINK.courier, LINK.number, numbers[order]) for order in ("1", "2")
    ]


def test_without_a_sender_of_mail_no_letter_is_written(alone: Scene) -> None:
    silent = replace(alone.fanout, letters=None)
    alone.followed.register(notify={"email": "customer@example.com", "events": ["*"], "lang": None})
    alone.followed.courier.time += 3 * HOUR
    assert silent([notifications.write(each) for each in alone.learn(SIGNED)]) == [None]
    assert len(alone.events()) == 1


def test_a_members_budget_is_its_own_and_everybodys_is_the_operators(scene: Scene) -> None:
    operator, plain = scene.webhook("ops", operator=True), scene.webhook("ops")
    scene.webhook("acme")
    scene.tell(
        notifications.of_budget(Budget("acme", "day", 50), 80, NINE),
        notifications.of_budget(Budget("", "month", 900), 100, NINE),
        notifications.of_circuit(Circuit.opened("601", "holder", NINE)),
    )
    assert scene.events("acme") == [("budget.warning", None)]
    assert sorted(scene.events("ops")) == [("budget.exhausted", None), ("circuit.opened", None)]
    assert {each.webhook for each in scene.sent() if each.member == "ops"} == {operator.id}
    assert plain.id not in {each.webhook for each in scene.sent()}


def test_what_is_for_one_webhook_is_delivered_to_no_other(scene: Scene) -> None:
    scene.webhook("acme")
    tested = scene.webhook("acme", "parcel.delivered")
    event = notifications.of_webhook(
        notifications.WEBHOOK_TEST, {"webhook_id": tested.id, "url": tested.url, "reason": "test"}, NINE
    )
    scene.tell(outbox.to_member("acme", event, webhook=tested.id))
    assert scene.sent() == [Delivery("acme", tested.id, 1)]
    assert scene.feed.get("acme", 1) == event


def test_the_same_message_again_tells_nothing_new_and_sends_the_same_again(scene: Scene) -> None:
    hook = scene.webhook()
    scene.followed.register()
    scene.followed.courier.time += 3 * HOUR
    told = scene.learn(SIGNED)
    scene.tell(*told, *told)
    scene.tell(*told)
    assert scene.events() == [("parcel.delivered", False)]
    assert set(scene.sent()) == {Delivery("acme", hook.id, 1)}


def test_a_message_that_is_none_fails_alone(scene: Scene) -> None:
    scene.followed.register()
    scene.followed.courier.time += 3 * HOUR
    broken = [
        "no JSON",
        "[]",
        '{"kind":"backfill"}',
        '{"kind":"replay","member":"acme","webhook":"whk_1"}',
        json.dumps({"type": "parcel.delivered", "id": "evt_1", "timestamp": "x", "data": {}}),
    ]
    scene.webhook()
    broken[3] = broken[3].replace("whk_1", f"whk_{1:020x}")
    faults = scene.tell(*broken, *scene.learn(SIGNED))
    assert [fault is None for fault in faults] == [False] * len(broken) + [True]
    assert len(scene.events()) == 1


def test_what_a_queue_does_not_take_fails_its_message_and_no_other(alone: Scene) -> None:
    alone.webhook("acme")
    alone.webhook("other")
    alone.followed.register("1", "acme")
    alone.followed.register("2", "other")
    alone.followed.courier.time += 3 * HOUR
    alone.deliveries.refuses = 1
    budget = notifications.of_budget(Budget("nobody", "day", 5), 80, NINE)
    kept, free = alone.tell(*alone.learn(SIGNED), budget)
    assert isinstance(kept, QueueUnavailable)
    assert free is None


def test_a_replay_sends_exactly_its_range_again(scene: Scene) -> None:
    hook = scene.webhook("acme", "parcel.delivered")
    count = 2 * REPLAYED_AT_ONCE + 7
    moments = [notifications.instant(NINE + 60 * each) for each in range(count)]
    entries = [
        Entry(
            {
                "type": "parcel.delivered" if place % 3 else "parcel.exception",
                "id": f"evt_{place}",
                "timestamp": moment,
                "data": {},
            }
        )
        for place, moment in enumerate(moments)
    ]
    scene.feed.append("acme", entries)
    first, last = 20, count - 30
    body: str | None = outbox.to_replay("acme", hook.id, "r1", 1, count, moments[first], moments[last])

    rounds = 0
    while body is not None:
        assert scene.tell(body) == [None]
        body, rounds = scene.again.bodies.pop() if scene.again.bodies else None, rounds + 1

    assert rounds == 3
    wanted = [Delivery("acme", hook.id, place + 1, "r1") for place in range(first, last) if place % 3]
    assert scene.sent() == wanted


def test_what_a_slow_webhook_is_to_hear_goes_by_the_queue_of_the_slow(scene: Scene) -> None:
    quick, slow = scene.webhook("acme"), scene.webhook("acme", slow=True)
    scene.followed.register("1", "acme")
    scene.followed.courier.time += 3 * HOUR
    assert scene.tell(*scene.learn(SIGNED)) == [None]

    def sent() -> tuple[list[str], list[str]]:
        lines = scene.deliveries, scene.slow_deliveries
        found = [[messages.read_delivery(body).webhook for body in line.bodies] for line in lines]
        return found[0], found[1]

    assert sent() == ([quick.id], [slow.id])
    for hook in (quick, slow):
        assert scene.tell(outbox.to_replay("acme", hook.id, "r1", 1, 1, "2000", "3000")) == [None]
    assert sent() == ([quick.id] * 2, [slow.id] * 2)


def test_a_replay_for_a_member_without_events_sends_nothing(scene: Scene) -> None:
    """DynamoDB refuses bounds the wrong way round; the message would end among the dead letters."""
    hook = scene.webhook("acme")
    bounds: list[tuple[str, str]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        values = params["ExpressionAttributeValues"]
        bounds.extend([(values[":first"]["S"], values[":last"]["S"])] if ":first" in values else [])

    scene.dynamodb.meta.events.register("provide-client-params.dynamodb.Query", note)
    replay = outbox.to_replay("acme", hook.id, "r1", 1, scene.feed.last("acme"), "2000", "3000")
    assert scene.tell(replay) == [None]
    assert scene.sent() == []
    assert [each for each in bounds if each[0] > each[1]] == []


def test_a_replay_for_a_webhook_that_is_gone_sends_nothing(alone: Scene) -> None:
    alone.feed.append("acme", [Entry(notifications.of_circuit(Circuit.opened("601", "h", NINE)))])
    assert alone.tell(outbox.to_replay("acme", "whk_1", "r1", 1, 1, "2000", "3000")) == [None]
    assert alone.sent() == []


def test_a_kill_anywhere_changes_no_count_once_the_messages_came_back(emulator: str) -> None:
    """Killed before and after each call and each message sent; then the batch comes again, as SQS does."""
    batches: list[list[Notification]] = []
    ships: list[Shipment] = []

    def make() -> Scene:
        scene = Scene(client_of(emulator))
        scene.webhook("acme")
        scene.webhook("acme", "parcel.delivered")
        ships[:] = [scene.followed.register("1", "acme"), scene.followed.register("2", "other")]
        scene.followed.courier.time += 3 * HOUR
        batches[:] = [scene.learn(COLLECTED, TOUR, SIGNED)]
        return scene

    def run(scene: Scene, step: Step) -> None:
        scene.deliveries.step = step
        scene.tell(*batches[0])

    points = 0
    for name, scene in kill_points(make, run, lambda scene: [scene.dynamodb]):
        points += 1
        scene.deliveries.step = lambda _: None
        scene.tell(*batches[0])
        assert scene.events("acme") == [("parcel.delivered", False)], name
        assert scene.events("other") == [("parcel.delivered", False)], name
        assert len(set(scene.sent())) == 2, name
    assert points > 20
