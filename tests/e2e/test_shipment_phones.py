"""What a phone protects, through the gateway of the running stack: lists, orders and errors tell nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import parcels
from tests.parcels import (
    COLLECTED,
    DELIVERED,
    LIST,
    at,
    listed,
    look,
    new_number,
    register,
    script,
)

if TYPE_CHECKING:
    import httpx

    from tests.e2e.conftest import NewMember
    from tests.stacks import RunningStack


@pytest.fixture
def bound(stack: RunningStack) -> str:
    delivered = {**DELIVERED, "text": "已签收，签收地点秘密"}
    return script(stack, new_number("SF"), COLLECTED, delivered, courier="shunfeng", phone="8000")


def everything_told(client: httpx.Client, order: str, number: str) -> str:
    """All that a member can get to read of one of its orders."""
    answers = [
        client.get(LIST),
        *(client.get(LIST, params={"status": each}) for each in ("delivered", "in_transit")),
        client.get(LIST, params={"updated_since": "2000-01-01T00:00:00Z"}),
        client.get(at(order)),
        client.post(at(order, "refresh")),
        client.get(f"/v1/tracking/get/{order}"),
        client.get("/v1/tracking/get", params={"tracking_number": number}),
        client.post(at(order, "successor"), json={"tracking_number": new_number()}),
        client.patch(at(order), json={"lang": "en"}),
        client.patch(at(order), json={"lang": "zh"}),
    ]
    return "\n".join(answer.text for answer in answers)


SECRETS = ("delivered", "in_transit", "签收", "已收取", "Signed", "深圳", "西安", '"terminal":true', "8000")


def test_a_phone_bound_parcel_says_nothing_to_who_has_the_wrong_phone(
    stack: RunningStack, member: NewMember, bound: str
) -> None:
    knows, guesses = member(), member()
    register(knows, "mine", bound, phone="8000")
    register(guesses, "early", bound, phone="1111")
    assert knows.get(at("mine")).json()["status"] == "delivered"
    register(guesses, "late", bound, phone="2222")
    assert listed(knows)[0]["status"] == "delivered"
    for order in ("early", "late"):
        told = everything_told(guesses, order, bound).replace('"delivered","exception"', "")
        assert [secret for secret in SECRETS if secret in told] == []
    assert parcels.calls_of(stack, bound) <= 2


def test_a_right_phone_is_told_apart_only_when_its_member_looks(
    stack: RunningStack, member: NewMember, bound: str
) -> None:
    knows, also = member(), member()
    register(knows, "mine", bound, phone="8000")
    look(knows, "mine")
    register(also, "too", bound, phone="8000")
    assert listed(also)[0]["status"] == "pending"
    assert also.get(at("too")).json()["status"] == "delivered"
    assert parcels.calls_of(stack, bound) == 1


def test_many_orders_with_different_phones_for_one_number_find_out_nothing(
    member: NewMember, bound: str
) -> None:
    knows, guesses = member(), member()
    register(knows, "mine", bound, phone="8000")
    tails = [f"{tail:04}" for tail in range(7990, 8005)]
    body = [{"order_id": f"g{tail}", "tracking_number": bound, "phone": tail} for tail in tails]
    results = guesses.post(f"{LIST}/batch", json={"shipments": body}).json()["results"]
    assert {result["status"] for result in results} == {201}
    look(knows, "mine")
    again = guesses.post(f"{LIST}/batch", json={"shipments": body}).json()["results"]
    same = {"index", "status", "shipment"}
    assert {result["status"] for result in again} == {200}
    assert all(result.keys() == same for result in again)
    assert {each["status"] for each in listed(guesses)} == {"pending"}
    assert {each["updated_at"] == each["created_at"] for each in listed(guesses)} == {True}
    problems = [guesses.get(at(f"g{tail}")).json()["problem"]["error_code"] for tail in tails]
    assert problems[-8:] == ["RATE_LIMITED"] * 8, "the right one comes after too many tries"
    assert set(problems) <= {"PHONE_MISMATCH", "PHONE_UNVERIFIED", "RATE_LIMITED"}
    assert {each["status"] for each in listed(guesses)} == {"pending"}
    assert listed(knows)[0]["status"] == "delivered"


def test_a_phone_that_is_changed_to_a_guess_finds_out_nothing(member: NewMember, bound: str) -> None:
    knows, guesses = member(), member()
    register(knows, "mine", bound, phone="8000")
    look(knows, "mine")
    register(guesses, "g", bound, phone="0000")
    problems = []
    for tail in [f"{tail:04}" for tail in range(7992, 8002)]:
        guesses.patch(at("g"), json={"phone": tail}).raise_for_status()
        problems.append(guesses.get(at("g")).json()["problem"]["error_code"])
    assert problems[5:] == ["RATE_LIMITED"] * 5
    assert listed(guesses)[0]["status"] == "pending"
