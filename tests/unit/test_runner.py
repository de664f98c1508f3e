"""The local stack's parts that need no stack: the pool of a function's processes, the plan of a deployment, options, state."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.gateway import GatewayResponses
from local.options import Options, SetupError
from local.pool import Pool, Source
from local.process import Child
from local.runner import Runner
from local.state import StateFolder
from local.template import make_plan
from local.ticker import pause_of, tick
from local.worker import Answer, Invocation
from waybill.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

NOW = 1_700_000_000.0


class FakeChild(Child):
    """A process that does nothing until it is killed."""

    def __init__(self) -> None:
        self.log = Path("fake.log")
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        await self._ended.wait()
        return -9

    def kill(self) -> None:
        self._ended.set()


class Function:
    """A pool whose processes are played by the test."""

    def __init__(self, folder: Path, *, processes: int = 2, timeout: float = 5) -> None:
        self.started: list[int] = []
        self.pool = Pool(timeout, Source([folder]), [9001 + each for each in range(processes)], self._start)

    async def _start(self, port: int) -> Child:
        self.started.append(port)
        return FakeChild()

    def call(self, name: str) -> asyncio.Task[Answer]:
        return asyncio.create_task(self.pool.invoke(Invocation(name, name.encode(), arn="", trace="")))

    async def ask(self, port: int) -> Invocation | None:
        """The process at `port` asks for its next event."""
        worker = self.pool.worker(port)
        assert worker is not None
        asking = asyncio.create_task(worker.next_event())
        await asyncio.sleep(0)
        self.pool.pump()
        return await asking

    def answer(self, port: int, name: str) -> bool:
        worker = self.pool.worker(port)
        return worker is not None and worker.answered(name, Answer(b"answer to " + name.encode()))


def played(scene: Callable[[Function], Awaitable[None]], function: Callable[[], Function]) -> None:
    async def play() -> None:
        made = function()
        try:
            await asyncio.wait_for(scene(made), 10)
        finally:
            await made.pool.close()

    asyncio.run(play())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_events_are_served_in_order_each_process_one_at_a_time(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        calls = [function.call(name) for name in ("a", "b", "c")]
        await settle()
        (port,) = function.started
        for name in ("a", "b", "c"):
            given = await function.ask(port)
            assert given is not None
            assert given.event == name.encode()
            assert not function.answer(port, "another")
            assert function.answer(port, name)
        assert [(await call).body for call in calls] == [b"answer to a", b"answer to b", b"answer to c"]

    played(scene, lambda: Function(tmp_path, processes=1))


def test_processes_are_started_on_demand_and_no_more_than_allowed(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        function.call("a")
        await settle()
        assert len(function.started) == 1
        for name in ("b", "c", "d", "e"):
            function.call(name)
        await settle()
        assert len(function.started) == 2

    played(scene, lambda: Function(tmp_path, processes=2))


def test_a_process_over_its_time_is_killed_answered_for_and_replaced(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        late, next_one = function.call("late"), function.call("next")
        await settle()
        await function.ask(function.started[0])
        answer = await late
        assert answer.failed
        assert json.loads(answer.body) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "late Task timed out after 0.05 seconds",
        }
        await settle()
        assert len(function.started) == 2
        await function.ask(function.started[1])
        assert function.answer(function.started[1], "next")
        assert not (await next_one).failed

    played(scene, lambda: Function(tmp_path, processes=1, timeout=0.05))


def test_a_process_that_dies_fails_its_own_event_only(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        calls = [function.call("a"), function.call("b")]
        await settle()
        port = function.started[0]
        await function.ask(port)
        worker = function.pool.worker(port)
        assert worker is not None
        worker.kill()
        answer = await calls[0]
        assert (answer.failed, json.loads(answer.body)["errorType"]) == (True, "Runtime.ExitError")
        await settle()
        await function.ask(function.started[-1])
        assert function.answer(function.started[-1], "b")
        assert (await calls[1]).body == b"answer to b"

    played(scene, lambda: Function(tmp_path, processes=1))


def test_a_process_that_cannot_start_fails_all_that_wait(tmp_path: Path) -> None:
    async def scene(function: Function) -> None:
        calls = [function.call(name) for name in ("a", "b", "c")]
        await settle()
        worker = function.pool.worker(function.started[0])
        assert worker is not None
        worker.failed_to_start(b'{"errorType": "ImportError"}')
        worker.kill()
        assert [await call for call in calls] == [Answer(b'{"errorType": "ImportError"}', failed=True)] * 3
        assert len(function.started) == 1

    played(scene, lambda: Function(tmp_path, processes=1))


def test_an_edit_replaces_an_idle_process_before_the_next_event(tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text("1")

    async def scene(function: Function) -> None:
        function.pool.warm()
        await settle()
        asking = asyncio.create_task(function.ask(function.started[0]))
        await settle()
        (tmp_path / "new.py").write_text("2")
        call = function.call("a")
        assert await asking is None  # it is told to end, not given the event
        await settle()
        assert len(function.started) == 2
        await function.ask(function.started[1])
        assert function.answer(function.started[1], "a")
        assert not (await call).failed

    played(scene, lambda: Function(tmp_path))


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
  Seconds: {Type: Number, Default: 7}
Globals:
  Function: {Runtime: python3.13, Handler: app.handler, Timeout: 5, Layers: [!Ref Core, !Ref Deps]}
Resources:
  Core: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/core}}
  Deps: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/deps}}
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/one
      Timeout: !Ref Seconds
      Events: {All: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /v1/one, Method: ANY}}}
  Guard: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions/guard}}
  Lonely: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions/lonely}}
  Clocked:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/clocked
      Events: {Often: {Type: Schedule, Properties: {Schedule: rate(2 minutes)}}}
  Fed:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/fed
      Timeout: 9
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Work.Arn, ScalingConfig: {MaximumConcurrency: !Ref Seconds}}
  Work: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 54}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: !Ref Stage
      Auth: {DefaultAuthorizer: A, Authorizers: {A: {FunctionArn: !GetAtt Guard.Arn}}}
      GatewayResponses:
        THROTTLED:
          StatusCode: 429
          ResponseParameters: {Headers: {X-Request-Id: context.requestId, Retry-After: !Sub "'${Seconds}'"}}
          ResponseTemplates: {application/json: '{"slow": $context.error.messageString}'}
"""


def test_a_plan_runs_functions_from_their_folders_and_writes_any_out(tmp_path: Path) -> None:
    source = tmp_path / "template.yaml"
    source.write_text(TEMPLATE)
    plan = make_plan(source, {"Stage": "local"})
    one, guard, *_ = plan.functions
    assert (one.name, one.folder, one.handler, one.timeout) == (
        "waybill-local-One",
        "functions/one",
        "app.handler",
        7,
    )
    assert (guard.timeout, guard.layers) == (
        5,
        ("layers/core",),
    )  # layers/deps is installed, not a folder of sources
    assert [(each.has_events, each.every, each.authorizer) for each in plan.functions] == [
        (True, None, False),
        (False, None, True),
        (False, None, False),
        (True, 120, False),
        (True, None, False),
    ]
    kinds = {resource["Type"] for resource in plan.template["Resources"].values()}
    assert "AWS::Lambda::LayerVersion" not in kinds
    ((_, api),) = plan.of_type("AWS::ApiGateway::RestApi")
    assert set(api["Body"]["paths"]["/v1/one"]) == {
        "delete",
        "get",
        "head",
        "options",
        "patch",
        "post",
        "put",
    }
    ((_, response),) = plan.of_type("AWS::ApiGateway::GatewayResponse")
    assert response == {
        "RestApiId": {"Ref": "Api"},
        "ResponseType": "THROTTLED",
        "StatusCode": "429",
        "ResponseParameters": {
            "gatewayresponse.header.X-Request-Id": "context.requestId",
            "gatewayresponse.header.Retry-After": {"Fn::Sub": "'${Seconds}'"},
        },
        "ResponseTemplates": {"application/json": '{"slow": $context.error.messageString}'},
    }
    assert type(plan).from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert make_plan(source, {"Stage": "local"}).digest == plan.digest
    assert make_plan(source, {"Stage": "other"}).digest != plan.digest


def test_a_plan_leaves_time_to_the_stack_and_numbers_of_queues_as_the_emulator_takes_them(
    tmp_path: Path,
) -> None:
    source = tmp_path / "template.yaml"
    source.write_text(TEMPLATE)
    plan = make_plan(source, {"Seconds": "3"})
    assert not plan.of_type("AWS::Events::Rule")
    ((_, mapping),) = plan.of_type("AWS::Lambda::EventSourceMapping")
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 3}
    assert plan.of_type("AWS::SQS::Queue") == [("Work", {"VisibilityTimeout": 14})]
    source.write_text(TEMPLATE.replace("rate(2 minutes)", "cron(noon)"))
    with pytest.raises(SetupError, match="Often"):
        make_plan(source, {})


class Ticked(Runner):
    """A runner whose runs are played by the test. The first one fails."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.running = 0
        self.went_on = asyncio.Event()

    async def invoke(self, name: str, event: Mapping[str, Any]) -> Answer:
        self.running += 1
        assert self.running == 1, "one at a time"
        self.events.append({"name": name, **event})
        await settle()
        if len(self.events) == 3:
            self.went_on.set()
        self.running -= 1
        return Answer(b"{}", failed=len(self.events) == 1)


def test_a_function_of_time_runs_again_and_again_one_run_at_a_time() -> None:
    async def play() -> list[dict[str, Any]]:
        runner = Ticked()
        ticking = asyncio.create_task(
            tick(runner, "waybill-local-Often", 0, Clock(simulated=NOW, speed=0.001))
        )
        waiting = asyncio.create_task(runner.went_on.wait())
        await asyncio.wait({ticking, waiting}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert not ticking.done()
        ticking.cancel()
        return runner.events

    events = asyncio.run(play())
    assert len(events) >= 3
    assert {event["name"] for event in events} == {"waybill-local-Often"}
    assert {event["source"] for event in events} == {"aws.events"}


def test_time_goes_as_fast_as_the_clock_and_no_faster_than_the_machine_likes() -> None:
    assert [pause_of(60, speed) for speed in (0.5, 1, 60, 600, 100_000)] == [120, 60, 1, 0.5, 0.5]


def test_a_gateway_response_takes_its_own_words_then_its_familys_then_the_default() -> None:
    responses = GatewayResponses(
        {
            "INTEGRATION_TIMEOUT": {
                "statusCode": "504",
                "responseParameters": {
                    "gatewayresponse.header.X-Request-Id": "context.requestId",
                    "gatewayresponse.header.Retry-After": "'5'",
                    "gatewayresponse.header.X-Unknown": "method.request.header.X",
                },
                "responseTemplates": {
                    "application/json": '{"why": $context.error.messageString, "id": "$context.requestId"}'
                },
            },
            "DEFAULT_5XX": {"statusCode": "500", "responseTemplates": {"application/json": "{}"}},
        }
    )
    own = responses.render("INTEGRATION_TIMEOUT", "r-1")
    assert (own.status_code, json.loads(bytes(own.body))) == (
        504,
        {"why": "Endpoint request timed out", "id": "r-1"},
    )
    assert (own.headers["x-request-id"], own.headers["retry-after"]) == ("r-1", "5")
    assert "x-unknown" not in own.headers
    assert responses.render("INTEGRATION_FAILURE").status_code == 500
    plain = responses.render("REQUEST_TOO_LARGE")
    assert (plain.status_code, plain.body) == (413, b'{"message":"Request Too Long"}')


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"WAYBILL_PORT": "http"}, "WAYBILL_PORT"),
        ({"SIM_PORT": "70000"}, "SIM_PORT"),
        ({"SIM_SPEED": "0"}, "SIM_SPEED"),
        ({"SIM_SPEED": "nan"}, "SIM_SPEED"),
        ({"KUAIDI100_KEY": "k"}, "KUAIDI100_CUSTOMER"),
        ({"KUAIDI100_CUSTOMER": "c"}, "KUAIDI100_KEY"),
        ({"KUAIDI100_CUSTOMER": "c", "KUAIDI100_KEY": "k", "SIM_SPEED": "2"}, "SIM_SPEED"),
        ({"KUAIDI100_CUSTOMER": "c", "KUAIDI100_KEY": "k", "QUERY_GAP_SECONDS": "60"}, "QUERY_GAP_SECONDS"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SetupError, match=named):
        Options.read(environ)


def test_settings_have_defaults_and_what_was_bought_has_a_folder_of_its_own() -> None:
    plain = Options.read({})
    assert (plain.api_port, plain.simulator_port, plain.speed, plain.gap_seconds) == (8080, 8100, 1, 1860)
    assert plain.state.parts[-2:] == (".local", "state")
    real = Options.read({"KUAIDI100_CUSTOMER": "c", "KUAIDI100_KEY": "k"})
    assert real.state == plain.state / "real"


def test_the_clock_goes_on_from_what_was_reached_or_promised(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    first = state.clock(NOW, speed=600)
    assert first == Clock(NOW, NOW, 600)
    state.save_clock(first, NOW + 10)
    killed = state.clock(NOW + 12, speed=1)  # two seconds after the last save, with nothing said at the end
    assert killed.at(NOW + 12) >= first.at(NOW + 12)
    state.save_clock(first, NOW + 20, last=True)
    assert state.clock(NOW + 20, speed=1).simulated == first.at(NOW + 20)
    state.close()


def test_a_clock_of_real_time_stays_one_even_after_a_kill(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.save_clock(state.clock(NOW, speed=1), NOW + 10)
    assert state.clock(NOW + 11, speed=1).is_wall
    state.close()


def test_a_state_folder_has_one_token_and_one_owner(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    token = state.token()
    assert state.token() == token
    with pytest.raises(SetupError, match="WAYBILL_STATE"):
        StateFolder(tmp_path)
    state.close()
    again = StateFolder(tmp_path)
    assert again.token() == token
    again.close()
