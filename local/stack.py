"""`python -m local.stack`: starts the whole service on this machine, says when it is ready, and ends all of it together.

Order of life: simulator and emulator, the functions' runner, the template deployed to the emulator, the front. They end in the
opposite order; the emulator saves its state when it is asked to end. A process that ends by itself ends the stack.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
import time
from typing import TYPE_CHECKING

import httpx

from local import template
from local.administrator import AUTHORIZATION, CREDENTIALS
from local.connections import Connections
from local.deploy import REGION, Deployed, Emulator, forget_aws_settings
from local.front import KEEP_ALIVE_SECONDS, PARSER_LIMIT, Front, protocol
from local.gateway import GatewayResponses
from local.mailbox import Mailbox
from local.options import MAIL_FROM, REAL_UPSTREAM, ROOT, SIMULATOR_CREDENTIALS, Options, SetupError
from local.process import Child, clean_environment
from local.rights import Checkpoint
from local.runner import Runner
from local.serving import LOOPBACK, Service, bind, free_port
from local.state import CLOCK_INTERVAL_SECONDS, StateFolder
from local.template import Plan
from local.ticker import pause_of, tick
from local.trouble import Trouble

if TYPE_CHECKING:
    import socket
    from contextlib import AsyncExitStack

    from local.rights import Role
    from local.usage import UsageKeys
    from waybill.clock import Clock

TEMPLATE = ROOT / "template.yaml"
EMULATOR_PYTHON = ROOT / ".venv-ministack/bin/python"
_START_SECONDS = 60
_PORTS_TRIED = 3
_TAKEN = "is already in use"
_DISCARD_SECONDS = 30


class Stack:
    """Everything that runs. What is started is put on `ends`, and so stopped in the opposite order."""

    def __init__(self, options: Options, ends: AsyncExitStack) -> None:
        self._options = options
        self._ends = ends
        self._front_socket = _claim(options.api_port, "WAYBILL_PORT")
        ends.callback(self._front_socket.close)
        if not options.real:
            _claim(options.simulator_port, "SIM_PORT").close()
        self._state = StateFolder(options.state)
        ends.callback(self._state.close)
        self._clock = self._state.clock(time.time(), options.speed)
        if options.real and not self._clock.is_wall:
            raise SetupError(
                f"The clock of {options.state} is ahead of real time. Choose another folder with WAYBILL_STATE."
            )
        self._emulator_port = free_port()
        self._children: list[Child] = []
        self._trouble = Trouble(self._clock) if options.trouble else None

    @property
    def ready(self) -> dict[str, str | None]:
        """What the READY line says."""
        simulator = None if self._options.real else f"http://{LOOPBACK}:{self._options.simulator_port}"
        return {
            "api": f"http://{LOOPBACK}:{self._options.api_port}",
            "simulator": simulator,
            "token": self._state.token(),
            **({"trouble": self._trouble.url} if self._trouble else {}),
        }

    async def start(self) -> None:
        """Raises SetupError: something did not start."""
        keeping = asyncio.create_task(_keep_clock(self._state, self._clock))
        self._ends.push_async_callback(_end_task, keeping)
        parameters = self._parameters()
        plan, known = await asyncio.to_thread(self._plan, parameters)
        runner = Runner(plan.functions, self._options, self._state, self._trouble)
        emulator = await self._start_emulator(plan, runner.url)
        simulator = None if self._options.real else await self._start_simulator()
        self._ends.push_async_callback(runner.stop)
        await runner.start()
        await self._emulator_answering(emulator, plan, runner.url)
        deployed = await asyncio.to_thread(self._deploy, plan, parameters, known=known)
        functions_endpoint = self._endpoint
        credentials: dict[str, dict[str, str]] = {}
        if self._options.iam:
            functions_endpoint, credentials = await self._enforce_roles(plan)
        mailbox = Mailbox(self._state.path / "mailbox")
        mail_endpoint = mailbox.url
        if self._trouble:
            self._trouble.configure(functions_endpoint, mailbox.url)
            self._ends.push_async_callback(self._trouble.stop)
            await self._trouble.start()
            functions_endpoint = mail_endpoint = self._trouble.url
        mailbox.configure(
            functions_endpoint, deployed.mail_subscriptions, deployed.resources["MailFeedbackTopic"]
        )
        self._ends.push_async_callback(mailbox.stop)
        await mailbox.start()
        shared = {
            "WAYBILL_CLOCK": str(self._clock),
            "WEBHOOK_LOOPBACK": "true",
            "AWS_ENDPOINT_URL_SESV2": mail_endpoint,
            "AWS_ENDPOINT_URL_SNS": mailbox.url,
        }
        runner.configure(functions_endpoint, deployed.environments, shared, credentials)
        if simulator:
            await _answering(simulator, f"{self.ready['simulator']}/_sim/clock")
        await self._start_front(deployed, runner.usage_keys)
        self._say_where(deployed)
        if self._options.warm:
            self._ends.push_async_callback(_end_task, asyncio.create_task(runner.warm()))
        for function in plan.functions:
            if function.every is not None and self._options.schedule:
                pause = pause_of(function.every, self._clock.speed)
                ticking = asyncio.create_task(tick(runner, function.name, pause, self._clock))
                self._ends.push_async_callback(_end_task, ticking)

    def _say_where(self, deployed: Deployed) -> None:
        """For the command line: its tokens are in the emulator's table."""
        self._ends.callback(self._state.forget_stack)
        aws = {
            "endpoint_url": self._endpoint,
            "region_name": REGION,
            **{name.lower(): value for name, value in CREDENTIALS.items()},
        }
        where = {name: self.ready[name] for name in ("api", "simulator")}
        self._state.write_stack({**where, "table": deployed.resources["TrackingTable"], "aws": aws})

    async def ended_child(self) -> Child:
        """Wait until one of the processes ends by itself."""
        waits = {asyncio.create_task(child.wait()): child for child in self._children}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return waits[done.pop()]

    @property
    def _endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self._emulator_port}"

    def _parameters(self) -> dict[str, str]:
        upstream = f"http://{LOOPBACK}:{self._options.simulator_port}/poll/query.do"
        return {
            "Stage": "local",
            "Runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
            "Architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
            "QueryGapSeconds": str(self._options.gap_seconds),
            "UpstreamUrl": REAL_UPSTREAM if self._options.real else upstream,
            # As good as none: a limit would be felt by load tests only.
            "ThrottleRate": "10000",
            "ThrottleBurst": "5000",
            "MemberRate": str(self._options.member_rate),
            "MemberBurst": str(self._options.member_rate),
            "CorsOrigin": self._options.cors_origin,
            "NotificationEmail": self._options.operator_email,
            "MailFrom": MAIL_FROM,
            "PublicBaseUrl": f"http://{LOOPBACK}:{self._options.api_port}",
            # Two processes are left for readers that do not wait.
            "LongPolls": str(max(0, self._options.workers - 2)),
            "WebhookConcurrency": str(self._options.workers),
            "SlowWebhookConcurrency": str(self._options.slow_workers),
        }

    def _plan(self, parameters: dict[str, str]) -> tuple[Plan, bool]:
        """The plan, and whether it is the one that was deployed last."""
        saved = self._state.read_deployment()
        if saved and saved["digest"] == template.digest(TEMPLATE, parameters):
            return Plan.from_json(saved), True
        return template.make_plan(TEMPLATE, parameters), False

    async def _start_emulator(self, plan: Plan, runner_url: str) -> Child:
        if not EMULATOR_PYTHON.exists():
            raise SetupError(
                f"The emulator is not installed in {EMULATOR_PYTHON.parent.parent}: make run does that."
            )
        folder = self._state.path
        self._state.forget_stream_positions()
        child = await Child.start(
            "ministack",
            ["ministack"],
            interpreter=str(EMULATOR_PYTHON),
            environment={
                **clean_environment(),
                **CREDENTIALS,
                "BIND_HOST": LOOPBACK,
                # Not GATEWAY_PORT, which would be part of every queue's URL: that has to be the same after a restart.
                "EDGE_PORT": str(self._emulator_port),
                "LOG_LEVEL": "WARNING",
                "AUTH": str(self._options.iam).lower(),
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
                "PERSIST_STATE": "1",
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(folder / "emulator/s3"),
                "STATE_DIR": str(folder / "emulator"),
                "TMPDIR": str(folder / "tmp"),
                **{f"MINISTACK_LAMBDA_PROXY_{function.name}": runner_url for function in plan.functions},
            },
            folder=folder,
            log=self._state.log("ministack"),
        )
        self._keep(child)
        self._ends.push_async_callback(_end_task, asyncio.create_task(_discard_logs(self._endpoint)))
        return child

    async def _emulator_answering(self, emulator: Child, plan: Plan, runner_url: str) -> None:
        """Wait for the emulator; on another port, where somebody has taken its own since it was chosen."""
        for attempt in range(1, _PORTS_TRIED + 1):
            try:
                await _answering(emulator, f"{self._endpoint}/_ministack/health")
            except SetupError:
                if attempt == _PORTS_TRIED or _TAKEN not in emulator.log.read_text(errors="replace"):
                    raise
                self._children.remove(emulator)
                self._emulator_port = free_port()
                emulator = await self._start_emulator(plan, runner_url)
            else:
                return

    async def _start_simulator(self) -> Child:
        options, credentials = self._options, SIMULATOR_CREDENTIALS
        child = await Child.start(
            "simulator",
            [
                "local.simulator",
                *("--host", LOOPBACK, "--port", str(options.simulator_port), "--seed", "1"),
                *("--customer", credentials.customer, "--key", credentials.key),
                *("--clock", str(self._clock), "--state", str(self._state.path / "simulator")),
            ],
            environment={
                **clean_environment(),
                "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "layers/core/python"))),
            },
            folder=ROOT,
            log=self._state.log("simulator"),
        )
        return self._keep(child)

    def _keep(self, child: Child) -> Child:
        self._children.append(child)
        self._ends.push_async_callback(child.stop)
        return child

    def _deploy(self, plan: Plan, parameters: dict[str, str], *, known: bool) -> Deployed:
        with contextlib.closing(Emulator(self._endpoint)) as emulator:
            if not known or emulator.deployed_digest() != plan.digest:
                emulator.deploy(plan, parameters)
                self._state.write_deployment(plan.to_json())
            deployed = emulator.deployed(plan)
            emulator.put_secret(
                deployed.resources["Kuaidi100Secret"], self._options.real or SIMULATOR_CREDENTIALS
            )
            emulator.put_token(deployed.resources["TrackingTable"], self._state.token())
            return deployed

    async def _enforce_roles(self, plan: Plan) -> tuple[str, dict[str, dict[str, str]]]:
        """Where functions find AWS then, and each one's credentials."""
        taken = await asyncio.to_thread(self._take_roles, plan)
        checkpoint = Checkpoint(self._state.log("denied"))
        checkpoint.configure(self._endpoint, [role for role, _ in taken.values()])
        self._ends.push_async_callback(checkpoint.stop)
        await checkpoint.start()
        return checkpoint.url, {name: credentials for name, (_, credentials) in taken.items()}

    def _take_roles(self, plan: Plan) -> dict[str, tuple[Role, dict[str, str]]]:
        with contextlib.closing(Emulator(self._endpoint)) as emulator:
            return emulator.take_roles(plan)

    async def _start_front(self, deployed: Deployed, usage_keys: UsageKeys) -> None:
        responses = GatewayResponses(deployed.gateway_responses)
        base = f"/_aws/execute-api/{deployed.api_id}/{deployed.stage}"
        connections = Connections(LOOPBACK, self._emulator_port)
        self._ends.callback(connections.close)
        front = Front(
            connections, base, self._options.api_port, responses, usage_keys, deployed.compressed_from
        )
        service = Service(
            front,
            [self._front_socket],
            http=protocol(responses),
            h11_max_incomplete_event_size=PARSER_LIMIT,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._ends.push_async_callback(service.stop)
        await service.start()


def _claim(port: int, variable: str) -> socket.socket:
    try:
        return bind(port)
    except OSError as error:
        raise SetupError(
            f"Port {port} is taken ({error.strerror}). Choose another with {variable}."
        ) from error


async def _answering(child: Child, url: str) -> None:
    """Wait until the server of `child` answers."""
    give_up = time.monotonic() + _START_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while child.running and time.monotonic() < give_up:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(url)).is_success:
                    return
            await asyncio.sleep(0.05)
    raise SetupError(f"{child.name} did not start; its log is {child.log}.")


async def _keep_clock(state: StateFolder, clock: Clock) -> None:
    try:
        while True:
            state.save_clock(clock, time.time())
            await asyncio.sleep(CLOCK_INTERVAL_SECONDS)
    finally:
        state.save_clock(clock, time.time(), last=True)


async def _discard_logs(endpoint: str) -> None:
    """Delete the emulator's own log of calls again and again, and before it saves its state."""
    request = {"logGroupName": template.DISCARDED_LOG}
    headers = {
        **AUTHORIZATION,
        "X-Amz-Target": "Logs_20140328.DeleteLogGroup",
        "Content-Type": "application/x-amz-json-1.1",
    }
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while True:
            ending = False
            try:
                await asyncio.sleep(_DISCARD_SECONDS)
            except asyncio.CancelledError:
                ending = True
            with contextlib.suppress(httpx.HTTPError):
                await client.post(endpoint, json=request, headers=headers)
            if ending:
                return


async def _end_task(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def run(options: Options) -> int:
    """Run until a signal comes (0) or a process ends by itself (1).

    Raises:
        SetupError: the stack cannot be started.
    """
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    async with contextlib.AsyncExitStack() as ends:
        asking = asyncio.create_task(asked.wait())
        stack = Stack(options, ends)
        starting = asyncio.create_task(stack.start())
        await asyncio.wait({starting, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return 0
        await starting
        print("READY", json.dumps(stack.ready), flush=True)
        ending = asyncio.create_task(stack.ended_child())
        await asyncio.wait({ending, asking}, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            child = ending.result()
            print(
                f"{child.name} has ended, so the stack ends; its log is {child.log}.",
                file=sys.stderr,
                flush=True,
            )
            return 1
        ending.cancel()
        return 0


def main() -> int:
    forget_aws_settings()
    try:
        return asyncio.run(run(Options.read()))
    except SetupError as error:
        print(error, file=sys.stderr, flush=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())
