"""How every table is asked: what DynamoDB does not serve is StoreUnavailable, what a condition refuses is the caller's to know."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from waybill.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

TRANSACTION_ITEMS: Final = 100
"""More writes than these are no transaction."""

CONFLICTS: Final = 20
_FIRST_PAUSE: Final = 0.02
_LAST_PAUSE: Final = 0.8
"""Whoever meets another transaction waits up to these seconds, growing; 500 on one item are through in a few seconds."""

_BY_CONDITION: Final = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})


def served(request: Callable[[], T]) -> T:
    """The answer to one request.

    Raises:
        StoreUnavailable: DynamoDB did not serve it.
        ClientError: a condition of the request does not hold.
    """
    try:
        return request()
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _BY_CONDITION:
            raise
        raise StoreUnavailable(
            "Waybill's own store did not answer. Ask again in a moment.", retry_after=2
        ) from error


def transacted(
    dynamodb: DynamoDBClient, actions: Sequence[Any], pause: Callable[[float], None], tries: int = CONFLICTS
) -> bool:
    """Whether all of this was written; False where a condition does not hold.

    DynamoDB cancels a transaction that meets another one on an item, and no client library tries it again: here it is, after a
    pause of random length.

    Raises:
        StoreUnavailable: DynamoDB did not serve it, or others kept writing the same items.
    """
    longest = _FIRST_PAUSE
    for _ in range(tries):
        try:
            served(lambda: dynamodb.transact_write_items(TransactItems=actions))
        except dynamodb.exceptions.TransactionCanceledException as error:
            codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if "TransactionConflict" not in codes or "ConditionalCheckFailed" in codes:
                return False
            pause(random.uniform(0, longest))  # noqa: S311 - spreads load, keeps no secret
            longest = min(2 * longest, _LAST_PAUSE)
        else:
            return True
    raise StoreUnavailable("Too many change this parcel at once. Ask again.", retry_after=1)
