"""`Idempotency-Key` as in the IETF draft (draft-ietf-httpapi-idempotency-key-header), by the utility of Powertools.

The answer to a first request is kept for a day and given again, byte for byte; a refusal is not kept, so that a mended request
may use its key again, nor is a batch some of which failed for want of the store.
"""

from __future__ import annotations

import base64
import re
import zlib
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
    IdempotencyValidationError,
)

from waybill.errors import IdempotencyKeyReused, InvalidField, RequestInProgress, StoreUnavailable
from waybill.gateway import Response, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from waybill.gateway import Request

HEADER: Final = "Idempotency-Key"
KEPT_SECONDS: Final = 86_400
KEY: Final = re.compile(
    r'"(?P<quoted>[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"|(?P<bare>[\x21\x23-\x7e]{1,255})'
)
"""A string of structured fields (RFC 9651, section 3.3.3), or the bare text that many clients send."""
PATTERN: Final = r'^(?:"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$'
"""The same for JSON Schema (ECMA-262)."""


class Idempotency:
    """Over the Cache table. `context` is the invocation's: a request whose function died may be tried again after its time-out."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self.config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="payload",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=KEPT_SECONDS,
            hash_function="sha256",
        )
        self._store = DynamoDBPersistenceLayer(
            table_name=table, key_attr="pk", expiry_attr="expires_at", boto3_client=dynamodb
        )

    def once(self, request: Request, answer: Callable[[], Response]) -> Response:
        """The answer to the request, or the one that its key was answered with before.

        Raises:
            InvalidField: a key that is none.
            IdempotencyKeyReused: the key came with another body before.
            RequestInProgress: the first request with this key is still at work.
            StoreUnavailable: whether the key is new cannot be told.
        """
        given = request.headers.get(HEADER.lower())
        if given is None:
            return answer()
        match = KEY.fullmatch(given.strip())
        if match is None:
            raise InvalidField(
                HEADER, "A key has 1 to 255 printable ASCII characters, as a UUID, in double quotes."
            )
        asked = {
            "key": [request.member, request.method, request.resource, match["quoted"] or match["bare"]],
            "payload": request.body or "",
        }
        run = idempotent_function(
            _kept(answer),
            data_keyword_argument="asked",
            persistence_store=self._store,
            config=self.config,
            key_prefix="IDEMPOTENCY",
        )
        try:
            kept = run(asked=asked)
        except _NotFinalError as unkept:
            return unkept.response
        except IdempotencyValidationError as error:
            raise IdempotencyKeyReused(
                "This key came with another body before. Take a new key for a new request."
            ) from error
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
            raise RequestInProgress(
                "The first request with this key is still at work. Ask again in a moment.", retry_after=1
            ) from error
        except IdempotencyPersistenceLayerError as error:
            raise StoreUnavailable(
                "Waybill's own store did not answer. Ask again in a moment.", retry_after=2
            ) from error
        body = zlib.decompress(base64.b64decode(kept["body"])).decode()
        return Response(kept["status"], body, kept["headers"])


class _NotFinalError(Exception):
    """Carries an answer past Powertools, which keeps whatever a function returns."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def _kept(answer: Callable[[], Response]) -> Callable[..., dict[str, Any]]:
    """The answer as it is kept. Compressed, since a batch's would not fit into an item as it is."""

    def keep(*, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - what Powertools reads the key from
        response = answer()
        if not response.final:
            raise _NotFinalError(response)
        body = base64.b64encode(zlib.compress(text(response.body).encode())).decode()
        return {"status": response.status, "headers": dict(response.headers), "body": body}

    return keep
