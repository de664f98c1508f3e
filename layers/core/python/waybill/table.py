"""How every table is asked: what DynamoDB does not serve is StoreUnavailable, what a condition refuses is the caller's to know."""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from waybill.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Item = dict[str, Any]

TRANSACTION_ITEMS: Final = 100
"""More writes than these are no transaction."""

CONFLICTS: Final = 20
_CHANCE: Final = random.SystemRandom()
"""Asks the system each time: processes that start from one snapshot would all wait as long with a generator of their own."""
_FIRST_PAUSE: Final = 0.02
LAST_PAUSE: Final = 0.8
"""Whoever meets another transaction waits up to these seconds, growing; 500 on one item are through in a few seconds."""

BATCH: Final = 100
"""More items than these are not read in one request."""
_ROUNDS: Final = 8

PASSING: Final = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Why DynamoDB cancels a transaction that it may well take in a moment; it gives one reason for each of the items."""

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


def sent_again(refusal: ClientError) -> bool:
    """Whether botocore had asked before: what it was refused may be what it has just written, the answer to which was lost."""
    metadata: Mapping[str, Any] = refusal.response.get("ResponseMetadata", {})
    return int(metadata.get("RetryAttempts", 0)) > 0


def batch(
    dynamodb: DynamoDBClient, table: str, keys: Iterable[Item], *, consistent: bool = True
) -> Iterator[Item]:
    """The items of these keys that there are, in any order; what DynamoDB left out is asked for again.

    Raises:
        StoreUnavailable: DynamoDB did not serve it, or left out too much.
    """
    wanted = list(keys)
    for start in range(0, len(wanted), BATCH):
        left: Any = {table: {"Keys": wanted[start : start + BATCH], "ConsistentRead": consistent}}
        for _ in range(_ROUNDS):
            answer = served(functools.partial(dynamodb.batch_get_item, RequestItems=left))
            yield from answer["Responses"].get(table, [])
            left = answer.get("UnprocessedKeys")
            if not left:
                break
        else:
            raise StoreUnavailable("Waybill's own store is busy. Ask again in a moment.", retry_after=2)


def rows(dynamodb: DynamoDBClient, **asked: Any) -> Iterator[Item]:
    """All items of a query, page after page as they are wanted.

    Raises:
        StoreUnavailable: DynamoDB did not serve it.
    """
    start: Item = {}
    while True:
        answer: Any = served(functools.partial(dynamodb.query, **asked, **start))
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def as_number(value: float) -> Item:
    """A whole number as it is, any other to the millisecond, so that a time is the same when read back."""
    return {"N": str(value) if isinstance(value, int) else repr(round(value, 3))}


def back_off(round_: int, longest: float) -> float:
    """Wall seconds to wait after the `round_`-th meeting (from 0) of two transactions: random, up to twice as long each time."""
    return _CHANCE.uniform(0, min(_FIRST_PAUSE * 2**round_, longest))


def transacted(
    dynamodb: DynamoDBClient, actions: Sequence[Any], pause: Callable[[float], None], tries: int = CONFLICTS
) -> bool:
    """Whether all of this was written; False where a condition does not hold.

    DynamoDB cancels a transaction that meets another one on an item, or of which an item is throttled, and no client library tries
    it again: here it is, after a pause of random length.

    Raises:
        StoreUnavailable: DynamoDB did not serve it, or others kept writing the same items.
    """
    for round_ in range(tries):
        try:
            served(lambda: dynamodb.transact_write_items(TransactItems=actions))
        except dynamodb.exceptions.TransactionCanceledException as error:
            codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if "ConditionalCheckFailed" in codes or not codes & PASSING:
                return False
            pause(back_off(round_, LAST_PAUSE))
        else:
            return True
    raise StoreUnavailable("Too many change this parcel at once. Ask again.", retry_after=1)
