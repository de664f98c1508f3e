"""The query function, request by request: both contracts, every refusal, and what each costs."""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functions.conftest import EVENTS, ROOT, Query, load, sample
from waybill import couriers, kuaidi100
from waybill.errors import ConfigurationError

if TYPE_CHECKING:
    from io import StringIO

    from tests.functions.conftest import Answer

_numbers = itertools.count(1)
DELIVERED = {"at": -600, "text": "已签收", "status_code": "301"}
COLLECTED = {
    "at": -90_000,
    "text": "快递员张三（13800000001）已揽收",
    "text_en": "Collected",
    "status_code": "103",
}


@pytest.fixture
def number() -> str:
    return f"YT9{next(_numbers):012}"


def error(answer: Answer) -> dict[str, Any]:
    envelope: dict[str, Any] = answer.body["error"]
    assert envelope["code"].startswith(str(answer.status))
    assert answer.headers["X-Request-Id"] == "request-1"
    return envelope


def test_contract_a_answers_exactly_in_shape(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, COLLECTED, DELIVERED)
    answer = query.track(expCode="yuantong", expNo=number)
    body = answer.body
    traces = body["data"].pop("traces")
    assert list(body.items()) == [
        ("code", "SUCCESS"),
        ("message", "success"),
        ("data", {"status": "已签收", "statusDesc": "快件已签收"}),
    ]
    assert [list(trace) for trace in traces] == [["time", "desc"]] * 2
    assert [trace["desc"] for trace in traces] == ["已签收", "快递员***（***）已揽收"]
    assert "已签收" in answer.text, "Chinese goes out unescaped"


def test_a_parcel_without_traces_is_a_success_with_none(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, {"at": 9000, "text": "已揽收", "status_code": "103"})
    expected = {
        "code": "SUCCESS",
        "message": "success",
        "data": {"status": "暂无轨迹", "statusDesc": "暂无轨迹", "traces": []},
    }
    assert query.track(expCode="yuantong", expNo=number).body == expected
    assert query.track(expCode="yuantong", expNo=number).body == expected
    assert len(query.upstream_calls()) == 1


def test_a_cached_read_is_one_dynamodb_call_and_no_upstream_call(query: Query, number: str) -> None:
    first = query.track(expCode="yto", expNo=f" {number.lower()} ")
    query.aws_calls.clear()
    second = query.track(expCode="yuantong", expNo=number)
    assert second.body == first.body
    assert query.aws_calls == ["DynamoDB_20120810.GetItem"]
    assert len(query.upstream_calls()) == 1
    assert (first.headers["X-Waybill-Source"], second.headers["X-Waybill-Source"]) == ("live", "cache")


def test_the_native_parcel_says_where_when_and_why(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, COLLECTED, DELIVERED)
    live = query.parcel("auto", number, lang="en")
    body = live.body
    assert body["courier"] == {"code": "yuantong", "name": "YTO Express"}
    assert (body["status"], body["substatus"], body["status_name"]) == (
        "delivered",
        "signed_by_recipient",
        "Signed by Recipient",
    )
    assert body["raw"] == {"state": "301"}
    assert [each["status"] for each in body["milestones"]] == ["in_transit", "delivered"]
    assert body["events"][0]["time"].endswith("+08:00")
    assert set(body["freshness"]) == {
        "source",
        "fetched_at",
        "age_seconds",
        "next_allowed_at",
        "next_refresh_at",
        "reason",
    }
    assert (body["freshness"]["source"], body["freshness"]["reason"]) == ("live", "fetched_now")
    cached = query.parcel("yuantong", number, lang="en")
    assert (cached.body["freshness"]["source"], cached.body["freshness"]["reason"]) == ("cache", "terminal")
    assert cached.headers["ETag"] == live.headers["ETag"]
    assert int(cached.headers["Age"]) >= 0
    assert cached.headers["Cache-Control"] == f"private, max-age={30 * 86_400}"


def test_an_unchanged_parcel_is_304_for_who_has_it(query: Query, number: str) -> None:
    tag = query.parcel("yuantong", number).headers["ETag"]
    again = query.parcel("yuantong", number, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, again.text) == (304, "")
    assert again.headers["ETag"] == tag
    assert query.parcel("yuantong", number, headers={"If-None-Match": '"other"'}).status == 200
    assert query.parcel("yuantong", number, lang="en").headers["ETag"] != tag


def test_texts_stay_in_the_language_they_were_fetched_in_and_say_which(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, COLLECTED)
    english = query.parcel("yuantong", number, lang="en")
    chinese = query.parcel("yuantong", number, lang="zh")
    assert [each.body["lang"] for each in (english, chinese)] == ["en", "en"]
    assert chinese.body["events"][0]["text"] == "Collected"
    assert (english.body["status_name"], chinese.body["status_name"]) == ("Collected", "已揽收")
    assert len(query.upstream_calls()) == 1


def test_max_age_asks_for_fresher_and_gets_what_the_rule_allows(query: Query, number: str) -> None:
    query.parcel("yuantong", number)
    assert query.parcel("yuantong", number, max_age="60").body["freshness"]["source"] == "cache"
    assert query.parcel("yuantong", number, max_age="-1").status == 400


def test_shunfeng_without_a_phone_is_refused_before_any_call(query: Query) -> None:
    native, contract_a = (
        query.parcel("shunfeng", "SF9000000000001"),
        query.track(expCode="sf", expNo="SF9000000000001"),
    )
    assert (native.status, error(native)["error_code"]) == (422, "PHONE_REQUIRED")
    assert (contract_a.status, contract_a.body["code"], contract_a.body["data"]) == (
        422,
        "PHONE_REQUIRED",
        None,
    )
    assert query.upstream_calls() == []


def test_the_right_phone_works_straight_after_a_wrong_one(query: Query) -> None:
    number = f"SF9{next(_numbers):012}"
    query.simulator.script("shunfeng", number, COLLECTED, phone="13801388000")
    wrong = query.track(expCode="shunfeng", expNo=number, phone="13801380001")
    assert (wrong.status, wrong.body["code"]) == (422, "PHONE_MISMATCH")
    assert query.track(expCode="shunfeng", expNo=number, phone="138-0138-8000").status == 200
    assert (
        query.parcel("shunfeng", number, headers={"X-Phone-Tail": "8000"}).body["freshness"]["source"]
        == "cache"
    )
    assert query.parcel("shunfeng", number, headers={"X-Phone-Tail": "0001"}).status == 422
    other = query.parcel("shunfeng", number, headers={"x-phone-tail": "7777"})
    assert (other.status, error(other)["error_code"]) == (422, "PHONE_UNVERIFIED")
    assert int(other.headers["Retry-After"]) > 1800
    assert "13800000001" not in other.text
    assert len(query.upstream_calls()) == 2


def test_no_phone_is_in_any_log_or_table(
    query: Query, logs: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    number = f"SF9{next(_numbers):012}"
    query.simulator.script("shunfeng", number, COLLECTED, phone="13801386543")
    for phone in ("13801386543", "13801380001", "not a phone 13801386543"):
        query.track(expCode="shunfeng", expNo=number, phone=phone)
    items = boto3.client("dynamodb").scan(TableName="cache")["Items"]
    assert len(items) == 2
    parcel = query.app.API.lookup.store.known("shunfeng", number).parcel
    written = capsys.readouterr()
    assert "PHONE_UNVERIFIED" in logs.getvalue()
    assert "***" in str(parcel)
    for text in (str(items), str(parcel), logs.getvalue(), written.out, written.err):
        assert "张三" not in text
        assert not any(digits in text for digits in ("13801386543", "6543", "13800000001", "13801380001"))


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


def test_auto_asks_back_where_the_number_does_not_tell(query: Query) -> None:
    answer = query.parcel("auto", "773039762404825")
    assert (answer.status, error(answer)["error_code"]) == (422, "COURIER_AMBIGUOUS")
    assert error(answer)["candidates"][0] == {"code": "shentong", "name": "申通快递", "confidence": "medium"}
    assert query.upstream_calls() == []


def test_couriers_are_found_by_any_name(query: Query) -> None:
    for text in ("zhongtong", "中通", "ZTO"):
        found = query.send("GET", "/v1/couriers", query={"q": text}).body
        assert found["couriers"][0]["code"] == "zhongtong"
        assert found["couriers"][0]["requires_phone"] is True
        assert found["next_cursor"] is None
    assert error(query.send("GET", "/v1/couriers"))["error_trace"][0]["field"] == "q"


def test_a_number_is_traced_to_its_couriers_for_free(query: Query) -> None:
    body = query.send("GET", "/v1/couriers/detect", query={"number": "sf7444700499701"}).body
    assert body["number"] == "SF7444700499701"
    assert [(each["courier"]["code"], each["confidence"]) for each in body["candidates"]] == [
        ("shunfeng", "high")
    ]
    assert error(query.send("GET", "/v1/couriers/detect"))["error_trace"][0]["field"] == "number"
    assert query.upstream_calls() == []
    assert query.aws_calls == []


def test_statuses_are_named_in_both_languages(query: Query) -> None:
    for lang, name in (("zh", "已签收"), ("en", "Delivered")):
        body = query.send("GET", "/v1/statuses", query={"lang": lang}).body
        names = {each["status"]: each["name"] for each in body["statuses"]}
        assert names["delivered"] == name
        assert sum(len(each["codes"]) for each in body["statuses"]) == 36


def test_health_needs_nothing(query: Query) -> None:
    assert query.send("GET", "/v1/health", scopes="").body == {"status": "ok"}


def test_wrong_methods_are_405_with_the_right_ones_and_unknown_paths_404(query: Query) -> None:
    answer = query.send("DELETE", "/v1/statuses")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    contract_a = query.send("GET", "/v1/track")
    assert (contract_a.status, contract_a.body["code"]) == (405, "INVALID_PARAMETER")
    assert error(query.send("GET", "/{proxy+}"))["code_reason"] == "NOT_FOUND"


def test_a_token_without_the_scope_is_403(query: Query) -> None:
    answer = query.send("GET", "/v1/statuses", scopes="manage")
    assert (answer.status, error(answer)["code_reason"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in EVENTS.glob("*.json") if path.stem != "authorizer")
)
def test_every_sample_event_is_answered(query: Query, name: str) -> None:
    event = sample(name)
    answer = query.app.handler(event, type("Context", (), {"function_name": "query"})())
    assert answer["statusCode"] == {"unknown-route": 404, "wrong-method": 405}.get(name, 200)
    assert answer["headers"]["X-Request-Id"] == event["requestContext"]["requestId"]


FAULTS = [
    "501",
    "502",
    "503",
    "601",
    "timeout",
    "reset",
    "html",
    "truncated",
    "slow",
    "wrong_charset",
    "huge",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_typed_error_with_retry_after_or_an_answer(
    query: Query, number: str, fault: str
) -> None:
    query.app.API.lookup.query.client = kuaidi100.Client(
        url=query.simulator.query_url, read=0.5, deadline=1.0
    )
    query.simulator.put(
        "faults", {"code" if fault.isdigit() else "kind": fault, "number": number}
    ).raise_for_status()
    answer = query.parcel("yuantong", number)
    if fault == "wrong_charset":
        assert answer.status == 200
        return
    expected = "UPSTREAM_UNAVAILABLE" if fault.isdigit() else "UPSTREAM_UNKNOWN"
    assert (answer.status, error(answer)["error_code"]) == (503, expected)
    assert int(answer.headers["Retry-After"]) >= 60
    assert query.parcel("yuantong", number).status == 503
    assert len([call for call in query.upstream_calls() if call["number"] == number]) == 1


def test_a_rotated_secret_is_read_again(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, COLLECTED)
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(
        SecretId="kuaidi100", SecretString=json.dumps({"customer": "DEMO", "key": "STALE"})
    )
    assert query.app.API.lookup.secrets.kuaidi100() == ("DEMO", "STALE")
    secrets.put_secret_value(
        SecretId="kuaidi100", SecretString=json.dumps({"customer": "DEMO", "key": "KEY"})
    )
    assert query.parcel("yuantong", number).status == 200
    assert [call["code"] for call in query.upstream_calls()] == ["503", "200"]


def test_a_secret_that_is_not_filled_in_says_what_the_operator_has_to_do(query: Query, number: str) -> None:
    boto3.client("secretsmanager").put_secret_value(
        SecretId="kuaidi100", SecretString='{"customer": "", "key": ""}'
    )
    answer = query.parcel("yuantong", number)
    assert answer.status == 503
    assert "operator" in error(answer)["message"]
    assert query.upstream_calls() == []


def test_secrets_that_cannot_be_read_serve_what_is_known(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, COLLECTED, DELIVERED)
    assert query.parcel("yuantong", number).status == 200
    boto3.client("secretsmanager").delete_secret(SecretId="kuaidi100", ForceDeleteWithoutRecovery=True)
    query.app.API.lookup.secrets._provider.clear_cache()  # noqa: SLF001 - as a container whose copy is too old
    known = query.app.API.lookup.store.known("yuantong", number)
    query.app.API.lookup.store.store(
        "yuantong", number, replace(known, sequence=known.sequence + 1, fresh_until=0, next_allowed_at=0)
    )
    stale = query.parcel("yuantong", number)
    assert (stale.status, stale.body["freshness"]["source"]) == (200, "stale")
    cold = query.parcel("yuantong", f"{number[:-1]}X")
    assert (cold.status, error(cold)["error_code"]) == (503, "UPSTREAM_UNAVAILABLE")
    assert int(cold.headers["Retry-After"]) == 5


def test_a_store_that_is_away_is_503_and_no_call(query: Query, number: str) -> None:
    boto3.client("dynamodb").delete_table(TableName="cache")
    answer = query.parcel("yuantong", number)
    assert (answer.status, error(answer)["error_code"]) == (503, "STORE_UNAVAILABLE")
    assert query.upstream_calls() == []


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
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


def test_a_cache_keeps_an_answer_no_longer_than_its_caller_accepts(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, COLLECTED, DELIVERED)
    query.parcel("yuantong", number)
    assert (
        query.parcel("yuantong", number, max_age="3600").headers["Cache-Control"] == "private, max-age=3600"
    )


def test_a_cached_answer_never_loads_httpx_or_pydantic(environment: dict[str, str]) -> None:
    script = (
        "import sys; sys.path[:0] = ['functions/query', 'layers/core/python']; import app; "
        "loaded = {'httpx', 'pydantic', 'asyncio', 'anyio', 'jmespath.parser'} & set(sys.modules); "
        "print(sorted(loaded & {'httpx', 'pydantic', 'anyio'}))"
    )
    variables = {**environment, "UPSTREAM_URL": "http://127.0.0.1:1/", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


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
