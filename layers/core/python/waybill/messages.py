"""What is said on the queue of parcels to refresh: one JSON object a message. Pure."""

from __future__ import annotations

import json

from waybill.shipments import Link


def write(link: Link) -> str:
    return json.dumps({"courier": link.courier, "number": link.number}, separators=(",", ":"))


def read(body: str) -> Link:
    """The parcel that a message names.

    Raises:
        ValueError: it names none.
    """
    said = json.loads(body)
    match said:
        case {"courier": str(courier), "number": str(number)} if courier and number:
            return Link(courier, number)
    raise ValueError("not an object with a courier and a number")
