"""The store suite runs on the double in memory, on moto, and on the emulator, or on the DynamoDB that DYNAMODB_URL names."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
from moto import mock_aws

from local.process import clean_environment
from local.serving import LOOPBACK, free_port
from local.stack import EMULATOR_PYTHON
from tests.doubles import MemorySlots, MemoryStore
from tests.simulators import wait_until
from tests.stacks import ROOT
from tests.tables import create_table
from waybill.cache import Cache
from waybill.slots import Slots as DynamoSlots
from waybill.spending import Spending
from waybill.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

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


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if url := os.environ.get("DYNAMODB_URL"):
        yield url
        return
    port, folder = free_port(), tmp_path_factory.mktemp("emulator")
    variables = {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder),
        "TMPDIR": str(folder),
    }
    # child.py ends it when this process ends, however that happens.
    with subprocess.Popen(
        [EMULATOR_PYTHON, "-P", ROOT / "local/child.py", "ministack"],
        env={**clean_environment(), **variables},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        url = f"http://{LOOPBACK}:{port}"
        wait_until(lambda: _answers(f"{url}/_ministack/health"), 30)
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def client_of(url: str | None = None) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
