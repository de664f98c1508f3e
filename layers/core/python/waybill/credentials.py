"""The secrets: what Kuaidi100 calls are signed with, and the keys under which phone tails are hashed and webhooks are signed.

Read through Powertools parameters at the first need and kept in the warm container; an answer from the cache reads neither,
but for phone-bound parcels, which need the key of tails once per container.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final

from waybill.errors import UpstreamUnavailable

MAX_AGE_SECONDS: Final = 900


class _Reader:
    """Reads secrets by name and keeps them a while. Wall time rules their age."""

    _provider: Any = None

    def _read(self, name: str, *, force: bool = False) -> str:
        """A secret's text. Powertools and its client are loaded here, at the first need: most requests have none."""
        from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415 - see above
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError  # noqa: PLC0415 - see above
        from botocore.config import Config  # noqa: PLC0415 - see above

        if self._provider is None:
            config = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
            self._provider = SecretsProvider(boto_config=config)
        try:
            return str(self._provider.get(name, max_age=MAX_AGE_SECONDS, force_fetch=force))
        except GetParameterError as error:
            raise UpstreamUnavailable(_UNREADABLE, retry_after=5) from error


class Key(_Reader):
    """A secret that is one random text, and nothing but a key."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self) -> bytes:
        """Raises UpstreamUnavailable: the secret cannot be read."""
        return self._read(self._name).encode()


class Secrets(_Reader):
    """What Kuaidi100 is asked with, and the key of tails, by name."""

    def __init__(self, kuaidi100: str, tail_key: str) -> None:
        self._kuaidi100 = kuaidi100
        self._tail_key = tail_key

    def kuaidi100(self, *, reread: bool = False) -> tuple[str, str]:
        """`(customer, key)`. A secret that is not filled in is not kept: the next question finds it filled.

        Raises:
            UpstreamUnavailable: the secret cannot be read, is not filled in, or is not JSON with both.
        """
        text = self._read(self._kuaidi100, force=reread)
        try:
            return _account(text)
        except UpstreamUnavailable:
            if reread:
                raise
        return _account(self._read(self._kuaidi100, force=True))

    def tail_hash(self, courier: str, number: str, tail: str) -> str:
        """A keyed hash of a phone's last four digits, good for one parcel only, so that no table of 10,000 tails reverses it."""
        key = self._read(self._tail_key).encode()
        return hmac.new(key, f"{courier}#{number}#{tail}".encode(), hashlib.sha256).hexdigest()[:32]


def _account(text: str) -> tuple[str, str]:
    try:
        secret = json.loads(text)
        customer, key = str(secret["customer"]), str(secret["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise UpstreamUnavailable(_UNFILLED, retry_after=300) from error
    if not customer or not key:
        raise UpstreamUnavailable(_UNFILLED, retry_after=300)
    return customer, key


_UNREADABLE: Final = "Waybill cannot read its secrets at the moment. Ask again; if it stays so, the operator has to look at them."
_UNFILLED: Final = (
    "Kuaidi100 cannot be asked: the secret with its credentials is not filled in. The operator has to put "
    '{"customer": "...", "key": "..."} into the secret that the stack names in its outputs.'
)
