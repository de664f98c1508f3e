"""Waybill: where is this parcel, asked of Kuaidi100 never too often and never twice for one answer.

Flat modules, imported one way (the contract in `.importlinter` proves it)::

    functions -> settings, observe -> use cases (lookup, access, api) -> adapters (cache, tracking, kuaidi100, secrets)
              -> pure (freshness, couriers, numbers, phones, privacy, statuses) -> model -> errors

`fields` and `requests` say what is taken, `answers` and `shipment_views` what is given; the OpenAPI document is made of them.
"""

from typing import Final

VERSION: Final = "0.1.0"
"""As in pyproject.toml."""
