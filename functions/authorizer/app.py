"""The authorizer: a bearer token in, an IAM policy for the whole stage out. The gateway keeps the answer for 60 seconds."""

from __future__ import annotations

import os
import time
from typing import Any

import boto3

from waybill.access import Grant, authenticate
from waybill.settings import Environment
from waybill.tracking import Tracking

TRACKING = Tracking(boto3.client("dynamodb"), Environment(os.environ).text("TRACKING_TABLE"))
DEFAULT_USAGE_KEY = Environment(os.environ).text("DEFAULT_USAGE_KEY")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    grant = authenticate(str(event.get("authorizationToken", "")), TRACKING.grant, time.time())
    return policy(grant, event["methodArn"])


def policy(grant: Grant | None, method_arn: str) -> dict[str, Any]:
    """Allow or Deny for every method of the stage: the answer is kept per token, not per path."""
    api_and_stage = "/".join(method_arn.split("/")[:2])
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if grant else "Deny",
        "Resource": f"{api_and_stage}/*",
    }
    answer: dict[str, Any] = {
        "principalId": grant.member if grant else "nobody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
    if grant:
        answer["usageIdentifierKey"] = DEFAULT_USAGE_KEY
        answer["context"] = {"member": grant.member, "scopes": " ".join(sorted(grant.scopes))}
    return answer
