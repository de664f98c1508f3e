"""Many parcels under our schedule, in virtual time: how often each is asked about, for how long, and at which hours."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bench import stories
from bench.replay import ADAPTIVE, Adaptive, replay
from waybill.errors import DAY, HOUR
from waybill.shipments import Link
from waybill.tracked import SHARDS, shard_of

if TYPE_CHECKING:
    from collections.abc import Callable

CHINA = 8 * HOUR


def simulated(journeys: int, seed: int, tick: Callable[[], None]) -> dict[str, Any]:
    """Flat figures of so many journeys.

    `active_days` is how long a parcel is followed, `peak_hour` the busiest hour's calls over those of an average hour, and
    `peak_shard` the same of the parts of the index in which parcels wait.
    """
    told = stories.drawn(journeys, seed)
    score = replay(ADAPTIVE, Adaptive(), told, tick)
    hours = Counter(int((at + CHINA) % DAY // HOUR) for at in score.times)
    shards = Counter(shard_of(Link(story.courier, story.number)) for story in told)
    return {
        "journeys": journeys,
        "seed": seed,
        "calls_per_parcel": round(score.calls / score.parcels, 2),
        "active_days": round(score.followed / score.parcels / DAY, 3),
        "peak_hour": round(24 * max(hours.values()) / score.calls, 3),
        "peak_shard": round(SHARDS * max(shards.values()) / journeys, 3),
    }
