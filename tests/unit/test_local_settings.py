"""What the local stack is told, what it keeps, and what its gateway says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.gateway import GatewayResponses
from local.options import Options, SetupError
from local.state import StateFolder
from waybill.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000.0


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
        ({"WAYBILL_IAM": "yes"}, "WAYBILL_IAM"),
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


def test_streams_are_read_anew_after_a_restart_and_nothing_else_is_forgotten(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.forget_stream_positions()
    saved = tmp_path / "emulator/lambda.json"
    assert not saved.exists()
    functions = {"functions": {"one": 1}}
    for payload in (functions, {**functions, "dynamodb_stream_positions": {"data": {"a": 7}}}):
        saved.write_text(json.dumps({"__ministack_format__": 2, "payload": payload}))
        state.forget_stream_positions()
        assert json.loads(saved.read_text()) == {"__ministack_format__": 2, "payload": functions}
    state.close()
