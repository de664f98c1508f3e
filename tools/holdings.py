"""What the tables hold, and of whom: every kind of item, by its keys. Pure.

An erasure goes by this list, a restore too, and docs/retention.md is its other half: a test finds no item that is not in both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from boto3.dynamodb.types import Binary, TypeDeserializer

from waybill import tallies
from waybill.shipments import Link, Shipment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from waybill.tallies import Line

Item = dict[str, Any]
"""As DynamoDB's client gives it."""
Where = Literal["Tracking", "Cache"]
Owner = Literal["member", "shipment", "parcel", "sums", "nobody"]

ERASED: Final = "(erased)"
"""The member of calls whose member was erased: they stay in the sums, all under this one name."""
SUPPRESSION: Final = "no mail about a shipment"
_PARCEL: Final = "PARCEL#(?P<courier>[^#]+)#(?P<number>[^#]+)"
_OF_PARCEL: Final = "#(?P<courier>[^#]+)#(?P<number>[^#]+)"
_MEMBER: Final = "MEMBER#(?P<member>.+)"
_ORDER: Final = "(?P<member>.+)#(?P<order_id>[^#]+)"
_WEBHOOK: Final = "(?P<webhook>[^#]+)"
_DESERIALIZER: Final = TypeDeserializer()


@dataclass(frozen=True, slots=True)
class Kind:
    """Items of a table whose keys are of these forms. `owner` is with whom they are erased; `ends`: each has an `expires_at`."""

    table: Where
    name: str
    pk: str
    sk: str
    owner: Owner
    ends: bool = False


KINDS: Final = (
    Kind("Tracking", "parcel", _PARCEL, "PARCEL", "parcel"),
    Kind("Tracking", "history", _PARCEL, "HISTORY", "parcel", ends=True),
    Kind("Tracking", "milestone", _PARCEL, "MILESTONE#.+", "parcel", ends=True),
    Kind("Tracking", "stall", _PARCEL, r"STALLED#\d+", "parcel", ends=True),
    Kind("Tracking", "shipment", _PARCEL, f"WATCH#{_ORDER}", "shipment"),
    Kind("Tracking", "tag", _PARCEL, f"TAG#{_ORDER}#[^#]+", "shipment"),
    Kind("Tracking", "backfill", _PARCEL, f"NOTICE#{_ORDER}", "shipment", ends=True),
    Kind("Tracking", "limits", _MEMBER, "MEMBER", "member"),
    Kind("Tracking", "settings", _MEMBER, "SETTINGS", "member"),
    Kind("Tracking", "own budgets", _MEMBER, "BUDGET", "member"),
    Kind("Tracking", "count of webhooks", _MEMBER, "ENDPOINTS", "member"),
    Kind("Tracking", "webhook", _MEMBER, f"ENDPOINT#{_WEBHOOK}", "member"),
    Kind("Tracking", "webhook gave up", _MEMBER, f"GAVE_UP#{_WEBHOOK}", "member", ends=True),
    Kind("Tracking", "webhook disabled", _MEMBER, rf"NOTICE#{_WEBHOOK}#\d+", "member", ends=True),
    Kind("Tracking", "operator", "OPERATORS", "(?P<member>.+)", "member"),
    Kind("Tracking", "token", "TOKEN#[0-9a-f]{64}", "TOKEN", "member"),
    Kind("Tracking", "token's line", "TOKENS", "TOKEN#.+", "member"),
    Kind("Tracking", "last event", "EVENTS#(?P<member>.+)", "SEQUENCE", "member"),
    Kind("Tracking", "event", "EVENTS#(?P<member>.+)", r"\d{12}", "shipment", ends=True),
    Kind(
        "Tracking",
        "delivery",
        f"DELIVERY#{_WEBHOOK}#(?P<member>.+)",
        r"(?P<sequence>\d{12})(#.+)?",
        "shipment",
        ends=True,
    ),
    Kind("Tracking", "waiting letter", f"LETTER{_OF_PARCEL}", _ORDER, "shipment", ends=True),
    Kind("Tracking", "share", "SHARE#[0-9a-f]{64}", "SHARE", "shipment", ends=True),
    Kind("Tracking", "no mail", "SUPPRESSED#[0-9a-f]{32}", "ALL|MEMBER#[0-9a-f]{32}", "nobody"),
    Kind(
        "Tracking",
        SUPPRESSION,
        "SUPPRESSED#[0-9a-f]{32}",
        "SHIPMENT#(?P<shipment>shp_[0-9a-f]+)",
        "shipment",
    ),
    Kind(
        "Tracking", "call", r"CALL#[^#]+#\d+", r"(?P<courier>[^#]+)#(?P<number>[^#]+)#\d+", "sums", ends=True
    ),
    Kind("Tracking", "sums of an hour", r"LEDGER#\d{4}-\d\d", r"\d\dT\d\d", "sums"),
    Kind("Tracking", "sums of a day", r"LEDGER#\d{4}-\d\d", r"\d\d", "sums"),
    Kind("Tracking", "end of the sums", "LEDGER#CLOSED", "CLOSED", "nobody"),
    Kind("Tracking", "budget", r"BUDGET#[\d-]+#(?P<member>.*)#\d+", "COUNTER", "member", ends=True),
    Kind("Tracking", "budget warning", r"BUDGET#[\d-]+#(?P<member>.*)", r"WARNED#\d+", "member", ends=True),
    Kind("Tracking", "lesson", "LEARNED#.+", ".+", "nobody"),
    Kind("Tracking", "circuit opened", r"CIRCUIT#\d+", "NOTICE#opened", "nobody", ends=True),
    Kind("Tracking", "erasure", "ERASED", "[0-9a-f]{64}", "nobody", ends=True),
    Kind("Cache", "result", f"RESULT{_OF_PARCEL}", "", "parcel", ends=True),
    Kind("Cache", "lease", f"LEASE{_OF_PARCEL}", "", "parcel", ends=True),
    Kind(
        "Cache", "number of an event", "EVENT#(?P<member>.+)#(?P<event>evt_[^#]+)", "", "shipment", ends=True
    ),
    Kind("Cache", "sent", "SENT#.+", "", "nobody", ends=True),
    Kind("Cache", "answer to a key", "IDEMPOTENCY#.+", "", "shipment", ends=True),
    Kind("Cache", "gate", f"GATE#{_WEBHOOK}", "", "member", ends=True),
    Kind("Cache", "place of a reader", r"POLL#\d+", "", "nobody", ends=True),
    Kind("Cache", "brake", "BRAKE", "", "nobody", ends=True),
    Kind("Cache", "circuit", "CIRCUIT", "", "nobody"),
)
"""In the order of docs/retention.md. A key whose form is that of several kinds is of the first."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose data it is about: a member's, or those of one of its orders with all parcels of it."""

    member: str
    order_id: str | None = None

    def __str__(self) -> str:
        return self.member if self.order_id is None else f"order {self.order_id} of {self.member}"

    @property
    def digest(self) -> str:
        """What is remembered of an erasure; it tells nobody whose it was who does not know already."""
        return digest("member", self.member) if self.order_id is None else digest(*_order(self))


@dataclass(frozen=True, slots=True)
class Held:
    """An item, and what it is of, as far as it says so. `data` is readable: nothing in it is compressed or JSON within JSON."""

    kind: Kind
    item: Item
    data: dict[str, Any]
    members: frozenset[str] = frozenset()
    order_id: str | None = None
    link: Link | None = None
    webhook: str | None = None
    event: str | None = None
    shipment: str | None = None
    texts: frozenset[str] = field(default=frozenset())
    """All words in it, in whatever attribute."""

    @property
    def key(self) -> Item:
        return {name: self.item[name] for name in ("pk", "sk") if name in self.item}

    def of(self, subject: Subject) -> bool:
        """Whether it says of itself that it is the subject's."""
        return subject.member in self.members and subject.order_id in {None, self.order_id}


def digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def digest_of(link: Link) -> str:
    return digest("parcel", link.courier, link.number)


def read(table: Where, item: Item) -> Held:
    """What an item is of.

    Raises:
        ValueError: it is of no kind that is known, so nobody can tell.
    """
    pk, sk = item["pk"]["S"], item["sk"]["S"] if "sk" in item else ""
    for kind in KINDS:
        names = re.fullmatch(kind.pk, pk, re.DOTALL) if kind.table == table else None
        more = re.fullmatch(kind.sk, sk, re.DOTALL) if names else None
        if names and more:
            return _held(kind, item, {**names.groupdict(), **more.groupdict()})
    raise ValueError(f"an item of {table} is of no kind that docs/retention.md knows: {pk.split('#')[0]}")


def _held(kind: Kind, item: Item, named: dict[str, Any]) -> Held:
    data: dict[str, Any] = {name: _opened(_DESERIALIZER.deserialize(value)) for name, value in item.items()}
    said: dict[str, Any] = {
        **{name: data[name] for name in ("member", "order_id", "courier", "number") if name in data},
        **named,
    }
    members = {said["member"]} if said.get("member") else set()
    event = said.get("event", data.get("event_id") if kind.name == "delivery" else None)
    shipment = said.get("shipment")
    match kind.name, data:
        case "event", {"event": {"id": str(event), "data": dict(told)}}:
            whose = told.get("shipment", {})
            shipment = whose.get("id")
            said |= {"order_id": whose.get("order_id"), "webhook": told.get("webhook_id")}
            said |= {"courier": told.get("courier", {}).get("code"), "number": told.get("number")}
        case "shipment", _:
            shipment = shipment_id(said["member"], said["order_id"], Link(said["courier"], said["number"]))
        case "result", {"guesses": guesses}:
            members = {guess.split(" ", 2)[2] for guess in guesses}
        case (("sums of an hour" | "sums of a day"), _):
            members = {line.member for line in tallies.lines_of(item["lines"]["B"])} - {""}
    link = Link(said["courier"], said["number"]) if said.get("courier") and said.get("number") else None
    return Held(
        kind=kind,
        item=item,
        data=data,
        members=frozenset(members),
        order_id=said.get("order_id"),
        link=link,
        webhook=said.get("webhook"),
        event=event,
        shipment=shipment,
        texts=frozenset(_texts(kind, data, members, link)),
    )


def _texts(kind: Kind, data: Any, members: set[str], link: Link | None) -> Iterable[str]:
    """A cause of a call may be called like a member, and so may a courier: sums are asked for their members only."""
    if kind.owner != "sums":
        return words(data)
    return [*members, link.number] if link else members


def shipment_id(member: str, order_id: str, link: Link) -> str:
    """The id of the shipment with these names."""
    from_names: Any = (member, order_id, link.courier, link.number, None, 0.0, 0.0)
    return Shipment(*from_names).id


def _order(subject: Subject) -> tuple[str, str, str]:
    return "order", subject.member, str(subject.order_id)


def _opened(value: Any) -> Any:
    """A value as a person reads it."""
    if isinstance(value, Binary):
        value = _inflated(bytes(cast("Any", value)))
    if isinstance(value, str):
        found = _parsed(value)
        return value if isinstance(found, str) else _opened(found)
    if isinstance(value, dict):
        return {
            name: _opened(_unpacked(each) if name == "body" and isinstance(each, str) else each)
            for name, each in value.items()
        }
    if isinstance(value, list | set):
        return [_opened(each) for each in (sorted(value) if isinstance(value, set) else value)]
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return value


def _parsed(text: str) -> Any:
    """An object or a list that was kept as JSON; any other text as it is."""
    if text[:1] not in {"{", "["}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _inflated(raw: bytes) -> str:
    try:
        return zlib.decompress(raw).decode()
    except (zlib.error, UnicodeDecodeError):
        return raw.hex()


def _unpacked(text: str) -> str:
    """An answer that is kept: zlib in base64."""
    try:
        return zlib.decompress(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return text


def words(value: Any) -> Iterator[str]:
    """Everything in a value that may be a name: whole texts, and their parts as far as names reach."""
    match value:
        case dict():
            for each in value.values():
                yield from words(each)
        case list() | tuple():
            for each in value:
                yield from words(each)
        case str():
            yield value
            for pattern in (r"[^\s#\"'=,;(){}\[\]<>/]+", r"[\w.:@+%-]+", r"[\w-]+"):
                yield from re.findall(pattern, value)


def without_member(held: Held, members: Iterable[str]) -> dict[str, Any]:
    """The attributes of sums or of a call as they are with these members' calls under one name for all that were erased."""
    gone = frozenset(members)
    if held.kind.name == "call":
        return {"member": {"S": ERASED}} if held.members & gone else {}
    lines = tallies.lines_of(held.item["lines"]["B"])
    changed: Item = {
        "lines": {
            "B": tallies.packed(
                tallies.together({_renamed(line, gone): count} for line, count in lines.items())
            )
        }
    }
    if "hours" in held.item:
        hours = tallies.hours_of(held.item["hours"]["B"])
        renamed = tallies.together(
            {(ERASED if member in gone else member, hour): count} for (member, hour), count in hours.items()
        )
        changed["hours"] = {"B": tallies.packed(renamed)}
    return changed


def _renamed(line: Line, gone: frozenset[str]) -> Line:
    return line._replace(member=ERASED) if line.member in gone else line


def blocked(held: Held, erased: frozenset[str]) -> bool:
    """Whether an item of a copy is of somebody, or of a parcel, whose erasure is among these digests."""
    if held.kind.owner == "parcel" or held.kind.name == "call":
        return held.link is not None and digest_of(held.link) in erased
    if held.kind.owner in {"sums", "nobody"}:
        return False
    if held.kind.name == SUPPRESSION:
        return digest("shipment", str(held.shipment)) in erased
    return any(
        Subject(member).digest in erased
        or (held.order_id is not None and Subject(member, held.order_id).digest in erased)
        for member in held.members
    )


def exported(held: Held, subject: Subject) -> dict[str, Any]:
    """A line of an export: nothing of other members, and no hash that opens a door."""
    data = {name: value for name, value in held.data.items() if name != "hash"}
    if held.kind.name == "result" and "guesses" in data:
        data["guesses"] = [each for each in data["guesses"] if each.split(" ", 2)[2] == subject.member]
    if held.kind.name in {"sums of an hour", "sums of a day"}:
        data = {
            **data,
            **{name: data[name].get(subject.member, {}) for name in ("lines", "hours") if name in data},
        }
    return {"table": held.kind.table, "kind": held.kind.name, **data}


def named(held: Held) -> Held:
    """The same without its words, for who keeps many."""
    return replace(held, texts=frozenset())
