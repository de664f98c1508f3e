"""Members and orders as chance has them: whoever is erased is found nowhere, and nobody else loses anything.

A world that fails is printed by hypothesis, with the fewest orders that it fails with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.erased import NOW, World, text_of, webhook_id
from tests.store.conftest import client_of
from tools import holdings
from tools.holdings import Subject
from waybill.shipments import Link

if TYPE_CHECKING:
    from tools.holdings import Item

    Items = dict[tuple[str, str], Item]

MEMBERS: Final = ("ann.1", "bob#2", "cho-3")
NUMBERS: Final = tuple(f"YT100000000000{place}" for place in range(4))
QUICK, WHOLE = 3, 40
SUMS: Final = ("LEDGER#", "CALL#", "LEASE#", "ERASED", "RESULT#")
"""What several share, or what stays for some days; other tests look into it."""


@dataclass(frozen=True, slots=True)
class Order:
    member: str
    number: str
    place: int

    @property
    def id(self) -> str:
        return f"ord-{MEMBERS.index(self.member)}-{self.place}"

    @property
    def link(self) -> Link:
        return Link("yuantong", self.number)


@st.composite
def orders(draw: st.DrawFn) -> list[Order]:
    """Of one to three members on up to four parcels, each of which any of them may follow."""
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from(MEMBERS), st.sampled_from(NUMBERS)), min_size=1, max_size=4, unique=True
        )
    )
    return [Order(member, number, place) for place, (member, number) in enumerate(pairs)]


def world_of(made: list[Order]) -> World:
    world = World(client_of())
    for member in sorted({order.member for order in made}):
        world.member(member, *((order.id, order.link) for order in made if order.member == member))
    world.sum_up()
    return world


def names_of(gone: list[Order], *, whole: bool) -> set[str]:
    """What says who is meant, but for numbers."""
    found = {order.id for order in gone}
    found |= {holdings.shipment_id(order.member, order.id, order.link) for order in gone}
    if whole:
        member = gone[0].member
        found |= {member, webhook_id(member), f"mail.{member.replace('#', '')}@"}
    return found


def mentions(item: Item, names: set[str]) -> bool:
    text = text_of(item)
    return any(name in text for name in names)


def test_in_any_world_who_is_erased_is_found_nowhere_and_nobody_else_loses_anything(*, whole: bool) -> None:
    @settings(
        max_examples=WHOLE if whole else QUICK,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[Phase.generate, Phase.shrink],
        print_blob=True,
    )
    @given(orders(), st.data())
    def erased(made: list[Order], data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(made), label="whose")
        of_member = data.draw(st.booleans(), label="all of the member")
        gone = [each for each in made if each.member == chosen.member and (of_member or each is chosen)]
        kept = [each for each in made if each not in gone]
        alone = {each.number for each in gone} - {each.number for each in kept}
        names = names_of(gone, whole=of_member)
        with mock_aws():
            world = world_of(made)
            before = world.items()
            outcome = world.erasure(Subject(chosen.member, None if of_member else chosen.id)).run()
            after = world.items()
        assert outcome.left == []
        assert [key for key, item in after.items() if mentions(item, names)] == []
        for_a_while = {key for key, item in after.items() if mentions(item, alone)}
        assert {key[0].partition("#")[0] for key in for_a_while} <= {"LEASE", "CALL"}
        assert all(float(after[key]["expires_at"]["N"]) <= NOW + 4 * 86_400 for key in for_a_while)
        theirs = names_of(kept, whole=False) | {
            webhook_id(each.member) for each in kept if not of_member or each.member != chosen.member
        }
        for key, item in before.items():
            if mentions(item, theirs) and not mentions(item, names) and not key[0].startswith(SUMS):
                assert after.get(key) == item, key

    erased()
