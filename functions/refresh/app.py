"""The refresh function: asks about the parcels of a batch of messages, all at once. Composition root and entry point."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from waybill import composition, couriers, observe
from waybill.batches import Batches, Tally
from waybill.brakes import Brakes
from waybill.credentials import Secrets
from waybill.errors import StoreUnavailable, WaybillError
from waybill.lookup import Wanted
from waybill.registration import Reflection
from waybill.settings import QuerySettings
from waybill.watches import Watches

if TYPE_CHECKING:
    from waybill.calls import Call
    from waybill.shipments import Link

SETTINGS = QuerySettings.read(os.environ)
DYNAMODB = composition.dynamodb()
SECRETS = Secrets(SETTINGS.kuaidi100_secret, SETTINGS.tail_key_secret)
WATCHES = Watches(DYNAMODB, SETTINGS.tracking_table)
REFLECTION = Reflection(
    watches=WATCHES, tail_hash=SECRETS.tail_hash, now=SETTINGS.clock.now, on_loss=observe.on_copies_behind
)
TALLY = Tally()
BRAKES = Brakes(DYNAMODB, SETTINGS.cache_table)


def on_call(call: Call) -> None:
    observe.on_call(call)
    TALLY.count(call.outcome)


LOOKUP = composition.lookup(SETTINGS, DYNAMODB, SECRETS, on_known=REFLECTION, on_call=on_call, will_call=True)


def refresh(link: Link) -> None:
    courier = couriers.find(link.courier)
    if courier is None:
        return
    try:
        LOOKUP.track(Wanted(courier, link.number, member="", lang=SETTINGS.lang, cause="schedule"))
    except StoreUnavailable:
        raise
    except WaybillError as error:
        observe.logger.info("not refreshed", extra={"number": link.number, "error": type(error).__name__})


BATCHES = Batches(
    refresh=refresh,
    threads=ThreadPoolExecutor(composition.THREADS),
    tally=TALLY,
    report=lambda calls, faults: BRAKES.count(calls, faults, SETTINGS.clock.now()),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return BATCHES.handle(event)
