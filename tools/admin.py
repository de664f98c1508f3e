"""Let members in and out: access tokens, limits and budgets of single members, and what is held of them.

A token is written to standard output once, alone, and kept as a hash only; everything else that is said goes to standard error.
AWS credentials and region are those of the AWS command line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools import asking, erase, issuing
from tools.limits import Limit, Limits
from waybill.access import MEMBER_LENGTH, SCOPES, is_member
from waybill.errors import NotFound, StoreUnavailable, WaybillError
from waybill.member_budgets import MemberBudgets
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from waybill.access import Token

HEADINGS: Final = ("ID", "MEMBER", "SCOPES", "STATE", "CREATED", "ENDS", "LABEL")


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        tokens = Tokens(boto3.client("dynamodb", endpoint_url=given.endpoint_url), given.table)
        given.command(tokens, given)
    except StoreUnavailable as error:
        _say(issuing.reason(error.__cause__, given.table))
    except WaybillError as error:
        _say(error.message)
    except (ClientError, BotoCoreError) as error:
        _say(issuing.reason(error, given.table))
    except KeyboardInterrupt:
        _say("Broken off.")
    else:
        return 0
    return 1


def create(tokens: Tokens, given: argparse.Namespace) -> None:
    secret, token = issuing.create(tokens, given.member, given.scopes, given.label, given.days)
    print(secret)
    _say(f"{token.id} for {token.member}: {_words(token.scopes)}, ends {issuing.instant(token.ends_at)}")


def list_(tokens: Tokens, given: argparse.Namespace) -> None:
    rows = tokens.registered(given.member)
    if given.json:
        print(json.dumps([issuing.fields(token) for token in rows], ensure_ascii=False, indent=2))
    else:
        _table(issuing.fields(token) for token in rows)


def rotate(tokens: Tokens, given: argparse.Namespace) -> None:
    secret, new, ended = issuing.rotate(tokens, _chosen(tokens, given.id), given.days, given.overlap)
    print(secret)
    _say(f"{new.id} for {new.member}: {_words(new.scopes)}, ends {issuing.instant(new.ends_at)}")
    _say(f"{ended.id}, which it replaces, ends {issuing.instant(ended.revoked_at or ended.ends_at)}")


def revoke(tokens: Tokens, given: argparse.Namespace) -> None:
    token = issuing.revoke(tokens, _chosen(tokens, given.id))
    _say(f"{token.id} of {token.member} is revoked. The gateway may know it for another 60 seconds.")


def limit(tokens: Tokens, given: argparse.Namespace) -> None:
    wanted = Limit(given.rate, given.burst, given.quota_per_month)
    _limits(tokens, given).put(given.member, wanted)
    quota = f", {wanted.quota} a month" if wanted.quota else ""
    _say(
        f"{given.member}: {wanted.rate:g} requests a second, {wanted.burst} at once{quota}; known within 60 seconds."
    )


def unlimit(tokens: Tokens, given: argparse.Namespace) -> None:
    if not _limits(tokens, given).delete(given.member):
        raise NotFound(f"{given.member} has no limits of its own.")
    _say(f"{given.member} has the limits of everybody again.")


def budget(_: Tokens, given: argparse.Namespace) -> None:
    """Without a budget to give, show what there is."""
    budgets = _budgets(given)
    if given.day is None and given.month is None:
        print("\n".join(_budget_lines(given.member, *budgets.get(given.member))))
    else:
        budgets.put(given.member, given.day, given.month)
        _say("\n".join(_budget_lines(given.member, *budgets.get(given.member))))


def unbudget(_: Tokens, given: argparse.Namespace) -> None:
    if not _budgets(given).delete(given.member):
        raise NotFound(f"{given.member} has no budgets of its own.")
    _say(f"{given.member} has the budgets of everybody again.")


def _budgets(given: argparse.Namespace) -> MemberBudgets:
    return MemberBudgets(boto3.client("dynamodb", endpoint_url=given.endpoint_url), given.table)


def _budget_lines(member: str, day: int | None, month: int | None) -> list[str]:
    return [
        f"{member}: {f'{limit} calls' if limit else 'as many calls as everybody'} a {period}"
        for period, limit in (("day", day), ("month", month))
    ]


def _limits(tokens: Tokens, given: argparse.Namespace) -> Limits:
    def pause(seconds: float) -> None:
        _say(f"Waiting {seconds:g} seconds for the gateway; if this is broken off, run it again.")
        time.sleep(seconds)

    gateway = boto3.client("apigateway", endpoint_url=given.endpoint_url)
    return Limits(gateway, tokens, given.api_id, given.stage, (lambda _: None) if given.at_once else pause)


def _chosen(tokens: Tokens, token_id: str | None) -> Token:
    """The token of an id, or the one that is given on standard input, where neither history nor process list keeps it."""
    if token_id is not None:
        return issuing.find(tokens, token_id=token_id)
    return issuing.find(tokens, secret=asking.secret("The token itself, please: "))


def _table(tokens: Iterable[dict[str, Any]]) -> None:
    rows = [HEADINGS] + [
        (
            each["id"],
            each["member"],
            ",".join(each["scopes"]),
            each["state"],
            each["created_at"] or "-",
            each["revoked_at"] or each["ends_at"] or "never",
            each["label"],
        )
        for each in tokens
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _words(scopes: frozenset[str]) -> str:
    return ", ".join(sorted(scopes))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waybill-admin", description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="{tokens,members,shipments}")
    tokens = kinds.add_parser("tokens", help="access tokens").add_subparsers(required=True)
    members = kinds.add_parser("members", help="limits, budgets and data of single members").add_subparsers(
        required=True
    )
    shipments = kinds.add_parser("shipments", help="data of single orders").add_subparsers(required=True)

    def command(under: Any, action: Any, text: str, name: str = "") -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = under.add_parser(
            name or action.__name__, help=text, description=text
        )
        added.add_argument("--table", required=True, type=_filled, help="the stack's output TrackingTable")
        added.add_argument("--endpoint-url", help="of AWS, if not the usual one")
        added.set_defaults(command=action)
        return added

    making = command(tokens, create, "Make a token and show it, once.")
    making.add_argument("--member", required=True, type=_member, help="whom the token stands for")
    making.add_argument("--scopes", default="track", type=_scopes, help=f"with commas, of {_words(SCOPES)}")
    making.add_argument("--label", default="", help="what it is for, shown in the list")
    listing = command(
        tokens, list_, "Show the tokens that there are, and for 90 days those that ended.", "list"
    )
    listing.add_argument("--member", type=_member, help="of this member only")
    listing.add_argument("--json", action="store_true", help="as JSON, with times of RFC 3339")
    rotating = command(tokens, rotate, "Make a token in the place of another: same member, scopes and label.")
    rotating.add_argument(
        "--overlap",
        default=24.0,
        type=_positive_or_zero,
        help="hours that the old one still works; 0 for none",
    )
    revoking = command(tokens, revoke, "End a token.")
    for each in (rotating, revoking):
        each.add_argument(
            "--id",
            type=_filled,
            help="tok_... as in the list; without it, the token is read from standard input",
        )
    for each in (making, rotating):
        each.add_argument("--days", default=365.0, type=_positive_or_zero, help="until it ends; 0 for never")
    limiting = command(members, limit, "Give a member limits of its own, or change them.")
    limiting.add_argument("--rate", required=True, type=_positive, help="requests a second")
    limiting.add_argument("--burst", required=True, type=_count, help="requests at once")
    limiting.add_argument("--quota-per-month", type=_count, help="requests a calendar month")
    for each in (limiting, command(members, unlimit, "Take a member's own limits away.")):
        each.add_argument("--member", required=True, type=_member)
        each.add_argument("--api-id", required=True, type=_filled, help="the stack's output ApiId")
        each.add_argument("--stage", required=True, type=_filled, help="the stack's output ApiStage")
        each.add_argument(
            "--at-once", action="store_true", help="do not wait: the member may be refused for a minute"
        )
    budgeting = command(
        members,
        budget,
        "Give a member budgets of its own, in the place of those that it has; without --day and --month, show them.",
    )
    for period in ("day", "month"):
        budgeting.add_argument(
            f"--{period}",
            type=_count_or_zero,
            help=f"calls to Kuaidi100 a {period} in China; 0 or left out: as everybody",
        )
    erase.add_arguments(command, members, _member, order=False)
    erase.add_arguments(command, shipments, _member, order=True)
    for each in (budgeting, command(members, unbudget, "Take a member's own budgets away.")):
        each.add_argument("--member", required=True, type=_member)
    return parser


def _filled(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text.strip()


def _member(text: str) -> str:
    if not is_member(text.strip()):
        raise argparse.ArgumentTypeError(
            f"a member needs a name of 1 to {MEMBER_LENGTH} printable characters"
        )
    return text.strip()


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(text.replace(",", " ").split())
    if not scopes or scopes - SCOPES:
        raise argparse.ArgumentTypeError(f"{text!r} is not made of {_words(SCOPES)}")
    return scopes


def _positive_or_zero(text: str) -> float:
    number = float(text)
    if not 0 <= number < 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 100000")
    return number


def _positive(text: str) -> float:
    number = _positive_or_zero(text)
    if not number:
        raise argparse.ArgumentTypeError("it must be more than 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


def _count_or_zero(text: str) -> int:
    return _count(text) if int(text) else 0


if __name__ == "__main__":
    sys.exit(main())
