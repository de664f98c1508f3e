"""Couriers, numbers, phones and masking: the tables and small rules that everything else trusts."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import couriers, numbers, phones, privacy, statuses
from waybill.errors import CourierAmbiguous, InvalidField

DATA = Path(couriers.__file__).with_name("data")


def test_every_row_of_the_courier_table_can_be_found() -> None:
    with (DATA / "couriers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(couriers.table()) == 1618
    for row in rows:
        courier = couriers.find(row["code"])
        assert courier is not None
        assert (courier.name_zh, courier.requires_phone) == (row["name_zh"], row["requires_phone"] == "1")


@pytest.mark.parametrize(("alias", "code"), couriers.ALIASES.items())
def test_wrong_names_that_integrators_use_are_understood(alias: str, code: str) -> None:
    found = couriers.find(f" {alias.upper()} ")
    assert found is not None
    assert found.code == code


def test_the_couriers_that_demand_a_phone_are_the_documented_three() -> None:
    demanding = {code for code, courier in couriers.table().items() if courier.requires_phone}
    assert demanding == {"shunfeng", "shunfengkuaiyun", "zhongtong"}


@pytest.mark.parametrize(
    ("text", "first"),
    [("yuantong", "yuantong"), ("圆通速递", "yuantong"), ("YTO", "yuantong"), ("sf", "shunfeng")],
)
def test_couriers_are_found_by_code_chinese_and_english_name(text: str, first: str) -> None:
    assert couriers.search(text)[0].code == first


def test_every_status_has_both_names_and_every_code_leads_to_one() -> None:
    assert {code.status for code in statuses.codes().values()} <= set(statuses.NAMES)
    assert all(zh and en for zh, en in statuses.NAMES.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" yt7450353838751\n", "YT7450353838751"),
        ("ＳＦ７４４４７００４９９７０１", "SF7444700499701"),
        ("000123456", "000123456"),
    ],
)
def test_numbers_are_trimmed_narrowed_and_upper_cased(text: str, expected: str) -> None:
    assert numbers.normalise(text) == expected


@given(st.text(max_size=40))
def test_a_number_is_normal_or_refused_by_field(text: str) -> None:
    try:
        number = numbers.normalise(text, "expNo")
    except InvalidField as error:
        assert error.field == "expNo"  # noqa: PT017 - either way is right, and both are checked
        return
    assert re.fullmatch(r"[A-Z0-9][A-Z0-9-]{4,30}[A-Z0-9]", number)
    assert numbers.normalise(number) == number


@pytest.mark.parametrize(
    "text", ["", "12345", "1" * 33, "-123456", "123456-", "12 34567", "ß12345678", "YT１\u0001234567"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        numbers.normalise(text)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("SF7444700499701", [("shunfeng", "high")]),
        ("YT7450353838751", [("yuantong", "high")]),
        ("YT25569986666541", [("yuantong", "high")]),
        ("JT5091156768308", [("jtexpress", "high")]),
        ("773039762404825", [("shentong", "medium"), ("fedex", "low")]),
        ("1Z999AA10123456784", [("ups", "high")]),
    ],
)
def test_couriers_are_told_from_the_number(number: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.courier.code, each.confidence) for each in numbers.detect(number)] == expected


def test_every_pattern_names_a_courier_of_the_table() -> None:
    with (DATA / "courier_patterns.csv").open(encoding="utf-8", newline="") as file:
        codes = {row["code"] for row in csv.DictReader(file)}
    assert {code for code in codes if couriers.find(code) is None} <= {"state"}


@given(st.from_regex(r"\AE[A-Z][0-9]{8}\Z"))
def test_of_ten_check_digits_one_is_right_and_only_it_is_trusted(start: str) -> None:
    valid = [digit for digit in range(10) if numbers.s10_valid(f"{start}{digit}CN")]
    assert len(valid) == 1
    for digit in range(10):
        ems = next(each for each in numbers.detect(f"{start}{digit}CN") if each.courier.code == "ems")
        assert (ems.confidence == "high", ems.check_digit) == (digit in valid, digit in valid)


def test_the_check_digit_of_the_postal_unions_example_is_right() -> None:
    assert numbers.s10_valid("RA473124829FI") is True
    assert numbers.s10_valid("RA473124828FI") is False
    assert numbers.s10_valid("YT7450353838751") is None


def test_one_high_match_is_used_and_anything_less_is_shown() -> None:
    assert numbers.courier_of("SF7444700499701").code == "shunfeng"
    with pytest.raises(CourierAmbiguous, match="most likely shentong") as proposed:
        numbers.courier_of("773039762404825")
    assert proposed.value.candidates[0] == {"code": "shentong", "name": "申通快递", "confidence": "medium"}
    with pytest.raises(CourierAmbiguous, match="No known pattern"):
        numbers.courier_of("Q-123456")


@pytest.mark.parametrize(
    ("phone", "tail"),
    [
        ("0755-81234567", "4567"),
        ("075581234567", "4567"),
        ("81234567", "4567"),
        ("4567", "4567"),
        ("13801380000", "0000"),
        ("8000", "8000"),
        ("13801380000-1234", "1234"),
        ("138013800001234", "1234"),
        ("13801380001234", "1234"),
        ("0755-81234567-801", "4567"),
        ("0755-8123-4567-801", "4567"),
        ("(0755) 8123 4567 ext. 801", "4567"),
        ("+86 0571-812-3456-7801", "3456"),
        ("0571-8123456-7801", "3456"),
        ("0755-8123-4567", "4567"),
        ("8123-4567", "4567"),
        ("81234567-801", "4567"),
        ("0755-81234567转801", "4567"),
        ("(0755)81234567", "4567"),
        ("+86 13801380000", "0000"),
        ("１３８０１３８００００", "0000"),
        ("138****8000", "8000"),
    ],
)
def test_phones_come_down_to_four_digits(phone: str, tail: str) -> None:
    assert phones.tail(phone) == tail


@given(st.text(max_size=60))
def test_any_text_is_four_digits_or_refused(text: str) -> None:
    try:
        assert re.fullmatch(r"[0-9]{4}", phones.tail(text))
    except InvalidField as error:
        assert error.field == "phone"  # noqa: PT017 - either way is right, and both are checked


@pytest.mark.parametrize(
    "phone", ["", "12", "abc", "13801380000,13901380001", "1380138000x", "٠١٢٣", "1" * 41]
)
def test_what_is_no_single_phone_is_refused(phone: str) -> None:
    with pytest.raises(InvalidField):
        phones.tail(phone)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("快递员张三（13800000001）正在派件，网点022-00000000", "快递员***（***）正在派件，网点***"),
        ("签收人：李四，电话95554", "签收人：***，电话***"),
        ("快件已由李四签收", "快件已由***签收"),
        ("派件员 王小明 正在为您派件", "派件员 *** 正在为您派件"),
        ("已送达，请联系刘备13800000003", "已送达，请联系******"),
        ("Courier A (13800000001) is delivering", "Courier *** (***) is delivering"),
        ("recipient: Recipient B (13800000002)", "recipient: Recipient *** (***)"),
        ("由张三丰本人签收", "由***本人签收"),
        ("他人代收：李四", "他人代收：***"),
        ("已被李四签收", "已被***签收"),
        ("收件人:Zhang San", "收件人:***"),
        ("signed by: john smith", "signed by: ***"),
        ("Mr. Zhang San", "Mr. ***"),
        ("业务员-李四派送", "业务员-***派送"),
        ("快递员阿卜杜拉·买买提正在派件", "快递员***正在派件"),
        ("座机：8888-9999", "座机：***"),
        ("电话：(0755)8888 9999", "电话：***"),
        ("(+852) 9123 4567", "***"),
        ("wx13800138000", "wx***"),
        (
            "contact the salesperson at 13800000001, phone 022-00000000",
            "contact the salesperson at ***, phone ***",
        ),
        ("深圳市 0755-81234567", "深圳市 ***"),
        ("西湖分部（0571-88889999）", "西湖分部（***）"),
        ("１３８００００００１１", "***"),
        ("write to someone@example.com", "write to ***"),
        (
            "【深圳市】【深圳福田】（0755-83512345）的 张三（13800138000） 已揽收",
            "【深圳市】【深圳福田】（***）的 ***（***） 已揽收",
        ),
        ("[申通快递]0571-82122222", "[申通快递]***"),
        ("【顺丰速运】0755-83512345", "【顺丰速运】***"),
        ("【顺丰】400-811-1111", "【顺丰】***"),
        ("深圳仓/400-811-1111", "深圳仓/***"),
        ("【义乌】（0579-85512345）", "【义乌】（***）"),
        ("[张三]13800138000", "[***]***"),
        ("张三/13800138000", "***/***"),
        ("联系张三（0755-83512345）", "联系***（***）"),
        ("张三，400-811-1111", "***，***"),
        ("Zhang San (0755-83512345)", "*** (***)"),
        ("收件人员张三丰正在派件", "收件人员***正在派件"),
        ("派件人员：张三，", "派件人员：***，"),
        ("派件员：顺丰张三，", "派件员：***，"),
        ("派件员：张顺丰，", "派件员：***，"),
        ("顺丰张三13800138000", "******"),
        ("收件人张三快递已签收", "收件人***已签收"),
        ("放张三13800138000处", "******处"),
        ("Handed to Zhang San", "Handed to ***"),
        ('Given to "John Smith"', 'Given to "***"'),
        ("Accepted by JOHN SMITH AT DOOR", "Accepted by ***"),
        ("Delivered to San Zhang at Door", "Delivered to *** at Door"),
        ("Handed to Zhang (13800138000)", "Handed to *** (***)"),
        ("Delivered to John Smith Front Door", "Delivered to ***"),
        ("13800138000+1 415 555 2671", "******"),
        ("13800138000+8613900139000", "******"),
        ("13800138000(0755)83512345", "******"),
    ],
)
def test_names_and_phones_are_masked(text: str, masked: str) -> None:
    assert privacy.mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "快件到达【天津转运中心】 2024-03-09 10:47:53",
        "您的快件已签收，签收人：本人",
        "快件已由【丰巢智能快递柜】签收",
        "运单号YT7450353838751已揽收",
        "快递员已揽收",
        "收件人拒收",
        "Your package has left Tianjin Transfer Center",
        "signed for at the Fengchao cabinet",
        "Arrived at 2024-03-09 10:47:53",
        "签收人凭取货码签收",
        "快递员上门揽收",
        "派件员二次派送中",
        "收件人外出，预约派送",
        "司机已发车",
        "客服已登记",
        "快件重量 10500 克",
        "取件码 3-2-10234，柜机编号12345",
        "订单号 95123456",
        "Shipment 4001234567 to NY 10001",
        "Signed by Front Desk",
        "Received by Mail Room",
        "快件已由丰巢签收",
        "运单773039762404825",
        "收件人员正在派件",
        "客户“货到付款”",
        "客户“放门口”",
        "投递人：福田邮局",
        "派送人：顺丰速运",
        "派送人：德邦物流",
        "派送人：圆通正在派送",
        *(
            f"{said} {whom}"
            for said in ("Handed to", "Given to", "Accepted by", "Delivered to", "DELIVERED TO")
            for whom in (
                "DHL",
                "DHL Germany",
                "Royal Mail",
                "Customs",
                "USPS",
                "Carrier",
                "Airline",
                "Local Carrier",
                "China Southern Airlines",
                "Main Entrance",
                "Front Door",
                "USPS Facility",
                "Local ParcelShop",
                "Canada Post",
                "San Francisco",
                "New Delhi",
                "Tel Aviv",
                "Sao Paulo",
                "Kuala Lumpur",
                "Saudi Arabia",
                "United States",
                "Destination Country",
                "LETTER BOX",
            )
        ),
    ],
)
def test_what_is_not_personal_stays(text: str) -> None:
    assert privacy.mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "快件" + " " * 50_000 + "到达",
        "A." * 20_000,
        "a@" * 20_000,
        "张" * 40_000,
        "快递员" * 9000,
        "联系" * 20_000,
        "1" * 40_000,
        "电话" + "1 " * 20_000,
        "Ab " * 20_000,
        "(" * 40_000,
    ],
)
def test_no_text_keeps_the_mask_busy(text: str) -> None:
    """In steps, not seconds: the text is cut before any pattern sees it, and no pattern needs more than that."""
    assert len(privacy.mask(text)) <= privacy.LIMIT


_MOBILE = st.from_regex(r"\A1[3-9][0-9]{9}\Z")
_NAMES = st.sampled_from(["赵一", "钱二三", "孙四", "李五六"])


@given(
    _NAMES,
    _MOBILE,
    st.sampled_from(
        ["快递员{0}({1})派送中", "派件员：{0}，电话：{1}", "{0}，{1}", "签收人：{0} {1}", "联系{0}{1}。"]
    ),
)
def test_no_phone_and_no_name_beside_one_survives(name: str, phone: str, form: str) -> None:
    masked = privacy.mask(form.format(name, phone))
    assert phone not in masked
    assert name not in masked


@given(st.text(max_size=80))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = privacy.mask(text)
    assert privacy.mask(once) == once
