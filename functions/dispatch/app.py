"""The dispatch function: once a minute, send what is due to its workers, publish what was left, and sum the ledger up.

Where more is due than one run can send, it has itself run again for each shard: `{"shards": ["DUE#00"]}`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from waybill import composition, messages, observe
from waybill.brakes import Brakes
from waybill.dispatch import CLAIM, UNPUBLISHED_FOR, Dispatch, patience
from waybill.due import DueIndex
from waybill.ledger import Ledger
from waybill.settings import DispatchSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from waybill.dispatch import Run, Sent

SETTINGS = DispatchSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
THREADS = ThreadPoolExecutor(composition.THREADS)
DISPATCH = Dispatch(
    index=DueIndex(DYNAMODB, SETTINGS.tracking_table),
    queue=composition.queue(SETTINGS.refresh_queue),
    webhooks=composition.queue(SETTINGS.slow_webhook_queue, messages.delivery_group),
    mail=composition.queue(SETTINGS.mail_queue),
    publishing=composition.publishing(
        DYNAMODB, SETTINGS.tracking_table, SETTINGS.notification_topic, SETTINGS.fanout_queue, THREADS
    ),
    brake=Brakes(DYNAMODB, SETTINGS.cache_table).judge,
    circuit=composition.slots(DYNAMODB, SETTINGS.cache_table, SETTINGS.tracking_table).circuit,
    now=SETTINGS.clock.now,
    claim=patience(CLAIM, SETTINGS.clock.speed),
    left=patience(UNPUBLISHED_FOR, SETTINGS.clock.speed),
    threads=THREADS,
)
LEDGER = Ledger(DYNAMODB, SETTINGS.tracking_table, SETTINGS.clock)


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """A run that went wrong fails when all is tried, and so shows in the function's errors; the next one tries again."""

    def remaining() -> float:
        return context.get_remaining_time_in_millis() / 1000

    def hand_over(shard: str) -> bool:
        return composition.functions().begin(context.function_name, {"shards": [shard]})

    done: Run | Sent
    if "shards" in event:
        done = DISPATCH.part(event["shards"], remaining)
        observe.on_part(done)
        observe.flush()
    else:
        done = DISPATCH(remaining, hand_over)
        observe.on_run(done)
        observe.flush()
        LEDGER.close(SETTINGS.clock.now())
    if done.fault:
        raise done.fault
