"""People that nobody is: seeded names and phones, the sentences in which couriers write them, and the search for them.

A person is looked for exactly, but for how the phone is grouped: every name and every phone of a run is another one, and none of
the names is a word of the project's own data.
"""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SURNAMES: Final = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石"
    "姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_COMPOUND: Final = ("欧阳", "司马", "诸葛", "上官", "慕容", "尉迟", "皇甫", "令狐")
_GIVEN: Final = (
    "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超秀霞平刚桂英玉兰萍毅浩宇轩梓涵欣怡佳琪雨桐嘉豪俊熙思睿子墨诗晨曦婷雪慧莹颖琳晶妍倩薇蕾鹏飞"
    "翔凯瑞峰岩栋梁斌彬宁波鑫淼焱森钧铭锐"
)
_GROUPED: Final = (
    "{0}{1}{2}",
    "{0} {1} {2}",
    "{0}-{1}-{2}",
    "{0}.{1}.{2}",
    "({0}){1}-{2}",
    "+86{0}{1}{2}",
    "+86 {0} {1} {2}",
    "86-{0}{1}{2}",
)

CHINESE: Final = (
    "快递员{name}（{phone}）正在派件，请保持电话畅通",
    "【西安市】快递员 {name} {phone} 正在为您派件",
    "派件员：{name}，电话：{phone}",
    "[{name}]{phone} 的业务员{name}已揽收",
    "您的快件由【城东网点】{name}({phone})派送",
    "已签收，签收人：{name}，如有疑问请电联：{phone}",
    "快件已由{name}签收",
    "快件已送达，联系{name}{phone}",
    "收件人【{name}】，手机号{phone}",
    "派送员[{name}，{phone}]正在派送",
    "小哥{name}，联系方式 {phone}",
    "{name}先生，电话{phone}，拒收",
    "业务员-{name}派送，致电{phone}",
    "他人代收：{name}",
    "寄件人：{name} {phone}",
    "快递员姓名：{name}，联系电话：{phone}",
    "由{name}本人签收",
    "派件人：{name}/{phone}",
    "您的包裹已被{name}代收，电话：{phone}",
    "收件员{name}已取件",
    "快递员<{name}>{phone}派件中",
    "快递员“{name}”（电话：{phone}）正在派送途中",
)
ENGLISH: Final = (
    "Courier {name} ({phone}) is delivering",
    "Signed by {name}, {phone}",
    "Recipient: {name}, phone {phone}",
    "Delivered to {name}",
    "Handed to {name} ({phone})",
    "Left with neighbour {name}, call {phone}",
    "Driver: {name} tel. {phone}",
    "Received by {name}",
    "Mr. {name} refused the parcel",
    "Contact {name}, {phone}, for collection",
    "Delivery agent {name} (mobile: {phone}) is on the way",
)


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    phone: str
    grouped: str
    """The phone as it is written."""

    @property
    def latin(self) -> bool:
        return self.name.isascii()

    def said(self, form: str) -> str:
        return form.format(name=self.name, phone=self.grouped)


def people(count: int, seed: int = 1) -> list[Person]:
    """`count` people of different names and phones, none of which is a part of another; every fifth has a Latin name."""
    rng, own = random.Random(seed), _own_words()
    names: set[str] = set()
    parts: set[str] = set()
    made: dict[str, Person] = {}
    phones: set[str] = set()
    for place in itertools.count():
        if len(made) == count:
            return list(made.values())
        name = _latin_name(rng) if place % 5 == 4 else _chinese_name(rng)
        phone = f"1{rng.choice('3456789')}{rng.randrange(10**9):09}"
        sought, within = set(name.split()), _parts(name)
        if not parts.isdisjoint(sought) or not names.isdisjoint(within) or name in own or phone in phones:
            continue
        names |= sought
        parts |= within
        phones.add(phone)
        grouped = rng.choice(_GROUPED).format(phone[:3], phone[3:7], phone[7:])
        made[name] = Person(name, phone, grouped)
    raise AssertionError


def _parts(name: str) -> set[str]:
    """What may be found in a name: words of a Latin one, characters beside each other of a Chinese one."""
    if name.isascii():
        return set(name.split())
    return {
        name[start:end] for start, end in itertools.combinations(range(len(name) + 1), 2) if end - start > 1
    }


def _chinese_name(rng: random.Random) -> str:
    surname = rng.choice(_COMPOUND) if rng.random() < 0.05 else rng.choice(_SURNAMES)
    return surname + "".join(rng.sample(_GIVEN, 2 if rng.random() < 0.9 else 1))


def _latin_name(rng: random.Random) -> str:
    """Of words that are nobody else's, so that each part of a name is searched for."""

    def word() -> str:
        return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(4)).capitalize()

    return " ".join(word() for _ in range(rng.choice((2, 2, 3))))


def sentences(someone: Person) -> Iterator[str]:
    for form in ENGLISH if someone.latin else CHINESE:
        yield someone.said(form)


def _own_words() -> set[str]:
    """All that the project itself may say in two to four characters, so that nobody is called like a place or a courier."""
    folders = (ROOT / "layers/core", ROOT / "local", ROOT / "functions", ROOT / "template.yaml")
    files = itertools.chain.from_iterable([each] if each.is_file() else each.rglob("*.*") for each in folders)
    said = "\n".join(
        file.read_text(encoding="utf-8")
        for file in files
        if file.suffix in {".py", ".csv", ".json", ".yaml", ".html", ".js", ".txt"}
    )
    return {
        run[at : at + length]
        for run in re.findall(r"[\u4e00-\u9fff]{2,}", said)
        for length in (2, 3, 4)
        for at in range(len(run) - length + 1)
    }


class Search:
    """Finds people in texts of any size in time that does not grow with their number."""

    def __init__(self, sought: Iterable[Person]) -> None:
        sought = list(sought)
        self._phones = {person.phone for person in sought}
        self._names = {person.name for person in sought if not person.latin}
        self._words = {word for person in sought if person.latin for word in person.name.split()}
        self._lengths = sorted({len(name) for name in self._names})

    def __call__(self, text: str) -> set[str]:
        """The names and phones that are in the text."""
        return {*self._digits(text), *self._han(text), *self._latin(text)}

    def _digits(self, text: str) -> Iterator[str]:
        for run in re.findall(r"\d(?:[ .()-]{0,2}\d){10,}", text):
            digits = re.sub(r"\D", "", run)
            yield from self._phones.intersection(digits[at : at + 11] for at in range(len(digits) - 10))

    def _han(self, text: str) -> Iterator[str]:
        for run in re.findall(r"[\u4e00-\u9fff]{2,}", text):
            for length in self._lengths:
                yield from self._names.intersection(
                    run[at : at + length] for at in range(len(run) - length + 1)
                )

    def _latin(self, text: str) -> Iterator[str]:
        yield from self._words.intersection(re.findall(r"[A-Z][a-z]{7}(?![a-z])", text))
