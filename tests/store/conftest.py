"""The store suite runs on the double in memory, on moto, and on the emulator, or on the DynamoDB that DYNAMODB_URL names."""

from __future__ import annotations

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from tests.delivered import makers
from tests.doubles import MemorySlots, MemoryStore
from tests.emulators import running_emulator
from tests.outlets import outlets_of
from tests.store.dispatching import World
from tests.tables import create_table
from waybill.cache import Cache
from waybill.slots import Slots as DynamoSlots
from waybill.spending import Spending
from waybill.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.delivered import Make
    from waybill.flights import Slots
    from waybill.lookup import Store


@pytest.fixture(params=["memory", "moto", "emulator"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    match request.param:
        case "memory":
            yield MemoryStore()
        case "moto":
            with mock_aws():
                yield Cache(client_of(), new_table(client_of(), "CacheTable"))
        case _:
            url: str = request.getfixturevalue("emulator")
            yield Cache(client_of(url), new_table(client_of(url), "CacheTable"))


@pytest.fixture(params=["memory", "moto", "emulator"])
def slots(request: pytest.FixtureRequest) -> Iterator[Slots]:
    match request.param:
        case "memory":
            yield MemorySlots()
        case "moto":
            with mock_aws():
                yield slots_of(client_of())
        case _:
            yield slots_of(client_of(request.getfixturevalue("emulator")))


@pytest.fixture
def emulated_slots(emulator: str) -> DynamoSlots:
    """On the emulator alone, as `emulated`."""
    return slots_of(client_of(emulator))


def slots_of(client: DynamoDBClient) -> DynamoSlots:
    tracking = new_table(client, "TrackingTable")
    spending = Spending(client, tracking, lambda *_: None)
    return DynamoSlots(client, new_table(client, "CacheTable"), tracking, spending, time.sleep)


@pytest.fixture(params=["moto", "emulator"])
def dynamodb(request: pytest.FixtureRequest) -> Iterator[DynamoDBClient]:
    if request.param == "emulator":
        yield client_of(request.getfixturevalue("emulator"))
        return
    with mock_aws():
        yield client_of()


@pytest.fixture(params=["moto", "emulator"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where all services are at once."""
    if request.param == "emulator":
        yield request.getfixturevalue("emulator")
        return
    with mock_aws():
        yield None


@pytest.fixture
def world(endpoint: str | None) -> Iterator[World]:
    with ThreadPoolExecutor(10) as threads:
        yield new_world(endpoint, threads)


def new_world(url: str | None, threads: Executor) -> World:
    client = client_of(url)
    return World(client, outlets_of(url), new_table(client, "TrackingTable"), threads)


@pytest.fixture(params=["moto", "emulator"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Worlds of deliveries."""
    if request.param == "emulator":
        yield from makers(monkeypatch, request.getfixturevalue("emulator"))
        return
    with mock_aws():
        yield from makers(monkeypatch, None)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Such worlds on moto alone, where no threads meet."""
    with mock_aws():
        yield from makers(monkeypatch, None)


@pytest.fixture
def watches(dynamodb: DynamoDBClient) -> Watches:
    return Watches(dynamodb, new_table(dynamodb, "TrackingTable"))


@pytest.fixture
def emulated(emulator: str) -> Watches:
    """On the emulator alone: moto's transactions are none when threads meet in them."""
    client = client_of(emulator)
    return Watches(client, new_table(client, "TrackingTable"))


def new_table(client: DynamoDBClient, logical_id: str) -> str:
    return create_table(client, logical_id, f"{logical_id}-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="package")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if url := os.environ.get("DYNAMODB_URL"):
        yield url
        return
    with running_emulator(tmp_path_factory.mktemp("emulator")) as url:
        yield url


def client_of(url: str | None = None) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
