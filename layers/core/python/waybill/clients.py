"""Clients of AWS, made by botocore, on which boto3 rests.

boto3 brings resources and transfers of files, which nobody here uses, and a cold start would wait for them.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import botocore.session
from botocore.config import Config

_NAMED: Final = Config(user_agent="waybill")
"""Otherwise each request words anew what machine and Python it comes from, a quarter of what a client does for it."""


def client(service: str, config: Config | None = None) -> Any:
    """The client of a service, of the kind that boto3 makes; many threads may use one at once."""
    return _session().create_client(service, config=_NAMED.merge(config) if config else _NAMED)


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
