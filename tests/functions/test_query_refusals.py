"""What the query function refuses, and how: by field, in the envelope of the contract, and before anything is paid."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functions.conftest import Query, error, load
from waybill import couriers
from waybill.errors import ConfigurationError

if TYPE_CHECKING:
    from io import StringIO


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "expNo"),
        ({"expNo": "YT7450353838751"}, "expCode"),
        ({"expCode": "yuantong"}, "expNo"),
        ({"expCode": "yuantong", "expNo": "YT 1"}, "expNo"),
        ({"expCode": "yuantong", "expNo": 7450353838751}, "expNo"),
        ({"expCode": ["yuantong"], "expNo": "YT7450353838751"}, "expCode"),
        ({"expCode": "yuantong", "expNo": "YT7450353838751", "phone": 13801380000}, "phone"),
        ({"expCode": "yuantong", "expNo": "YT7450353838751", "phone": "12"}, "phone"),
        ({"expCode": "yuantong", "expNo": "YT7450353838751", "lang": "fr"}, "lang"),
    ],
)
def test_contract_a_names_the_field_that_fails(query: Query, body: dict[str, Any], field: str) -> None:
    answer = query.track(**body)
    assert (answer.status, answer.body["code"], answer.body["data"]) == (400, "INVALID_PARAMETER", None)
    assert answer.body["message"].startswith(f"{field}:")
    assert query.upstream_calls() == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('"text"', "application/json", 400),
        ("", "application/json", 400),
        (None, "application/json", 400),
        ('{"a": NaN}', "application/json", 400),
        ("[" * 9000, "application/json", 400),
        ('{"a": ' + "9" * 5000 + "}", "application/json", 400),
        ('{"expCode": "\\ud800", "expNo": "\\ud800"}', "application/json", 400),
        ("{}" + " " * 17_000, "application/json", 413),
        ("{}", "text/plain", 415),
        ("{}", "application/x-www-form-urlencoded", 415),
        ("{}", "", 415),
    ],
)
def test_a_body_that_is_no_request_says_what_is_wrong(
    query: Query, body: str | None, content_type: str, status: int
) -> None:
    answer = query.send("POST", "/v1/track", headers={"content-type": content_type}, body=body)
    assert (answer.status, answer.body["data"]) == (status, None)
    field = "Content-Type:" if status == 415 else "exp" if "expCode" in (body or "") else "body:"
    assert answer.body["message"].startswith(field)
    assert query.upstream_calls() == []


def test_bytes_that_are_no_text_are_400(query: Query) -> None:
    body = base64.b64encode(b'{"expCode": "\xff\xfe"}').decode()
    headers = {"Content-Type": "application/json"}
    assert query.send("POST", "/v1/track", headers=headers, body=body, base64=True).status == 400


def test_an_unknown_courier_is_422_with_a_hint_and_costs_nothing(query: Query) -> None:
    answer = query.parcel("yuantongs", "YT7450353838751")
    assert (answer.status, error(answer)["error_code"]) == (422, "COURIER_UNKNOWN")
    assert error(answer)["error_trace"][0]["field"] == "courier"
    assert query.track(expCode="yuantongs", expNo="YT7450353838751").body["message"].startswith("expCode: ")
    assert "Did you mean yuantong, " in error(query.parcel("yuanton", "YT7450353838751"))["message"]
    assert query.upstream_calls() == []


def test_wrong_methods_are_405_with_the_right_ones_and_unknown_paths_404(query: Query) -> None:
    answer = query.send("DELETE", "/v1/statuses")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    contract_a = query.send("GET", "/v1/track")
    assert (contract_a.status, contract_a.body["code"]) == (405, "INVALID_PARAMETER")
    assert error(query.send("GET", "/{proxy+}"))["code_reason"] == "NOT_FOUND"


def test_a_token_without_the_scope_is_403(query: Query) -> None:
    answer = query.send("GET", "/v1/statuses", scopes="manage")
    assert (answer.status, error(answer)["code_reason"]) == (403, "FORBIDDEN")


def test_a_fault_of_ours_tells_nothing_of_itself(
    query: Query, monkeypatch: pytest.MonkeyPatch, logs: StringIO
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("13801386543")

    monkeypatch.setattr("waybill.gateway.route", broken)
    answer = query.send("GET", "/v1/statuses")
    assert answer.status == 500
    assert answer.body == {
        "error": {
            "code": "500999",
            "code_reason": "API_ERROR",
            "message": "Api Error, please contact customer service",
        }
    }
    assert "KeyError" in logs.getvalue()
    assert "13801386543" not in logs.getvalue()


_TEXTS = st.text(max_size=40) | st.sampled_from(["YT7450353838751", "yuantong", "zh", "auto"])
_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.lists(_TEXTS, max_size=2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.sampled_from(["expCode", "expNo", "phone", "lang"]) | st.text(max_size=8), _VALUES, max_size=5
    ),
    raw=st.binary(max_size=300),
    courier=st.text(max_size=40),
    number=st.text(max_size=40),
    parameters=st.dictionaries(
        st.sampled_from(["lang", "max_age", "q", "number"]), st.text(max_size=60), max_size=3
    ),
    tail=st.text(max_size=20),
)
def test_bad_input_of_any_kind_is_4xx_and_no_call(
    query: Query,
    body: dict[str, Any],
    raw: bytes,
    courier: str,
    number: str,
    parameters: dict[str, str],
    tail: str,
) -> None:
    body["expNo"] = "-"  # whatever else is right, this is not
    headers = {"Content-Type": "application/json", "X-Phone-Tail": tail}
    answers = [
        query.track(**body),
        query.send("POST", "/v1/track", headers=headers, body=base64.b64encode(raw).decode(), base64=True),
        query.send(
            "GET",
            "/v1/parcels/{courier}/{number}",
            path={"courier": courier, "number": f"{number}-"},
            headers=headers,
            query=parameters,
        ),
        query.send("GET", "/v1/couriers", query=parameters),
        query.send("GET", "/v1/couriers/detect", query=parameters),
        query.send("GET", "/v1/statuses", query=parameters),
    ]
    for answer in answers[:3]:
        assert 400 <= answer.status < 500
        assert "error" in answer.body or answer.body["data"] is None
    for answer in answers[3:]:
        assert answer.status < 500
    assert query.upstream_calls() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    courier=st.text(max_size=70).filter(
        lambda text: couriers.find(text) is None and text.strip().lower() != "auto"
    ),
    phone=st.text(min_size=1, max_size=50).filter(
        lambda text: len([c for c in text if c.isdecimal()]) < 4 and text.strip()
    ),
    extra=st.dictionaries(st.text(max_size=8).filter(lambda name: name[:3] != "exp"), _VALUES, max_size=3),
)
def test_one_wrong_field_beside_right_ones_is_4xx_and_no_call(
    query: Query, courier: str, phone: str, extra: dict[str, Any]
) -> None:
    number = "YT7450353838751"
    extra.pop("phone", None)
    answers = [
        query.track(**extra, expCode=courier, expNo=number),
        query.track(**extra, expCode="yuantong", expNo=number, phone=phone),
        query.parcel(courier, number),
        query.parcel("yuantong", number, headers={"X-Phone-Tail": phone}),
    ]
    assert {answer.status for answer in answers} <= {400, 422}
    assert query.upstream_calls() == []


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"CACHE_TABLE": ""}, "CACHE_TABLE"),
        ({"DAILY_CALL_CAP": "many"}, "DAILY_CALL_CAP"),
        ({"STRICT_GAP": "maybe"}, "STRICT_GAP"),
        (
            {"UPSTREAM_URL": "https://poll.kuaidi100.com/poll/query.do", "QUERY_GAP_SECONDS": "1799"},
            "QUERY_GAP_SECONDS",
        ),
        (
            {"UPSTREAM_URL": "https://poll.kuaidi100.com/poll/query.do", "WAYBILL_CLOCK": "1,1,600"},
            "WAYBILL_CLOCK",
        ),
        ({"WAYBILL_CLOCK": "soon"}, "WAYBILL_CLOCK"),
    ],
)
def test_a_wrong_environment_fails_at_start_by_name(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for key, value in {**environment, "UPSTREAM_URL": "http://127.0.0.1:1/", **variables}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(ConfigurationError, match=name):
        load("query")
