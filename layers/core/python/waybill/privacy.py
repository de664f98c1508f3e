"""Phone numbers and people's names out of couriers' texts, before anything stores, logs or sends them.

Couriers write free text: `快递员张三（13800000001）正在派件`, `Courier A (13800000001) is delivering`. A number is masked wherever
it stands. A name is masked where the text says that one follows (a role, "signed by") or where a phone number stands behind it.
Order and tracking numbers, dates and times stay.
"""

from __future__ import annotations

import re
from typing import Final

from waybill import fullwidth

MASK: Final = "***"

# Digits of any script and width count: \d matches them all.
_PHONE: Final = re.compile(
    r"""
    (?<![\dA-Za-z])(?:
        (?:\+?86[-\s]?)?1[3-9]\d[-\s]?[\d*]{4}[-\s]?\d{4}(?:[-转,]\d{3,6})?   # mobile, virtual with its four digits
      | (?:\+?86[-\s]?)?\(?0\d{2,3}(?:\)|[-\s]|(?=[2-9]))[\d*]{7,8}(?:[-转]\d{1,6})?  # landline with area code
      | [48]00[-\s]?\d{3,4}[-\s]?\d{3,4}                                     # service numbers
      | 95\d{3,6} | 1[012]\d{3} | 11183
      | \+\d{1,3}[-\s]?\d{1,4}(?:[-\s]?\d{2,4}){2,4}                         # international
    )(?!\d)
    """,
    re.VERBOSE,
)
_LABELLED_PHONE: Final = re.compile(
    r"(?P<label>(?:电话|手机|联系方式|热线|致电|拨打|号码|tel|phone|mobile|hotline|call|contact)[^\d\n]{0,12}?)(?P<number>\+?\d[\d\-\s]{3,18}\d)",
    re.IGNORECASE,
)

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

_ROLES_ZH: Final = (
    "快递员|派件员|派送员|配送员|投递员|收派员|业务员|揽件员|揽收员|收件员|取件员|送货员|快递小哥|小哥|骑手|司机|操作员|扫描员|"
    "经手人|收件人|收货人|寄件人|发件人|发货人|联系人|签收人|代收人|代签人|负责人|客服|经理|站长|掌柜"
)
_NAME_ZH: Final = r"[\u4e00-\u9fff·]{2,4}?"
_NOT_A_NAME: Final = (
    "网点|客服|热线|投诉|服务|门店|营业|站点|中心|分部|官方|专线|本人|他人|家人|同事|邻居|前台|门卫|保安|物业|丰巢|菜鸟|驿站|快递|代收|代签|签收|已签|正在|已经|已收|已取|已揽|将|为您|电话|联系|"
    "手机|拒收|拒签|未|无法|不在|要求|本|地址|信息|拍照|门口|家门|单位|公司|收发|超市|柜|站|取件|派件|派送|配送|投递|揽收|揽件|正|会|与|按|尽快"
)
_NAME_AFTER_ROLE_ZH: Final = re.compile(
    rf"(?P<role>(?:{_ROLES_ZH})(?:是|为)?[】\]）)]?\s*[:：]?\s*[【\[（(「《]?\s*)"
    rf"(?!{_NOT_A_NAME})(?P<name>{_NAME_ZH})"
    r"(?=$|[\s,，。；;！!、】\]）)」》（(\[【:：/]|电话|手机|联系|正在|已|将|为您|派送|派件|配送|揽|签收|收取|取件|投递|本人|先生|女士|代|\*|\d)"
)
_NAME_BEFORE_PHONE_ZH: Final = re.compile(
    rf"(?:(?<![\u4e00-\u9fff])|(?<=联系)|(?<=[的由找]))(?P<name>(?!{_NOT_A_NAME}|{_ROLES_ZH})[\u4e00-\u9fff·]{{2,4}})"
    r"(?P<rest>\s*[,，:：]?\s*[（(【\[]?\s*(?:电话|手机|联系电话|联系方式)?\s*[:：]?\s*\*\*\*)"
)
_SIGNED_BY_ZH: Final = re.compile(rf"(?<=由)(?!{_NOT_A_NAME})[\u4e00-\u9fff·]{{2,4}}?(?=签收|代收|代签)")
_TITLED_ZH: Final = re.compile(r"[\u4e00-\u9fff]{1,2}(?=先生|女士|小姐|师傅)")
_NAME_EN: Final = (
    r"(?!(?:the|your|a|an|at|in|by|self|recipient|proxy|station|locker|front)\b)"
    r"[A-Z][\w'.·-]*(?:\s+[A-Z][\w'.·-]*){0,3}"
)
_NAME_AFTER_ROLE_EN: Final = re.compile(
    r"(?P<role>\b(?i:courier|driver|rider|postman|deliveryman|delivery man|delivery agent|delivery staff|"
    r"salesperson|salesman|recipient|"
    r"consignee|receiver|sender|shipper|contact|signed by|signed for by|received by|collected by|picked up by|operator)"
    rf"\s*[:：]?\s*)(?P<name>{_NAME_EN})"
)
_NAME_BEFORE_PHONE_EN: Final = re.compile(rf"\b(?P<name>{_NAME_EN})(?P<rest>\s*[,:]?\s*[(\[（]\s*\*\*\*)")


def mask(text: str) -> str:
    """The text with phone numbers and people's names replaced by `***`. Masking twice changes nothing more."""
    text = _PHONE.sub(MASK, fullwidth.digits_to_ascii(text))
    text = _LABELLED_PHONE.sub(rf"\g<label>{MASK}", text)
    text = _NAME_AFTER_ROLE_ZH.sub(rf"\g<role>{MASK}", text)
    text = _NAME_BEFORE_PHONE_ZH.sub(rf"{MASK}\g<rest>", text)
    text = _SIGNED_BY_ZH.sub(MASK, text)
    text = _TITLED_ZH.sub(MASK, text)
    text = _EMAIL.sub(MASK, text)
    text = _NAME_AFTER_ROLE_EN.sub(rf"\g<role>{MASK}", text)
    return _NAME_BEFORE_PHONE_EN.sub(rf"{MASK}\g<rest>", text)
