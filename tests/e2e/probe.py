"""A function that does what its caller asks, in place of the query function: for tests of the stack itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

ANSWER = "first"
STARTED = time.time()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    asked = event.get("queryStringParameters") or {}
    if "sleep" in asked:
        time.sleep(float(asked["sleep"]))
    if "raise" in asked:
        raise ValueError(asked["raise"])
    if "die" in asked:
        os.kill(os.getpid(), signal.SIGKILL)
    if "spawn" in asked:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=False)
    if "bytes" in asked:
        headers = {"Content-Encoding": asked["encoding"]} if "encoding" in asked else {}
        return {"statusCode": 200, "headers": headers, "body": "x" * int(asked["bytes"])}
    body = {
        "answer": ANSWER,
        "pid": os.getpid(),
        "started": STARTED,
        "environment": dict(os.environ),
        "path": sys.path,
        "remaining": context.get_remaining_time_in_millis(),
        "request": {name: event[name] for name in ("path", "resource", "headers", "body")},
    }
    headers = {"Content-Type": "application/json", "X-Request-Id": event["requestContext"]["requestId"]}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(body)}
