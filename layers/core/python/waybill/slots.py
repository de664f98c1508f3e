"""The slot of a call: its lease, its row in the ledger, what it takes from the budgets and, while the circuit is open, the probe.

One transaction takes all of it, so that no call is made unseen or beyond a budget; another settles it::

    take                                              settle
    LEASE#      put, if it stands as the caller saw   put, if it is this flight's
    CALL#       put, outcome unknown                  outcome and charge
    BUDGET#     one more, if the shard has one left   one less, if the call was never sent
    CIRCUIT     the probe, if nobody claimed it

Leases and the circuit lie in the Cache table, rows and counters in the Tracking table. Answers from the cache touch none of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from waybill import notifications, outbox
from waybill.billing import Charges
from waybill.budgets import SHARDS
from waybill.calls import KEEP_ROWS, ROW_SHARDS, hour_of
from waybill.circuit import Circuit
from waybill.errors import DAY, BudgetExhausted, CircuitOpen, StoreUnavailable
from waybill.lease import Lease
from waybill.outcomes import NotSent
from waybill.table import PASSING, as_number, back_off, served, transacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.budgets import Budget
    from waybill.calls import Call
    from waybill.spending import Spending

Item = dict[str, Any]

ROUNDS: Final = 10
LAST_PAUSE: Final = 0.3
"""Wall seconds, at most, before a transaction that met another is tried again."""
KEEP_LEASES: Final = 41 * DAY
"""Longer than the vendor remembers what was charged."""
_CIRCUIT: Final[Item] = {"pk": {"S": "CIRCUIT"}}


@dataclass(frozen=True, slots=True)
class Slot:
    """What was taken for one call: its lease, its row, the shard of every budget it counts in, and whether it is a probe."""

    lease: Lease
    call: Call
    shards: tuple[tuple[Budget, int], ...] = ()
    probe: bool = False


class Slots:
    """Reads and writes of two tables. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `pause` waits wall seconds.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        cache: str,
        tracking: str,
        spending: Spending,
        pause: Callable[[float], None],
    ) -> None:
        self._dynamodb = dynamodb
        self._cache = cache
        self._tracking = tracking
        self._spending = spending
        self._pause = pause

    def lease(self, courier: str, number: str) -> Lease | None:
        item = self._get({"pk": {"S": _lease_pk(courier, number)}})
        return _to_lease(item) if item else None

    def circuit(self) -> Circuit | None:
        """The circuit, if it is open."""
        item = self._get(_CIRCUIT)
        return _to_circuit(item) if item else None

    def take(
        self,
        wanted: Lease,
        standing: Lease | None,
        call: Call,
        budgets: tuple[Budget, ...] = (),
        probe: tuple[Circuit, Circuit] | None = None,
    ) -> tuple[Slot | None, Lease | None]:
        """The slot; or none, and the lease that stands instead of the one the caller saw.

        `probe` is the open circuit as the caller saw it, and as it is with the caller's probe. A transaction that botocore repeated
        because its answer got lost finds itself standing: `holder` is new for every flight.

        Raises:
            BudgetExhausted: of one of the budgets nothing is left.
            CircuitOpen: another call is the probe.
        """
        first = int(hashlib.sha256(wanted.holder.encode()).hexdigest(), 16) % SHARDS
        shards = [(budget, first) for budget in budgets]
        for round_ in range(ROUNDS):
            slot = Slot(wanted, call, tuple(shards), probe is not None)
            actions = [
                self._lease_action(wanted, standing, call),
                self._row_action(call),
                *(
                    self._spending.taking(budget, shard, call.at, scheduled=not call.member)
                    for budget, shard in shards
                ),
                *([self._probe_action(*probe)] if probe else []),
            ]
            reasons = self._refused_by(actions)
            if reasons is None:
                return slot, None
            if reasons[0]["Code"] == "ConditionalCheckFailed":
                stands = _to_lease(reasons[0]["Item"]) if reasons[0].get("Item") else None
                return (slot, None) if stands == wanted else (None, stands)
            if probe and reasons[-1]["Code"] == "ConditionalCheckFailed":
                if self.circuit() is not None:
                    raise CircuitOpen(
                        "Kuaidi100 refuses all calls at the moment; one is on its way to see whether that is over.",
                        retry_after=probe[1].wait,
                    )
                probe = None  # closed by another's probe meanwhile
            shards = [
                (budget, self._other_shard(budget, shard, reason["Code"], call))
                for (budget, shard), reason in zip(shards, reasons[2:], strict=False)
            ]
            if any(reason["Code"] in PASSING for reason in reasons):
                stands = self.lease(call.courier, call.number)
                if stands != standing:
                    return (slot, None) if stands == wanted else (None, stands)
                self._wait(round_)
        raise StoreUnavailable("Too many calls are begun at once. Ask again.", retry_after=1)

    def settle(self, slot: Slot, lease: Lease, call: Call) -> None:
        """Leave `lease` where the slot's is, and close its row; what was not sent is given back to the budgets."""
        given_back = [
            self._spending.giving_back(budget, shard, slot.call.at)
            for budget, shard in slot.shards
            if call.outcome == NotSent.outcome
        ]
        row = self._row_action(call, opened=True)
        actions = [self._lease_action(lease, slot.lease, call), row, *given_back]
        for round_ in range(ROUNDS):
            reasons = self._refused_by(actions)
            if reasons is None or reasons[-1 - len(given_back)]["Code"] == "ConditionalCheckFailed":
                return  # settled now, or before by this very request
            if reasons[0]["Code"] == "ConditionalCheckFailed":
                actions = [row, *given_back]  # a later flight has the lease, since this one took too long
            else:
                self._wait(round_)
        raise StoreUnavailable("Too many calls end at once. Ask again.", retry_after=1)

    def look_at_budgets(self, slot: Slot) -> None:
        """After a call: warn of budgets that come to their end."""
        for budget, shard in slot.shards:
            self._spending.look(budget, shard, slot.call.at)

    def open_circuit(self, circuit: Circuit) -> bool:
        """Open the circuit for all functions; whether it was closed, and if so that is told."""
        told = outbox.entry(notifications.of_circuit(circuit), circuit.opened_at)
        notice = outbox.notice(
            f"CIRCUIT#{round(circuit.opened_at * 1000)}", "opened", told, circuit.opened_at
        )
        actions: list[Any] = [
            {
                "Put": {
                    "TableName": self._cache,
                    "Item": _circuit_item(circuit),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {"Put": {"TableName": self._tracking, "Item": notice}},
        ]
        return transacted(self._dynamodb, actions, self._pause, ROUNDS)

    def close_circuit(self, holder: str) -> bool:
        """Close it, after the probe of this holder; whether it was that one's to close."""
        return self._written(
            lambda: self._dynamodb.delete_item(
                TableName=self._cache,
                Key=_CIRCUIT,
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": {"S": holder}},
            )
        )

    def _wait(self, round_: int) -> None:
        """Before a transaction that met another is tried again: two seconds in all, well within what a slot allows for."""
        self._pause(back_off(round_, LAST_PAUSE))

    def _other_shard(self, budget: Budget, shard: int, reason: str, call: Call) -> int:
        """Where to take from after a refusal: where others are not, or something is left; the same where it was not the reason."""
        if reason in PASSING:
            return (shard + 1) % SHARDS
        return self._shard_with_rest(budget, call) if reason == "ConditionalCheckFailed" else shard

    def _shard_with_rest(self, budget: Budget, call: Call) -> int:
        used = self._spending.used(budget, call.at)
        left = [
            budget.allotment(shard, scheduled=not call.member) - count for shard, count in enumerate(used)
        ]
        if max(left) <= 0:
            self._spending.warn(budget, sum(used), call.at)
            whose = "Your" if budget.scope else "The"
            raise BudgetExhausted(
                f"{whose} budget of {budget.limit} calls to Kuaidi100 a {budget.period} is used up, so no fresh data is bought. "
                "Ask again when it is renewed, or have the operator raise it.",
                retry_after=budget.resets_at(call.at) - call.at,
            )
        return left.index(max(left))

    def _get(self, key: Item) -> Item | None:
        answer = served(lambda: self._dynamodb.get_item(TableName=self._cache, Key=key, ConsistentRead=True))
        item: Item | None = answer.get("Item")
        return item

    def _refused_by(self, actions: list[Any]) -> list[Any] | None:
        """None if the transaction went through, else a reason for each of its actions."""
        try:
            served(lambda: self._dynamodb.transact_write_items(TransactItems=actions))
        except self._dynamodb.exceptions.TransactionCanceledException as error:
            reasons: list[Any] = error.response["CancellationReasons"]
            return reasons
        return None

    def _written(self, write: Callable[[], Any]) -> bool:
        try:
            served(write)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _lease_action(self, wanted: Lease, standing: Lease | None, call: Call) -> Item:
        put: Item = {
            "TableName": self._cache,
            "Item": _lease_item(wanted, call),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if standing:
            put["ConditionExpression"] = "#sequence = :sequence AND holder = :holder"
            put["ExpressionAttributeNames"] = {"#sequence": "sequence"}
            put["ExpressionAttributeValues"] = {
                ":sequence": as_number(standing.sequence),
                ":holder": {"S": standing.holder},
            }
        return {"Put": put}

    def _row_action(self, call: Call, *, opened: bool = False) -> Item:
        shard = hashlib.sha256(f"{call.courier}#{call.number}".encode()).digest()[0] % ROW_SHARDS
        item: Item = {
            "pk": {"S": f"CALL#{hour_of(call.at)}#{shard}"},
            "sk": {"S": f"{call.courier}#{call.number}#{call.sequence}"},
            "cause": {"S": call.cause},
            "outcome": {"S": call.outcome},
            "billed": {"BOOL": call.billed},
            "at": as_number(call.at),
            "expires_at": as_number(int(call.at + KEEP_ROWS)),
        }
        if call.member:
            item["member"] = {"S": call.member}
        put: Item = {"TableName": self._tracking, "Item": item}
        if opened:
            put["ConditionExpression"] = "outcome = :unknown"
            put["ExpressionAttributeValues"] = {":unknown": {"S": "unknown"}}
        return {"Put": put}

    def _probe_action(self, seen: Circuit, probed: Circuit) -> Item:
        return {
            "Put": {
                "TableName": self._cache,
                "Item": _circuit_item(probed),
                "ConditionExpression": "holder = :holder AND probe_at = :probe",
                "ExpressionAttributeValues": {
                    ":holder": {"S": seen.holder},
                    ":probe": as_number(seen.probe_at),
                },
            }
        }


def _lease_pk(courier: str, number: str) -> str:
    return f"LEASE#{courier}#{number}"


def _lease_item(lease: Lease, call: Call) -> Item:
    charges = lease.charges
    charged = [at for at in (charges.success_at, charges.failures_at, *charges.failed) if at is not None]
    expires = max(
        lease.next_allowed_at + 2 * DAY,
        *(at + 2 * DAY for at in lease.calls),
        *(at + KEEP_LEASES for at in charged),
    )
    item: Item = {
        "pk": {"S": _lease_pk(call.courier, call.number)},
        "sequence": as_number(lease.sequence),
        "holder": {"S": lease.holder},
        "calls": {"L": [as_number(at) for at in lease.calls]},
        "next_allowed_at": as_number(lease.next_allowed_at),
        "failures": as_number(lease.failures),
        "failed": {"L": [as_number(at) for at in charges.failed]},
        "expires_at": as_number(int(expires)),
    }
    times = (
        ("flight_until", lease.flight_until),
        ("success_at", charges.success_at),
        ("failures_at", charges.failures_at),
    )
    item.update((name, as_number(at)) for name, at in times if at is not None)
    return item


def _to_lease(item: Item) -> Lease:
    def time(name: str) -> float | None:
        return float(item[name]["N"]) if name in item else None

    failed = item.get("failed", {"L": []})["L"]
    return Lease(
        sequence=int(item["sequence"]["N"]),
        holder=item["holder"]["S"],
        calls=tuple(float(at["N"]) for at in item["calls"]["L"]),
        next_allowed_at=float(item["next_allowed_at"]["N"]),
        flight_until=time("flight_until"),
        failures=int(item["failures"]["N"]),
        charges=Charges(time("success_at"), time("failures_at"), tuple(float(at["N"]) for at in failed)),
    )


def _circuit_item(circuit: Circuit) -> Item:
    return {
        **_CIRCUIT,
        "code": {"S": circuit.code},
        "opened_at": as_number(circuit.opened_at),
        "probe_at": as_number(circuit.probe_at),
        "wait": as_number(circuit.wait),
        "holder": {"S": circuit.holder},
    }


def _to_circuit(item: Item) -> Circuit:
    return Circuit(
        code=item["code"]["S"],
        opened_at=float(item["opened_at"]["N"]),
        probe_at=float(item["probe_at"]["N"]),
        wait=float(item["wait"]["N"]),
        holder=item["holder"]["S"],
    )
