"""The docs function: what the API says of itself, open to everyone. It reads its own files and nothing else."""

from __future__ import annotations

import os
from typing import Any

from waybill.documents import Documents
from waybill.gateway import address
from waybill.service import Service
from waybill.settings import Environment

CORS_ORIGIN = Environment(os.environ).optional("CORS_ORIGIN")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return Service(Documents(address(event)).routes(), CORS_ORIGIN).handle(event)
