"""Parcels for the pages to show: journeys with places, scripted at the simulator, registered and shared."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests import loopback
from tests.parcels import new_number, new_order

if TYPE_CHECKING:
    from tests.stacks import RunningStack

HOUR: Final = 3600
Line = dict[str, Any]


def line(hours: float, code: str, text: str, area: str = "", center: str = "") -> Line:
    """What happened so many hours from now."""
    said: Line = {"at": hours * HOUR, "status_code": code, "text": text}
    return said | ({"area_name": area, "center": center, "area_code": "CN110000000000"} if area else {})


YIWU, HANGZHOU = (
    ("浙江,金华市,义乌市", "120.075106,29.306775"),
    ("浙江,杭州市,萧山区", "120.264263,30.183806"),
)
WUHAN, ZHENGZHOU = ("湖北,武汉市,东西湖区", "114.137116,30.619819"), ("河南,郑州市", "113.625351,34.746303")
BEIJING = ("北京,北京市,朝阳区", "116.601144,39.948574")
ON_ITS_WAY: Final = (
    line(-52, "103", "【金华市】义乌市城西网点 已揽收，快递员张三（13800000001）", *YIWU),
    line(-47, "1002", "【杭州市】快件到达 杭州转运中心", *HANGZHOU),
    line(-46, "1002", "【杭州市】快件离开 杭州转运中心，发往 武汉转运中心", *HANGZHOU),
    line(-30, "1002", "【武汉市】快件到达 武汉转运中心", *WUHAN),
    line(-27, "1002", "【武汉市】快件离开 武汉转运中心，发往 郑州转运中心", *WUHAN),
    line(-5, "1002", "【郑州市】快件到达 郑州转运中心", *ZHENGZHOU),
)
ARRIVED: Final = (
    *ON_ITS_WAY,
    line(-4.5, "1001", "【北京市】快件到达 北京朝阳网点", *BEIJING),
    line(-3, "5", "【北京市】北京朝阳网点 派件中，派件员：李四，电话 13800000002", *BEIJING),
)
JOURNEYS: Final[dict[str, tuple[Line, ...]]] = {
    "pending": (),
    "collected": ON_ITS_WAY[:1],
    "transit": ON_ITS_WAY,
    "tour": ARRIVED,
    "locker": (*ARRIVED, line(-1, "501", "【北京市】已投递至丰巢快递柜，请凭取件码取件", *BEIJING)),
    "delivered": (*ARRIVED, line(-1, "301", "【北京市】已签收，签收人：本人，感谢使用", *BEIJING)),
    "failed": (*ARRIVED, line(-1, "206", "【北京市】多次电话无人接听，改日再派", *BEIJING)),
    "exception": (*ON_ITS_WAY, line(-2, "209", "【郑州市】快件外包装破损，正在核实", *ZHENGZHOU)),
    "returning": (*ARRIVED, line(-1, "6", "【北京市】收件人拒收，快件退回", *BEIJING)),
    "homeless": (line(-3, "103", "已揽收"), line(-1, "0", "运输中")),
}


@dataclass(frozen=True, slots=True)
class Shared:
    """A parcel with a link to its page."""

    stack: RunningStack
    order: str
    number: str
    url: str

    @property
    def path(self) -> str:
        return f"/v1/shipments/{self.order}"

    def script(self, *lines: Line) -> None:
        """Have it go on; the page hears of it when it is looked at next."""
        journey = f"{self.stack.simulator}/_sim/journeys/yuantong/{self.number}"
        loopback.put(journey, json={"events": lines}).raise_for_status()


def shared(stack: RunningStack, *lines: Line, **shipment: Any) -> Shared:
    """A parcel that has been looked at once."""
    order, number = new_order(), new_number("YT")
    made = Shared(stack, order, number, "")
    made.script(*lines)
    with stack.member(f"shop-{uuid.uuid4().hex[:8]}", "track", "manage") as member:
        new = {"order_id": order, "tracking_number": number, "courier": "yuantong", **shipment}
        member.post("/v1/shipments", json=new).raise_for_status()
        member.post(f"{made.path}/refresh").raise_for_status()
        url = member.post(f"{made.path}/share", json={"days": 7}).raise_for_status().json()["url"]
    return Shared(stack, order, number, url)
