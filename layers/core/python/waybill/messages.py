"""What is said on the queues: one JSON object a message, and the keys under which what is said waits for its time. Pure.

A message names what is to be done and holds nothing of it: who does it reads what stands by then. So a second message of the same
is the same again, and what waits in the table (`due`) needs its key only.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from waybill.shipments import Link

DELIVERY: Final = "DELIVERY"
LETTER: Final = "LETTER"
LATER_SHARDS: Final = 4
"""Parts of the `due` index, `LATER#00` and so on, in which deliveries and letters wait for their time."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event of a member's feed, for one of its webhooks. `series` is empty, or names the replay that it is sent again for."""

    member: str
    webhook: str
    sequence: int
    series: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail about an event of a member's feed, to whom its shipment names. `sequence` 0: the event that waits in the table."""

    member: str
    order_id: str
    courier: str
    number: str
    sequence: int = 0


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


def write_delivery(delivery: Delivery) -> str:
    return json.dumps(asdict(delivery), separators=(",", ":"))


def read_delivery(body: str) -> Delivery:
    """Raises ValueError: the message names no delivery."""
    match json.loads(body):
        case {
            "member": str(member),
            "webhook": str(webhook),
            "sequence": int(sequence),
            "series": str(series),
        } if webhook and sequence > 0:
            return Delivery(member, webhook, sequence, series)
    raise ValueError("not an object with a member, a webhook, a sequence and a series")


def delivery_group(body: str) -> str:
    """Whose turn a delivery takes on a fair queue: its webhook's. What names none, as a dead letter may, has one of its own."""
    try:
        return read_delivery(body).webhook
    except ValueError:
        return "none"


def write_letter(letter: Letter) -> str:
    return json.dumps(asdict(letter), separators=(",", ":"))


def read_letter(body: str) -> Letter:
    """Raises ValueError: the message names no letter."""
    match json.loads(body):
        case {
            "member": str(member),
            "order_id": str(order_id),
            "courier": str(courier),
            "number": str(number),
            "sequence": int(sequence),
        } if order_id and courier and number and sequence >= 0:
            return Letter(member, order_id, courier, number, sequence)
    raise ValueError("not an object with a member, an order, a parcel and a sequence")


def delivery_key(delivery: Delivery) -> tuple[str, str]:
    """`DELIVERY#<webhook>#<member>`, `<sequence>` or `<sequence>#<series>`: newest last."""
    series = f"#{delivery.series}" if delivery.series else ""
    return f"{DELIVERY}#{delivery.webhook}#{delivery.member}", f"{delivery.sequence:012}{series}"


def letter_key(letter: Letter) -> tuple[str, str]:
    """`LETTER#<courier>#<number>`, `<member>#<order id>`: one waits for each shipment."""
    return f"{LETTER}#{letter.courier}#{letter.number}", f"{letter.member}#{letter.order_id}"


def of_key(pk: str, sk: str) -> Link | Delivery | Letter:
    """What waits under a key of the index `due`.

    Raises:
        ValueError: nothing of the kind.
    """
    match pk.split("#", 2):
        case ["PARCEL", courier, number]:
            return Link(courier, number)
        case ["DELIVERY", webhook, member]:
            sequence, _, series = sk.partition("#")
            return Delivery(member, webhook, int(sequence), series)
        case ["LETTER", courier, number]:
            member, _, order_id = sk.rpartition("#")
            return Letter(member, order_id, courier, number)
    raise ValueError("not the key of a parcel, a delivery or a letter")


def later_shard(pk: str, sk: str) -> str:
    """The part of the `due` index that what is under a key waits in: `LATER#02`."""
    return f"LATER#{hashlib.sha256(f'{pk}/{sk}'.encode()).digest()[0] % LATER_SHARDS:02}"
