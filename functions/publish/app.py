"""The publish function: what the Tracking table's stream shows to be born goes to the topic. Composition root and entry point."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from waybill import composition, observe
from waybill.notification_settings import PublishSettings
from waybill.publishing import key_of

SETTINGS = PublishSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
PUBLISHING = composition.publishing(
    DYNAMODB,
    SETTINGS.tracking_table,
    SETTINGS.notification_topic,
    SETTINGS.fanout_queue,
    ThreadPoolExecutor(composition.THREADS),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """A stream's partial batch response: the positions that failed. Lambda goes on from the lowest of them.

    What was sent is not sent again then. A store that is away fails the batch as a whole.
    """
    keys, failed = {}, []
    for record in event["Records"]:
        position = record["dynamodb"]["SequenceNumber"]
        try:
            keys[position] = key_of(record)
        except ValueError:
            observe.on_unread_record(position)
            failed.append(position)
    done = PUBLISHING(key for key in keys.values() if key)
    failed += [position for position, key in keys.items() if key in done.left]
    observe.logger.info(
        "published", extra={"records": len(event["Records"]), "sent": done.sent, "left": len(done.left)}
    )
    observe.flush()
    return {"batchItemFailures": [{"itemIdentifier": position} for position in failed]}
