"""The samples of what a stream and queues hand over, each through its function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import Context, load, sample
from waybill import outbox
from waybill.notifications import TYPES

if TYPE_CHECKING:
    from tests.outlets import Outlets


FED = {
    "publish": "publish",
    "fanout": "fanout",
    "delivery": "webhook",
    "mail": "mail",
    "suppression": "suppression",
}
"""Samples of what a stream or a queue hands over, and the function that gets it."""


@pytest.fixture
def telling(outlets: Outlets, monkeypatch: pytest.MonkeyPatch) -> Outlets:
    """The environment of the functions that tell."""
    for name, value in {
        "WEBHOOK_KEY_SECRET": "webhook-key-of-samples",
        "ADDRESS_KEY_SECRET": "address-key-of-samples",
        "MAIL_FROM": "waybill@example.com",
        "MAIL_CONFIGURATION_SET": "waybill-MailConfigurationSet",
        "PUBLIC_BASE_URL": "https://waybill.example",
    }.items():
        monkeypatch.setenv(name, value)
        if name.endswith("_SECRET"):
            make: Any = boto3.client  # typed for the services whose types are installed
            make("secretsmanager").create_secret(Name=value, SecretString="s" * 64)
    return outlets


@pytest.mark.parametrize("name", sorted(FED))
def test_a_sample_of_what_nobody_here_waits_for_is_taken_whole(telling: Outlets, name: str) -> None:
    app = load(FED[name])
    assert app.handler(sample(name), Context()) == {"batchItemFailures": []}
    for queue in (telling.fanout, telling.webhook, telling.mail):
        assert telling.taken(queue) == []


def test_the_sample_of_a_stream_shows_births_as_the_outbox_makes_them() -> None:
    for record in sample("publish")["Records"]:
        image = record["dynamodb"]["NewImage"]
        assert {key: image[key] for key in record["dynamodb"]["Keys"]} == record["dynamodb"]["Keys"]
        told = json.loads(image["message"]["S"])
        assert told["type"] in TYPES
        assert image == {**image, **outbox.entry(told, float(image["born_at"]["N"]))}


@pytest.mark.usefixtures("telling")
def test_the_sample_of_ses_stops_mail_to_those_who_bounced_or_complained() -> None:
    load("suppression").handler(sample("suppression"), Context())
    kept = boto3.client("dynamodb").scan(TableName="tracking")["Items"]
    assert sorted((item["sk"]["S"], item["why"]["S"]) for item in kept) == [
        ("ALL", "bounce"),
        ("ALL", "complaint"),
    ]
