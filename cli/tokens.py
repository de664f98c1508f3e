"""`tokens`: who may ask. The stack's table takes the credentials of the AWS command line, a local one's nobody's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from cli.exits import Misuse, Refused, Unreachable
from cli.frame import command, group
from cli.screen import moment, styled, table
from tools import asking, issuing
from waybill.access import MEMBER_LENGTH, SCOPES, is_member
from waybill.errors import StoreUnavailable, WaybillError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.frame import Session
    from waybill.access import Token
    from waybill.tokens import Tokens

app = group("Access tokens. Needs AWS credentials, but for the local stack.")
TableName = Annotated[
    str | None,
    typer.Option(
        "--table", envvar="WAYBILL_TABLE", show_envvar=True, help="The stack's output TrackingTable."
    ),
]
TokenId = Annotated[
    str | None,
    typer.Argument(
        metavar="[ID]", help="tok_... as in the list; without it, the token is read from standard input."
    ),
]
Days = Annotated[float, typer.Option(min=0, max=36_500, help="Until it ends; 0 for never.")]


@command(app, "list")
def list_(
    session: Session,
    member: Annotated[str | None, typer.Option(help="Of this member only.")] = None,
    table_name: TableName = None,
) -> None:
    """Show the tokens that there are, and for 90 days those that ended."""
    with _opened(session, table_name) as tokens:
        found = [issuing.fields(token) for token in tokens.registered(member and _member(member))]
    rows = [
        (
            each["id"],
            each["member"],
            ",".join(each["scopes"]),
            styled(each["state"]),
            moment(each["created_at"]),
            moment(each["revoked_at"] or each["ends_at"])
            if each["revoked_at"] or each["ends_at"]
            else "never",
            each["label"],
        )
        for each in found
    ]
    headings = ("ID", "MEMBER", "SCOPES", "STATE", "CREATED", "ENDS", "LABEL")
    session.screen.show({"tokens": found}, table(headings, rows))


@command(app)
def create(
    session: Session,
    member: Annotated[str, typer.Option(help="Whom the token stands for.")],
    scopes: Annotated[str, typer.Option(help=f"With commas, of {', '.join(sorted(SCOPES))}.")] = "track",
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Days = 365,
    table_name: TableName = None,
) -> None:
    """Make a token and show it, once and alone, on standard output."""
    wanted = frozenset(scopes.replace(",", " ").split())
    if not wanted or wanted - SCOPES:
        raise Misuse(f"{scopes!r} is not made of {', '.join(sorted(SCOPES))}.", "Write them with commas.")
    with _opened(session, table_name) as tokens:
        secret, token = issuing.create(tokens, _member(member), wanted, label, days)
    _show(session, secret, token)


@command(app)
def rotate(
    session: Session,
    token_id: TokenId = None,
    days: Days = 365,
    overlap: Annotated[
        float, typer.Option(min=0, max=8760, help="Hours that the old one still works; 0 for none.")
    ] = 24,
    table_name: TableName = None,
) -> None:
    """Make a token in the place of another: same member, scopes and label."""
    with _opened(session, table_name) as tokens:
        secret, new, old = issuing.rotate(tokens, _chosen(tokens, token_id), days, overlap)
    _show(session, secret, new)
    session.screen.say(f"{old.id}, which it replaces, ends {issuing.instant(old.revoked_at or old.ends_at)}.")


@command(app)
def revoke(session: Session, token_id: TokenId = None, table_name: TableName = None) -> None:
    """End a token."""
    with _opened(session, table_name) as tokens:
        token = issuing.revoke(tokens, _chosen(tokens, token_id))
    session.screen.show(issuing.fields(token))
    session.screen.say(
        f"{token.id} of {token.member} is revoked. The gateway may know it for another 60 seconds."
    )


@contextmanager
def _opened(session: Session, table_name: str | None) -> Iterator[Tokens]:
    """The table's tokens, with AWS's refusals in words."""
    # Half a second of imports that no other command needs.
    import boto3

    from waybill.tokens import Tokens

    stack = session.stack
    named = table_name or (stack.table if stack else None)
    if named is None:
        raise Misuse(
            f"Nothing says in which table the tokens of {session.url} are.",
            "Name the stack's output TrackingTable with --table or WAYBILL_TABLE.",
        )
    options: dict[str, Any] = dict(stack.aws) if stack and named == stack.table else {}
    try:
        dynamodb = boto3.client("dynamodb", **options)
        session.ends.callback(dynamodb.close)
        yield Tokens(dynamodb, named)
    except StoreUnavailable as error:
        raise Unreachable(issuing.reason(error.__cause__, named)) from error
    except WaybillError as error:
        raise Refused(error.message) from error
    except (ClientError, BotoCoreError) as error:
        raise Unreachable(issuing.reason(error, named)) from error


def _chosen(tokens: Tokens, token_id: str | None) -> Token:
    if token_id is not None:
        return issuing.find(tokens, token_id=token_id)
    return issuing.find(tokens, secret=asking.secret("The token itself, please: "))


def _member(name: str) -> str:
    if not is_member(name.strip()):
        raise Misuse(f"A member has a name of 1 to {MEMBER_LENGTH} printable characters.")
    return name.strip()


def _show(session: Session, secret: str, token: Token) -> None:
    session.screen.show({"token": secret, **issuing.fields(token)}, Text(secret))
    session.screen.say(
        f"{token.id} for {token.member}: {', '.join(sorted(token.scopes))}, ends {issuing.instant(token.ends_at)}. "
        "It is not shown again."
    )
