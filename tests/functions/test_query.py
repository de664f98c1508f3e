"""The query function, request by request: both contracts, every refusal, and what each costs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.functions.conftest import COLLECTED, DELIVERED, NUMBERS, ROOT, Query, error
from waybill import kuaidi100

if TYPE_CHECKING:
    from io import StringIO


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
    number = f"SF9{next(NUMBERS):012}"
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
    number = f"SF9{next(NUMBERS):012}"
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
    if fault in {"timeout", "slow"}:
        query.app.API.lookup.flights.query.client = kuaidi100.Client(
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
    assert query.app.API.lookup.flights.secrets.kuaidi100() == ("DEMO", "STALE")
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


def test_a_secret_is_found_as_soon_as_it_is_filled_in_also_by_who_has_read_it_empty(
    query: Query, number: str
) -> None:
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId="kuaidi100", SecretString="{}")
    assert query.parcel("yuantong", number).status == 503
    secrets.put_secret_value(
        SecretId="kuaidi100", SecretString=json.dumps({"customer": "DEMO", "key": "KEY"})
    )
    assert query.parcel("yuantong", number).status == 200


def test_secrets_that_cannot_be_read_serve_what_is_known(query: Query, number: str) -> None:
    query.simulator.script("yuantong", number, COLLECTED, DELIVERED)
    assert query.parcel("yuantong", number).status == 200
    boto3.client("secretsmanager").delete_secret(SecretId="kuaidi100", ForceDeleteWithoutRecovery=True)
    query.app.API.lookup.flights.secrets._provider.clear_cache()  # noqa: SLF001 - as a container whose copy is too old
    known = query.app.API.lookup.store.known("yuantong", number)
    query.app.API.lookup.store.store(
        "yuantong", number, replace(known, sequence=known.sequence + 1, fresh_until=0, next_allowed_at=0)
    )
    stale = query.parcel("yuantong", number)
    assert (stale.status, stale.body["freshness"]["source"]) == (200, "stale")
    asked: list[str] = []
    query.app.API.lookup.flights.secrets._provider.client.meta.events.register(  # noqa: SLF001 - as above
        "before-call.secrets-manager.GetSecretValue", lambda model, **_: asked.append(model.name)
    )
    cold = query.parcel("yuantong", f"{number[:-1]}X")
    assert (cold.status, error(cold)["error_code"]) == (503, "UPSTREAM_UNAVAILABLE")
    assert int(cold.headers["Retry-After"]) == 5
    assert len(asked) == 1, "who cannot read it does not ask twice"


def test_a_store_that_is_away_is_503_and_no_call(query: Query, number: str) -> None:
    boto3.client("dynamodb").delete_table(TableName="cache")
    answer = query.parcel("yuantong", number)
    assert (answer.status, error(answer)["error_code"]) == (503, "STORE_UNAVAILABLE")
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
