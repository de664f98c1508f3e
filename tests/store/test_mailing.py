"""Letters: once for each event and address, not in quiet hours, to nobody who wants none, whatever dies in between."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from tests.followed import HOUR, LINK, NINE
from tests.kills import kill_points
from tests.mailed import EMAIL, KEY, Invocation, Office
from tests.store.conftest import client_of
from waybill import messages
from waybill.errors import InProgress, MailRefused, MailUnavailable
from waybill.feed import KEPT
from waybill.mailing import SHARED
from waybill.member_settings import QuietHours, Settings
from waybill.messages import Letter
from waybill.suppression import ALL, Recipient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.kills import Step

EIGHT_NEXT_DAY, TEN_AT_NIGHT = NINE + 23 * HOUR, NINE + 13 * HOUR
NIGHT = Settings(QuietHours("22:00", "08:00", "Asia/Shanghai"))


@pytest.fixture
def office(dynamodb: DynamoDBClient) -> Office:
    return Office(dynamodb)


@pytest.fixture
def alone() -> Iterator[Office]:
    """Where it does not matter which DynamoDB it is."""
    with mock_aws():
        yield Office(client_of())


def test_a_letter_is_sent_once_however_often_its_message_comes(office: Office) -> None:
    letter = office.happens()
    for _ in range(3):
        office.mailing(letter)
    ((to, message),) = office.sent
    assert to == EMAIL
    assert office.ends == ["sent"] * 3
    text = email.message_from_bytes(message, policy=email.policy.default)
    (link,) = re.findall(r"<(https://api.example.com/prod/v1/unsubscribe/[\w-]+)>", text["List-Unsubscribe"])
    assert Recipient.read(KEY, link.rpartition("/")[2]) == office.recipient


def test_each_event_has_its_letter(alone: Office) -> None:
    for letter in (alone.happens("out_for_delivery"), alone.happens("delivered")):
        alone.mailing(letter)
    assert [each.split("：")[0] for each in alone.subjects] == ["派送中", "已签收"]


def test_who_is_written_to_is_read_when_the_letter_is_sent(alone: Office) -> None:
    letter = alone.happens()
    alone.change(notify={"email": "another@example.com", "events": ["delivered"], "lang": "en"})
    alone.mailing(letter)
    assert [to for to, _ in alone.sent] == ["another@example.com"]
    assert alone.subjects[0].startswith("Delivered: ")


def test_a_shipment_that_was_forgotten_or_completed_or_wants_it_no_more_gets_none(alone: Office) -> None:
    letter = alone.happens("in_transit")
    alone.change(notify={"email": EMAIL, "events": ["delivered", "stalled"], "lang": None})
    alone.mailing(letter)
    alone.change(notify=None)
    alone.mailing(letter)
    alone.followed.complete(alone.followed.ship(alone.ship))
    alone.mailing(letter)
    alone.followed.watches.forget(alone.followed.ship(alone.ship))
    alone.mailing(letter)
    assert alone.ends == ["not wanted", "not wanted", "not followed", "not followed"]
    assert alone.sent == []


def test_an_event_that_is_not_in_the_feed_makes_no_letter(alone: Office) -> None:
    alone.mailing(replace(alone.happens(), sequence=99))
    assert (alone.sent, alone.ends) == ([], ["not wanted"])


def test_a_deployment_without_a_sender_sends_nothing(alone: Office) -> None:
    replace(alone.mailing, sender="")(alone.happens())
    assert (alone.sent, alone.ends) == ([], ["no sender"])


def test_what_waits_when_the_sender_is_taken_away_waits_no_longer(alone: Office) -> None:
    alone.settings.put("acme", NIGHT)
    alone.goes_on(TEN_AT_NIGHT)
    alone.mailing(alone.happens())
    alone.goes_on(EIGHT_NEXT_DAY)
    replace(alone.mailing, sender="")(alone.due()[0])
    assert (alone.sent, alone.due()) == ([], [])


@pytest.mark.parametrize("kind", ["all", "member", "shipment"])
def test_every_kind_of_suppression_stops_the_letter(office: Office, kind: str) -> None:
    who = office.recipient
    what = {"all": ALL, "member": who.of_member, "shipment": who.of_shipment}[kind]
    office.suppressions.add(who.address, what, "bounce", office.now)
    office.mailing(office.happens())
    assert (office.sent, office.ends) == ([], ["bounce"])


def test_who_stopped_mails_of_another_member_or_parcel_or_to_another_address_is_written_to(
    alone: Office,
) -> None:
    other = replace(alone.ship, member="other", order_id="77")
    elsewhere = Recipient.of(KEY, other, EMAIL)
    for what in (elsewhere.of_member, elsewhere.of_shipment):
        alone.suppressions.add(elsewhere.address, what, "unsubscribed", alone.now)
    nobody = Recipient.of(KEY, alone.ship, "nobody@example.com")
    alone.suppressions.add(nobody.address, ALL, "bounce", alone.now)
    alone.mailing(alone.happens())
    assert len(alone.sent) == 1


def test_who_unsubscribes_while_a_letter_waits_does_not_get_it(alone: Office) -> None:
    alone.settings.put("acme", NIGHT)
    alone.goes_on(TEN_AT_NIGHT)
    alone.mailing(alone.happens())
    alone.suppressions.add(alone.recipient.address, alone.recipient.of_member, "unsubscribed", alone.now)
    alone.goes_on(EIGHT_NEXT_DAY)
    for letter in alone.due():
        alone.mailing(letter)
    assert alone.ends == ["waits", "unsubscribed"]
    assert (alone.sent, alone.due()) == ([], [])


def test_in_quiet_hours_only_the_newest_event_of_a_shipment_waits_and_is_told_in_the_morning(
    office: Office,
) -> None:
    office.settings.put("acme", NIGHT)
    office.goes_on(TEN_AT_NIGHT)
    first, second, third = (office.happens(each) for each in ("in_transit", "out_for_delivery", "delivered"))
    for letter in (first, third, second, first, third):
        office.mailing(letter)
    assert office.sent == []
    office.goes_on(EIGHT_NEXT_DAY - 1)
    assert office.due() == []
    office.goes_on(EIGHT_NEXT_DAY)
    due = office.due()
    assert due == [Letter("acme", "1001", LINK.courier, LINK.number)]
    for letter in (*due, *due, first, second, third):
        office.mailing(letter)
    assert [each.split("：")[0] for each in office.subjects] == ["已签收"]
    assert office.due() == []


def test_what_is_said_again_in_the_next_quiet_hours_changes_nothing(office: Office) -> None:
    office.settings.put("acme", NIGHT)
    office.goes_on(TEN_AT_NIGHT)
    letter = office.happens()
    office.mailing(letter)
    office.goes_on(EIGHT_NEXT_DAY)
    office.mailing(office.due()[0])
    office.goes_on(TEN_AT_NIGHT + 24 * HOUR)
    office.mailing(letter)
    office.goes_on(EIGHT_NEXT_DAY + 24 * HOUR)
    assert office.due() == []
    assert len(office.sent) == 1


def test_a_letter_of_the_morning_takes_the_place_of_the_one_that_waits(office: Office) -> None:
    office.settings.put("acme", NIGHT)
    office.goes_on(TEN_AT_NIGHT)
    office.mailing(office.happens("out_for_delivery"))
    office.goes_on(EIGHT_NEXT_DAY)
    office.mailing(office.happens("delivered"))
    assert office.due() == []
    assert [each.split("：")[0] for each in office.subjects] == ["已签收"]


def test_what_waits_is_told_though_a_newer_event_is_not(alone: Office) -> None:
    alone.settings.put("acme", NIGHT)
    alone.goes_on(TEN_AT_NIGHT)
    alone.mailing(alone.happens("out_for_delivery"))
    unwanted = alone.happens("in_transit")
    alone.change(notify={"email": EMAIL, "events": ["out_for_delivery", "delivered"], "lang": None})
    alone.mailing(unwanted)
    alone.goes_on(EIGHT_NEXT_DAY)
    alone.faults = [MailRefused("MessageRejected")]
    alone.mailing(alone.happens("delivered"))
    (due,) = alone.due()
    alone.mailing(due)
    assert alone.ends == ["waits", "not wanted", "refused", "sent"]
    assert [each.split("：")[0] for each in alone.subjects] == ["派送中"]
    assert alone.due() == []


def test_quiet_hours_that_are_longer_by_now_keep_the_letter_longer(alone: Office) -> None:
    alone.settings.put("acme", NIGHT)
    alone.goes_on(TEN_AT_NIGHT)
    alone.mailing(alone.happens())
    alone.settings.put("acme", Settings(QuietHours("22:00", "09:00", "Asia/Shanghai")))
    alone.goes_on(EIGHT_NEXT_DAY)
    alone.mailing(alone.due()[0])
    assert (alone.sent, alone.due()) == ([], [])
    alone.goes_on(EIGHT_NEXT_DAY + HOUR)
    alone.mailing(alone.due()[0])
    assert len(alone.sent) == 1


def test_a_letter_waits_no_longer_than_its_event_is_kept(alone: Office) -> None:
    alone.settings.put("acme", NIGHT)
    alone.goes_on(TEN_AT_NIGHT)
    letter = alone.happens()
    alone.mailing(letter)
    pk, sk = messages.letter_key(letter)
    item = alone.dynamodb.get_item(TableName=alone.tracking, Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"]
    assert float(item["expires_at"]["N"]) == TEN_AT_NIGHT + KEPT


def test_what_ses_does_not_take_now_comes_back_and_is_sent_once(office: Office) -> None:
    letter = office.happens()
    office.faults = [MailUnavailable("TooManyRequestsException"), MailUnavailable("ReadTimeoutError")]
    for _ in range(2):
        with pytest.raises(MailUnavailable):
            office.mailing(letter)
    office.mailing(letter)
    office.mailing(letter)
    assert len(office.sent) == 1


def test_what_ses_never_takes_is_not_tried_again(office: Office) -> None:
    letter = office.happens()
    office.faults = [MailRefused("MessageRejected")]
    office.mailing(letter)
    office.mailing(letter)
    assert (office.sent, office.ends) == ([], ["refused", "refused"])


def test_an_address_that_is_none_is_refused(alone: Office) -> None:
    letter = alone.happens()
    alone.change(notify={"email": "a@b.example\r\nBcc: c@d.example", "events": ["*"], "lang": None})
    alone.mailing(letter)
    assert (alone.sent, alone.ends) == ([], ["refused"])


def test_two_workers_with_one_letter_send_it_once(alone: Office) -> None:
    letter = alone.happens()
    met: list[str] = []

    def step(_: str) -> None:
        alone.step = met.append
        with pytest.raises(InProgress):
            alone.mailing(letter)

    alone.step = step
    alone.mailing(letter)
    assert len(alone.sent) == 1


def settled(office: Office, letter: Letter) -> None:
    """What comes back after a kill: the message, in a function whose predecessor's time is over, and what is due."""
    office.step = lambda _: None
    office.mailing(letter)
    office.goes_on(max(office.now, EIGHT_NEXT_DAY))
    for each in (*office.due(), letter, *office.due()):
        office.mailing(each)


def doomed(url: str | None = None) -> Office:
    """The function is at the end of its time, so that its mark does not hold off the next."""
    office = Office(client_of(url))
    context: Any = Invocation(-1000)
    office.marks.config.register_lambda_context(context)
    return office


@pytest.mark.parametrize("hour", [NINE, TEN_AT_NIGHT])
def test_a_kill_at_any_step_makes_two_letters_in_the_documented_window_only(
    emulator: str, hour: float
) -> None:
    twice, points = [], 0

    def make() -> tuple[Office, Letter]:
        office = doomed(emulator)
        office.settings.put("acme", NIGHT)
        office.goes_on(hour)
        return office, office.happens()

    def run(world: tuple[Office, Letter], step: Step) -> None:
        office, letter = world
        office.step = step
        office.mailing(letter)
        office.goes_on(max(office.now, EIGHT_NEXT_DAY))
        for each in office.due():
            office.mailing(each)

    for name, (office, letter) in kill_points(make, run, lambda world: [world[0].dynamodb]):
        points += 1
        settled(office, letter)
        assert len(office.sent) in {1, 2}, name
        assert office.due() == []
        if len(office.sent) == 2:
            twice.append(re.sub(r"\d+ ", "", name))
    assert points >= 20
    assert twice == ["after the letter was sent", "before UpdateItem"], "between the letter and its mark"


def test_all_letters_about_a_shipment_lead_to_its_page_by_one_link_until_it_is_revoked(
    office: Office,
) -> None:
    def link() -> str:
        """The token of the newest letter's link."""
        mail = email.message_from_bytes(office.sent[-1][1], policy=email.policy.default)
        part = mail.get_body(("plain",))
        assert part is not None
        (token,) = re.findall(r"https://api\.example\.com/prod/v1/t/([\w-]+)", part.get_content())
        return str(token)

    def opens(token: str) -> bool:
        share, stands = office.shares.get(token), office.followed.ship(office.ship)
        return share is not None and share.opens(stands, office.wall)

    office.mailing(office.happens("out_for_delivery"))
    first = link()
    assert opens(first)
    office.wall += SHARED - 60
    office.mailing(office.happens())
    assert link() == first
    office.wall += 120
    assert opens(first), "each letter puts its end off"
    office.followed.watches.change(office.ship, lambda each: replace(each, share_generation=1))
    assert not opens(first)
    office.mailing(office.happens())
    assert link() != first
    assert opens(link())
    office.wall += SHARED
    assert not opens(link())
