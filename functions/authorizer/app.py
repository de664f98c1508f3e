"""The authorizer: a bearer token in, an IAM policy for the whole stage out. The gateway keeps the answer for 60 seconds.

Whatever keeps it from telling a right token from a wrong one ends in an exception, which the gateway answers with 500: a Deny would
be kept, and would have callers throw good tokens away.
"""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any

from waybill import clients
from waybill.access import Grant, authenticate
from waybill.settings import AuthorizerSettings
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from waybill.access import Issuer
    from waybill.openid import OpenId

SETTINGS = AuthorizerSettings.read(os.environ)
TOKENS = Tokens(clients.client("dynamodb"), SETTINGS.tracking_table)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    verify = functools.partial(verify_jwt, SETTINGS.issuer) if SETTINGS.issuer else None
    grant = authenticate(str(event.get("authorizationToken", "")), TOKENS.grant, time.time(), verify)
    answer = policy(grant, event["methodArn"])
    if grant and (usage_key := TOKENS.usage_key(grant.member) or SETTINGS.default_usage_key):
        answer["usageIdentifierKey"] = usage_key
    return answer


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
        answer["context"] = {"member": grant.member, "scopes": " ".join(sorted(grant.scopes))}
    return answer


def verify_jwt(issuer: Issuer, token: str, wall: float) -> Grant | None:
    return openid(issuer).grant(token, wall)


@functools.cache
def openid(issuer: Issuer) -> OpenId:
    """Loaded with the first JWT: opaque tokens pay nothing for its cryptography."""
    from waybill.openid import OpenId  # noqa: PLC0415 - see above

    return OpenId(issuer)
