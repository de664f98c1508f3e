"""How every table is asked: what DynamoDB does not serve is StoreUnavailable, what a condition refuses is the caller's to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from waybill.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

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
