"""Refreshes on the running stack: its ticker runs the dispatch, the emulator's queue feeds the workers, and kills lose nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests import loopback
from tests.loopback import wait_until
from tests.proofs import Proof, report, wait_for_the_end

if TYPE_CHECKING:
    import pytest

    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack


def register(stack: RunningStack, *numbers: str) -> None:
    shipments = [
        {"order_id": f"r-{number}", "tracking_number": number, "courier": "yuantong"} for number in numbers
    ]
    with stack.client() as client:
        answer = client.post("/v1/shipments/batch", json={"shipments": shipments})
    assert answer.json()["registered"] == len(numbers), answer.text


def asked(stack: RunningStack) -> set[str]:
    return {call["number"] for call in stack.calls()}


def test_what_is_due_is_asked_about_without_anybody_asking(fast_stack: RunningStack) -> None:
    numbers = {f"YT71{each:011}" for each in range(25)}
    register(fast_stack, *numbers)
    wait_until(lambda: numbers <= asked(fast_stack))


def test_the_rule_of_the_template_does_not_fire_beside_the_ticker(fast_stack: RunningStack) -> None:
    assert fast_stack.aws("events").list_rules()["Rules"] == []


def test_the_mapping_takes_fifty_messages_and_as_many_batches_as_the_parameter_says(
    fast_stack: RunningStack,
) -> None:
    mappings = fast_stack.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    (mapping,) = [each for each in mappings if "RefreshQueue" in each["EventSourceArn"]]
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (50, 1)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}


def test_a_message_that_nobody_can_read_comes_back(fast_stack: RunningStack) -> None:
    sqs, url = fast_stack.aws("sqs"), fast_stack.output("RefreshQueue")
    sqs.send_message(QueueUrl=url, MessageBody="not json")

    def hidden() -> bool:
        names = ["ApproximateNumberOfMessagesNotVisible"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return "unreadable message" in fast_stack.log("refresh") and answer[names[0]] == "1"

    wait_until(hidden)
    sqs.purge_queue(QueueUrl=url)


def test_parcels_go_to_their_end_and_everything_is_stored_once_and_booked(start_stack: StartStack) -> None:
    with start_stack(SIM_SPEED="6000") as stack:
        proof = Proof(stack)
        proof.register(24, seed=1)
        wait_for_the_end(proof, 300)
        told = report(proof)
        shown = shipments(stack)
    assert told["wrong"] == {}
    assert told["violations"] == []
    assert told["asked_after_the_end"] == {}
    assert (told["ledger"]["billed"], told["ledger"]["calls"]) == (told["bill"], told["calls"])
    assert told["ledger"]["unknown"] == 0
    assert {ship["next_check"]["at"] for ship in shown} == {None}
    assert {ship["next_check"]["reason"] for ship in shown} == {"delivered", "returned"}


def test_twenty_kills_of_worker_and_dispatch_lose_nothing_and_lock_nothing(start_stack: StartStack) -> None:
    with start_stack(SIM_SPEED="6000") as stack:
        proof = Proof(stack)
        proof.register(24, seed=2)
        wait_for_the_end(proof, 400, kills=20, seed=2)
        told = report(proof)
    unclear = told["ledger"]["unknown"]
    assert told["kills"]["dispatch"] >= 5
    assert told["kills"]["refresh"] >= 5
    assert told["wrong"] == {}
    assert told["violations"] == []
    assert abs(told["ledger"]["billed"] - told["bill"]) <= unclear
    assert abs(told["ledger"]["calls"] - told["calls"]) <= unclear


def test_without_quota_one_probe_an_interval_is_made_whatever_is_due(start_stack: StartStack) -> None:
    with start_stack(SIM_SPEED="600") as stack:
        faults = f"{stack.simulator}/_sim/faults"
        loopback.put(faults, json={"code": "601", "rate": 1})
        register(stack, "YT7500000000000")
        wait_until(lambda: circuit(stack) is not None)
        numbers = [f"YT76{each:011}" for each in range(60)]
        register(stack, *numbers)
        wait_until(lambda: wait_of(stack) >= 1800)
        first, *probes = taken_at(stack)
        assert len(probes) >= 5
        waits = [60 * 2**each for each in range(len(probes))]
        spent = [later - earlier for earlier, later in pairwise([first, *probes])]
        assert all(gone >= min(wait, 1800) for gone, wait in zip(spent, waits, strict=True)), spent
        with stack.client() as client:
            answer = client.post("/v1/track", json={"expCode": "yuantong", "expNo": "YT7700000000001"})
            assert (answer.status_code, answer.json()["code"]) == (503, "UPSTREAM_UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) <= 1800
        loopback.delete(faults)
        answered = {*numbers, "YT7500000000000"}
        wait_until(
            lambda: answered <= {call["number"] for call in stack.calls() if call["code"] in {"200", "500"}}
        )
        assert circuit(stack) is None


def circuit(stack: RunningStack) -> Any:
    answer = stack.aws("dynamodb").get_item(
        TableName=stack.output("CacheTable"), Key={"pk": {"S": "CIRCUIT"}}, ConsistentRead=True
    )
    return answer.get("Item")


def wait_of(stack: RunningStack) -> float:
    opened = circuit(stack)
    return float(opened["wait"]["N"]) if opened else 0.0


def taken_at(stack: RunningStack) -> list[float]:
    """When the slot of each call was taken, as the ledger has it."""
    answer = stack.aws("dynamodb").scan(
        TableName=stack.output("TrackingTable"),
        FilterExpression="begins_with(pk, :call)",
        ExpressionAttributeValues={":call": {"S": "CALL#"}},
    )
    return sorted(float(item["at"]["N"]) for item in answer["Items"])


def shipments(stack: RunningStack) -> list[dict[str, Any]]:
    with stack.client() as client:
        return list(client.get("/v1/shipments?limit=100").json()["shipments"])


def test_queues_serve_on_after_a_restart(
    start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    state = tmp_path_factory.mktemp("state")
    for number in ("YT7400000000001", "YT7400000000002"):
        with start_stack(state, SIM_SPEED="600") as stack:
            register(stack, number)
            wait_until(lambda stack=stack, number=number: number in asked(stack))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
