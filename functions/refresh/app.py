"""The refresh function: asks about the parcels of a batch of messages, some at once. Composition root and entry point."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from waybill import composition, messages, observe
from waybill.batches import Batches, Tally
from waybill.brakes import Brakes
from waybill.credentials import Secrets
from waybill.lanes import Lanes
from waybill.outcomes import BadSignature
from waybill.refresh import Refresh
from waybill.settings import QuerySettings

if TYPE_CHECKING:
    from waybill.calls import Call

SETTINGS = QuerySettings.read(os.environ)
DYNAMODB = composition.dynamodb(composition.REFRESH_THREADS)
SECRETS = Secrets(SETTINGS.kuaidi100_secret, SETTINGS.tail_key_secret)
FOLLOWING = composition.Following(SETTINGS, DYNAMODB, SECRETS).use
BRAKES = Brakes(DYNAMODB, SETTINGS.cache_table)
TALLY = Tally(lambda calls, faults: BRAKES.count(calls, faults, SETTINGS.clock.now()))
LANES = Lanes(composition.CALLS, time.monotonic)


def on_call(call: Call) -> None:
    observe.on_call(call)
    TALLY.count(call.outcome)
    # A refused signature may be followed by a second call.
    if call.outcome != BadSignature.outcome:
        LANES.leave()


LOOKUP = composition.lookup(SETTINGS, DYNAMODB, SECRETS, on_known=FOLLOWING, on_call=on_call, will_call=True)

REFRESH = Refresh(
    parcels=FOLLOWING.parcels,
    store=LOOKUP.store,
    lookup=LOOKUP,
    following=FOLLOWING,
    lanes=LANES,
    tail_hash=SECRETS.tail_hash,
    now=SETTINGS.clock.now,
)
BATCHES = Batches(
    read=messages.read,
    work=REFRESH,
    named=lambda link: {"courier": link.courier, "number": link.number},
    threads=ThreadPoolExecutor(composition.REFRESH_THREADS),
    close=TALLY.close,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    LANES.open(context.get_remaining_time_in_millis() / 1000)
    answer = BATCHES.handle(event)
    FOLLOWING.lessons.write()
    return answer
