"""The client of query.do: what it signs and posts, and what it makes of every answer that the vendor gives."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vendor import CREDENTIALS, QUERY, reply, row, sent
from waybill import statuses
from waybill.kuaidi100 import Client, parse, sign, to_param
from waybill.model import Area, Parcel, Query
from waybill.outcomes import REFUSALS, NoResult, OutcomeUnknown, UnlistedCode, UpstreamError


def test_param_is_compact_utf8_json_without_empty_fields() -> None:
    query = Query(
        "yuantong", "YT1", origin="广东深圳", to="北京朝阳", lang="en", order="asc", show="0", resultv2="8"
    )
    assert to_param(query) == (
        '{"com":"yuantong","num":"YT1","from":"广东深圳","to":"北京朝阳","resultv2":"8","show":"0","order":"asc","lang":"en"}'
    )


def test_the_signature_is_the_upper_case_digest_of_param_key_customer() -> None:
    expected = hashlib.md5(b"{}KEYCUSTOMER").hexdigest().upper()  # noqa: S324 - the vendor's algorithm
    assert sign("{}", CREDENTIALS) == expected
    assert len(sign("{}", CREDENTIALS, "SHA256")) == 64


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text("甲乙ab '&=/+\\\"", max_size=20),
    st.sampled_from(["MD5", "SHA256"]),
)
def test_what_is_signed_is_what_is_posted_to_the_byte(origin: str, to: str, sign_type: str) -> None:
    seen: dict[str, list[str]] = {}

    def vendor(request: httpx.Request) -> httpx.Response:
        seen.update(parse_qs(request.content.decode(), keep_blank_values=True))
        return sent(reply())

    with Client(transport=httpx.MockTransport(vendor), sign_type=sign_type) as client:
        client.query(Query("yuantong", "YT7450353838751", origin=origin, to=to), CREDENTIALS)
    digest = {"MD5": hashlib.md5, "SHA256": hashlib.sha256}[sign_type]
    text = seen["param"][0] + "KEY" + "CUSTOMER"
    assert seen["sign"] == [digest(text.encode()).hexdigest().upper()]
    assert seen.get("signType", ["MD5"]) == [sign_type]
    assert json.loads(seen["param"][0]).get("from", "") == origin


def test_the_vendors_own_example_becomes_a_parcel() -> None:
    events = [
        row(
            time="2024-03-07 16:55:46",
            ftime="2024-03-07 16:55:46",
            context="Your package has been picked up by [Jinshui'an, Jinan City], recipient: Recipient B (13800000002)",
            statusCode="1",
            areaCode="CN370105000000",
            areaName="山东,济南市,天桥区",
            areaCenter="116.987492,36.678016",
        ),
        row(),
        row(ftime="2024-03-09 10:47:53", context="signed for, salesperson at 13800000001", statusCode="304"),
    ]
    route = {
        "from": {"number": "CN370105000000", "name": "山东"},
        "cur": {"number": None, "name": None},
        "to": None,
    }
    answer = parse(reply(data=events, routeInfo=route, isLoop=False, condition="F00"), QUERY)
    parcel = answer.parcel
    assert (parcel.status, parcel.substatus, parcel.terminal, parcel.state) == (
        "delivered",
        "picked_up_at_station",
        True,
        "304",
    )
    assert [event.code for event in parcel.events] == ["304", "501", "1"]
    assert parcel.events[-1].time == "2024-03-07T16:55:46+08:00"
    assert parcel.events[-1].zone == "assumed"
    assert parcel.events[-1].area == Area("CN370105000000", "山东,济南市,天桥区", 116.987492, 36.678016)
    assert parcel.route is not None
    assert parcel.route.origin == Area("CN370105000000", "山东")
    assert parcel.route.destination is None
    assert "1380000" not in json.dumps(parcel.to_dict())
    assert "Recipient B" not in json.dumps(parcel.to_dict())
    assert Parcel.from_dict(json.loads(json.dumps(parcel.to_dict()))) == parcel


def test_a_forecast_is_read() -> None:
    stop = {
        "arriveTime": "2024-03-09 10",
        "leaveTime": None,
        "province": "北京",
        "city": "北京市",
        "district": "朝阳区",
    }
    body = reply(
        arrivalTime="2024-03-09 17",
        totalTime="2天",
        remainTime="5小时",
        probability="0.9",
        predictedRoute=[stop],
    )
    eta = parse(body, QUERY).parcel.eta
    assert eta is not None
    assert eta.arrives_at == "2024-03-09T17:00:00+08:00"
    assert (eta.remaining_time, eta.stops[0].name) == ("5小时", "北京 北京市 朝阳区")


def test_the_stops_of_a_forecast_are_those_to_come() -> None:
    states = ["已经过节点", "当前停留节点", "预估途径节点", None, "新节点"]
    nodes = [{"name": str(at), "state": state} for at, state in enumerate(states)]
    eta = parse(reply(predictedRoute=nodes), QUERY).parcel.eta
    assert eta is not None
    assert [stop.name for stop in eta.stops] == ["2", "3", "4"]
    assert parse(reply(predictedRoute=nodes[:2]), QUERY).parcel.eta is None


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_each_return_code_is_an_error_of_its_own(code: str) -> None:
    body = json.dumps({"result": False, "returnCode": code, "message": "查询无结果"}).encode()
    with pytest.raises(REFUSALS[code]) as caught:
        parse(body, QUERY)
    assert caught.value.outcome == code
    assert len(caught.value.action) > 20


@pytest.mark.parametrize("code", [408, "408"])
def test_a_status_without_data_stands_in_for_a_return_code(code: object) -> None:
    with pytest.raises(REFUSALS["408"]):
        parse(json.dumps({"status": code, "data": []}).encode(), QUERY)


def test_the_return_code_rules_even_beside_data() -> None:
    with pytest.raises(REFUSALS["503"]):
        parse(reply(returnCode="503"), QUERY)


def test_a_code_that_nobody_listed_has_an_error_too() -> None:
    with pytest.raises(UnlistedCode):
        parse(b'{"result": false, "returnCode": "777"}', QUERY)


def test_success_without_a_trace_is_no_result() -> None:
    with pytest.raises(NoResult):
        parse(reply(data=[]), QUERY)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        reply()[:-30],
        b"[]",
        b"null",
        b'"x"',
        b"[" * 5000,
        b"\xff\xfe\x00",
        b'{"result": false}',
    ],
)
def test_what_nobody_can_read_is_an_unknown_outcome(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        parse(body, QUERY)


def test_the_answer_to_another_number_is_never_taken_for_this_one() -> None:
    with pytest.raises(OutcomeUnknown):
        parse(reply(nu="YT0000000000000"), QUERY)


def test_gbk_is_read_where_utf8_was_promised() -> None:
    assert parse(reply().decode().encode("gbk"), QUERY).parcel.events[0].text == "您的快件已送达"


@pytest.mark.parametrize(
    ("raw", "status", "known"),
    [
        ("399", "delivered", False),
        ("1099", "in_transit", False),
        ("299", "exception", False),
        ("99", "in_transit", False),
    ],
)
def test_an_unknown_code_falls_back_to_its_family_and_is_reported(raw: str, status: str, known: bool) -> None:  # noqa: FBT001 - a column of the table
    answer = parse(reply(state=raw), QUERY)
    assert answer.parcel.status == status
    assert answer.parcel.state == raw
    assert (answer.unknown_codes == ()) is known


@pytest.mark.parametrize("code", sorted(statuses.codes()))
def test_every_documented_code_keeps_both_levels(code: str) -> None:
    answer = parse(reply(state=code, data=[row(statusCode=code)]), QUERY)
    expected = statuses.codes()[code]
    assert (answer.parcel.status, answer.parcel.substatus) == (expected.status, expected.substatus)
    assert answer.unknown_codes == ()


def test_a_family_state_is_refined_by_the_newest_event_of_that_family() -> None:
    assert parse(reply(state="5"), QUERY).parcel.status == "available_for_pickup"
    assert parse(reply(state="3"), QUERY).parcel.substatus is None


@pytest.mark.parametrize("state", [None, ""])
def test_without_a_state_the_newest_event_says_what_it_is(state: str | None) -> None:
    answer = parse(reply(state=state, data=[row(statusCode="301"), row(context="before")]), QUERY)
    parcel = answer.parcel
    assert (parcel.status, parcel.substatus, parcel.state) == ("delivered", "signed_by_recipient", "301")
    assert parcel.terminal
    nowhere = parse(reply(state=state, data=[row(statusCode=None)]), QUERY).parcel
    assert (nowhere.status, nowhere.state) == ("in_transit", "0")


@pytest.mark.parametrize(
    ("code", "status", "substatus"),
    [
        ("10", "in_transit", "customs_pending"),
        ("11", "in_transit", "customs_in_progress"),
        ("12", "in_transit", "customs_cleared"),
        ("13", "exception", "customs_exception"),
    ],
)
def test_the_codes_of_the_customs_belong_to_state_8(code: str, status: str, substatus: str) -> None:
    """The vendor's section 1.6 has them there, though their numbers do not begin with it."""
    parcel = parse(reply(state="8", data=[row(statusCode=code)]), QUERY).parcel
    assert (parcel.status, parcel.substatus, statuses.code_of(parcel)) == (status, substatus, code)
    assert statuses.codes()[code].state == "8"


@pytest.mark.parametrize(
    ("text", "expected", "zone"),
    [
        ("2024-03-09 10:47:53", "2024-03-09T10:47:53+08:00", "assumed"),
        ("2024-03-09 10:47", "2024-03-09T10:47:00+08:00", "assumed"),
        ("2024/03/09 10:47:53", "2024-03-09T10:47:53+08:00", "assumed"),
        ("2024.03.09 10:47:53", "2024-03-09T10:47:53+08:00", "assumed"),
        ("2024-03-09T10:47:53-05:00", "2024-03-09T10:47:53-05:00", "given"),
        ("morgen", None, "assumed"),
        ("0001-01-01 00:00:00", None, "assumed"),
        ("9999-12-31 23:59:59", None, "assumed"),
        (None, None, "assumed"),
    ],
)
def test_naive_times_are_shanghai_and_say_so(text: str | None, expected: str | None, zone: str) -> None:
    event = parse(reply(data=[row(ftime=text, time=text)]), QUERY).parcel.events[0]
    assert (event.time, event.zone) == (expected, zone)


def test_repeated_events_are_one_and_order_asc_is_turned_round() -> None:
    first, second = (
        row(ftime="2024-03-09 10:00:00", context="一"),
        row(ftime="2024-03-09 10:00:00", context="二"),
    )
    down = parse(reply(data=[second, first, second]), QUERY).parcel.events
    up = parse(reply(data=[first, second]), Query("yuantong", "YT7450353838751", order="asc")).parcel.events
    assert [event.text for event in down] == ["二", "一"] == [event.text for event in up]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*row(), "data"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["data", "state", "status", "returnCode", "nu", "routeInfo", "predictedRoute", "arrivalTime"]
        ),
        _JSON,
    )
)
def test_any_json_is_an_answer_or_an_error_of_the_tree(fields: dict[str, Any]) -> None:
    try:
        answer = parse(json.dumps({"state": "0", "status": "200", "data": [row()], **fields}).encode(), QUERY)
    except UpstreamError:
        return
    assert answer.parcel.events


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_of_the_tree(body: bytes) -> None:
    with pytest.raises(UpstreamError):
        parse(body, QUERY)


def test_credentials_do_not_show_themselves() -> None:
    assert "KEY" not in repr(CREDENTIALS)


def test_half_an_emoji_is_a_question_mark_and_no_fault() -> None:
    body = json.dumps(
        {"status": "200", "state": "0", "data": [row(context="已签收\ud83d", location="天津\ude00")]}
    ).encode()
    event = parse(body, QUERY).parcel.events[0]
    assert event.text.encode().startswith("已签收".encode())
    json.dumps(event.location, ensure_ascii=False).encode()


def test_events_of_different_zones_are_in_the_order_in_which_they_happened() -> None:
    rows = [
        row(ftime="2024-03-09T01:00:00-05:00", context="later"),
        row(ftime="2024-03-09 10:00:00", context="earlier"),
    ]
    assert [event.text for event in parse(reply(data=rows), QUERY).parcel.events] == ["later", "earlier"]
