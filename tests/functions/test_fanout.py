"""The fan-out function as Lambda loads it: what it reads is as it stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import load
from waybill.cache import Cache
from waybill.freshness import Guess

if TYPE_CHECKING:
    from waybill.freshness import Known


@pytest.fixture
def fanout(aws: None, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ARG001 - in force, not used
    monkeypatch.setenv("MAIL_QUEUE", "https://sqs.eu-central-1.amazonaws.com/123456789012/mail")
    return load("fanout")


def test_who_has_just_shown_the_right_phone_is_not_left_out_by_a_replica_that_is_behind(fanout: Any) -> None:
    def mark(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["behind"] = not params.get("ConsistentRead")

    def forget(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if context["behind"]:
            parsed.pop("Item", None)

    fanout.DYNAMODB.meta.events.register("before-parameter-build.dynamodb.GetItem", mark)
    fanout.DYNAMODB.meta.events.register("after-call.dynamodb.GetItem", forget)
    guess = Guess(round(time.time(), 3), "acme", "hash")
    Cache(boto3.client("dynamodb"), "cache").note_guess("shunfeng", "SF1", guess)

    known: Known | None = fanout.FANOUT.known("shunfeng", "SF1")

    assert known is not None
    assert known.guesses == (guess,)
