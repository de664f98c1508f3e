"""Lambda's runtime client in plain Python, for machines that awslambdaric cannot be installed on (it has wheels for Linux only).

Speaks https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: asks for an event, calls the handler, posts what it returned
or raised. Started with the handler as its argument, as awslambdaric is, in the function's folder and with its environment.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any

_PREFIX = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is told of its invocation. The names are Lambda's."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    function_version: str = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    memory_limit_in_mb: str = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    log_group_name: str = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
    log_stream_name: str = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline_ms - int(time.time() * 1000))


class RuntimeApi:
    """One connection to the Runtime API at `address`, kept open."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[Any, http.client.HTTPMessage]:
        self._connection.request("GET", f"{_PREFIX}/invocation/next")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            sys.exit(0)
        return json.loads(body), response.headers

    def post(self, path: str, payload: object) -> None:
        body = json.dumps(payload, ensure_ascii=False).encode()
        self._connection.request("POST", f"{_PREFIX}/{path}", body, {"Content-Type": "application/json"})
        self._connection.getresponse().read()


def _error(error: BaseException) -> dict[str, Any]:
    traceback.print_exception(error)
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def main(handler: str) -> None:
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    module, _, name = handler.rpartition(".")
    try:
        function = getattr(importlib.import_module(module.replace("/", ".")), name)
    except Exception as error:  # noqa: BLE001 -- whatever the function's module raises is its init error
        api.post("init/error", _error(error))
        sys.exit(1)
    while True:
        event, headers = api.next()
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
        arn, deadline = headers["Lambda-Runtime-Invoked-Function-Arn"], headers["Lambda-Runtime-Deadline-Ms"]
        try:
            answer = function(event, Context(request_id, arn, int(deadline)))
            json.dumps(answer)
        except Exception as error:  # noqa: BLE001 -- whatever the handler raises is its answer
            api.post(f"invocation/{request_id}/error", _error(error))
        else:
            api.post(f"invocation/{request_id}/response", answer)


if __name__ == "__main__":
    main(sys.argv[1])
