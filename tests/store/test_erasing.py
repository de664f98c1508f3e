"""On moto and on the emulator: a member's data, or a shipment's, are found and erased; those of others stay as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from moto import mock_aws

from tests.erased import (
    ALONE,
    ERIN,
    NOW,
    OTHER,
    SHARED,
    World,
    busy,
    of_tables,
    restored,
    text_of,
    webhook_id,
)
from tests.followed import known, line
from tests.kills import kill_points
from tests.store.conftest import client_of, new_table
from tools import holdings
from tools.holdings import ERASED, KINDS, Subject
from tools.restore import Restore
from waybill import notifications, tallies
from waybill.budgets import Budget
from waybill.cache import Cache
from waybill.circuit import Circuit
from waybill.errors import InvalidField, NotFound, WaybillError
from waybill.feed import Entry
from waybill.freshness import Guess
from waybill.shipments import Link

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tools.holdings import Item

    Items = dict[tuple[str, str], Item]

MEMBER: Final = Subject(ERIN)
ORDER: Final = Subject(ERIN, "e-1")
IDS: Final = (
    webhook_id(ERIN),
    holdings.shipment_id(ERIN, "e-1", ALONE),
    holdings.shipment_id(ERIN, "e-2", SHARED),
)
OF_MEMBER: Final = (ERIN, "e-1", "e-2", "mail.erin1@", ALONE.number, "SF1000000000004", *IDS)
OF_ORDER: Final = ("e-1", ALONE.number)
FOR_A_WHILE: Final = ("LEASE#", "CALL#")
"""What a number needs in order not to be locked, and calls not summed up yet; both end by themselves."""
_MADE: dict[str, Items] = {}


@pytest.fixture
def world(dynamodb: DynamoDBClient, request: pytest.FixtureRequest) -> World:
    """The same items in tables of one's own; made once, by what writes them."""
    name = str(request.node.callspec.params["dynamodb"])
    if name not in _MADE:
        _MADE[name] = busy(dynamodb).items()
    return restored(dynamodb, _MADE[name])


def found(items: Items, *texts: str) -> list[tuple[str, str, str]]:
    """Where one of these still stands, but for what ends by itself within days and holds no more than a number."""
    return [
        (*key, text)
        for key, item in items.items()
        for text in texts
        if text in text_of(item) and not (text in NUMBERS and ends_soon(key, item))
    ]


NUMBERS: Final = {ALONE.number, "SF1000000000004"}


def ends_soon(key: tuple[str, str], item: Item) -> bool:
    return key[0].startswith(FOR_A_WHILE) and float(item["expires_at"]["N"]) <= NOW + 4 * 86_400


def of_others(items: Items) -> Items:
    """What is only another member's, or nobody's."""
    return {
        key: item
        for key, item in items.items()
        if not any(text in text_of(item) for text in OF_MEMBER) and key[0] not in shared_keys()
    }


def shared_keys() -> set[str]:
    return {f"RESULT#{SHARED.courier}#{SHARED.number}"}


def test_every_item_is_of_a_known_kind_and_ends_or_goes_with_its_owner(world: World) -> None:
    held = [holdings.read(table, item) for table, item in of_tables(world)]
    assert {each.kind.name for each in held} == {kind.name for kind in KINDS} - {"erasure"}
    for each in held:
        name = each.kind.name
        assert ("expires_at" in each.item) == each.kind.ends or name in {"parcel", "token", "token's line"}, (
            name
        )
        if each.members:
            assert each.kind.owner in {"member", "shipment", "sums"} or name == "result", name
    with pytest.raises(ValueError, match="no kind"):
        holdings.read("Tracking", {"pk": {"S": "NEWS#1"}, "sk": {"S": "NEWS"}})


def test_a_member_is_erased_and_nothing_else_changes(world: World) -> None:
    before = world.items()
    counted = world.erasure(MEMBER).count()
    assert world.items() == before, "counting writes nothing"
    outcome = world.erasure(MEMBER).run()
    after = world.items()
    assert outcome.left == []
    assert outcome.stay.keys() == {"lease", "call"}
    assert counted.erased.keys() - outcome.erased.keys() == set()
    assert found(after, *OF_MEMBER) == []
    others = of_others(before)
    assert {key: after.get(key) for key in others} == others
    assert len(others) > 30
    known = {key for key in after if key[0] != "ERASED"}
    assert known <= before.keys()
    result = holdings.read("Cache", after[next(iter(shared_keys())), ""])
    assert result.members == {OTHER}
    assert (
        result.data["parcel"] == holdings.read("Cache", before[next(iter(shared_keys())), ""]).data["parcel"]
    )


def test_the_sums_stay_as_they_are_but_for_the_name(world: World) -> None:
    def sums() -> dict[str, tallies.Count]:
        lines = [
            tallies.lines_of(item["lines"]["B"])
            for (pk, sk), item in world.items().items()
            if pk.startswith("LEDGER#2") and len(sk) == 2
        ]
        return {line.member: count for each in lines for line, count in each.items()}

    before = sums()
    world.erasure(MEMBER).run()
    assert before.keys() == {ERIN, OTHER}
    assert sums() == {ERASED: before[ERIN], OTHER: before[OTHER]}


def test_again_it_finds_nothing(world: World) -> None:
    world.erasure(MEMBER).run()
    before = world.items()
    again = world.erasure(MEMBER).run()
    assert (again.erased, again.left) == ({}, [])
    assert world.items() == before


def test_a_shipment_is_erased_and_the_member_s_others_stay(world: World) -> None:
    before = world.items()
    outcome = world.erasure(ORDER).run()
    after = world.items()
    assert outcome.left == []
    assert found(after, *OF_ORDER) == []
    untouched = {
        key: item for key, item in before.items() if not any(text in text_of(item) for text in OF_ORDER)
    }
    gone = untouched.keys() - after.keys()
    # Of these only the event says what they are about, and of that one the shipment.
    assert {pk.split("#")[0] for pk, _ in gone} <= {"EVENT", "DELIVERY", "SUPPRESSED"}
    assert {key: after[key] for key in untouched.keys() - gone} == {
        key: untouched[key] for key in untouched.keys() - gone
    }
    assert world.erasure(ORDER).run().erased == {}


def test_an_export_has_all_of_it_and_nothing_of_others(world: World) -> None:
    told = list(world.erasure(MEMBER).export())
    text = json.dumps(told, ensure_ascii=False)
    for mine in (*OF_MEMBER, "c-e-1", "1234", "of erin#1", "line 1002", "hello e-1"):
        assert mine in text
    for other in ("o-1", "o-2", "mail.erin@", "YT1000000000003", f'"{OTHER}"', f'{OTHER}"'):
        assert other not in text
    assert {"shipment", "event", "delivery", "history", "result", "token", "sums of a day"} <= {
        each["kind"] for each in told
    }
    (order,) = [each for each in world.erasure(ORDER).export() if each["kind"] == "shipment"]
    assert order["registration"]["notify"]["email"].startswith("mail.erin1@")
    assert "e-2" not in json.dumps(list(world.erasure(ORDER).export()))


@pytest.mark.parametrize("members", [(ERIN,), (ERIN, OTHER)])
def test_a_parcel_that_was_shown_out_of_the_cache_goes_with_the_last_who_has_seen_it(
    world: World, members: tuple[str, ...]
) -> None:
    """Its calls were the schedule's, and its shipments are gone: only the showing of a phone says who has asked about it."""
    seen, cached = Link("shunfeng", "SF1000000000005"), Cache(world.dynamodb, world.cache)
    cached.store(seen.courier, seen.number, known(NOW, line("103", NOW), link=seen, phone_bound=True))
    for member in members:
        cached.note_guess(seen.courier, seen.number, Guess(NOW, member, "b" * 32))
    assert world.erasure(MEMBER).run().left == []
    stays = cached.known(seen.courier, seen.number, consistent=True)
    assert [each.member for each in stays.guesses] == [OTHER] if stays else members == (ERIN,)


def test_what_arrives_meanwhile_is_erased_too(world: World) -> None:
    arrived = iter(["evt_late", "evt_later"])

    def pause(_: float) -> None:
        if name := next(arrived, ""):
            world.feed.append(
                ERIN, [Entry({"type": "webhook.test", "id": name, "timestamp": "", "data": {}})]
            )

    assert world.erasure(MEMBER, pause).run().left == []
    assert found(world.items(), *OF_MEMBER, "evt_late") == []
    assert next(arrived, None) is None


def test_a_member_that_goes_on_writing_is_told_of(world: World) -> None:
    def pause(seconds: float) -> None:
        world.feed.append(
            ERIN,
            [Entry({"type": "webhook.test", "id": f"evt_{len(world.pauses)}", "timestamp": "", "data": {}})],
        )
        world.pauses.append(seconds)

    with pytest.raises(WaybillError, match="identity provider"):
        world.erasure(MEMBER, pause).run()


def test_who_registers_the_parcel_in_that_moment_keeps_it(world: World) -> None:
    met: list[object] = []

    def meet(**_: object) -> None:
        if not met:
            met.append(True)
            world.followed.register("o-9", OTHER, ALONE)

    events = world.dynamodb.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", meet)
    try:
        outcome = world.erasure(ORDER).run()
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", meet)
    dossier = world.followed.parcels.read(ALONE)
    assert [ship.order_id for ship in dossier.watches] == ["o-9"]
    assert dossier.tracked is not None
    assert dossier.parcel.milestones
    assert outcome.left == []
    assert found(world.items(), "e-1") == []


@pytest.mark.parametrize("subject", [Subject("eren"), Subject(ERIN, "e-3")])
def test_a_name_that_nobody_has_is_refused_and_leaves_no_tombstone(world: World, subject: Subject) -> None:
    before = world.items()
    for attempt in (world.erasure(subject).count, world.erasure(subject).run):
        with pytest.raises(NotFound, match=f"Nothing is held of {subject},"):
            attempt()
    assert world.items() == before


def test_a_message_without_a_member_is_of_the_parcel_with_its_courier_and_number(world: World) -> None:
    erasure = world.erasure(MEMBER)
    erasure.count()
    for courier, own in ((ALONE.courier, True), ("shunfeng", False)):
        parcel = {"courier": {"code": courier}, "number": ALONE.number}
        assert erasure.speaks_of({"courier": courier, "number": ALONE.number}) is own
        assert erasure.speaks_of({"type": "parcel.updated", "data": parcel}) is own
    assert not erasure.speaks_of({"courier": SHARED.courier, "number": SHARED.number})
    assert not erasure.speaks_of(ALONE.number)


def test_warnings_and_reports_that_wait_are_of_the_member_they_name(world: World) -> None:
    erasure = world.erasure(MEMBER)
    erasure.count()
    for member, own in ((ERIN, True), (OTHER, False)):
        told = notifications.of_budget(Budget(member, "day", 10), 80, NOW)
        assert erasure.speaks_of(told) is own
        data: Any = {"webhook_id": webhook_id(member), "url": "https://example.com/", "reason": "gone"}
        assert erasure.speaks_of(notifications.of_webhook("webhook.disabled", data, NOW)) is own
    assert not erasure.speaks_of(notifications.of_budget(Budget("", "month", 10), 80, NOW))
    assert not erasure.speaks_of(notifications.of_circuit(Circuit.opened("601", "flight", NOW)))


@pytest.mark.parametrize("subject", [MEMBER, Subject(OTHER)])
@pytest.mark.parametrize("kind", ["bounce", "complaint"])
def test_a_report_of_ses_is_of_whom_alone_it_was_sent_for(world: World, subject: Subject, kind: str) -> None:
    def report(address: str) -> Any:
        who = [{"emailAddress": f"Somebody <{address}>"}]
        mail = {"destination": [address], "commonHeaders": {"to": [address]}}
        recipients = {"bouncedRecipients": who, "complainedRecipients": who}
        return {"eventType": kind.title(), kind: recipients, "mail": mail}

    shared = {"email": "Both@example.com", "events": ["*"], "lang": "zh"}
    for member in (ERIN, OTHER):
        world.followed.register("same", member, Link("yuantong", "YT1000000000009"), notify=shared)
    erasure = world.erasure(subject)
    erasure.count()
    for member in (ERIN, OTHER):
        address = f"mail.{member.replace('#', '')}@example.com"
        assert erasure.speaks_of(report(address)) is (member == subject.member)
        assert erasure.speaks_of(report(address.title())) is (member == subject.member)
    assert not erasure.speaks_of(report("both@example.com"))
    assert not erasure.speaks_of(report("nobody@example.com"))


def test_limits_at_the_gateway_are_taken_away_first(world: World) -> None:
    before = world.items()
    with pytest.raises(InvalidField, match="member-unlimit"):
        world.erasure(Subject(OTHER)).run()
    assert world.items() == before


class Writes:
    """A client's answered writes as steps: whoever dies anywhere between two of them leaves the same behind."""

    OPERATIONS: Final = ("PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems")

    def __init__(self, client: DynamoDBClient) -> None:
        self.meta = self.events = self
        self._events: Any = client.meta.events

    def register(self, name: str, step: Any) -> None:
        for operation in self.OPERATIONS if name == "after-call" else ():
            self._events.register(f"{name}.dynamodb.{operation}", step)

    def unregister(self, name: str, step: Any) -> None:
        for operation in self.OPERATIONS if name == "after-call" else ():
            self._events.unregister(f"{name}.dynamodb.{operation}", step)


@mock_aws
def test_killed_anywhere_it_is_completed_by_the_next_run() -> None:
    client = client_of()
    made = busy(client)
    before = made.items()
    made.erasure(MEMBER).run()
    complete = made.items()
    points = 0
    for name, killed in kill_points(
        lambda: restored(client, before),
        lambda each, _: each.erasure(MEMBER).run(),
        lambda each: [Writes(each.dynamodb)],
    ):
        assert killed.erasure(MEMBER).run().left == [], name
        assert killed.items() == complete, name
        points += 1
    assert points > 10


def test_a_restore_brings_nobody_back(world: World) -> None:
    """The copy is from before; what was lost of others comes back, and of those who were erased nothing."""
    copy = restored(world.dynamodb, world.items()).tracking
    before = world.items()
    world.erasure(MEMBER).run()
    erased = world.items()
    lost = [key for key in erased if key[0].startswith(("LEDGER#2", "EVENTS#"))]
    for pk, sk in lost:
        world.dynamodb.delete_item(TableName=world.tracking, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    restore = Restore(world.dynamodb, copy, world.tracking, NOW)
    assert restore.run().written == len(lost)
    assert world.items() == erased
    assert Restore(world.dynamodb, copy, world.tracking, NOW, replace=True).run().written > len(lost)
    assert found(world.items(), *OF_MEMBER) == []
    assert before.keys() > erased.keys() - {key for key in erased if key[0] == "ERASED"}


def test_who_came_back_after_an_erasure_is_restored_with_the_others(world: World) -> None:
    world.erasure(MEMBER).run()
    world.followed.register("e-7", ERIN, ALONE)
    copy = restored(world.dynamodb, world.items()).tracking
    lost = new_table(world.dynamodb, "TrackingTable")
    for key, item in world.items().items():
        if key[0] == "ERASED":
            world.dynamodb.put_item(TableName=lost, Item=item)
    Restore(world.dynamodb, copy, lost, NOW).run()
    kept: Any = world.dynamodb.scan(TableName=lost)["Items"]
    assert any(item["sk"]["S"] == f"WATCH#{ERIN}#e-7" for item in kept)
