"""The simulator speaks the vendor's protocol: signature, order of checks, fields by `resultv2`, phones, formats."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.simulators import Simulator, running_simulator, sign
from waybill.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = ("yuantong", "YT7450353838751")
SF = ("shunfeng", "SF7444700499701")

BASIC = {"time", "context", "ftime"}
AREAS = BASIC | {"areaCode", "areaName", "status"}
ADVANCED = AREAS | {"location", "areaCenter", "areaPinYin", "statusCode"}
TOP = {"message", "nu", "ischeck", "com", "status", "data", "state", "condition"}
ROUTE = TOP | {"routeInfo", "isLoop"}
ESTIMATE = ROUTE | {"arrivalTime", "totalTime", "remainTime", "probability", "predictedRoute"}

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def locker(simulator: Simulator) -> tuple[str, str]:
    """A fresh parcel that was picked up from a locker an hour ago."""
    parcel = ("yunda", f"31290{next(_numbers):08}")
    area = {
        "area_code": "CN420116000000",
        "area_name": "湖北,武汉市,黄陂区",
        "center": "114.375000,30.882000",
    }
    simulator.script(
        *parcel,
        {
            "at": -9000,
            "text": "已到达",
            "text_en": "Arrived",
            "status_code": "1001",
            "location": "武汉市,黄陂区",
            **area,
        },
        {
            "at": -3600,
            "text": "已取件",
            "text_en": "Picked up",
            "status_code": "304",
            "location": "武汉市,黄陂区",
        },
    )
    return parcel


def failure(code: str, message: str) -> dict[str, Any]:
    return {"result": False, "returnCode": code, "message": message}


def test_the_example_of_the_vendors_page_is_under_way(simulator: Simulator) -> None:
    answer = simulator.query(*EXAMPLE, resultv2="4", lang="en")
    assert (answer["com"], answer["nu"], answer["status"], answer["message"]) == (*EXAMPLE, "200", "ok")
    assert len(answer["data"]) >= 4
    assert answer["ischeck"] == "0"


# Signature


@pytest.mark.parametrize(
    ("sign_type", "digest"), [("", hashlib.md5), ("MD5", hashlib.md5), ("SHA256", hashlib.sha256)]
)
def test_a_signature_over_the_raw_param_is_accepted(
    simulator: Simulator, sign_type: str, digest: Any
) -> None:
    param = '{ "num" : "YT7450353838751",\n "com":"yuantong", "from":"\\u5e7f\\u4e1c \\u0026 \\/" }'
    signed = digest(f"{param}KEYDEMO".encode()).hexdigest().upper()
    form = {"customer": "DEMO", "sign": signed, "param": param, "url": "", "signType": sign_type}
    assert simulator.post(form).json()["status"] == "200"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sign": "0" * 32},
        {"customer": "OTHER"},
        {"param": '{"com":"yuantong","num":"YT7450353838752"}'},
        {"signType": "SHA256"},
        {"signType": "ROT13"},
        {"sign": "é"},
    ],
)
def test_a_wrong_signature_or_customer_is_503(simulator: Simulator, wrong: dict[str, str]) -> None:
    answer = simulator.post(simulator.form(*EXAMPLE) | wrong)
    assert answer.status_code == 200
    assert answer.json() == failure("503", "验证签名失败")


def test_a_signature_in_lower_case_is_503(simulator: Simulator) -> None:
    form = simulator.form(*EXAMPLE)
    assert simulator.post(form | {"sign": form["sign"].lower()}).json()["returnCode"] == "503"


# Errors, in the vendor's order


def test_anything_but_a_form_is_400(simulator: Simulator) -> None:
    answer = simulator.http.post(simulator.query_url, json=simulator.form(*EXAMPLE))
    assert answer.status_code == 200
    assert answer.json() == failure("400", "找不到对应公司")


def test_a_query_without_post_is_500(simulator: Simulator) -> None:
    answer = simulator.http.get(simulator.query_url)
    assert (answer.status_code, answer.json()["returnCode"]) == (200, "500")


@pytest.mark.parametrize("missing", ["customer", "sign", "param"])
def test_a_form_without_a_field_is_400(simulator: Simulator, missing: str) -> None:
    form = simulator.form(*EXAMPLE)
    del form[missing]
    assert simulator.post(form).json()["returnCode"] == "400"


@pytest.mark.parametrize(
    "param", ["[]", "com=yuantong", "{", '"x"', "[" * 50_000, '{"com":"yuantong"}', "{}"]
)
def test_a_param_that_is_no_query_is_400(simulator: Simulator, param: str) -> None:
    form = {"customer": "DEMO", "sign": sign(param, simulator.account), "param": param}
    assert simulator.post(form).json()["returnCode"] == "400"


@pytest.mark.parametrize("com", ["nosuchcourier", "sf", "YUANTONG", " yuantong"])
def test_a_code_that_is_not_in_the_table_is_400(simulator: Simulator, com: str) -> None:
    assert simulator.code(com, "SF1234567890") == "400"


@pytest.mark.parametrize("num", ["12345", "1" * 33])
def test_a_number_of_a_wrong_length_is_501(simulator: Simulator, num: str) -> None:
    assert simulator.query("ems", num) == failure("501", "服务器错误")


def test_an_estimate_without_a_destination_is_501(simulator: Simulator) -> None:
    assert simulator.code(*EXAMPLE, resultv2="8") == "501"


def test_the_first_error_in_the_vendors_order_is_answered(simulator: Simulator) -> None:
    unsigned = {"customer": "DEMO", "sign": "0"}
    everything_wrong = json.dumps({"com": "nosuchcourier", "num": "1"})
    assert simulator.post(unsigned | {"param": everything_wrong}).json()["returnCode"] == "503"
    assert simulator.code("nosuchcourier", "1") == "400"
    assert simulator.code("shunfeng", "1") == "501"
    simulator.script("shunfeng", "SF0000000001", phone="8000")
    assert simulator.code("shunfeng", "SF0000000001") == "408"
    assert simulator.code("shunfeng", "SF0000000001", phone="8000") == "500"


def test_a_parcel_without_events_yet_is_500(simulator: Simulator) -> None:
    simulator.script("jd", "JD0000000001", {"at": 60, "text": "已揽收", "status_code": "103"})
    assert simulator.query("jd", "JD0000000001") == failure("500", "查询无结果，请隔段时间再查")
    simulator.advance(60)
    assert simulator.code("jd", "JD0000000001") == "200"


def test_numbers_may_come_as_json_numbers_and_odd_characters_do_no_harm(simulator: Simulator) -> None:
    for number in (75123456789, "\ud800\udfff\ud800abc", "中文单号一二三", "a/../../b c"):
        param = json.dumps({"com": "zhongtong", "num": number, "phone": 4567})
        form = {"customer": "DEMO", "sign": sign(param, simulator.account), "param": param}
        assert simulator.post(form).status_code == 200
    assert simulator.get("calls")


# Phones


@pytest.mark.parametrize(
    "phone", ["8000", "13800008000", "138 0000 8000", "0755-81238000", "81238000", "13800001234-8000"]
)
def test_any_form_of_the_right_phone_opens_a_parcel(simulator: Simulator, phone: str) -> None:
    assert simulator.code(*SF, phone=phone) == "200"


@pytest.mark.parametrize("phone", ["", "8001", "000", "0000", "13880001234", "none"])
def test_a_missing_or_wrong_phone_is_408(simulator: Simulator, phone: str) -> None:
    assert simulator.query(*SF, phone=phone) == failure("408", "快递公司参数异常：验证码错误")


@pytest.mark.parametrize(
    ("phone", "code"), [("", "408"), ("0000", "408"), ("12", "408"), ("1234", "200"), ("13800009999", "200")]
)
def test_without_a_phone_on_record_any_tail_is_right_but_0000(
    simulator: Simulator, phone: str, code: str
) -> None:
    assert simulator.code("zhongtong", "73100000000041", phone=phone) == code


@pytest.mark.parametrize(("phone", "code"), [("", "200"), ("4321", "200"), ("1111", "408")])
def test_a_scripted_phone_is_checked_for_every_courier(simulator: Simulator, phone: str, code: str) -> None:
    simulator.script("ems", "EMS000000001", {"at": -1, "text": "x", "status_code": "103"}, phone="4321")
    assert simulator.code("ems", "EMS000000001", phone=phone) == code


def test_where_a_script_says_so_a_wrong_phone_after_the_right_one_is_shown_what_that_one_saw_last() -> None:
    parcel = ("shunfeng", "SF0000000003")
    lines = [{"at": at, "text": f"{at}", "status_code": "103"} for at in (-60, 3600)]
    script = {"phone": "8000", "shows_cached": True, "events": lines}
    with running_simulator() as simulator:
        simulator.put(f"journeys/{'/'.join(parcel)}", script).raise_for_status()
        assert simulator.code(*parcel, phone="1111") == "408"
        seen = simulator.query(*parcel, phone="8000")["data"]
        simulator.advance(7200)
        assert simulator.query(*parcel, phone="1111")["data"] == seen
        assert len(simulator.query(*parcel, phone="8000")["data"]) == 2
        assert simulator.code(*parcel) == "408"


def test_other_couriers_do_not_look_at_the_phone(simulator: Simulator) -> None:
    assert simulator.code(*EXAMPLE, phone="0000") == "200"


# Fields


@pytest.mark.parametrize(
    ("resultv2", "top", "fields", "state", "status"),
    [
        ("", TOP, BASIC, "3", None),
        ("0", TOP, BASIC, "3", None),
        ("1", TOP, AREAS, "3", "签收"),
        ("4", ROUTE, ADVANCED, "304", "投柜或站签收"),
        ("8", ESTIMATE, ADVANCED, "304", "投柜或站签收"),
    ],
)
def test_resultv2_decides_which_fields_appear(
    simulator: Simulator,
    locker: tuple[str, str],
    resultv2: str,
    top: set[str],
    fields: set[str],
    state: str,
    status: str | None,
) -> None:
    answer = simulator.query(*locker, resultv2=resultv2, to="湖北武汉")
    assert set(answer) == top
    assert [set(item) for item in answer["data"]] == [fields, fields]
    assert (answer["state"], answer["ischeck"]) == (state, "1")
    assert answer["data"][0].get("status") == status


def test_types_are_the_vendors(simulator: Simulator, locker: tuple[str, str]) -> None:
    answer = simulator.query(*locker, resultv2="4")
    assert answer["isLoop"] is False
    assert all(isinstance(answer[name], str) for name in ("status", "state", "ischeck", "condition"))
    assert answer["data"][0]["areaCode"] is None
    assert answer["data"][1]["areaCode"] == "CN420116000000"
    assert answer["routeInfo"]["from"] == {"number": "CN420116000000", "name": "湖北,武汉市,黄陂区"}


def test_an_estimate_tells_times_and_nodes(simulator: Simulator) -> None:
    answer = simulator.query(*EXAMPLE, resultv2="8", to="四川成都")
    assert len(answer["arrivalTime"]) == len("2026-01-01 09")
    states = [node["state"] for node in answer["predictedRoute"]]
    assert states[0] == "已经过节点"
    assert set(answer["predictedRoute"][0]) == {
        "arriveTime", "leaveTime", "province", "city", "district", "name", "state", "type",
    }  # a table # fmt: skip


def test_the_order_is_newest_first_unless_asc(simulator: Simulator, locker: tuple[str, str]) -> None:
    newest_first = [item["context"] for item in simulator.query(*locker)["data"]]
    assert newest_first == ["已取件", "已到达"]
    assert [item["context"] for item in simulator.query(*locker, order="desc")["data"]] == newest_first
    assert [item["context"] for item in simulator.query(*locker, order="asc")["data"]] == newest_first[::-1]


def test_english_translates_context_and_status_only(simulator: Simulator, locker: tuple[str, str]) -> None:
    zh = simulator.query(*locker, resultv2="4", lang="zh")
    en = simulator.query(*locker, resultv2="4", lang="en")
    assert en["data"][0]["context"] == "Picked up"
    assert en["data"][0]["status"] == "Signed from Locker or Station"
    for item in (*zh["data"], *en["data"]):
        del item["context"], item["status"]
    assert en == zh


def test_the_original_time_may_differ_from_the_formatted_one(simulator: Simulator) -> None:
    simulator.script("jd", "JD0000000002", {"at": -1, "text": "x", "status_code": "103"})
    item = simulator.query("jd", "JD0000000002")["data"][0]
    assert item["time"] == item["ftime"].replace("-", "/")


def test_show_chooses_the_format(simulator: Simulator, locker: tuple[str, str]) -> None:
    form = simulator.form
    xml = ET.fromstring(simulator.post(form(*locker, show="1", resultv2="4")).content)  # noqa: S314 - our own server
    assert xml.findtext("nu") == locker[1]
    assert [item.findtext("context") for item in xml.iterfind("data/item")] == ["已取件", "已到达"]
    page = simulator.post(form(*locker, show="2"))
    assert "text/html" in page.headers["content-type"]
    assert "<td>已取件</td>" in page.text
    text = simulator.post(form(*locker, show="3")).text
    assert [line.split(" ", 2)[2] for line in text.splitlines()] == ["已取件", "已到达"]


def test_a_number_has_the_same_journey_in_two_simulators_of_one_seed() -> None:
    clock = Clock(real=0, simulated=1_760_000_000, speed=1e-6)
    answers = []
    for seed in (7, 7, 8):
        with running_simulator(seed=seed, clock=clock) as simulator:
            answers.append([simulator.query("yunda", f"3129{i:08}") for i in range(5)])
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]
