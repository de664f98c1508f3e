"""Limits of one member: a usage plan and a key of its own at API Gateway, and the key's value where the authorizer finds it.

Plan and key are found again by their names, so that a command that broke off in the middle is completed by running it again. Until
the last step of `put` nothing has any effect on callers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.tokens import Tokens

SETTLE_SECONDS = 65.0
"""The authorizer's answers are kept for 60 seconds, and a new key needs some time until the gateway knows it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests a second, requests at once, and requests a calendar month or None."""

    rate: float
    burst: int
    quota: int | None = None


class Limits:
    """Of the members of one API's stage. `gateway` is boto3's client; `pause` waits for so many seconds.

    The gateway refuses a key that it does not know, so a new one is told to nobody before it has settled, and an old one is deleted
    only when nobody can have been told of it.
    """

    def __init__(
        self, gateway: Any, tokens: Tokens, api_id: str, stage: str, pause: Callable[[float], None]
    ) -> None:
        self._gateway = gateway
        self._tokens = tokens
        self._api_id = api_id
        self._stage = stage
        self._pause = pause

    def put(self, member: str, limit: Limit) -> None:
        """Make the limit of a member, or change the one that it has."""
        self._gateway.get_stage(restApiId=self._api_id, stageName=self._stage)  # a wrong one ends it here
        name = self._name(member)
        plans, keys = self._plans(name), self._keys(name)
        plan_id = plans[0]["id"] if plans else self._create_plan(name, limit)
        if plans:
            self._change_plan(plans[0], limit)
        key = keys[0] if keys else self._gateway.create_api_key(name=name, enabled=True)
        attached = self._gateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan_id)
        if key["id"] not in [each["id"] for page in attached for each in page["items"]]:
            self._gateway.create_usage_plan_key(usagePlanId=plan_id, keyId=key["id"], keyType="API_KEY")
            self._pause(SETTLE_SECONDS)
        self._tokens.put_usage_key(member, key["value"])

    def delete(self, member: str) -> bool:
        """Take the limit away; False if there was none."""
        name = self._name(member)
        plans, keys = self._plans(name), self._keys(name)
        known = self._tokens.usage_key(member) is not None
        self._tokens.delete_usage_key(member)
        if plans or keys:
            self._pause(SETTLE_SECONDS)
        for plan in plans:
            # A plan with stages cannot be deleted.
            if removals := [
                {"op": "remove", "path": "/apiStages", "value": stage} for stage in _stages(plan)
            ]:
                self._gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=removals)
            self._gateway.delete_usage_plan(usagePlanId=plan["id"])
        for key in keys:
            self._gateway.delete_api_key(apiKey=key["id"])
        return known or bool(plans or keys)

    def _name(self, member: str) -> str:
        return f"waybill {self._api_id}/{self._stage} {member}"

    def _plans(self, name: str) -> list[Any]:
        pages = self._gateway.get_paginator("get_usage_plans").paginate()
        return [plan for page in pages for plan in page["items"] if plan.get("name") == name]

    def _keys(self, name: str) -> list[Any]:
        """With their values. The gateway's own search is by the beginning of a name."""
        pages = self._gateway.get_paginator("get_api_keys").paginate(nameQuery=name, includeValues=True)
        return [key for page in pages for key in page["items"] if key.get("name") == name]

    def _create_plan(self, name: str, limit: Limit) -> str:
        quota: Any = {"quota": {"limit": limit.quota, "period": "MONTH"}} if limit.quota else {}
        plan = self._gateway.create_usage_plan(
            name=name,
            apiStages=[{"apiId": self._api_id, "stage": self._stage}],
            throttle={"rateLimit": limit.rate, "burstLimit": limit.burst},
            **quota,
        )
        return str(plan["id"])

    def _change_plan(self, plan: Any, limit: Limit) -> None:
        changes = [
            {"op": "replace", "path": "/throttle/rateLimit", "value": f"{limit.rate:g}"},
            {"op": "replace", "path": "/throttle/burstLimit", "value": str(limit.burst)},
        ]
        if limit.quota:
            op = "replace" if plan.get("quota") else "add"
            changes += [
                {"op": op, "path": "/quota/limit", "value": str(limit.quota)},
                {"op": op, "path": "/quota/period", "value": "MONTH"},
            ]
        elif plan.get("quota"):
            changes.append({"op": "remove", "path": "/quota"})
        if (stage := f"{self._api_id}:{self._stage}") not in _stages(plan):
            changes.append({"op": "add", "path": "/apiStages", "value": stage})
        self._gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=changes)


def _stages(plan: Any) -> list[str]:
    return [f"{each['apiId']}:{each['stage']}" for each in plan.get("apiStages", [])]
