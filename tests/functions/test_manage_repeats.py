"""The manage function: batches, and requests that are sent again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.functions.conftest import Answer, App, error
from tests.functions.registering import ONE, ids, listed, register

# ---- Batches


def test_a_batch_answers_for_each_by_itself(manage: App) -> None:
    register(manage, order_id="2")
    body = {
        "shipments": [
            {"order_id": "1", "tracking_number": "YT0000000000001"},
            {"order_id": "2", "tracking_number": "YT0000000000001"},
            {"order_id": "3"},
            "nonsense",
            {"order_id": "4", "tracking_number": "123456789012"},
        ]
    }
    answer = manage.send_json("POST", "/v1/shipments/batch", body)
    assert answer.status == 200
    results = answer.body["results"]
    assert [each["index"] for each in results] == [0, 1, 2, 3, 4]
    assert [each["status"] for each in results] == [201, 200, 400, 400, 422]
    assert (answer.body["registered"], answer.body["existing"], answer.body["refused"]) == (1, 1, 3)
    assert results[2]["error"]["error_trace"][0]["field"] == "tracking_number"
    assert results[4]["error"]["candidates"]
    assert sorted(ids(listed(manage))) == ["1", "2"]


@pytest.mark.parametrize("shipments", [[], [{}] * 101, "nonsense", None])
def test_a_batch_has_1_to_100_shipments(manage: App, shipments: Any) -> None:
    refused = error(manage.send_json("POST", "/v1/shipments/batch", {"shipments": shipments}))
    assert refused["error_trace"][0]["field"] == "shipments"


def test_a_batch_may_be_large_but_not_too_large(manage: App) -> None:
    row = {"order_id": "1", "tracking_number": "YT0000000000001", "metadata": {"a": "x" * 500}}
    whole = {"shipments": [{**row, "order_id": f"{each}"} for each in range(100)]}
    assert manage.send_json("POST", "/v1/shipments/batch", whole).body["registered"] == 100
    padding = {"shipments": [{**row, "padding": "x" * 3000}] * 100}
    assert manage.send_json("POST", "/v1/shipments/batch", padding).status == 413


@pytest.mark.parametrize(
    "faulty",
    [
        {"metadata": {f"!{each}": 1 for each in range(250)}},
        {"x" * 1500: 1},
        {"notify": {"email": "a@b.example", "events": ["x" * 1500]}},
    ],
)
def test_a_batch_of_nothing_but_faults_makes_no_huge_answer(manage: App, faulty: dict[str, Any]) -> None:
    answer = manage.send_json("POST", "/v1/shipments/batch", {"shipments": [faulty] * 70})
    assert answer.body["refused"] == 70
    assert all(each["error"]["error_trace"] for each in answer.body["results"])
    assert len(answer.text) < 1_000_000
    assert "x" * 200 not in answer.text


# ---- Idempotency-Key


def test_a_repeated_request_gets_the_same_answer_and_does_nothing(manage: App) -> None:
    key = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    first = register(manage, headers=key, tags=["夏季"])
    manage.send("DELETE", ONE, path={"order_id": "1001"})
    again = register(manage, headers=key, tags=["夏季"])
    assert (again.status, again.headers, again.text) == (first.status, first.headers, first.text)
    assert listed(manage)["shipments"] == []


def test_a_key_with_another_body_is_refused(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    register(manage, headers=key)
    refused = register(manage, order_id="2", headers=key)
    assert refused.status == 422
    assert error(refused)["error_code"] == "IDEMPOTENCY_KEY_REUSED"
    assert ids(listed(manage)) == ["1001"]


def test_a_key_is_its_members_and_its_routes_own(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    assert register(manage, headers=key).status == 201
    assert register(manage, order_id="2", headers=key, member="other").status == 201
    batch = {"shipments": [{"order_id": "3", "tracking_number": "YT0000000000001"}]}
    assert manage.send_json("POST", "/v1/shipments/batch", batch, headers=key).body["registered"] == 1


def test_a_refused_request_may_be_mended_under_its_key(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    assert register(manage, number="no", headers=key).status == 400
    assert register(manage, headers=key).status == 201


def test_a_second_request_while_the_first_is_at_work_is_told_to_wait(manage: App) -> None:
    key = {"Idempotency-Key": "abc"}
    shipments = manage.app.MANAGEMENT.shipments
    second: list[Answer] = []

    def meanwhile(**_: object) -> None:
        if not second:
            second.append(register(manage, headers=key))

    shipments.watches._dynamodb.meta.events.register(  # noqa: SLF001 - the moment between the key and the shipment
        "before-call.dynamodb.TransactWriteItems", meanwhile
    )
    assert register(manage, headers=key).status == 201
    assert error(second[0])["error_code"] == "REQUEST_IN_PROGRESS"
    assert second[0].status == 409
    assert second[0].headers["Retry-After"] == "1"


def test_a_batch_that_failed_in_part_for_want_of_the_store_may_be_sent_again(manage: App) -> None:
    writes = 0

    def throttled(**_: object) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        nonlocal writes
        writes += 1
        refusal = {"Error": {"Code": "ThrottlingException", "Message": ""}, "ResponseMetadata": {}}
        return (SimpleNamespace(status_code=400), refusal) if writes == 2 else None

    manage.app.DYNAMODB.meta.events.register("before-call.dynamodb.TransactWriteItems", throttled)
    key = {"Idempotency-Key": "abc"}
    batch = {
        "shipments": [{"order_id": f"{each}", "tracking_number": "YT0000000000001"} for each in range(3)]
    }
    statuses = [
        [each["status"] for each in answer.body["results"]]
        for answer in (manage.send_json("POST", "/v1/shipments/batch", batch, headers=key) for _ in range(3))
    ]
    assert statuses == [[201, 503, 201], [200, 201, 200], [200, 201, 200]]


def test_a_batch_does_not_wait_again_and_again_for_a_store_that_is_away(manage: App) -> None:
    asked: list[str] = []

    def away(**_: object) -> tuple[SimpleNamespace, dict[str, Any]]:
        asked.append("write")
        refusal = {"Error": {"Code": "ThrottlingException", "Message": ""}, "ResponseMetadata": {}}
        return SimpleNamespace(status_code=400), refusal

    manage.app.DYNAMODB.meta.events.register("before-call.dynamodb.TransactWriteItems", away)
    batch = {
        "shipments": [{"order_id": f"{each}", "tracking_number": "YT0000000000001"} for each in range(9)]
    }
    results = manage.send_json("POST", "/v1/shipments/batch", batch).body["results"]
    assert [each["status"] for each in results] == [503] * 9
    assert len(asked) == 2


@pytest.mark.parametrize("key", ["", '""', "a b", "ä", '"a', "x" * 256])
def test_a_key_that_is_none_is_refused(manage: App, key: str) -> None:
    refused = error(register(manage, headers={"Idempotency-Key": key}))
    assert refused["error_trace"][0]["field"] == "Idempotency-Key"
