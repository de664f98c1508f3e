"""A letter, from the queue to its recipient: who is written to, about what, and when.

Whatever it is about is read as it stands now: a shipment that was forgotten, another address, a recipient who unsubscribed. In the
member's quiet hours it waits (`waiting_letters`). The mark that a letter was sent holds its event and a hash of the address, so
that no message, however often it comes and by whichever way, makes a second one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from waybill import letters, notifications, shares
from waybill.errors import DAY, MailRefused
from waybill.letters import Ways
from waybill.member_settings import quiet_until
from waybill.shares import Share
from waybill.shipments import Link
from waybill.suppression import Recipient

if TYPE_CHECKING:
    from collections.abc import Callable

    from waybill.feed import Feed
    from waybill.member_settings import MemberSettings
    from waybill.messages import Letter
    from waybill.notifications import Notification
    from waybill.parcels import Parcels
    from waybill.shares import Shares
    from waybill.shipments import Shipment
    from waybill.suppression import Suppressions
    from waybill.waiting_letters import Waiting, WaitingLetters
    from waybill.watches import Watches

SENT: Final = "sent"
WAITS: Final = "waits"
REFUSED: Final = "refused"
SHARED: Final = 90 * DAY
"""How long the link to the page works after a letter."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """`sender` is a From, "" where the deployment sends no mail; `address` is the API's, without the path `/v1`.

    `key` is what addresses are hashed under and links are made with; `once` does a thing once for an event and a recipient; `send`
    takes an address and a message; `wall` is wall time; `on_end` hears what became of each letter: `sent`, `waits`, `refused`, or
    why it was dropped.
    """

    watches: Watches
    feed: Feed
    suppressions: Suppressions
    settings: MemberSettings
    waiting: WaitingLetters
    parcels: Parcels
    shares: Shares
    key: Callable[[], bytes]
    once: Callable[[str, str, Callable[[], str]], str]
    send: Callable[[str, bytes], None]
    now: Callable[[], float]
    wall: Callable[[], float]
    on_end: Callable[[Letter, str], None]
    sender: str
    address: str

    def __call__(self, letter: Letter) -> None:
        """Send it, have it wait, or drop it.

        Raises:
            MailUnavailable, InProgress, StoreUnavailable, UpstreamUnavailable: it may be tried again.
        """
        self.on_end(letter, self._end(letter))

    def _end(self, letter: Letter) -> str:
        waiting = self.waiting.get(letter)
        sequence = _event(letter, waiting)
        if sequence is None:
            return "told already"
        end = self._attempt(letter, sequence) if self.sender else "no sender"
        # A newer event takes the place of the one that waits only if somebody is told of it.
        own = waiting is not None and sequence == waiting.sequence
        if waiting and waiting.due and (end == SENT or (own and end != WAITS)):
            self.waiting.settle(letter, waiting.sequence)
        return end

    def _attempt(self, letter: Letter, sequence: int) -> str:
        ship = self.watches.get(letter.member, letter.order_id, Link(letter.courier, letter.number))
        if ship is None or ship.completed_at is not None:
            return "not followed"
        told = self.feed.get(letter.member, sequence)
        notify = ship.registration.notify
        if told is None or notify is None or not notifications.mailed(notify, told["type"]):
            return "not wanted"
        recipient = Recipient.of(self.key(), ship, notify["email"])
        if stop := self.suppressions.stop(recipient):
            return stop
        now = self.now()
        until = quiet_until(self.settings.get(letter.member), now)
        if until is not None:
            self.waiting.put(letter, sequence, until, now)
            return WAITS
        return self.once(
            told["id"], recipient.address, lambda: self._sent(ship, told, recipient, notify["email"])
        )

    def _sent(self, ship: Shipment, told: Notification, recipient: Recipient, email: str) -> str:
        parcel = self.parcels.read(ship.link).parcel
        unsubscribe = f"{self.address}/v1/unsubscribe/{recipient.token(self.key())}"
        ways = Ways(self.sender, unsubscribe, self._page(ship))
        try:
            self.send(email, letters.compose(ship, told, parcel, ways))
        except (MailRefused, ValueError):
            return REFUSED
        return SENT

    def _page(self, ship: Shipment) -> str:
        """The link to the shipment's page that all its letters have; each puts off its end."""
        token = shares.token_of(self.key(), ship)
        self.shares.put(token, Share.of(ship, int(self.wall() + SHARED)))
        return f"{self.address}{shares.PATH}{token}"


def _event(letter: Letter, waiting: Waiting | None) -> int | None:
    """The number of the event that the letter is about; None: nothing waits, or a newer one does, or did."""
    if not letter.sequence:
        return waiting.sequence if waiting and waiting.due else None
    if waiting is None or letter.sequence > waiting.sequence:
        return letter.sequence
    return letter.sequence if waiting.due and letter.sequence == waiting.sequence else None
