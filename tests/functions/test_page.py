"""Links to a parcel's page through the functions that make and serve them: what they show, and when they show nothing."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.followed import Followed, known, line
from tests.functions.conftest import App, load
from tests.functions.registering import register
from waybill import page_views
from waybill.assets import PAGES
from waybill.model import Area
from waybill.service import Service
from waybill.shipments import Link

if TYPE_CHECKING:
    from tests.functions.conftest import Answer
    from waybill.model import Event

SHARE, PAGE, BADGE = "/v1/shipments/{order_id}/share", "/v1/t/{token}", "/v1/t/{token}/badge.svg"
HERE = {"order_id": "1001"}
DAY = 86_400


@dataclass
class Street:
    """The page function as everybody reaches it, at a time that the test moves; and whoever shares with it."""

    page: App
    manage: App
    followed: Followed
    number: str
    wall: float

    def share(self, body: Any = None, **parts: Any) -> str:
        """The token of a new link."""
        answer = self.manage.send_json("POST", SHARE, body or {}, path=HERE, **parts)
        assert answer.status == 201, answer.text
        return str(answer.body["url"].rpartition("/")[2])

    def open(self, token: str, resource: str = PAGE, lang: str = "en", **headers: str) -> Answer:
        return self.page.send(
            "GET", resource, path={"token": token}, headers={"Accept-Language": lang, **headers}
        )

    def happens(self, *lines: Event, **fields: Any) -> None:
        link = Link("yuantong", self.number)
        self.followed.following(known(self.wall, *lines, link=link, **fields))


@pytest.fixture
def street(aws: None, manage: App, number: str) -> Street:  # noqa: ARG001 - in force, not used
    wall = float(int(time.time()))
    followed = Followed(boto3.client("dynamodb"), "tracking")
    followed.courier.time = wall
    made = Street(App(load("page")), manage, followed, number, wall)
    page = replace(made.page.app.PAGE, now=lambda: made.wall, wall=lambda: made.wall)
    made.page.app.SERVICE = Service(page.routes())  # type: ignore[attr-defined] # a module
    register(manage, number=number, courier="yuantong", tags=["vip-tag"], metadata={"buyer": "geheim"})
    return made


def stages(wall: float) -> list[Event]:
    return [line("103", wall - 2 * DAY, "已揽收"), line("5", wall - 3600, "派件中 <b>&amp;")]


# ---- Making links


def test_a_link_leads_to_where_the_api_was_asked_and_says_when_it_ends(street: Street) -> None:
    answer = street.manage.send_json("POST", SHARE, {"days": 2}, path=HERE, headers={"Host": "api.example"})
    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"https://api\.example/v1/t/[A-Za-z0-9_-]{43}", answer.body["url"])
    ends = time.strptime(answer.body["expires_at"], "%Y-%m-%dT%H:%M:%SZ")
    assert 2 * DAY - 60 < time.mktime(ends) - time.mktime(time.gmtime()) <= 2 * DAY


def test_without_a_body_it_works_for_thirty_days(street: Street) -> None:
    answer = street.manage.send("POST", SHARE, path=HERE)
    token = answer.body["url"].rpartition("/")[2]
    street.wall += 30 * DAY - 60
    assert street.open(token).status == 200
    street.wall += 120
    assert street.open(token).status == 404


def test_every_link_is_another_one(street: Street) -> None:
    assert len({street.share() for _ in range(20)}) == 20


def test_a_whole_number_may_be_written_with_a_point(street: Street) -> None:
    answer = street.manage.send_json("POST", SHARE, {"days": 7.0}, path=HERE)
    assert answer.status == 201


@pytest.mark.parametrize("days", [0, 366, "7", 1.5, True, None])
def test_a_link_for_no_or_for_too_long_a_time_is_refused(street: Street, days: Any) -> None:
    answer = street.manage.send_json("POST", SHARE, {"days": days}, path=HERE)
    assert answer.status == 400
    assert answer.body["error"]["error_trace"][0]["field"] == "days"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_only_its_member_with_the_scope_shares_an_order(street: Street, method: str) -> None:
    assert street.manage.send_json(method, SHARE, {}, path=HERE, scopes="track").status == 403
    theirs = street.manage.send_json(method, SHARE, {}, path=HERE, member="other")
    nobodys = street.manage.send_json(method, SHARE, {}, path={"order_id": "1002"})
    assert theirs.status == 404
    assert theirs.text == nobodys.text


# ---- Ends of links


def test_of_a_link_that_is_over_nobody_learns_more_than_of_one_that_never_was(street: Street) -> None:
    revoked, forgotten = street.share(), street.share()
    expired = street.share({"days": 1})
    assert street.manage.send("DELETE", SHARE, path=HERE).status == 204
    after = street.share()
    assert street.open(revoked).status == street.open(forgotten).status == 404
    assert street.open(after).status == 200, "a link that was made later works"
    street.wall += DAY
    never = street.open("A" * 43)
    assert never.status == 404
    for token in (revoked, expired, "x"):
        for resource in (PAGE, BADGE):
            told, nothing = street.open(token, resource), street.open("A" * 43, resource)
            assert (told.status, told.text, told.headers) == (404, nothing.text, nothing.headers)


def test_a_shipment_that_is_forgotten_takes_its_links_along_for_good(street: Street) -> None:
    token = street.share()
    assert street.open(token).status == 200
    assert street.manage.send("DELETE", "/v1/shipments/{order_id}", path=HERE).status == 204
    assert street.open(token).status == 404
    register(street.manage, number=street.number, courier="yuantong")
    assert street.open(token).status == 404


def test_revoking_changes_nothing_that_lists_show(street: Street) -> None:
    before = street.manage.send("GET", "/v1/shipments", query={}).body
    street.manage.send("DELETE", SHARE, path=HERE)
    assert street.manage.send("GET", "/v1/shipments", query={}).body == before


def test_the_page_of_a_dead_link_says_so_in_both_languages(street: Street) -> None:
    for lang, first in (("zh-CN,zh;q=0.9", "zh-CN"), ("fr", "en")):
        told = street.open("A" * 43, lang=lang)
        assert told.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f'<html lang="{first}">' in told.text
        assert "链接已失效" in told.text
        assert "This link does not work" in told.text


# ---- What is shown


def test_it_shows_where_the_parcel_is_and_nothing_else_of_the_shipment(street: Street) -> None:
    street.happens(*stages(street.wall))
    told = street.open(street.share())
    assert told.status == 200
    for shown in (street.number, "YTO Express", "Out for delivery", "已揽收", "派件中 &lt;b&gt;&amp;amp;"):
        assert shown in told.text
    for hidden in ("1001", "vip-tag", "geheim", "buyer", "member", "shp_"):
        assert hidden not in told.text, hidden


def test_its_language_is_what_is_asked_for_then_the_readers_then_the_shipments(street: Street) -> None:
    street.happens(*stages(street.wall))
    token = street.share()

    def lang(accepted: str, **query: str) -> str:
        headers = {"Accept-Language": accepted} if accepted else {}
        answer = street.page.send("GET", PAGE, path={"token": token}, headers=headers, query=query)
        found = re.search(r'<html lang="([^"]+)"', answer.text)
        assert found
        assert "Accept-Language" in answer.headers["Vary"]
        return found[1]

    assert lang("en") == lang("fr, zh;q=0.2, en;q=0.8") == lang("zh", lang="en") == "en"
    assert lang("zh-TW") == lang("en", lang="zh") == "zh-CN"
    assert lang("") == lang("fr") == lang("", lang="fr") == "zh-CN", "the shipment's"


def test_a_copy_that_is_still_good_is_304_until_something_happens(street: Street) -> None:
    street.happens(stages(street.wall)[0])
    token = street.share()
    first = street.open(token)
    assert first.headers["Cache-Control"] == "private, no-cache"
    tag = {"If-None-Match": first.headers["ETag"]}
    assert street.open(token, **tag).status == 304
    street.wall += 5
    assert street.open(token, **tag).status == 304, "its age is told in minutes"
    street.wall += 3600
    street.happens(*stages(street.wall))
    assert street.open(token, **tag).status == 200


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (3, "just now", "刚刚"),
        (60, "1 minute ago", "1分钟前"),
        (59 * 60, "59 minutes ago", "59分钟前"),
        (3 * 3600, "3 hours ago", "3小时前"),
        (50 * 3600, "2 days ago", "2天前"),
    ],
)
def test_how_fresh_it_is_is_told_in_words(street: Street, seconds: int, en: str, zh: str) -> None:
    street.happens(*stages(street.wall))
    token = street.share()
    street.wall += seconds
    assert f">{en}</span>" in street.open(token).text
    assert f">{zh}</span>" in street.open(token, lang="zh").text


def test_times_are_the_parcels_with_its_zone(street: Street) -> None:
    moment = 1_772_243_160.0  # 2026-02-28 09:46 in Shanghai
    street.happens(line("103", moment, "已揽收"))
    told = street.open(street.share()).text
    assert re.search(r'<time datetime="2026-02-28T09:46:00\+08:00">09:46</time> <small>UTC\+8</small>', told)
    assert "times are taken as China" in told


def test_a_parcel_that_nobody_has_seen_yet_has_a_page_too(street: Street) -> None:
    told = street.open(street.share())
    assert told.status == 200
    assert "No tracking data yet" in told.text
    assert "Not checked yet" in told.text


def test_a_parcel_that_a_phone_protects_shows_what_its_member_may_see(street: Street) -> None:
    street.manage.send("DELETE", "/v1/shipments/{order_id}", path=HERE)
    register(street.manage, number=street.number, courier="shunfeng", phone="13800008000")
    link = Link("shunfeng", street.number)
    told = known(street.wall, *stages(street.wall), link=link, phone_bound=True)
    street.followed.following(told)
    token = street.share()
    assert "派件中" not in street.open(token).text, "the phone was not found right yet"
    assert "No tracking data yet" in street.open(token, BADGE).text

    ship = street.followed.watches.get("member", "1001", link)
    assert ship is not None
    seen = replace(ship.standing, status="out_for_delivery", as_of=street.wall)
    street.followed.watches.change(ship, lambda each: replace(each, standing=seen))
    assert "派件中" in street.open(token).text
    assert "Out for delivery" in street.open(token, BADGE).text


def test_a_long_history_ends_before_the_page_grows_heavy(street: Street) -> None:
    lines = [
        line("1002", street.wall - 60 * place, f"{place:03} " + "快" * 300) for place in range(200, 0, -1)
    ]
    street.happens(*lines)
    told = street.open(street.share()).text
    files = sum(len(PAGES.answer(PAGES.name(each)).body.encode()) for each in ("parcel.css", "parcel.js"))
    assert len(told.encode()) + files < 100_000
    assert f"{200 - page_views.CHARACTERS // 304} earlier entries" in told


def test_looking_reads_two_times_writes_nothing_and_asks_nobody(street: Street) -> None:
    street.happens(*stages(street.wall))
    token, calls = street.share(), list[str]()
    street.page.app.DYNAMODB.meta.events.register(
        "before-send", lambda request, **_: calls.append(request.headers["X-Amz-Target"].decode())
    )
    street.open(token)
    street.open(token, BADGE)
    assert [each.partition(".")[2] for each in calls] == ["GetItem", "BatchGetItem"] * 2


# ---- Headers, files, badge


def test_the_page_forbids_all_that_it_does_not_need(street: Street) -> None:
    street.happens(replace(stages(street.wall)[0], area=Area(None, "浙江,金华市", 119.6, 29.1)))
    for told in (street.open(street.share()), street.open("A" * 43)):
        policy = dict(
            each.strip().split(" ", 1) for each in told.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert set(policy.values()) == {"'none'", "'self'"}
        assert told.headers["Referrer-Policy"] == "no-referrer", "an address that opens the page goes nowhere"
        assert told.headers["X-Robots-Tag"] == "noindex"
        assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", told.text)
        for file in re.findall(r'(?:src|href)="([^"?]+)"', told.text):
            assert file.startswith("../page/"), "relative, so that it works behind any stage"
            asset = {"asset": file.removeprefix("../page/")}
            loaded = street.page.send("GET", "/v1/page/{asset}", path=asset)
            assert loaded.status == 200
            assert "immutable" in loaded.headers["Cache-Control"]


@pytest.mark.parametrize("asset", ["parcel.css", "", "../page/parcel.html", "parcel.000000000000.css"])
def test_there_are_no_other_files(street: Street, asset: str) -> None:
    assert street.page.send("GET", "/v1/page/{asset}", path={"asset": asset}).status == 404


def test_the_badge_is_a_picture_of_the_status_for_other_pages(street: Street) -> None:
    street.happens(*stages(street.wall))
    token = street.share()
    badge = street.open(token, BADGE, lang="zh")
    assert badge.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert badge.headers["Cache-Control"] == "public, max-age=60"
    assert badge.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert '<title id="t">圆通速递: 派送中</title>' in badge.text
    assert street.number not in badge.text
    assert street.open(token, BADGE, lang="zh", **{"If-None-Match": badge.headers["ETag"]}).status == 304
    assert "Out for delivery" in street.open(token, BADGE).text
