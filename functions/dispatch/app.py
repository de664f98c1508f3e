"""The dispatch function: once a minute, send parcels that are due to the refresh function's queue, and sum the ledger up."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from waybill import composition, observe
from waybill.brakes import Brakes
from waybill.dispatch import Dispatch, claim_seconds
from waybill.due import DueIndex
from waybill.ledger import Ledger
from waybill.settings import DispatchSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SETTINGS = DispatchSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
DISPATCH = Dispatch(
    index=DueIndex(DYNAMODB, SETTINGS.tracking_table),
    queue=composition.queue(SETTINGS.refresh_queue),
    brake=Brakes(DYNAMODB, SETTINGS.cache_table).judge,
    circuit=composition.slots(DYNAMODB, SETTINGS.cache_table, SETTINGS.tracking_table).circuit,
    now=SETTINGS.clock.now,
    claim=claim_seconds(SETTINGS.clock.speed),
    threads=ThreadPoolExecutor(composition.THREADS),
)
LEDGER = Ledger(DYNAMODB, SETTINGS.tracking_table, SETTINGS.clock)


def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    """A run that went wrong fails, and so shows in the function's errors; the next one tries again."""
    run = DISPATCH(lambda: context.get_remaining_time_in_millis() / 1000)
    observe.on_run(run)
    observe.flush()
    if run.fault:
        raise run.fault
    LEDGER.close(SETTINGS.clock.now())
