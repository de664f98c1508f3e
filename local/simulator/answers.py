"""Writing an answer as the vendor does: which field appears at which `resultv2`, in which language, order and format."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from local.simulator.history import Journey, JourneyEvent, SeenEvent, local_time
from waybill import statuses

if TYPE_CHECKING:
    from local.simulator.places import Area
    from local.simulator.query import Question

FAILURES: Final = {
    "400": "找不到对应公司",
    "408": "快递公司参数异常：验证码错误",
    "500": "查询无结果，请隔段时间再查",
    "501": "服务器错误",
    "502": "服务器繁忙",
    "503": "验证签名失败",
    "601": "key已过期",
}
"""Section 1.9 of the vendor's page, with the messages seen in use."""

ADVANCED: Final = frozenset({"4", "8"})
AREAS: Final = frozenset({"1", "4", "8"})

TIME: Final = "%Y-%m-%d %H:%M:%S"
ORIGINAL_TIMES: Final = {"jd": "%Y/%m/%d %H:%M:%S", "ems": "%Y-%m-%d %H:%M"}
"""`time` is in the courier's own format; where it is not listed, the same as `ftime`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, with the vendor's code of it ("200" for a success)."""

    code: str
    body: bytes
    media_type: str = "application/json;charset=UTF-8"

    @classmethod
    def failure(cls, code: str) -> Answer:
        content = {"result": False, "returnCode": code, "message": FAILURES[code]}
        return cls(code, _json(content).encode())


def success(question: Question, journey: Journey, t: float) -> Answer:
    """What can be seen of a journey at time `t`, or the vendor's 500 if nothing can."""
    seen = journey.seen_at(t, question.lang)
    if not seen:
        return Answer.failure("500")
    content = _content(question, journey, seen, t)
    if question.show == "1":
        return Answer("200", _xml(content), "text/xml;charset=UTF-8")
    if question.show == "2":
        return Answer("200", _html(content).encode(), "text/html;charset=UTF-8")
    if question.show == "3":
        return Answer("200", _text(content).encode(), "text/plain;charset=UTF-8")
    return Answer("200", _json(content).encode())


def _content(question: Question, journey: Journey, seen: list[SeenEvent], t: float) -> dict[str, Any]:
    newest = statuses.codes()[seen[0].status_code]
    advanced = question.resultv2 in ADVANCED
    items = [_item(question, event) for event in seen]
    content: dict[str, Any] = {
        "message": "ok",
        "nu": question.number,
        "ischeck": "1" if newest.state == "3" else "0",
        "com": question.courier,
        "status": "200",
        "data": items[::-1] if question.order == "asc" else items,
        "state": newest.code if advanced else newest.state,
        "condition": "F00",
    }
    if advanced:
        content["routeInfo"] = _route(journey, seen)
        content["isLoop"] = False
    if question.resultv2 == "8":
        content |= _estimate(journey, t)
    return content


def _item(question: Question, event: SeenEvent) -> dict[str, str | None]:
    code = statuses.codes()[event.status_code]
    moment = local_time(event.at)
    item: dict[str, str | None] = {
        "time": moment.strftime(ORIGINAL_TIMES.get(question.courier, TIME)),
        "context": event.text,
        "ftime": moment.strftime(TIME),
    }
    if question.resultv2 in AREAS:
        shown = code if question.resultv2 in ADVANCED else statuses.codes()[code.state]
        item |= {
            "areaCode": event.place.code,
            "areaName": event.place.name,
            "status": shown.name("en" if question.lang == "en" else "zh"),
        }
    if question.resultv2 in ADVANCED:
        item |= {
            "location": event.place.location,
            "areaCenter": event.place.center,
            "areaPinYin": event.place.pinyin,
            "statusCode": code.code,
        }
    return item


def _route(journey: Journey, seen: list[SeenEvent]) -> dict[str, dict[str, str | None] | None]:
    """From, current and to. Until the parcel is collected the courier does not tell where it goes."""
    collected = any(event.status_code not in {"101", "102"} for event in seen)
    current = next((event.place for event in seen if event.place.code), None)
    return {
        "from": _end(journey.origin),
        "cur": _end(current),
        "to": _end(journey.destination) if collected else None,
    }


def _end(place: Area | None) -> dict[str, str | None] | None:
    return {"number": place.code, "name": place.name} if place else None


def _estimate(journey: Journey, t: float) -> dict[str, Any]:
    """The fields of `resultv2` 8. The simulator knows the future, so its estimates are uncommonly good."""
    start, end = journey.events[0].at, journey.events[-1].at
    progress = min(1.0, (t - start) / max(1.0, end - start))
    return {
        "arrivalTime": local_time(end).strftime("%Y-%m-%d %H"),
        "totalTime": _duration(end - start),
        "remainTime": _duration(max(0.0, end - t)),
        "probability": f"{0.5 + 0.49 * progress:.2f}",
        "predictedRoute": _nodes(journey, t),
    }


def _duration(seconds: float) -> str:
    days, hours = divmod(int(seconds // 3600), 24)
    return f"{days}天{hours}小时"


def _nodes(journey: Journey, t: float) -> list[dict[str, str | None]]:
    nodes = []
    for location, events in groupby(journey.events, key=lambda event: event.place.location):
        stay = list(events)
        nodes.append(_node(location or "", stay, t))
    return nodes


def _node(location: str, stay: list[JourneyEvent], t: float) -> dict[str, str | None]:
    named = next((event.place.name for event in stay if event.place.name), None)
    province, city, district = [*(named or "").split(","), "", "", ""][:3]
    if stay[-1].at <= t:
        state = "已经过节点"
    elif stay[0].at <= t:
        state = "当前停留节点"
    else:
        state = "预估途径节点"
    is_hub = all(event.status_code in {"1001", "1002"} for event in stay)
    kind = "转运中心" if is_hub else "网点"
    return {
        "arriveTime": local_time(stay[0].at).strftime(TIME),
        "leaveTime": local_time(stay[-1].at).strftime(TIME),
        "province": province or None,
        "city": city or None,
        "district": district or None,
        "name": location.replace(",", "") + kind,
        "state": state,
        "type": kind,
    }


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _xml(content: dict[str, Any]) -> bytes:
    root = ET.Element("xml")
    _fill(root, content)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _fill(parent: ET.Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _fill(ET.SubElement(parent, name), part)
    elif isinstance(value, list):
        for part in value:
            _fill(ET.SubElement(parent, "item"), part)
    elif isinstance(value, bool):
        parent.text = str(value).lower()
    elif value is not None:
        parent.text = value


def _html(content: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{item['ftime']}</td><td>{html.escape(item['context'])}</td></tr>"
        for item in content["data"]
    )
    return f"<!DOCTYPE html><html><body><table>{rows}</table></body></html>"


def _text(content: dict[str, Any]) -> str:
    return "".join(f"{item['ftime']} {item['context']}\n" for item in content["data"])
