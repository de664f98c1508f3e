"""Deliveries over real tables, queues and endpoints: what becomes of them, and endpoints that are off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.delivered import DOWN, MEMBER, WELL, notices
from tests.receivers import Reply, answering, failing, first
from waybill import deliveries, feed, retries
from waybill.concerns import Concerns
from waybill.deliveries import Deliveries, Progress
from waybill.errors import DAY, HOUR, MINUTE
from waybill.outbox import FANOUT

if TYPE_CHECKING:
    from tests.delivered import Make, World


@pytest.fixture
def world(make: Make) -> World:
    return make(answering(WELL))


# ---- What becomes of a delivery


def test_a_delivery_arrives_once_however_often_it_is_asked_for(world: World) -> None:
    delivery = world.event()
    for _ in range(5):
        world.deliver(delivery)
    assert world.receiver.handled == {world.event_id(delivery): 1}
    assert len(world.receiver.requests) == 1
    assert world.receiver.requests[0].verified
    progress = world.progress(delivery)
    assert (progress.state, progress.event_id, progress.type) == (
        "delivered",
        world.event_id(delivery),
        "webhook.test",
    )
    (attempt,) = progress.tries
    assert (attempt.status, attempt.error, attempt.answer) == (200, None, "thanks")
    assert world.heard == [(200, "delivered")]
    assert world.queued() == (0, 0)


def test_a_failure_is_tried_again_by_the_table_and_parked_in_the_end(mocked: Make) -> None:
    world = mocked(answering(DOWN))
    delivery = world.event()
    waits = []
    for _ in retries.WAITS:
        world.deliver(delivery)
        progress = world.progress(delivery)
        assert progress.state == "waiting"
        assert progress.next_at is not None
        waits.append(progress.next_at - progress.tries[-1].at)
        world.advance(progress.next_at - world.now() - 2)
        world.deliver(delivery)
        assert world.progress(delivery) == progress, "before its time it is left alone"
        world.advance(2)
    assert waits == pytest.approx(list(retries.WAITS), abs=2)
    world.deliver(delivery)
    progress = world.progress(delivery)
    assert (progress.state, progress.next_at, progress.due_at) == ("parked", None, None)
    assert len(progress.tries) == len(world.receiver.requests) == len(retries.WAITS) + 1
    assert {each.id for each in world.receiver.requests} == {world.event_id(delivery)}
    assert {(each.status, each.answer) for each in progress.tries} == {(500, "out of luck")}
    assert world.heard == [(500, "waiting")] * 9 + [(500, "parked")]
    world.deliver(delivery)
    assert len(world.receiver.requests) == 10, "nobody tries what is parked"


def test_waits_within_a_queues_reach_are_sent_for_later_and_longer_ones_are_left_to_the_dispatch(
    make: Make,
) -> None:
    world = make(answering(DOWN))
    delivery = world.event()
    for messages_sent, wait in ((1, 5.0), (2, 5 * MINUTE), (2, 30 * MINUTE)):
        world.deliver(delivery)
        progress = world.progress(delivery)
        assert progress.next_at is not None
        assert progress.due_at is not None
        assert sum(world.queued()) == messages_sent
        assert progress.due_at - progress.next_at == pytest.approx(120 if wait < 900 else 0, abs=0.01)
        world.advance(progress.next_at - world.now())


def test_at_speed_the_table_scales_and_so_does_what_a_queue_can_reach(mocked: Make) -> None:
    world = mocked(answering(DOWN), speed=600.0)
    delivery = world.event()
    for sent, wait in enumerate(retries.WAITS, 1):
        world.deliver(delivery)
        progress = world.progress(delivery)
        assert progress.next_at is not None
        assert progress.next_at - progress.tries[-1].at == pytest.approx(wait, abs=600 * 5)
        assert sum(world.queued()) == sent, "even 24 hours are 144 seconds"
        world.advance(progress.next_at - world.now())
    assert world.receiver.unverified == [], "the timestamp that is signed is wall time"


def test_retry_after_is_obeyed(world: World) -> None:
    world.receiver.behave = first([Reply(429, headers={"Retry-After": "3600"})])
    delivery = world.event()
    world.deliver(delivery)
    progress = world.progress(delivery)
    assert progress.next_at == pytest.approx(progress.tries[0].at + 3600, abs=5)
    world.settle([delivery])
    assert world.progress(delivery).state == "delivered"


def test_a_success_after_failures_ends_them(world: World) -> None:
    world.receiver.behave = first([DOWN, DOWN], WELL)
    delivery = world.event()
    world.deliver(delivery)
    assert world.webhook().failing_since is not None
    world.settle([delivery])
    assert [each.status for each in world.progress(delivery).tries] == [500, 500, 200]
    assert world.webhook().failing_since is None


def test_what_an_endpoint_answers_is_in_the_log_of_deliveries_and_nowhere_else(world: World) -> None:
    world.receiver.behave = answering(Reply(200, b"hello Zhang San"))
    delivery = world.event()
    world.deliver(delivery)
    assert [each.answer for each in world.progress(delivery).tries] == ["hello Zhang San"]
    (mark,) = world.marks()
    assert "hello" not in str(mark)


def test_a_share_of_failures_loses_and_doubles_nothing(mocked: Make) -> None:
    world = mocked(failing(0.3))
    sent = [world.event() for _ in range(20)]
    world.settle(sent)
    assert world.receiver.handled == {world.event_id(each): 1 for each in sent}
    assert world.receiver.unverified == []
    assert 500 in {each.status for each in world.receiver.replies}


def test_an_answer_is_kept_in_part(world: World) -> None:
    world.receiver.behave = answering(Reply(500, b"\x1b[31m" + b"x" * 5000))
    delivery = world.event()
    world.deliver(delivery)
    (attempt,) = world.progress(delivery).tries
    assert attempt.answer.startswith("\ufffd[31mxxx")
    assert len(attempt.answer.encode()) <= 1024


def test_a_replay_is_a_delivery_of_its_own_with_the_same_id(world: World) -> None:
    delivery = world.event()
    again = replace(delivery, series="r1")
    for each in (delivery, again, delivery, again):
        world.deliver(each)
    assert world.receiver.handled == {world.event_id(delivery): 2}
    assert world.progress(again).state == world.progress(delivery).state == "delivered"


def test_while_a_secret_is_rotated_both_versions_sign(world: World) -> None:
    world.webhooks.change(world.webhook(), lambda stands: replace(stands, version=2, previous_until=2e10))
    old, new = world.receiver.secrets
    for secret in (old, new):
        world.receiver.secrets = (secret,)
        world.deliver(world.event())
    world.webhooks.change(world.webhook(), lambda stands: replace(stands, previous_until=1.0))
    world.deliver(world.event())
    world.receiver.secrets = (old,)
    world.deliver(world.event())
    assert [each.verified for each in world.receiver.requests] == [True, True, True, False]


# ---- Endpoints that are off


def test_what_is_for_a_paused_webhook_is_parked_and_can_be_sent_again(world: World) -> None:
    world.webhooks.change(world.webhook(), lambda stands: replace(stands, state="paused"))
    delivery = world.event()
    world.deliver(delivery)
    assert world.receiver.requests == []
    assert (world.progress(delivery).state, world.progress(delivery).tries) == ("parked", ())


def test_what_is_parked_while_its_webhook_is_resumed_is_sent_all_the_same(make: Make) -> None:
    world = make(answering(WELL))
    world.webhooks.change(world.webhook(), lambda stands: replace(stands, state="paused"))

    class Resumed(Deliveries):
        """Its owner looks for what is parked just before the first delivery is."""

        def put(self, progress: Progress, now: float, kept: float = deliveries.KEPT) -> bool:
            if world.webhook().state == "paused":
                world.webhooks.change(world.webhook(), lambda stands: replace(stands, state="active"))
                assert self.page(MEMBER, world.hook.id, now, 1, state="parked") == ([], None)
            return super().put(progress, now, kept)

    delivery = world.event()
    replace(world.delivering(), deliveries=Resumed(world.dynamodb, world.tracking))(delivery)
    assert world.queued() == (0, 1)
    world.settle([delivery])
    assert world.receiver.handled == {world.event_id(delivery): 1}


def test_a_deleted_webhook_hears_nothing_and_leaves_no_log(world: World) -> None:
    delivery = world.event()
    world.webhooks.delete(MEMBER, world.hook.id)
    world.deliver(delivery)
    assert world.receiver.requests == []
    assert world.deliveries.get(delivery) is None


def test_what_waits_for_a_deleted_webhook_waits_no_longer(make: Make) -> None:
    world = make(answering(DOWN))
    delivery = world.event()
    world.deliver(delivery)
    world.webhooks.delete(MEMBER, world.hook.id)
    world.advance(HOUR)
    world.deliver(delivery)
    assert len(world.receiver.requests) == 1
    assert world.progress(delivery).due_at is None, "the dispatch would send it again for 30 days"


def test_an_event_that_is_no_longer_kept_is_not_delivered(world: World) -> None:
    delivery = replace(world.event(), sequence=99)
    world.deliver(delivery)
    assert world.receiver.requests == []
    assert world.deliveries.get(delivery) is None


def test_what_was_given_up_ends_with_its_event_however_often_it_is_sent_again(make: Make) -> None:
    world = make(answering(DOWN))
    many = [world.event() for _ in range(3)]
    for each in many:
        world.deliver(each)
    world.advance(HOUR)
    world.webhooks.change(world.webhook(), lambda stands: replace(stands, state="paused"))
    for each in many:
        world.deliver(each)
    world.webhooks.change(world.webhook(), lambda stands: replace(stands, state="active"))
    world.advance(feed.KEPT - HOUR + MINUTE)
    delivering = replace(
        world.delivering(), feed=feed.Feed(world.dynamodb, world.tracking, world.cache, world.now)
    )

    def parked() -> list[Progress]:
        return world.deliveries.page(MEMBER, world.hook.id, world.now(), 9, state="parked")[0]

    assert len(parked()) == len(many), "kept for longer than their events"
    for progress in parked():
        world.deliveries.put(deliveries.resent(progress, world.now(), world.now()), world.now())
        delivering(progress.delivery)
    assert parked() == []
    assert Concerns(world.dynamodb, world.tracking).deliveries(MEMBER, world.hook.id, "parked", 9) == []
    assert len(world.receiver.requests) == len(many)


def test_an_endpoint_that_is_gone_is_disabled_at_once_and_its_owner_hears_of_it(world: World) -> None:
    world.receiver.behave = answering(Reply(410))
    delivery, other = world.event(), world.event()
    world.deliver(delivery)
    assert (world.webhook().state, world.webhook().reason) == ("disabled", "gone")
    assert world.progress(delivery).state == "parked"
    (notice,) = notices(world)
    assert notice["channel"]["S"] == FANOUT
    assert '"reason":"gone"' in notice["message"]["S"].replace("\\", "")
    world.deliver(other)
    assert world.progress(other).state == "parked"
    assert len(world.receiver.requests) == 1


def test_an_endpoint_that_fails_for_five_days_is_disabled(mocked: Make) -> None:
    world = mocked(answering(DOWN))
    old, late, last = world.event(), world.event(), world.event()
    daily = [world.event() for _ in range(4)]
    world.deliver(old)
    since = world.webhook().failing_since
    for each in daily:
        world.advance(DAY)
        world.deliver(each)
    world.advance(DAY - HOUR)
    world.deliver(late)
    assert (world.webhook().state, world.webhook().failing_since) == ("active", since)
    world.advance(2 * HOUR)
    world.deliver(last)
    assert (world.webhook().state, world.webhook().reason) == ("disabled", "failing")
    assert len(notices(world)) == 1
    assert world.progress(last).state == "parked"
    world.settle([old, *daily, late])
    assert {world.progress(each).state for each in (old, *daily, late)} == {"parked"}
    assert len(world.receiver.requests) == 7


def test_a_failure_after_days_without_any_disables_nothing(mocked: Make) -> None:
    world = mocked(answering(DOWN))
    world.deliver(world.event())
    world.advance(20 * DAY)
    late = world.event()
    world.deliver(late)
    stands = world.webhook()
    assert stands.state == "active"
    assert stands.failing_since == pytest.approx(world.now(), abs=5)
    assert world.progress(late).state == "waiting"
    assert notices(world) == []


def test_the_waits_of_one_delivery_are_no_quiet_time(mocked: Make) -> None:
    world = mocked(answering(DOWN))
    world.chance = 0.999
    delivery = world.event()
    world.deliver(delivery)
    since = world.webhook().failing_since
    world.settle([delivery])
    assert len(world.receiver.requests) == 10
    assert world.webhook().failing_since == since
