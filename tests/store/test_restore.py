"""On moto and on the emulator: what was lost comes back out of a copy of the table, and what is there stays unless asked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from tests.followed import HOUR, LINK, NINE, Followed, known, line
from tests.store.conftest import client_of, new_table
from tools.restore import Restore, Restored, main
from waybill.access import SCOPES, Token
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_800_000_000.0
ITEMS = 40


def put(client: DynamoDBClient, table: str, pk: str, told: str, **more: Any) -> None:
    item = {"pk": {"S": pk}, "sk": {"S": "WATCH#1"}, "told": {"S": told}, **more}
    client.put_item(TableName=table, Item=item)


def told(client: DynamoDBClient, table: str) -> dict[str, str]:
    items = client.scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["pk"]["S"]: item["told"]["S"] for item in items}


@pytest.fixture
def tables(dynamodb: DynamoDBClient) -> tuple[str, str]:
    """A copy with what was there before, and the table with one item changed since, one made since, and the others lost."""
    copy, table = new_table(dynamodb, "TrackingTable"), new_table(dynamodb, "TrackingTable")
    for number in range(ITEMS):
        put(dynamodb, copy, f"PARCEL#{number:02}", "before")
    put(dynamodb, copy, "TOKEN#1", "before")
    put(dynamodb, copy, "PARCEL#ended", "before", expires_at={"N": str(int(NOW))})
    put(dynamodb, copy, "PARCEL#ends", "before", expires_at={"N": str(int(NOW) + 1)})
    put(dynamodb, table, "PARCEL#00", "since")
    put(dynamodb, table, "PARCEL#new", "since")
    return copy, table


def test_what_was_lost_comes_back_and_what_is_there_stays(
    dynamodb: DynamoDBClient, tables: tuple[str, str]
) -> None:
    restore = Restore(dynamodb, *tables, NOW)
    assert restore.run() == Restored(written=ITEMS + 1, kept=2)
    assert told(dynamodb, tables[1]) == {
        **{f"PARCEL#{number:02}": "before" for number in range(1, ITEMS)},
        "PARCEL#00": "since",
        "PARCEL#new": "since",
        "PARCEL#ends": "before",
        "TOKEN#1": "before",
    }
    assert restore.run() == Restored(written=0, kept=ITEMS + 3)


def test_what_is_there_is_written_over_on_demand_and_only_where_it_was_asked_for(
    dynamodb: DynamoDBClient, tables: tuple[str, str]
) -> None:
    assert Restore(dynamodb, *tables, NOW, begins="PARCEL#0", replace=True).run() == Restored(10, 0)
    assert told(dynamodb, tables[1]) == {
        **{f"PARCEL#{number:02}": "before" for number in range(10)},
        "PARCEL#new": "since",
    }


def test_a_dry_run_counts_what_would_come_back_and_writes_nothing(
    dynamodb: DynamoDBClient, tables: tuple[str, str]
) -> None:
    before = told(dynamodb, tables[1])
    assert Restore(dynamodb, *tables, NOW, dry_run=True).run() == Restored(ITEMS + 1, 2)
    assert Restore(dynamodb, *tables, NOW, replace=True, dry_run=True).run() == Restored(ITEMS + 2, 1)
    assert told(dynamodb, tables[1]) == before


def test_a_token_that_was_ended_since_stays_so_and_one_that_was_lost_comes_back(
    dynamodb: DynamoDBClient,
) -> None:
    copy, table = new_table(dynamodb, "TrackingTable"), new_table(dynamodb, "TrackingTable")
    revoked, rotated, lost = (Token(each * 64, "erin#1", SCOPES, int(NOW), int(NOW) + 90) for each in "abc")
    tokens = Tokens(dynamodb, table)
    for token in (revoked, rotated, lost):
        Tokens(dynamodb, copy).create(token)
        tokens.create(token)
    tokens.revoke(revoked, int(NOW) + 1)
    tokens.rotate(rotated, Token("d" * 64, "erin#1", SCOPES, int(NOW) + 1), int(NOW) + 2)
    for token in (rotated, lost):  # the first as its expiry does
        dynamodb.delete_item(TableName=table, Key={"pk": {"S": f"TOKEN#{token.hash}"}, "sk": {"S": "TOKEN"}})
    known = list(tokens.registered())
    for replace in (False, True):
        restore = Restore(dynamodb, copy, table, NOW, replace=replace)
        assert dataclasses.replace(restore, dry_run=True).run() == restore.run()
        assert list(tokens.registered()) == known
        assert [tokens.grant(token.hash) is None for token in (revoked, rotated, lost)] == [True, True, False]


def test_a_parcel_that_is_brought_back_to_an_earlier_moment_goes_on_and_tells_nothing_twice(
    dynamodb: DynamoDBClient,
) -> None:
    copy = new_table(dynamodb, "TrackingTable")
    followed = Followed(dynamodb, new_table(dynamodb, "TrackingTable"))
    followed.register()
    collected, tour = line("103", NINE - 3 * HOUR), line("5", NINE + HOUR)
    followed.following.follow(known(NINE, collected))
    for item in dynamodb.scan(TableName=followed.table, ConsistentRead=True)["Items"]:
        dynamodb.put_item(TableName=copy, Item=item)
    followed.courier.time += 2 * HOUR
    followed.following.follow(known(followed.courier.time, collected, tour))
    told, row = milestones(followed), followed.row()
    restore = Restore(dynamodb, copy, followed.table, followed.courier.time, begins="PARCEL#", replace=True)
    assert restore.run().kept == 0
    followed.courier.time += 2 * HOUR
    followed.following.follow(known(followed.courier.time, collected, tour))
    assert followed.row().checked_at == followed.courier.time > (row.checked_at or 0.0)
    assert [each.status for each in followed.parcels.read(LINK).parcel.milestones] == [
        "in_transit",
        "out_for_delivery",
    ]
    assert milestones(followed) == told
    followed.courier.time += 2 * HOUR
    followed.following.follow(known(followed.courier.time, collected, tour, line("301", NINE + 5 * HOUR)))
    assert milestones(followed).keys() - told.keys() == {"MILESTONE#delivered"}


def milestones(followed: Followed) -> dict[str, Any]:
    items = followed.dynamodb.scan(TableName=followed.table, ConsistentRead=True)["Items"]
    return {item["sk"]["S"]: item for item in items if item["sk"]["S"].startswith("MILESTONE#")}


def test_a_newer_tombstone_is_not_replaced(dynamodb: DynamoDBClient) -> None:
    copy, table = new_table(dynamodb, "TrackingTable"), new_table(dynamodb, "TrackingTable")
    for name, at in ((copy, "1"), (table, "2")):
        put(dynamodb, name, "ERASED", at, sk={"S": "e" * 64}, at={"N": at})
    assert Restore(dynamodb, copy, table, NOW, replace=True).run() == Restored(0, 1)
    assert told(dynamodb, table) == {"ERASED": "2"}


def test_the_command_says_what_it_did_and_what_to_do_when_it_could_not(
    emulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client = client_of(emulator)
    monkeypatch.setenv("AWS_DEFAULT_REGION", client.meta.region_name)
    copy, table = new_table(client, "TrackingTable"), new_table(client, "TrackingTable")
    put(client, copy, "PARCEL#1", "before")
    given = ["--copy", copy, "--table", table, "--endpoint-url", emulator]
    assert main([*given, "--dry-run"]) == 0
    assert main(given) == 0
    assert main(["--copy", "none", "--table", table, "--endpoint-url", emulator]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "1 items would come back, 0 stay as they are.",
        "1 items came back, 0 stay as they are.",
    ]
    assert err.endswith("What was brought back stays; run the command again.\n")
    assert told(client, table) == {"PARCEL#1": "before"}
