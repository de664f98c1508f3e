"""The refresh function: asks about the parcels of a batch of messages, all at once. Composition root and entry point."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from waybill import composition, observe
from waybill.batches import Batches, Tally
from waybill.brakes import Brakes
from waybill.credentials import Secrets
from waybill.parcels import Parcels
from waybill.reflection import Reflection
from waybill.refresh import Refresh
from waybill.settings import QuerySettings
from waybill.watches import Watches

if TYPE_CHECKING:
    from waybill.calls import Call

SETTINGS = QuerySettings.read(os.environ)
DYNAMODB = composition.dynamodb()
SECRETS = Secrets(SETTINGS.kuaidi100_secret, SETTINGS.tail_key_secret)
WATCHES = Watches(DYNAMODB, SETTINGS.tracking_table)
REFLECTION = Reflection(
    watches=WATCHES, tail_hash=SECRETS.tail_hash, now=SETTINGS.clock.now, on_loss=observe.on_copies_behind
)
PARCELS = Parcels(DYNAMODB, SETTINGS.tracking_table)
FOLLOWING = composition.Following(SETTINGS, DYNAMODB, PARCELS, REFLECTION).ready()
TALLY = Tally()
BRAKES = Brakes(DYNAMODB, SETTINGS.cache_table)


def on_call(call: Call) -> None:
    observe.on_call(call)
    TALLY.count(call.outcome)


LOOKUP = composition.lookup(SETTINGS, DYNAMODB, SECRETS, on_known=FOLLOWING, on_call=on_call, will_call=True)


REFRESH = Refresh(
    parcels=PARCELS,
    store=LOOKUP.store,
    lookup=LOOKUP,
    following=FOLLOWING,
    tail_hash=SECRETS.tail_hash,
    now=SETTINGS.clock.now,
)
BATCHES = Batches(
    refresh=REFRESH,
    threads=ThreadPoolExecutor(composition.THREADS),
    tally=TALLY,
    report=lambda calls, faults: BRAKES.count(calls, faults, SETTINGS.clock.now()),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    answer = BATCHES.handle(event)
    FOLLOWING.lessons.write()
    return answer
