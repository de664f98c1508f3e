"""The ways in which the canary's people come into a stack, and where those of each way may be found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TOLD: Final = 20
"""People of whom the courier tells in a journey: in the texts of its lines, their places and areas."""
WAYS: Final = ("phone", "email", "metadata", "order", "header", "refused", "endpoint")
"""Other ways to give a person to the stack, one person each for a parcel."""
_NOWHERE: Final[frozenset[str]] = frozenset()
_MEMBERS_OWN: Final = frozenset({"table Tracking WATCH", "table Cache IDEMPOTENCY"})
KEPT: Final[Mapping[str, frozenset[str]]] = {
    "told": _NOWHERE,
    "phone": _NOWHERE,
    "header": _NOWHERE,
    "email": frozenset({"table Tracking WATCH", "mail to the customer", "answer to who has the scope pii"}),
    "metadata": _MEMBERS_OWN | {"answer", "answer to who has the scope pii"},
    "order": _MEMBERS_OWN
    | {f"table Tracking {kind}" for kind in ("TAG", "EVENTS", "SHARE", "LETTER")}
    | {
        "answer",
        "answer to who has the scope pii",
        "feed",
        "webhook",
        "mail to the customer",
        "queue MailQueue",
    },
    "refused": frozenset({"refusal"}),
    "endpoint": frozenset({"table Tracking DELIVERY", "webhook's log"}),
}
"""Where people may be found again, by the way they came; an order's id is a name that the member chose for its own use, and
what an endpoint answers is its own text."""

PASSING: Final = frozenset({"table Tracking LETTER", "queue MailQueue"})
"""Of these, those that hold somebody only while a letter is on its way: who comes later finds nobody."""

OUTSIDE: Final = frozenset({"mail to the customer"})
"""What an erasure cannot reach: letters are their recipients'."""
