"""Runs the functions from their source folders, behind the emulator's hook for functions that somebody else runs.

The emulator posts an event to /invoke and gets the function's answer. On the other side stands Lambda's Runtime API, which the
real runtime client speaks: each process has a port of its own, so that it is known who asks.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from local.administrator import CREDENTIALS
from local.deploy import NO_AWS_SETTINGS, REGION
from local.options import ROOT
from local.pool import Pool, Source
from local.process import Child, clean_environment
from local.serving import LOOPBACK, Service, bind, port_of
from local.usage import UsageKeys
from local.worker import Answer, Invocation, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from local.options import Options
    from local.state import StateFolder
    from local.template import Function
    from local.trouble import Trouble

# Lambda's quota for an answer.
ANSWER_LIMIT = 6 * 1024 * 1024
_ARN = f"arn:aws:lambda:{REGION}:000000000000:function:"
_LOOK_SECONDS = 0.05
_RUNTIME = Path(__file__).with_name("runtime.py")


class Runner:
    """The functions of a stack. Its own port is known from the beginning; their environments come with `configure`.

    `usage_keys` are what the authorizer has said so far. Where there is `trouble`, invocations go through it.
    """

    def __init__(
        self,
        functions: Sequence[Function],
        options: Options,
        state: StateFolder,
        trouble: Trouble | None = None,
    ) -> None:
        self.usage_keys = UsageKeys()
        self._functions = {function.name: function for function in functions}
        self._options = options
        self._state = state
        self._trouble = trouble
        self._environments: dict[str, dict[str, str]] = {}
        self._pools: dict[str, Pool] = {}
        self._by_port: dict[int, Pool] = {}
        self._configured = asyncio.Event()
        routes = [
            Route("/invoke", self._invoke, methods=["POST"]),
            Route("/2018-06-01/runtime/invocation/next", self._next),
            Route("/2018-06-01/runtime/invocation/{request_id}/response", self._response, methods=["POST"]),
            Route("/2018-06-01/runtime/invocation/{request_id}/error", self._error, methods=["POST"]),
            Route("/2018-06-01/runtime/init/error", self._init_error, methods=["POST"]),
        ]
        # What one queue of a function brings waits for nothing that another one does.
        counts = {
            function.name: options.workers + (options.slow_workers if function.queues > 1 else 0)
            for function in functions
        }
        front, *sockets = [bind() for _ in range(1 + sum(counts.values()))]
        self.url = f"http://{LOOPBACK}:{port_of(front)}/invoke"
        self._service = Service(Starlette(routes=routes), [front, *sockets])
        for function in functions:
            ports = [port_of(sockets.pop()) for _ in range(counts[function.name])]
            source = Source([ROOT / folder for folder in (function.folder, *function.layers)])
            pool = Pool(function.timeout, source, ports, self._starter(function))
            self._pools[function.name] = pool
            self._by_port |= dict.fromkeys(ports, pool)

    async def start(self) -> None:
        await self._service.start()

    async def stop(self) -> None:
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await self._service.stop()

    def configure(
        self,
        endpoint: str,
        environments: Mapping[str, Mapping[str, str]],
        shared: Mapping[str, str],
        roles: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Say where AWS is, and what variables are each function's own and all functions'; then warm those with callers.

        `roles` are the credentials, as variables, of the functions that do not act as the emulator's administrator.
        """
        for name, function in self._functions.items():
            configured = {**environments[name], **shared, **roles.get(name, {})}
            self._environments[name] = environment(function, configured, endpoint, self._state.path)
            if function.called:
                self._pools[name].warm()
        self._configured.set()

    async def warm(self) -> None:
        """Have a process of every function ready, one after the other: callers go first, and nobody waits for the others yet."""
        for pool in self._pools.values():
            while any(each.starting for each in self._pools.values()):  # noqa: ASYNC110 -- a process may end instead of being ready
                await asyncio.sleep(_LOOK_SECONDS)
            pool.warm()

    def _starter(self, function: Function) -> Any:
        async def start(port: int) -> Child:
            native = importlib.util.find_spec("awslambdaric") is not None and not self._options.python_runtime
            client = "awslambdaric" if native else str(_RUNTIME)
            return await Child.start(
                function.short_name,
                [client, function.handler],
                environment={
                    **self._environments[function.name],
                    **(self._trouble.variables(function.short_name) if self._trouble else {}),
                    "AWS_LAMBDA_RUNTIME_API": f"{LOOPBACK}:{port}",
                },
                folder=ROOT / function.folder,
                log=self._state.log(function.short_name),
            )

        return start

    async def invoke(self, name: str, event: Mapping[str, Any]) -> Answer:
        """Run a function by its name, as the emulator does by HTTP."""
        request_id = str(uuid.uuid4())
        invocation = Invocation(
            request_id, json.dumps(event).encode(), arn=f"{_ARN}{name}", trace=_trace(request_id)
        )
        return await self._run(name, invocation)

    async def _run(self, name: str, invocation: Invocation) -> Answer:
        pool = self._pools[name]
        if self._trouble is None:
            return await pool.invoke(invocation)
        return await self._trouble.carry(self._functions[name].short_name, invocation, pool.invoke)

    async def _invoke(self, request: Request) -> Response:
        headers = request.headers
        name = headers.get("x-amzn-lambda-function-name", "")
        if name not in self._pools:
            return Response("no such function", 404)
        # An emulator that has found messages in the queues of its last run does not wait to be told that all are ready.
        await self._configured.wait()
        request_id = headers["x-amzn-lambda-request-id"]
        invocation = Invocation(
            request_id=request_id,
            event=await request.body(),
            arn=headers.get("x-amzn-lambda-function-arn", ""),
            trace=headers.get("x-amzn-trace-id", _trace(request_id)),
        )
        answer = await self._run(name, invocation)
        if self._functions[name].authorizer and not answer.failed:
            self.usage_keys.note(invocation.event, answer.body)
        # The emulator takes any status but 2xx for a failed function.
        return Response(answer.body, 500 if answer.failed else 200, media_type="application/json")

    async def _next(self, request: Request) -> Response:
        pool, worker = self._asking(request)
        if worker is None or pool is None:
            return Response(status_code=410)
        asked = asyncio.ensure_future(worker.next_event())
        await asyncio.sleep(0)  # so that it counts as idle before events are handed out
        pool.pump()
        invocation = await asked
        if invocation is None:
            return Response(status_code=410)
        deadline = int((time.time() + worker.timeout) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace,
        }
        return Response(invocation.event, headers=headers, media_type="application/json")

    async def _response(self, request: Request) -> Response:
        body = await request.body()
        answer = Answer(body)
        if len(body) > ANSWER_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({ANSWER_LIMIT} bytes)."
            answer = Answer.failure("Function.ResponseSizeTooLarge", message)
        return self._answered(request, answer)

    async def _error(self, request: Request) -> Response:
        return self._answered(request, Answer(await request.body(), failed=True))

    async def _init_error(self, request: Request) -> Response:
        _, worker = self._asking(request)
        if worker is not None:
            worker.failed_to_start(await request.body())
        return Response(status_code=202)

    def _answered(self, request: Request, answer: Answer) -> Response:
        _, worker = self._asking(request)
        taken = worker is not None and worker.answered(request.path_params["request_id"], answer)
        return Response(status_code=202 if taken else 400)

    def _asking(self, request: Request) -> tuple[Pool | None, Worker | None]:
        port: int = request.scope["server"][1]
        pool = self._by_port.get(port)
        return pool, pool.worker(port) if pool is not None else None


def _trace(request_id: str) -> str:
    return f"Root=1-{int(time.time()):08x}-{request_id.replace('-', '')[:24]};Sampled=0"


def environment(
    function: Function, configured: Mapping[str, str], endpoint: str, state: Path
) -> dict[str, str]:
    """All variables that a function's process sees, but for the address of the Runtime API."""
    folder = ROOT / function.folder
    path = [folder, *(ROOT / layer / "python" for layer in function.layers)]
    return {
        **clean_environment(),
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(map(os.fspath, path)),
        # Python takes bytecode for current by size and whole seconds, so two quick edits could be one. Packages have theirs anyway.
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": os.fspath(state / "tmp"),
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        **NO_AWS_SETTINGS,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": os.fspath(folder),
        "_HANDLER": function.handler,
        **configured,
    }
