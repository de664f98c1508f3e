"""The body that an operator sends to have messages done again, as in `requests`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from waybill.requests import WHOLE, Body

MOST: Final = 1000


class Redrive(Body):
    """What goes back to its queue."""

    limit: Annotated[int, Field(ge=1, le=MOST), WHOLE] = MOST
    """So many messages at most."""
