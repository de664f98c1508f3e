"""`python -m tools.token`: let a member in. The token is shown once; the table holds its hash only."""

from __future__ import annotations

import argparse
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from waybill.access import SCOPES, Grant, hash_token, new_token
from waybill.tracking import Tracking


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="token", description=__doc__)
    parser.add_argument("--table", required=True, help="the stack's output TrackingTable")
    parser.add_argument("--member", required=True, help="whom the token stands for")
    parser.add_argument("--scopes", default="track", help=f"comma-separated, of {', '.join(sorted(SCOPES))}")
    parser.add_argument("--days", type=float, default=365, help="until it expires; 0 for never")
    given = parser.parse_args(arguments)
    scopes = frozenset(given.scopes.split(","))
    if unknown := scopes - SCOPES:
        parser.error(f"unknown scopes {', '.join(sorted(unknown))}: choose from {', '.join(sorted(SCOPES))}")
    if not given.member.strip() or given.days < 0:
        parser.error("a member needs a name, and days are not negative")
    token = new_token()
    expires_at = time.time() + given.days * 86_400 if given.days else None
    try:
        Tracking(boto3.client("dynamodb"), given.table).put_grant(
            hash_token(token), Grant(given.member.strip(), scopes, expires_at)
        )
    except (ClientError, BotoCoreError) as error:
        print(f"The token was not stored: {error}", file=sys.stderr)
        return 1
    print(token)
    return 0


if __name__ == "__main__":
    sys.exit(main())
