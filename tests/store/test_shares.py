"""Links to a parcel's page, on a real table: what they show, and what ends them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.store.conftest import new_table
from tests.store.test_watches import NOW, ship
from waybill import shares
from waybill.parcels import Parcels
from waybill.shares import TOKEN, Share, Shares
from waybill.watches import Watches

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.shipments import Shipment

WALL = 1_800_000_000


def test_a_link_says_what_it_was_made_for_and_its_token_is_nowhere_in_the_table(
    dynamodb: DynamoDBClient,
) -> None:
    table = new_table(dynamodb, "TrackingTable")
    links, token = Shares(dynamodb, table), shares.new_token()
    share = Share.of(ship(), WALL)
    links.put(token, share)
    assert links.get(token) == share
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert token not in str(item)
    assert item["expires_at"] == {"N": str(WALL)}, "what the table forgets by"


def test_the_same_token_again_has_another_end(dynamodb: DynamoDBClient) -> None:
    links, token = Shares(dynamodb, new_table(dynamodb, "TrackingTable")), shares.new_token()
    links.put(token, Share.of(ship(), WALL))
    links.put(token, Share.of(ship(), WALL + 5))
    assert links.get(token) == Share.of(ship(), WALL + 5)


def test_what_is_no_token_is_no_link(dynamodb: DynamoDBClient) -> None:
    links = Shares(dynamodb, new_table(dynamodb, "TrackingTable"))
    for token in ("", "x", "a" * 42, "a" * 44, "a" * 42 + "/", "a" * 42 + "\n", shares.new_token()):
        assert links.get(token) is None


def test_a_link_ends_by_time_by_revoking_and_with_its_shipment(dynamodb: DynamoDBClient) -> None:
    watches = Watches(dynamodb, new_table(dynamodb, "TrackingTable"))
    watches.create(ship())
    share = Share.of(ship(), WALL)
    assert share.opens(ship(), WALL - 1)
    assert not share.opens(ship(), WALL)

    revoked = watches.change(ship(), lambda each: replace(each, share_generation=each.share_generation + 1))
    assert revoked == watches.get("acme", "1001", ship().link)
    assert revoked is not None
    assert revoked.share_generation == 1
    assert not share.opens(revoked, WALL - 1)
    assert Share.of(revoked, WALL).opens(revoked, WALL - 1)

    watches.forget(revoked)
    again = ship(at=NOW + 60)
    watches.create(again)
    assert not share.opens(again, WALL - 1), "registered again it is another shipment"


def test_a_link_of_one_shipment_opens_no_other() -> None:
    share = Share.of(ship(), WALL)
    for other in (ship("1002"), ship(member="other"), ship(number="YT0000000000002"), ship(courier="yunda")):
        assert not share.opens(other, WALL - 1)


def test_letters_have_one_link_for_each_generation_and_nobody_makes_it_without_the_key() -> None:
    def token(of: Shipment, key: bytes = b"k" * 32) -> str:
        return shares.token_of(key, of)

    tokens = {
        token(ship()),
        token(ship(), b"K" * 32),
        token(ship("1002")),
        token(ship(member="other")),
        token(ship(at=NOW + 1)),
        token(replace(ship(), share_generation=1)),
    }
    assert len(tokens) == 6
    assert token(ship()) == token(replace(ship(), updated_at=NOW + 9, revision=7))
    assert all(re.fullmatch(TOKEN, each) for each in tokens)


def test_one_members_view_reads_nothing_of_another_member(dynamodb: DynamoDBClient) -> None:
    table = new_table(dynamodb, "TrackingTable")
    watches, parcels = Watches(dynamodb, table), Parcels(dynamodb, table)
    mine, theirs = ship(tags=("mine",)), ship(member="other", tags=("theirs",))
    for each in (mine, theirs, ship("1002")):
        watches.create(each)
    dossier = parcels.seen_by("acme", "1001", mine.link)
    assert dossier.watches == (mine,)
    assert dossier.tracked == parcels.row(mine.link)
    assert parcels.seen_by("nobody", "1001", mine.link).watches == ()
