"""The store suite runs on the double in memory, on moto, and on the emulator, or on the DynamoDB that DYNAMODB_URL names."""

from __future__ import annotations

import os
import subprocess
import uuid
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
from moto import mock_aws

from local.process import clean_environment
from local.serving import LOOPBACK, free_port
from local.stack import EMULATOR_PYTHON
from tests.doubles import MemoryStore
from tests.simulators import wait_until
from tests.stacks import ROOT
from waybill.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.lookup import Store


@pytest.fixture(params=["memory", "moto", "emulator"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    match request.param:
        case "memory":
            yield MemoryStore()
        case "moto":
            with mock_aws():
                yield Cache(_client(), _create_table(_client()))
        case _:
            url: str = request.getfixturevalue("emulator")
            yield Cache(_client(url), _create_table(_client(url)))


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


def _client(url: str | None = None) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _create_table(client: DynamoDBClient) -> str:
    name = f"cache-{uuid.uuid4().hex[:8]}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name
