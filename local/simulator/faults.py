"""Faults on demand: which query is struck, and by what. How a struck query is answered is in `misbehaviour`."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

FailureCode: TypeAlias = Literal["400", "408", "500", "501", "502", "503", "601"]
Kind: TypeAlias = Literal[
    "timeout", "reset", "html", "truncated", "slow", "wrong_charset", "huge", "wrong_clock"
]

ANSWERED: Final[frozenset[Kind]] = frozenset({"truncated", "slow", "wrong_charset", "huge", "wrong_clock"})
"""Kinds where the vendor did its work, and charges for it; with the others it never came to that."""


class FaultOrder(BaseModel):
    """What to do to which queries: all of them, a share (`rate`), or the next few; of one number or of any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: FailureCode | None = None
    kind: Kind | None = None
    rate: Annotated[float, Field(ge=0, le=1)] | None = None
    next: Annotated[int, Field(ge=1)] | None = None
    number: str | None = None

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        if (self.code is None) == (self.kind is None):
            raise ValueError("a fault has either a code or a kind")
        if self.rate is not None and self.next is not None:
            raise ValueError("a fault has a rate or a next, not both")
        return self


@dataclass(slots=True)
class Fault:
    order: FaultOrder
    rng: random.Random
    left: int | None

    def strikes(self, number: str) -> bool:
        if self.order.number not in {None, number} or self.left == 0:
            return False
        if self.order.rate is not None and self.rng.random() >= self.order.rate:
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults in force, the oldest first; the first that strikes a query is the one it gets."""

    seed: int
    _faults: list[Fault] = field(default_factory=list)

    def add(self, order: FaultOrder) -> None:
        rng = random.Random(f"{self.seed}/fault/{len(self._faults)}")
        self._faults.append(Fault(order, rng, order.next))

    def strike(self, number: str) -> FaultOrder | None:
        return next((fault.order for fault in self._faults if fault.strikes(number)), None)

    def in_force(self) -> list[FaultOrder]:
        """What is listed: a fault with `next` says how many it has left, and is gone when it has none."""
        return [
            fault.order.model_copy(update={"next": fault.left}) for fault in self._faults if fault.left != 0
        ]

    def clear(self) -> None:
        self._faults.clear()
