"""The events function: tells a member what happened after a number, or waits for it. Composition root and entry point."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

from waybill import composition
from waybill.event_feed import EventFeed
from waybill.feed import Feed
from waybill.notification_settings import EventsSettings
from waybill.polls import Polls
from waybill.service import Service
from waybill.webhooks import Webhooks

SETTINGS = EventsSettings.read(os.environ)
DYNAMODB = composition.dynamodb()
EVENTS = EventFeed(
    feed=Feed(DYNAMODB, SETTINGS.tracking_table, SETTINGS.cache_table, SETTINGS.clock.now),
    polls=Polls(DYNAMODB, SETTINGS.cache_table, SETTINGS.long_polls, time.time),
    # Once a member and container: who is an operator stays one.
    join=functools.lru_cache(maxsize=1000)(Webhooks(DYNAMODB, SETTINGS.tracking_table).join_operators),
    monotonic=time.monotonic,
    pause=time.sleep,
)
SERVICE = Service(EVENTS.routes(), SETTINGS.cors_origin)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return SERVICE.handle(event)
