"""What the running stack tells of its spending is what the simulated vendor bills."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tests import loopback
from tests.parcels import COLLECTED, DELIVERED, calls_of, fail, new_number, script

if TYPE_CHECKING:
    import httpx

    from tests.e2e.conftest import NewMember
    from tests.stacks import RunningStack

ROUNDS = int(os.environ.get("USAGE_ROUNDS", "12"))
"""With a few thousand of them, hours and days are summed up in between: one is over in 6 seconds, the other in 144."""


def usage(client: httpx.Client, **query: str) -> Any:
    answer = client.get("/v1/usage", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def billed(stack: RunningStack, numbers: list[str]) -> int:
    charges = loopback.get(f"{stack.simulator}/_sim/bill").json()["charges"]
    return sum(charge["number"] in numbers for charge in charges)


def test_what_members_spent_is_what_the_vendor_bills_to_the_unit(
    fast_stack: RunningStack, member: NewMember
) -> None:
    alice, bob, admin = (
        member(*scopes, on=fast_stack) for scopes in (("track",), ("track",), ("track", "admin"))
    )
    first = usage(alice)["by_day"][-1]["day"]
    numbers: list[str] = []
    for each in range(ROUNDS):
        numbers.append(script(fast_stack, new_number(), COLLECTED, DELIVERED))
        if each % 4 == 3:
            fail(fast_stack, numbers[-1])
        for client in (alice, bob, alice):
            client.get(f"/v1/parcels/yuantong/{numbers[-1]}")
        if each % 5 == 0:
            assert usage(alice, **{"from": first})["total"]["billed"] <= len(numbers)
    alices, bobs = (usage(client, **{"from": first}) for client in (alice, bob))
    totals = [told["total"] for told in (alices, bobs)]
    calls = sum(calls_of(fast_stack, number) for number in numbers)
    assert sum(total["calls"] for total in totals) == calls >= ROUNDS
    assert sum(total["billed"] for total in totals) == billed(fast_stack, numbers) == ROUNDS - ROUNDS // 4
    assert sum(total["failed"] for total in totals) == calls - (ROUNDS - ROUNDS // 4)
    assert {each["outcome"] for each in alices["by_outcome"]} == {"200", "501"}
    everybody = usage(admin, **{"from": first})
    assert everybody["total"]["calls"] >= calls
    assert {each["cause"] for each in alices["by_cause"]} == {"parcel"}
