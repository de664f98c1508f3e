"""What happened, and what everybody was told of it: requests at an endpoint, events in the feed, letters in the mailbox."""

from __future__ import annotations

import base64
import email
import email.policy
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, get_args

from waybill import statuses
from waybill.merge import REPEATABLE
from waybill.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.proofs import Trip
    from tests.receivers import Receiver
    from tests.stacks import RunningStack
    from tests.telling import Milestone

LANG: Final = "en"
"""Of the letters, whose subjects are read here."""
PAGE: Final = 100
_STATUSES: Final = {statuses.status_name(each, LANG): each for each in get_args(Status)}
_ADDRESS: Final = slice(26, 42)
"""Where a link to unsubscribe has the hash of the address (`waybill.suppression.Recipient.token`)."""

Written = tuple[str, str]
"""Number and status: a letter does not say which occurrence it is about."""


@dataclass(frozen=True, slots=True)
class Letter:
    number: str
    heading: str
    unsubscribe: str

    @classmethod
    def read(cls, mail: bytes) -> Letter:
        read = email.message_from_bytes(mail, policy=email.policy.default)
        subject = str(read["Subject"])
        return cls(
            number=subject.rstrip(")").rpartition(" ")[2],
            heading=subject.partition(": ")[0],
            unsubscribe=str(read["List-Unsubscribe"] or "").strip("<>"),
        )

    @property
    def address(self) -> str:
        """The hash that the stack knows the recipient by."""
        token = self.unsubscribe.rpartition("/")[2]
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[_ADDRESS].hex()


@dataclass
class Told:
    """Over all that is told on a stack; what was read once is not read again."""

    stack: RunningStack
    receiver: Receiver
    _events: dict[str, Any] = field(default_factory=dict)
    _after: int = 0
    _letters: dict[Path, Letter] = field(default_factory=dict)

    def endpoint(self) -> Counter[Milestone]:
        """The milestones that were handled, and how many events told each."""
        events = {
            each.id: each.event for each in list(self.receiver.requests) if self.receiver.handled[each.id]
        }
        return Counter(_milestones(events.values()))

    def feed(self) -> Counter[Milestone]:
        with self.stack.client() as client:
            while True:
                answer = client.get("/v1/events", params={"after": self._after, "limit": PAGE})
                found = answer.json()["events"] if answer.is_success else []
                if not found:
                    return Counter(_milestones(self._events.values()))
                self._events |= {each["id"]: each for each in found}
                self._after = found[-1]["sequence"]

    def letters(self) -> list[Letter]:
        """Those to customers, oldest first; an operator's cannot be unsubscribed."""
        for file in sorted((self.stack.state / "mailbox").glob("*.eml")):
            if file not in self._letters:
                self._letters[file] = Letter.read(file.read_bytes())
        return [each for each in self._letters.values() if each.unsubscribe]

    def written(self) -> Counter[Written]:
        """How often the customer of a parcel was written to of each status."""
        return Counter(
            (each.number, _STATUSES[each.heading]) for each in self.letters() if each.heading in _STATUSES
        )

    def given_up(self, number: str) -> bool:
        """Whether the parcel's customer, whose address bounces, is not to be written to any more."""
        letter = next((each for each in self.letters() if each.number == number), None)
        if letter is None:
            return False
        answer = self.stack.aws("dynamodb").get_item(
            TableName=self.stack.output("TrackingTable"),
            Key={"pk": {"S": f"SUPPRESSED#{letter.address}"}, "sk": {"S": "ALL"}},
        )
        return "Item" in answer


def happened(trip: Trip, since: float = 0.0, until: float = float("inf")) -> Iterator[Milestone]:
    """The milestones of a journey between two moments, as its lines tell them."""
    counts: Counter[str] = Counter()
    before = ""
    for at, code in trip.lines:
        status = statuses.codes()[code].status
        if status != before and (not counts[status] or status in REPEATABLE):
            counts[status] += 1
            if since < at <= until:
                yield trip.number, status, counts[status]
        before = status


def of_letters(milestones: Counter[Milestone]) -> Counter[Written]:
    """How many letters tell of these milestones."""
    return Counter((number, status) for number, status, _ in milestones.elements())


def _milestones(events: Iterable[Any]) -> Iterator[Milestone]:
    for data in (each["data"] for each in events):
        if "occurrence" in data:
            yield data["number"], data["status"], data["occurrence"]
