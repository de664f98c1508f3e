"""What a parcel's page says besides the courier's own texts, in Chinese and English. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from waybill.model import Lang, Status

WORDS: Final[dict[Lang, dict[str, str]]] = {
    "zh": {
        "html_lang": "zh-CN",
        "number": "运单号",
        "progress": "进度",
        "timeline": "物流轨迹",
        "route": "运输路线",
        "route_from": "从 %s 到 %s",
        "last_place": "最近位置",
        "expected": "预计送达",
        "checked": "更新于",
        "unchecked": "尚未查询",
        "now": "刚刚",
        "nothing": "还没有物流轨迹。",
        "earlier": "另有更早的轨迹 %d 条",
        "assumed": "快递公司未注明时区的时间，按中国时间（UTC+8）显示。",
        "yours": "您的时间",
        "language": "语言",
        "changed": "状态更新：",
        "reached": "已完成",
        "at": "当前",
        "to_come": "未到",
        "gone": "链接已失效",
        "gone_text": "此链接已过期、被撤销或不完整。请向发货方索取新的链接。",
        "parcel": "包裹",
    },
    "en": {
        "html_lang": "en",
        "number": "Tracking number",
        "progress": "Progress",
        "timeline": "Timeline",
        "route": "Route",
        "route_from": "From %s to %s",
        "last_place": "Last seen in",
        "expected": "Expected",
        "checked": "Checked",
        "unchecked": "Not checked yet",
        "now": "just now",
        "nothing": "Nothing has been recorded yet.",
        "earlier": "and %d earlier entries",
        "assumed": "Where the courier named no time zone, times are taken as China's (UTC+8).",
        "yours": "your time",
        "language": "Language",
        "changed": "New status: ",
        "reached": "done",
        "at": "now",
        "to_come": "to come",
        "gone": "This link does not work",
        "gone_text": "It has expired, was withdrawn, or is not complete. Ask the sender for a new one.",
        "parcel": "Parcel",
    },
}
SENTENCES: Final[dict[Status, tuple[str, str]]] = {
    "pending": (
        "暂时没有可显示的物流信息，新包裹通常在一天内出现。",
        "There is nothing to show of this parcel yet. New ones usually appear within a day.",
    ),
    "info_received": (
        "发货方已下单，等待快递员上门揽收。",
        "The parcel is announced, and waits to be collected.",
    ),
    "in_transit": ("包裹正在运往目的地。", "The parcel is on its way."),
    "out_for_delivery": ("快递员正在派送，请留意。", "The courier is bringing the parcel."),
    "available_for_pickup": ("包裹已到，等您领取。", "The parcel has arrived, and waits to be picked up."),
    "failed_attempt": (
        "快递员没能送达，通常会再次派送。",
        "The courier could not hand over the parcel. Another attempt usually follows.",
    ),
    "exception": (
        "快递公司报告这个包裹遇到了问题。",
        "The courier reports a problem with the parcel.",
    ),
    "returning": ("包裹正在退回发货方。", "The parcel is on its way back to the sender."),
    "delivered": ("包裹已送达。", "The parcel has arrived."),
    "returned": ("包裹已退回发货方。", "The parcel is back with the sender."),
    "cancelled": ("这次寄送已取消。", "The shipment was cancelled."),
}
STEPS: Final[dict[str, tuple[str, str]]] = {
    "announced": ("待揽收", "Announced"),
    "collected": ("已揽收", "Collected"),
    "in_transit": ("运输中", "In transit"),
    "out_for_delivery": ("派送中", "Out for delivery"),
    "pickup": ("待取件", "Ready for pickup"),
    "delivered": ("已签收", "Delivered"),
    "attempted": ("派送未成功", "Not handed over"),
    "problem": ("遇到问题", "Problem"),
    "returning": ("退回中", "On its way back"),
    "returned": ("已退回", "Returned"),
    "cancelled": ("已取消", "Cancelled"),
}
_WEEKDAYS_ZH: Final = "一二三四五六日"
_WEEKDAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_EN: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # as a calendar has them # fmt: skip


def choose(pair: tuple[str, str], lang: Lang) -> str:
    return pair[0] if lang == "zh" else pair[1]


def day(when: datetime, now: datetime, lang: Lang) -> str:
    """`2月28日 星期六` or `Saturday, 28 February`, with its year where that is not this one."""
    if lang == "zh":
        year = f"{when.year}年" if when.year != now.year else ""
        return f"{year}{when.month}月{when.day}日 星期{_WEEKDAYS_ZH[when.weekday()]}"
    year = f" {when.year}" if when.year != now.year else ""
    return f"{_WEEKDAYS_EN[when.weekday()]}, {when.day} {_MONTHS_EN[when.month - 1]}{year}"


def short_day(when: datetime, lang: Lang) -> str:
    """`2月28日` or `28 Feb`."""
    return f"{when.month}月{when.day}日" if lang == "zh" else f"{when.day} {_MONTHS_EN[when.month - 1][:3]}"


def zone(when: datetime) -> str:
    """`UTC+8`, `UTC-3:30`."""
    minutes = round((offset.total_seconds() if (offset := when.utcoffset()) else 0) / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def ago(seconds: float, lang: Lang) -> str:
    """As browsers put it (Intl.RelativeTimeFormat), which goes on with it: whole minutes, hours or days."""
    for length, zh, en in ((86_400, "天", "day"), (3_600, "小时", "hour"), (60, "分钟", "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count}{zh}前" if lang == "zh" else f"{count} {en}{'s' if count > 1 else ''} ago"
    return WORDS[lang]["now"]
