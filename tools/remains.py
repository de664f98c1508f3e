"""What becomes of an item that concerns whom is erased: it goes, gets other values, or stays until it ends by itself. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools import holdings
from waybill.errors import DAY, HOUR
from waybill.table import as_number

if TYPE_CHECKING:
    from tools.holdings import Held, Item

LEASES_KEPT: Final = 2 * DAY
"""After the last call of a number: the window in which calls are counted is one day."""
ROWS_KEPT: Final = 3 * DAY
"""After a call whose hour is not summed up yet, which the dispatch does within minutes of its end."""
STAYING: Final = frozenset({"lease", "call"})
"""Kinds of which some stay for a while, though their parcel is erased."""


def change_of(held: Held, member: str, *, whole: bool, alone: bool, summed_until: float) -> Item | None:
    """None: nothing has to be done. Empty: it goes. Else the attributes that it gets instead.

    `whole`: all of the member is erased, and not one order; `alone`: nobody else has anything of the item's parcel, so it goes too.
    `summed_until`: the ledger has summed up all calls of hours that began before it.
    """
    match held.kind.name:
        case "sums of an hour" | "sums of a day":
            return holdings.without_member(held, [member])
        case "call":
            return _of_call(held, member, alone=alone, summed_until=summed_until)
        case "lease":
            ends = _lease_ends(held)
            return {"expires_at": as_number(ends)} if alone and held.data["expires_at"] > ends else None
        case "result" if whole and not alone:
            mine = [each for each in held.data.get("guesses", ()) if each.split(" ", 2)[2] == member]
            return {"guesses": {"SS": mine}} if mine else None
    return None if held.kind.owner == "parcel" and not alone else {}


def _of_call(held: Held, member: str, *, alone: bool, summed_until: float) -> Item | None:
    change = holdings.without_member(held, [member])
    if alone:
        if held.data["at"] // HOUR * HOUR < summed_until:
            return {}
        ends = int(held.data["at"] + ROWS_KEPT)
        if held.data["expires_at"] > ends:
            change["expires_at"] = as_number(ends)
    return change or None


def _lease_ends(held: Held) -> int:
    """When a lease may go: nothing that keeps the number from being locked rests on it any more."""
    return int(max(held.data["next_allowed_at"], *held.data["calls"], 0) + LEASES_KEPT)
