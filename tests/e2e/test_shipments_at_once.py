"""Many registrations at once through the gateway of the running stack, repeated ones, and batches."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.parcels import (
    LIST,
    at,
    listed,
    new_number,
    new_order,
    pages,
    post_all,
    refusal,
)

if TYPE_CHECKING:
    from tests.e2e.conftest import NewMember


# ---- Concurrency


def test_500_creates_of_one_order_at_once_are_one_shipment(member: NewMember) -> None:
    client = member()
    body = {"order_id": new_order(), "tracking_number": new_number(), "tags": ["a", "b"]}
    answers = asyncio.run(post_all(client, [body] * 500, at_once=64))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 499}
    assert len({answer.content for answer in answers}) == 1
    assert listed(client) == listed(client, tag="a") == [answers[0].json()]


def test_50_requests_with_one_key_at_once_have_one_effect(member: NewMember) -> None:
    client, key = member(), f'"{uuid.uuid4()}"'
    body = {"order_id": new_order(), "tracking_number": new_number()}
    answers = asyncio.run(post_all(client, [body] * 50, at_once=50, **{"Idempotency-Key": key}))
    by_status = Counter(answer.status_code for answer in answers)
    assert by_status.keys() <= {201, 409}, by_status
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert refusal(answer, 409)["error_code"] == "REQUEST_IN_PROGRESS"
            assert int(answer.headers["Retry-After"]) >= 1
    assert len(listed(client)) == 1


def test_an_answer_under_a_key_is_given_again_byte_for_byte(member: NewMember) -> None:
    client, headers = member(), {"Idempotency-Key": f'"{uuid.uuid4()}"'}
    body = {"order_id": new_order(), "tracking_number": new_number(), "metadata": {"a": "易碎 📦"}}
    first = client.post(LIST, json=body, headers=headers)
    client.patch(at(body["order_id"]), json={"tags": ["later"]}).raise_for_status()  # type: ignore[arg-type] # bodies hold lists too
    again = client.post(LIST, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    kept = {name: text for name, text in first.headers.items() if not name.startswith(("x-", "date"))}
    assert kept == {name: text for name, text in again.headers.items() if not name.startswith(("x-", "date"))}
    bare = {"Idempotency-Key": headers["Idempotency-Key"].strip('"')}
    assert client.post(LIST, json=body, headers=bare).content == first.content


def test_a_key_with_another_body_is_refused_and_does_nothing(member: NewMember) -> None:
    client, headers = member(), {"Idempotency-Key": str(uuid.uuid4())}
    body = {"order_id": new_order(), "tracking_number": new_number()}
    client.post(LIST, json=body, headers=headers).raise_for_status()
    error = refusal(client.post(LIST, json={**body, "order_id": new_order()}, headers=headers), 422)
    assert error["error_code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(listed(client)) == 1


def test_a_refused_request_may_be_mended_under_its_key(member: NewMember) -> None:
    client, headers = member(), {"Idempotency-Key": str(uuid.uuid4())}
    body = {"order_id": new_order(), "tracking_number": "4311159956248"}
    refusal(client.post(LIST, json=body, headers=headers), 422)
    assert client.post(LIST, json={**body, "courier": "yunda"}, headers=headers).status_code == 201


def test_a_key_is_of_one_member_and_one_route(member: NewMember) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(2):
        client = member()
        body = {"order_id": new_order(), "tracking_number": new_number()}
        assert client.post(LIST, json=body, headers=headers).status_code == 201
        batch = client.post(f"{LIST}/batch", json={"shipments": [body]}, headers=headers)
        assert (batch.status_code, batch.json()["existing"]) == (200, 1)


@pytest.mark.parametrize("key", ["", '""', '"a', "a b", "x" * 256])
def test_a_key_that_is_none_is_a_400(member: NewMember, key: str) -> None:
    body = {"order_id": new_order(), "tracking_number": new_number()}
    error = refusal(member().post(LIST, json=body, headers={"Idempotency-Key": key}), 400)
    assert error["error_trace"][0]["field"] == "Idempotency-Key"


# ---- Batches


def test_a_batch_of_100_says_of_each_what_became_of_it(member: NewMember) -> None:
    client = member()
    good = [{"order_id": new_order(), "tracking_number": new_number()} for _ in range(95)]
    bad: list[Any] = [
        {"order_id": "x"},
        {"order_id": new_order(), "tracking_number": "4311159956248"},
        {"order_id": new_order(), "tracking_number": new_number("SF")},
        "no object",
    ]
    sent = [*good[:50], *bad, *good[50:], good[0]]
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answer = client.post(f"{LIST}/batch", json={"shipments": sent}, headers=headers)
    body = answer.json()
    assert answer.status_code == 200
    assert [result["index"] for result in body["results"]] == list(range(100))
    assert [result["status"] for result in body["results"]] == (
        [201] * 50 + [400, 422, 422, 400] + [201] * 45 + [200]
    )
    assert {name: body[name] for name in ("registered", "existing", "refused")} == {
        "registered": 95,
        "existing": 1,
        "refused": 4,
    }
    errors = [result["error"] for result in body["results"] if "error" in result]
    assert [error["error_code"] for error in errors] == [
        "INVALID_PARAMETER",
        "COURIER_AMBIGUOUS",
        "PHONE_REQUIRED",
        "INVALID_PARAMETER",
    ]
    assert errors[0]["error_trace"][0]["field"] == "tracking_number"
    assert errors[1]["candidates"]
    assert client.post(f"{LIST}/batch", json={"shipments": sent}, headers=headers).content == answer.content
    assert [order for page in pages(client) for order in page] == [each["order_id"] for each in good[::-1]]


@pytest.mark.parametrize("shipments", [[], [{}] * 101, None, {}])
def test_a_batch_has_1_to_100_shipments(member: NewMember, shipments: object) -> None:
    error = refusal(member().post(f"{LIST}/batch", json={"shipments": shipments}), 400)
    assert error["error_trace"][0]["field"] == "shipments"
