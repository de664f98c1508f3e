"""A parcel's page as people see it: on a phone and on a desk, light and dark, in both languages, with scripts and without."""

from __future__ import annotations

import itertools
import json
import re
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests import loopback
from tests.browser.conftest import DESKTOP, PHONE, SCHEMES, Scheme, accessible, overflow, report, screenshot
from tests.browser.journeys import ARRIVED, JOURNEYS, ON_ITS_WAY, Shared, line, shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Visit
    from tests.stacks import RunningStack

LOCALES = {"zh": "zh-CN", "en": "en-GB"}
HEADLINES = {
    "pending": ("暂无轨迹", "No tracking data yet"),
    "collected": ("运输中", "In transit"),
    "transit": ("运输中", "In transit"),
    "tour": ("派送中", "Out for delivery"),
    "locker": ("待取件", "Available for pickup"),
    "delivered": ("已签收", "Delivered"),
    "failed": ("派送异常", "Delivery attempt failed"),
    "exception": ("疑难件", "Exception"),
    "returning": ("退回中", "Being returned"),
    "homeless": ("运输中", "In transit"),
}
LIMIT = 100_000


@pytest.fixture(scope="module")
def parcels(stack: RunningStack) -> dict[str, Shared]:
    """One of each kind, for all tests that change nothing of them."""
    return {name: shared(stack, *lines) for name, lines in JOURNEYS.items()}


LOOKS: list[tuple[str, int, Scheme, str]] = [
    *itertools.product(("transit", "delivered", "exception", "pending"), (PHONE, DESKTOP), SCHEMES, LOCALES),
    ("collected", PHONE, "light", "en"),
    ("tour", PHONE, "dark", "zh"),
    ("locker", PHONE, "light", "en"),
    ("failed", DESKTOP, "dark", "en"),
    ("returning", PHONE, "light", "zh"),
    ("homeless", DESKTOP, "light", "en"),
]
"""Every way to look at what most people see, and one at the others, which differ in words and colours."""


@pytest.mark.parametrize(("name", "width", "scheme", "lang"), LOOKS)
def test_every_status_is_clear_at_any_width_in_any_light_and_to_any_reader(
    visit: Visit, parcels: dict[str, Shared], name: str, width: int, scheme: Scheme, lang: str
) -> None:
    page = visit(width=width, scheme=scheme, locale=LOCALES[lang], zone="Europe/Berlin")
    page.goto(parcels[name].url)
    assert page.locator("h1").inner_text() == HEADLINES[name][lang == "en"]
    assert parcels[name].number in page.locator("main").inner_text()
    assert overflow(page) == 0
    accessible(page)
    screenshot(page, f"parcel-{name}-{width}-{scheme}-{lang}")


@pytest.mark.parametrize(("width", "lang"), [(PHONE, "zh"), (DESKTOP, "en")])
def test_without_scripts_all_of_it_is_there(
    visit: Visit, parcels: dict[str, Shared], width: int, lang: str
) -> None:
    page = visit(width=width, locale=LOCALES[lang], javascript=False)
    page.goto(parcels["delivered"].url)
    shown = page.locator("main").inner_text()
    for each in (HEADLINES["delivered"][lang == "en"], "已签收，签收人", "UTC+8", "***"):
        assert each in shown
    assert page.locator("svg.map circle").count() > 3
    assert "13800000001" not in page.content()
    screenshot(page, f"parcel-no-script-{width}-{lang}")
    page.get_by_role("link", name="English" if lang == "zh" else "中文").click()
    assert page.locator("h1").inner_text() == HEADLINES["delivered"][lang == "zh"]


def test_a_dead_link_has_a_page_that_reads_well(visit: Visit, parcels: dict[str, Shared]) -> None:
    for width, scheme in itertools.product((PHONE, DESKTOP), SCHEMES):
        page = visit(width=width, scheme=scheme, locale="zh-CN")
        answer = page.goto(parcels["transit"].url[:-4] + "AAAA")
        assert answer is not None
        assert answer.status == 404
        assert "This link does not work" in page.locator("main").inner_text()
        assert overflow(page) == 0
        accessible(page)
        screenshot(page, f"gone-{width}-{scheme}-zh")


# ---- Times


def test_times_are_the_parcels_and_beside_them_the_readers(visit: Visit, parcels: dict[str, Shared]) -> None:
    there, here = visit(zone="Asia/Shanghai"), visit(zone="America/New_York")
    there.goto(parcels["delivered"].url)
    here.goto(parcels["delivered"].url)
    assert there.locator(".yours").count() == 0
    clocks = here.locator(".timeline .clock")
    assert clocks.count() == here.locator(".timeline .yours").count() == len(JOURNEYS["delivered"])
    for clock in clocks.all():
        theirs = clock.locator("time").get_attribute("datetime") or ""
        expected = here.evaluate(
            "iso => new Date(iso).toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'})", theirs
        )
        assert expected in clock.locator(".yours").inner_text()
        assert theirs.endswith("+08:00")
        assert theirs[11:16] == clock.locator("time").inner_text()


def test_the_age_goes_on_while_the_page_is_looked_at(visit: Visit, stack: RunningStack) -> None:
    parcel = shared(stack, *ON_ITS_WAY)
    for lang, words in (("en", "5 minutes ago"), ("zh", "5分钟前")):
        page = visit(locale=LOCALES[lang])
        page.clock.install()
        # No answer any more, which would begin anew.
        page.route(re.compile(r".*/v1/t/.*"), once())
        page.goto(parcel.url)
        page.clock.fast_forward(5 * 60_000 + 20_000)
        page.get_by_text(words).wait_for()


def test_an_answer_begins_the_age_anew_also_without_news(visit: Visit, stack: RunningStack) -> None:
    page = visit()
    page.clock.install()
    page.goto(shared(stack, *ON_ITS_WAY).url)
    said = page.locator("#ago").inner_text()
    for _ in range(2):  # the first answer brings the tag, by which the second one has no page
        with page.expect_response(lambda answer: "/v1/t/" in answer.url) as answer:
            page.clock.fast_forward(3 * 3_600_000)
        page.locator("#ago", has_text=said).wait_for()
    assert answer.value.status == 304


def once() -> Callable[[Any], None]:
    """A way to the server that is open for one request."""
    asked: list[str] = []

    def handle(route: Any) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.abort()
        else:
            route.continue_()

    return handle


# ---- News


def test_news_come_without_a_reload_and_another_status_is_announced(
    visit: Visit, stack: RunningStack
) -> None:
    parcel = shared(stack, *ON_ITS_WAY)
    page = visit()
    page.clock.install()
    page.goto(parcel.url)
    page.evaluate("window.stays = true")
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if "/v1/t/" in answer.url else None)

    with page.expect_response(lambda answer: "/v1/t/" in answer.url):
        page.clock.fast_forward(31_000)
    with page.expect_response(lambda answer: answer.status == 304):
        page.clock.fast_forward(60_000)
    assert page.locator("#news").inner_text() == ""

    turn(stack, parcel)
    page.clock.fast_forward(300_000)
    page.get_by_role("heading", name="Delivered", level=1).wait_for()
    assert page.locator("#news").inner_text() == "New status: Delivered"
    assert page.title().startswith("Delivered")
    assert page.evaluate("window.stays") is True
    accessible(page)

    asked = len(statuses)
    page.clock.fast_forward(3_600_000)
    page.clock.run_for(1000)
    assert len(statuses) == asked, "nothing more is expected of a parcel that has arrived"


def turn(stack: RunningStack, parcel: Shared) -> None:
    """Have the history say that it was delivered, as the next look would."""
    table, key = (
        stack.output("TrackingTable"),
        {"pk": {"S": f"PARCEL#yuantong#{parcel.number}"}, "sk": {"S": "HISTORY"}},
    )
    stored = stack.aws("dynamodb").get_item(TableName=table, Key=key)["Item"]
    history = json.loads(zlib.decompress(stored["parcel"]["B"]))
    history |= {"status": "delivered", "substatus": "signed_by_recipient", "state": "301", "terminal": True}
    stored["parcel"]["B"] = zlib.compress(json.dumps(history).encode())
    stack.aws("dynamodb").put_item(TableName=table, Item=stored)


def test_who_does_not_look_asks_nothing(visit: Visit, parcels: dict[str, Shared]) -> None:
    page = visit()
    page.clock.install()
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', {get: () => window.away === true, configurable: true})"
    )
    page.goto(parcels["transit"].url)
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(re.findall(r"/v1/t/.*", request.url)))
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.fast_forward(3_600_000)
    page.clock.run_for(1000)
    assert asked == []
    with page.expect_response(lambda answer: "/v1/t/" in answer.url):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
        page.clock.run_for(1000)


def test_a_link_that_ends_while_somebody_looks_says_so(visit: Visit, stack: RunningStack) -> None:
    parcel = shared(stack, *ON_ITS_WAY)
    page = visit()
    page.clock.install()
    page.goto(parcel.url)
    forget(stack, parcel)
    page.clock.fast_forward(31_000)
    page.get_by_role("heading", name="This link does not work", level=1).wait_for()


def forget(stack: RunningStack, parcel: Shared) -> None:
    """End the link as revoking does: the shipment is of another generation."""
    table, dynamodb = stack.output("TrackingTable"), stack.aws("dynamodb")
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :watch)",
        ExpressionAttributeValues={
            ":pk": {"S": f"PARCEL#yuantong#{parcel.number}"},
            ":watch": {"S": "WATCH#"},
        },
    )["Items"]
    (watch,) = found
    dynamodb.put_item(TableName=table, Item=watch | {"share_generation": {"N": "1"}})


# ---- Weight, speed, badge


def test_page_styles_and_script_together_weigh_less_than_100_kb(
    visit: Visit, parcels: dict[str, Shared]
) -> None:
    page, weight = visit(), dict[str, int]()
    page.on("response", lambda answer: weight.update({answer.url: len(answer.body())}))
    page.goto(parcels["delivered"].url)
    page.wait_for_load_state("networkidle")
    report("weight of page and assets", f"{sum(weight.values())} bytes")
    assert {url.rpartition(".")[2] for url in weight} >= {"css", "js"}
    assert sum(weight.values()) < LIMIT


def test_what_is_measured_of_the_function_is_in_its_log(
    stack: RunningStack, parcels: dict[str, Shared]
) -> None:
    with loopback.client() as client:
        for _ in range(30):
            client.get(parcels["delivered"].url).raise_for_status()
    said = [
        json.loads(each)["ms"]
        for each in re.findall(r'\{.*"route":"GET /v1/t/\{token\}".*\}', stack.log("page"))
    ]
    assert len(said) >= 30
    report(
        "server time",
        f"median {sorted(said)[len(said) // 2]} ms, at most {max(said)} ms of {len(said)} visits",
    )


def test_the_badge_stands_in_any_page_and_says_its_status(visit: Visit, parcels: dict[str, Shared]) -> None:
    page = visit(locale="en-GB")
    names = ("transit", "delivered", "exception", "pending")
    pictures = "".join(f'<p><img alt="{name}" src="{parcels[name].url}/badge.svg"></p>' for name in names)
    page.set_content(f"<!doctype html><title>Shop</title>{pictures}")
    page.wait_for_function("[...document.images].every(each => each.complete)")
    assert page.evaluate("[...document.images].every(each => each.naturalWidth > 80)")
    screenshot(page, "badges")
    page.goto(f"{parcels['transit'].url}/badge.svg?lang=en")
    assert page.locator("title").text_content() == "YTO Express: In transit"


def test_what_is_printed_has_all_of_the_timeline_and_no_switch(
    visit: Visit, parcels: dict[str, Shared]
) -> None:
    page = visit(width=DESKTOP, scheme="dark")
    page.emulate_media(media="print", color_scheme="light")
    page.goto(parcels["tour"].url)
    assert not page.get_by_role("navigation").is_visible()
    assert page.locator(".timeline li").count() == len(ARRIVED)
    screenshot(page, "parcel-printed")


def test_where_a_parcel_was_but_once_there_is_no_drawing_but_its_place(
    visit: Visit, parcels: dict[str, Shared]
) -> None:
    page = visit()
    page.goto(parcels["collected"].url)
    assert page.locator("svg.map").count() == 0
    assert "金华市 义乌市" in page.locator(".hero").inner_text()


def test_a_forecast_is_told_while_it_lies_ahead(visit: Visit, stack: RunningStack) -> None:
    parcel = shared(stack, *ON_ITS_WAY, line(30, "301", "已签收"), **{"from": "浙江义乌", "to": "北京朝阳"})
    page = visit()
    page.goto(parcel.url)
    assert re.search(r"Expected \w+, \d+ \w+( \d{4})? \d\d:\d\d UTC\+8", page.locator(".eta").inner_text())
    screenshot(page, "parcel-expected-360")
