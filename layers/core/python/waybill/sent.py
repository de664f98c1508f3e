"""What has been sent is not sent again, for 30 days of wall time: Powertools' idempotency over the Cache table, `SENT#<hash>`.

::

    mark "at work" --- send --- mark "sent"
                           ^ dies here: sent once more, when the mark is as old as the function may have run
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)

from waybill.errors import InProgress, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SECONDS: Final = 30 * 86_400
PREFIX: Final = "SENT"


class Sent:
    """Over the Cache table, for many threads. `config` is told the invocation's context, which says how long it may run."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self.config = IdempotencyConfig(
            event_key_jmespath="key",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=KEPT_SECONDS,
            hash_function="sha256",
        )
        self._store = DynamoDBPersistenceLayer(
            table_name=table, key_attr="pk", expiry_attr="expires_at", boto3_client=dynamodb
        )
        # Powertools does it at the first use, in which threads would meet.
        self._store.configure(self.config, key_prefix=PREFIX)

    def once(self, event_id: str, recipient: str, send: Callable[[], str]) -> str:
        """What `send` came to, now or when it was done before. What it raises leaves it undone.

        Raises:
            InProgress: it is being done.
            StoreUnavailable: whether it has been done cannot be told, or marked.
        """

        def run(*, asked: dict[str, list[str]]) -> str:  # noqa: ARG001 - what Powertools reads the key from
            return send()

        marked: Any = idempotent_function(
            run,
            data_keyword_argument="asked",
            persistence_store=self._store,
            config=self.config,
            key_prefix=PREFIX,
        )
        try:
            return str(marked(asked={"key": [event_id, recipient]}))
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
            raise InProgress("It is being sent.") from error
        except IdempotencyPersistenceLayerError as error:
            raise StoreUnavailable(
                "Waybill's own store did not answer. Ask again in a moment.", retry_after=2
            ) from error
