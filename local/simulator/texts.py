"""How each courier words what it does. The sentences are data: `data/texts.yaml`, a style per courier and one for all the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import yaml

from waybill import couriers

if TYPE_CHECKING:
    from local.simulator.places import District


class Words(NamedTuple):
    """The same thing in Chinese and in English."""

    zh: str
    en: str


HUBS: Final = {
    "generic": Words("转运中心", "Transfer Center"),
    "zhongtong": Words("中转部", "Transit Center"),
    "shunfeng": Words("中转场", "Transit Hub"),
    "yunda": Words("分拨中心", "Sorting Center"),
    "jd": Words("分拣中心", "Sorting Center"),
    "ems": Words("处理中心", "Processing Center"),
}
STATIONS: Final = {
    "generic": Words("网点", "Station"),
    "yuantong": Words("公司", "Branch"),
    "shentong": Words("公司", "Branch"),
    "shunfeng": Words("营业点", "Service Point"),
    "jd": Words("营业部", "Delivery Station"),
    "ems": Words("揽投部", "Delivery Office"),
}
BRANCHES: Final = (
    Words("城东", "East"),
    Words("城西", "West"),
    Words("新城", "New Town"),
    Words("开发区", "Development Zone"),
    Words("大学城", "University Town"),
    Words("高新区", "High-tech Zone"),
)
LOCKERS: Final = (
    Words("丰巢快递柜（阳光花园东门）", "Fengchao locker (Sunshine Garden, east gate)"),
    Words("丰巢快递柜（科技园南区）", "Fengchao locker (Science Park, south)"),
    Words("菜鸟驿站（翠湖名邸店）", "Cainiao station (Green Lake Residence)"),
    Words("菜鸟驿站（学府路店）", "Cainiao station (Academy Road)"),
    Words("妈妈驿站（锦绣家园店）", "Mama station (Splendid Homes)"),
    Words("兔喜生活（人民路店）", "Tuxi shop (People's Road)"),
    Words("小区快递柜（滨江花园）", "Residents' locker (Riverside Garden)"),
)
PROXIES: Final = (
    Words("前台", "the front desk"),
    Words("门卫", "the gatehouse"),
    Words("物业", "the property office"),
    Words("家人", "the family"),
    Words("同事", "a colleague"),
    Words("收发室", "the mail room"),
)
AFTERTHOUGHTS: Final = (
    Words("。如有疑问请联系派件网点", ". For any question please contact the station"),
    Words("，祝您生活愉快", ", have a nice day"),
    Words("（信息已核实）", " (information verified)"),
    Words("。投诉及建议请联系客服", ". For complaints and ideas please contact customer service"),
)
"""What couriers append when they rewrite a line later."""


@cache
def _styles() -> dict[str, dict[str, Words]]:
    text = Path(__file__).with_name("data").joinpath("texts.yaml").read_text(encoding="utf-8")
    return {
        style: {step: Words(*pair) for step, pair in steps.items()}
        for style, steps in yaml.safe_load(text).items()
    }


@dataclass(frozen=True, slots=True)
class Voice:
    """A courier's way of writing: its style and its own name."""

    style: str
    courier: Words

    @classmethod
    def of(cls, code: str) -> Self:
        courier = couriers.find(code)
        name = Words(courier.name_zh, courier.name_en or code) if courier else Words(code, code)
        return cls(code if code in _styles() else "generic", name)

    def hub(self, district: District) -> Words:
        suffix = HUBS.get(self.style, HUBS["generic"])
        return Words(district.city.removesuffix("市") + suffix.zh, f"{district.city_en} {suffix.en}")

    def station(self, district: District, branch: Words) -> Words:
        suffix = STATIONS.get(self.style, STATIONS["generic"])
        if district.is_abroad:
            return Words(district.city + district.name, f"{district.name_en}, {district.city_en}")
        return Words(
            f"{district.city}{district.name}{branch.zh}{suffix.zh}",
            f"{branch.en} {suffix.en}, {district.name_en}, {district.city_en}",
        )

    def say(self, step: str, **words: Words) -> Words:
        """The sentence of a step with its words filled in."""
        styles = _styles()
        sentence = styles[self.style].get(step) or styles["generic"][step]
        words["courier"] = self.courier
        return Words(
            sentence.zh.format(**{name: pair.zh for name, pair in words.items()}),
            sentence.en.format(**{name: pair.en for name, pair in words.items()}),
        )
