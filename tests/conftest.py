"""Property tests: no deadline, since no test here asserts on speed; in CI the same examples each time, elsewhere new ones."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("waybill", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("waybill")
