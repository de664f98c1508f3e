"""Doubles that behave: a store in memory with the Cache table's semantics, and secrets without AWS.

`tests/store` runs one suite over `MemoryStore` and the real `Cache`, so the double cannot drift.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from waybill.errors import UpstreamUnavailable
from waybill.freshness import Guess, Known

if TYPE_CHECKING:
    from waybill.lease import Lease


@dataclass
class MemoryStore:
    """What `waybill.cache.Cache` does, over two dictionaries."""

    results: dict[tuple[str, str], Known] = field(default_factory=dict)
    leases: dict[tuple[str, str], Lease] = field(default_factory=dict)
    reads: int = 0

    def known(self, courier: str, number: str, *, consistent: bool = False) -> Known | None:  # noqa: ARG002 - always consistent
        self.reads += 1
        return self.results.get((courier, number))

    def lease(self, courier: str, number: str) -> Lease | None:
        self.reads += 1
        return self.leases.get((courier, number))

    def swap_lease(
        self, courier: str, number: str, wanted: Lease, standing: Lease | None
    ) -> tuple[bool, Lease | None]:
        stands = self.leases.get((courier, number))
        seen = (standing.sequence, standing.holder) if standing else None
        if seen != ((stands.sequence, stands.holder) if stands else None):
            return stands == wanted, stands
        self.leases[courier, number] = wanted
        return True, wanted

    def store(self, courier: str, number: str, known: Known) -> None:
        stands = self.results.get((courier, number))
        if stands is None or stands.sequence < known.sequence:
            guesses = stands.guesses if stands else ()
            self.results[courier, number] = replace(known, guesses=guesses)

    def note_guess(self, courier: str, number: str, guess: Guess) -> tuple[Guess, ...]:
        stands = self.results.get((courier, number), Known())
        guesses = tuple(sorted({*stands.guesses, guess}, key=lambda each: (each.at, each.tail, each.member)))
        self.results[courier, number] = replace(stands, guesses=guesses)
        return guesses


@dataclass
class FixedSecrets:
    """Credentials that a test sets; `rotated` is what a re-read finds."""

    current: tuple[str, str] | None = ("DEMO", "KEY")
    rotated: tuple[str, str] | None = None
    rereads: int = 0

    def kuaidi100(self, *, reread: bool = False) -> tuple[str, str]:
        if reread:
            self.rereads += 1
            self.current = self.rotated or self.current
        if self.current is None:
            raise UpstreamUnavailable("not filled in", retry_after=300)
        return self.current

    def tail_hash(self, courier: str, number: str, tail: str) -> str:
        return f"hash-{courier}-{number}-{tail}"
