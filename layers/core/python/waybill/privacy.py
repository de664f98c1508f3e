"""Phone numbers and people's names out of couriers' texts, before anything stores, logs or sends them.

Couriers write free text: `快递员张三（13800000001）正在派件`, `Courier A (13800000001) is delivering`. A number is masked
where it has a phone's form, or a label before it. A name is masked where the text says that one follows (a role, "signed by") or
where a phone stands behind it. Tracking numbers, pickup codes, dates and times stay. No list of names exists, so this is a net
with known meshes: what neither a role nor a phone marks as a name passes.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MASK: Final = "***"
_HIDDEN: Final = "\ue000"
"""Stands for a phone number until the names are done: a name before `***` may be no name, one before a phone is."""
_OFFICE: Final = "\ue001"
"""As _HIDDEN, for a landline or a service number: what stands in brackets before one is a station or a courier."""
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff"
    r"\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U000e0000-\U000e007f]"
)
"""Control and format characters: they hide a number from a pattern and steer a terminal, and no courier needs them. Nor does SQS
take U+FFFE, U+FFFF and halves of characters (SendMessage: "allowed characters"), and what names one would never be told."""
_OTHER_DIGIT: Final = re.compile(r"(?![0-9])\d")
LIMIT: Final = 1000
"""Characters of one text that are kept: real ones have up to 300, and no pattern may be given more to chew on."""

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.ASCII)

_PHONE: Final = re.compile(
    r"""
    (?:(?<!\d)|(?=[+(]))(?:                                                         # also behind another phone
        (?:\(?\+?86\)?[- ]?)?(?:                                                    # mobile, however it is grouped
            (?:1[3-9]\d|\(1[3-9]\d\))[-. ]?[\d*]{4}[-. ]?\d{4}
          | 1[3-9]\d\d[- ]\d{3}[- ]\d{4} | 1[3-9]\d[- ]\d{3}[- ]\d{5}
        )(?:[-转,]\d{3,6})?                                                         # virtual with its four digits
      | (?P<office>(?:\+?86[- ]?)?(?:\(0\d{2,3}\)|0\d{2,3}(?:[- ]|(?=[2-9])))[\d*]{3,4}[- ]?[\d*]{4}(?:[-转]\d{1,6})?  # landline
        | [48]00-\d{3,4}-\d{3,4} | [48]00-\d{7})                                   # service numbers
      | \(?\+\d{1,3}\)?[- ]?\d{1,4}(?:[- ]?\d{2,4}){2,4}                               # international
    )(?!\d)
    """,
    re.VERBOSE | re.ASCII,
)
_LABELLED_PHONE: Final = re.compile(
    r"(?P<label>(?:电话|手机|座机|联系方式|热线|致电|拨打|客服|投诉|\b(?:tel|phone|mobile|hotline|telephone)\b)"
    r"[号码是为 :：.(（\[【]{0,6})"
    r"(?P<number>\+?\d(?:[- )）]{0,2}\d){4,18})",
    re.IGNORECASE | re.ASCII,
)

_PEOPLE: Final = (
    "快递员|派件员|派送员|配送员|投递员|收派员|业务员|揽件员|揽收员|收件员|取件员|送货员|快递小哥|小哥|骑手|司机|操作员|扫描员|"
    "经手人|派件人|派送人|投递人|揽件人|揽收人|取件人|提货人|收件人|收货人|寄件人|发件人|发货人|联系人|签收人|代收人|代签人|负责人|客户|经理|站长"
)
_NOT_A_NAME: Final = (
    "本人|他人|家人|亲友|同事|邻居|前台|门卫|保安|物业|丰巢|菜鸟|驿站|快递|代|签|已|正|将|为|电话|联系|手机|拒|未|无|不|在|要|本|地址|信息|拍照|"
    "门口|家门|单位|公司|收|超市|柜|站|取|派|配送|投递|揽|会|与|按|尽快|凭|上门|二次|再次|第|外出|搬家|放假|预约|更改|改|希望|通知|提供|留|暂|休|来|到|"
    "可|请|您|你|的|有|网点|客服|热线|投诉|服务|门店|营业|中心|分部|官方|专线|自提|同意|申请|提前|稍后|工作|编号|号|姓名|身份|所|员|"
    "货到|放[门在到于置前家快驿丰菜柜楼物]"
)
_HAN: Final = r"[\u4e00-\u9fff]"
_AFTER_A_NAME: Final = (
    r"(?=$|[ ,，。；;！!、】\]）)」》>”\"'’（(\[【:：/*\d\ue000\ue001]|电话|手机|联系|正在|已|将|为您|"
    r"派送|派件|配送|揽|签收|收取|取件|投递|本人|先生|女士|代|来)"
)
_COMPANY_ZH: Final = (
    rf"(?:(?:顺丰|中通|申通|圆通|韵达|邮政)(?:速运|速递|快递|快运|物流)?{_AFTER_A_NAME}"
    rf"|{_HAN}{{0,2}}(?:邮局|速运|速递|快递|快运|物流)(?!{_HAN}))"
)
"""A company where a person may be named, and nothing behind it: `顺丰张三` has a person in it."""
_NAME_ZH: Final = rf"(?!{_NOT_A_NAME}|{_COMPANY_ZH})(?:{_HAN}{{2,8}}?·{_HAN}{{2,8}}?|{_HAN}{{2,4}}?)"
_NAME_LATIN: Final = r"[A-Za-z][A-Za-z'.-]{1,20}(?: [A-Z][A-Za-z'.-]{0,20}){0,3}"
_GAP: Final = r"员?[】\]）)>]?[ ]?(?:姓名)?[ ]?(?:是|为|[:：-])?[ ]?[【\[（(「《<“\"'‘]?[ ]?"
_AFTER_ROLE_ZH: Final = re.compile(rf"(?P<role>(?:{_PEOPLE}){_GAP}){_NAME_ZH}{_AFTER_A_NAME}")
_LATIN_AFTER_ROLE_ZH: Final = re.compile(rf"(?P<role>(?:{_PEOPLE}){_GAP}){_NAME_LATIN}")
_AFTER_SIGNED_ZH: Final = re.compile(rf"(?P<role>(?:签收|代收|代签|收取)[:：] ?){_NAME_ZH}{_AFTER_A_NAME}")
_SIGNED_BY_ZH: Final = re.compile(rf"(?<=[由被]){_NAME_ZH}(?=本人|签收|代收|代签)")
_TITLED_ZH: Final = re.compile(rf"(?!联系|请|您|由|给|与){_HAN}{{1,2}}(?=先生|女士|小姐)")
_END_OF_A_PLACE: Final = "市区县省部镇州村街路站店点司心厅局所柜号码话机箱服京海津庆阳"
_BEFORE_PHONE_ZH: Final = re.compile(
    rf"(?:(?<!{_HAN})|(?<=联系)|(?<=[的由找]))(?!{_NOT_A_NAME}|{_PEOPLE}){_HAN}{{2,4}}(?<![{_END_OF_A_PLACE}])"
    r"(?P<rest>[ ]?(?:[】\]）)>]?[ ]?[,，:：/]?[ ]?[（(【\[]?[ ]?\ue000|[,，:：]?[ ]?[（(【\[]?[ ]?\ue001))"
)
_NO_NAME_EN: Final = (
    r"(?!(?:the|your|an|at|in|by|is|has|was|will|to|for|from|and|not|on|self|recipient|proxy|station|locker|front|mail|reception|"
    r"security|neighbou?r|family|department|branch|center|centre|post|door|parcel|customer|agent|staff)\b)"
)
_NAME_EN: Final = rf"(?i:{_NO_NAME_EN})[A-Z][A-Za-z'.-]{{0,30}}(?: [A-Z][A-Za-z'.-]{{0,30}}){{0,3}}"
_AFTER_ROLE_EN: Final = re.compile(
    r"(?P<role>\b(?i:courier|driver|rider|postman|deliveryman|delivery man|salesperson|salesman|recipient|consignee|receiver|"
    rf"sender|shipper|contact|addressee|messenger|delivery (?:agent|person|associate)|received by|collected by|operator|"
    rf"with neighbou?r)[:：]? ?[\[(\"'“]?){_NAME_EN}"
)
_PLACE_EN: Final = (
    r"(?:City|Town|Village|District|Province|Country|States|Airport|Port|Station|Cent(?:er|re)|Hub|Branch|Depot|Facility|Office|"
    r"Locker|Box|Shop|ParcelShop|Store|Point|ServicePoint|Desk|Room|House|Entrance|Door|Road|Street|Avenue|Building|Tower|Hotel|Park|"
    r"Garden|Place|Destination|Mail|[a-z]{0,30}Post|Carrier|Courier|Airlines?|Express|Logistics|Customs|Kong|York|Angeles)"
)
_PLACE_FIRST_EN: Final = (
    r"(?:DHL|UPS|USPS|FedEx|New|Tel|Sao|Saudi|Kuala|San (?:Francisco|Jose|Diego|Antonio|Juan|Salvador))"
)
_PLACE_WORD_EN: Final = r"(?!(?i:at|by|via|on|in|from|front)\b)[A-Z][A-Za-z'.-]{0,30} "
_NOBODY_EN: Final = (
    rf"(?!(?i:{_PLACE_FIRST_EN})\b|(?:{_PLACE_WORD_EN}){{0,3}}(?=[A-Z])(?i:{_PLACE_EN})\b)(?i:{_NO_NAME_EN})"
)
"""What is said of people is said of companies and places too: `John Smith at Door` is a person all the same."""
_HANDED_TO_EN: Final = re.compile(
    rf"(?P<role>\b(?i:delivered to|handed to|given to|accepted by)[:：]? ?[\[(\"'“]?){_NOBODY_EN}"
    r"[A-Z][A-Za-z'.-]{0,30}(?: [A-Z][A-Za-z'.-]{0,30}){1,3}"
)
_SIGNED_BY_EN: Final = re.compile(
    rf"(?P<role>\b(?:signed by|signed for by|recipient:|consignee:|receiver:)[:：]? ?)(?i:{_NO_NAME_EN})"
    r"[a-z][a-z'.-]{1,20}(?: [a-z][a-z'.-]{1,20})?",
    re.IGNORECASE,
)
_TITLED_EN: Final = re.compile(rf"\b(?P<role>(?:Mr|Mrs|Ms|Miss|Dr)\.? ){_NAME_EN}")
_BEFORE_PHONE_EN: Final = re.compile(
    rf"\b(?!(?:Courier|Driver|Rider|Recipient|Sender|Contact|Phone|Tel|Mrs?|Ms|Miss|Dr)\b){_NAME_EN}"
    r"(?P<rest> ?[,:]? ?[(\[]? ?[\ue000\ue001])"
)


def without_addresses(text: str) -> str:
    """The text with e-mail addresses replaced by `***`, and nothing else changed."""
    return _EMAIL.sub(MASK, text)


def mask(text: str) -> str:
    """The text with phone numbers and people's names replaced by `***`, in one line of at most LIMIT characters and the masks."""
    text = _UNSEEN.sub("", text[:LIMIT])
    text = _OTHER_DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text)
    text = re.sub(rf"[\s{_HIDDEN}{_OFFICE}]+", " ", text).strip()
    text = _EMAIL.sub(MASK, text)
    text = _PHONE.sub(lambda found: _OFFICE if found["office"] else _HIDDEN, text)
    text = _LABELLED_PHONE.sub(rf"\g<label>{_HIDDEN}", text)
    for after in (
        _AFTER_ROLE_ZH,
        _LATIN_AFTER_ROLE_ZH,
        _AFTER_SIGNED_ZH,
        _AFTER_ROLE_EN,
        _HANDED_TO_EN,
        _SIGNED_BY_EN,
        _TITLED_EN,
    ):
        text = after.sub(rf"\g<role>{MASK}", text)
    for alone in (_SIGNED_BY_ZH, _TITLED_ZH):
        text = alone.sub(MASK, text)
    for before in (_BEFORE_PHONE_ZH, _BEFORE_PHONE_EN):
        text = before.sub(rf"{MASK}\g<rest>", text)
    return re.sub(f"[{_HIDDEN}{_OFFICE}]", MASK, text)
