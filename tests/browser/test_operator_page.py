"""The operator's page, as a browser shows it: before a webhook that fails, a dead letter and a shipment that needs attention."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests import loopback
from tests.browser.conftest import DESKTOP, PHONE, accessible, overflow, screenshot
from tests.loopback import wait_until
from tests.receivers import Receiver, Reply, answering, well

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from playwright.sync_api import Page

    from tests.browser.conftest import Scheme, Visit
    from tests.stacks import RunningStack

NUMBER = "YT7788990011223"


@dataclass
class Scene:
    """What an operator finds. `failed` is the queue of deliveries that failed for good."""

    stack: RunningStack
    receiver: Receiver
    webhook: str
    shop: httpx.Client
    failed: str
    event: str = ""

    def fail(self) -> None:
        """Have the webhook fail, as it does until another test mends it."""
        self.receiver.behave = answering(Reply(503, b"Busy"))
        if not self.failing():
            made = self.shop.post(f"/v1/webhooks/{self.webhook}/test").raise_for_status()
            self.event = made.json()["event_id"]
            wait_until(self.failing)

    def failing(self) -> bool:
        answer = self.shop.get(f"/v1/webhooks/{self.webhook}").raise_for_status()
        return answer.json()["failing_since"] is not None

    def put_aside(self) -> None:
        """Have a delivery fail for good, as one does whose worker dies again and again."""
        delivery = {"member": "shop", "webhook": self.webhook, "sequence": 1, "series": ""}
        self.stack.aws("sqs").send_message(QueueUrl=self.failed, MessageBody=json.dumps(delivery))

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.stack.aws("sqs").get_queue_attributes(QueueUrl=self.failed, AttributeNames=names)
        return sum(int(each) for each in answer["Attributes"].values())

    def attention(self) -> str:
        """How the page says how many shipments need attention: ours, and what other pages' tests left."""
        with self.stack.client() as operator:
            found = operator.get("/v1/operations").raise_for_status().json()["attention"]
        count = len(found["shipments"])
        assert (count > 0, found["more"]) == (True, False)
        return f"{count} shipments need attention" if count > 1 else "1 shipment needs attention"


@pytest.fixture(scope="module")
def scene(stack: RunningStack) -> Iterator[Scene]:
    events = [{"at": -3600, "text": "快件存在疑难", "status_code": "2"}]
    journey = f"{stack.simulator}/_sim/journeys/yuantong/{NUMBER}"
    loopback.put(journey, json={"events": events}).raise_for_status()
    with (
        stack.member("shop", "track", "manage") as shop,
        Receiver() as receiver,
    ):
        new = {"order_id": "4711", "tracking_number": NUMBER, "courier": "yuantong"}
        assert shop.post("/v1/shipments", json=new).is_success
        assert shop.get("/v1/shipments/4711").json()["attention"] == "exception"
        url = f"{receiver.url}?key=secret"
        made = shop.post("/v1/webhooks", json={"url": url, "events": ["webhook.test"]}).json()
        receiver.secrets = (made["secret"],)
        queue = stack.aws("sqs").get_queue_attributes(
            QueueUrl=stack.output("WebhookQueue"), AttributeNames=["RedrivePolicy"]
        )["Attributes"]["RedrivePolicy"]
        name = json.loads(queue)["deadLetterTargetArn"].rpartition(":")[2]
        failed = stack.aws("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        yield Scene(stack, receiver, made["id"], shop, failed)


def enter(page: Page, stack: RunningStack, token: str | None = None) -> None:
    page.goto(f"{stack.api}/v1/operator")
    page.get_by_label("Access token").fill(token or stack.token)
    page.get_by_role("button", name="Show operations").click()


def row(page: Page, table: str, text: str) -> Any:
    return page.get_by_role("table", name=table, exact=True).get_by_role("row").filter(has_text=text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_it_tells_at_a_glance_what_is_not_well(
    visit: Visit, scene: Scene, width: int, scheme: Scheme
) -> None:
    scene.fail()
    if not scene.left():
        scene.put_aside()
    page = visit(width=width, scheme=scheme)
    page.goto(f"{scene.stack.api}/v1/operator")
    page.get_by_label("Access token").wait_for()
    accessible(page)
    screenshot(page, f"operator-enter-{width}-{scheme}")
    enter(page, scene.stack)
    health = page.get_by_role("region", name="Health")
    health.get_by_text("Not well").wait_for()
    for said in ("1 message failed for good", "1 webhook fails", scene.attention()):
        assert health.get_by_text(said, exact=True).is_visible(), said
    assert "Calls per hour of the last 24 hours" in str(
        page.get_by_role("img", name="Calls per hour").get_attribute("aria-label")
    )
    shown = row(page, "Deliveries that fail", scene.webhook).inner_text()
    assert "HTTP 503" in shown
    assert "secret" not in shown
    assert NUMBER in row(page, "Shipments that need attention", "4711").inner_text()
    assert overflow(page) == 0
    screenshot(page, f"operator-{width}-{scheme}")
    accessible(page)
    page.get_by_text("As a table").first.click()
    accessible(page)


HOSTILE = "<img src=x onerror=document.title='taken'>"


def busy() -> dict[str, Any]:
    """A day on which much is wrong."""
    names = ("refresh", "fanout", "webhook", "slow-webhook", "mail", "mail-feedback")
    shipment = {
        "courier": "shunfeng",
        "number": "SF7444700499701",
        "status": "out_for_delivery",
        "attention": "stalled",
        "updated_at": "2026-11-21T09:00:00.000Z",
    }
    hook = {
        "member": HOSTILE,
        "url": "https://hooks.example/a/rather/long/path/that/goes/on/and/on/for/a/while/indeed/receive",
        "failing_since": "2026-11-20T09:00:00.000Z",
        "last_status": None,
        "last_error": "timeout",
        "waiting": 100,
        "parked": 12,
    }
    return {
        "now": "2026-11-22T09:30:00.000Z",
        "wall": "2026-11-22T09:30:00.000Z",
        "upstream": {"circuit": "probing", "reason": "601", "secret": "ok"},
        "refresh": {"due": 1600, "more": True, "lag_seconds": 2520.5},
        "attention": {
            "shipments": [
                {**shipment, "member": HOSTILE if each else "acme", "order_id": f"355087{each}"}
                for each in range(6)
            ],
            "more": True,
        },
        "usage": {
            "today": {"calls": 8412, "billed": 8100, "budget": 10_000, "left": 1588},
            "month": {"calls": 250_000, "billed": 240_211, "budget": 250_000, "left": 0},
            "hours": [
                {
                    "hour": f"2026-11-{21 + (each + 10) // 24:02}T{(each + 10) % 24:02}:00:00.000Z",
                    "calls": 420 + 37 * (each % 7),
                    "billed": 380 + 31 * (each % 7),
                    "failed": 12 * (each % 5),
                }
                for each in range(24)
            ],
        },
        "deliveries": [
            {**hook, "webhook_id": f"whk_{state * 20}"[:24], "state": name}
            for state, name in (("a", "active"), ("b", "paused"), ("c", "disabled"))
        ],
        "queues": [
            {"queue": name, "waiting": 12_345 * place, "in_flight": 8 * place, "failed": 3 * (place % 3)}
            for place, name in enumerate(names)
        ],
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_on_a_bad_day_it_stays_readable_and_what_it_is_told_stays_text(
    visit: Visit, stack: RunningStack, width: int, scheme: Scheme
) -> None:
    page = visit(width=width, scheme=scheme)
    page.route("**/v1/operations", lambda route: route.fulfill(json=busy()))
    enter(page, stack)
    health = page.get_by_role("region", name="Health")
    for said in (
        "Kuaidi100 refuses all calls (601), the next call probes it",
        "refreshes are 42 min late",
        "84 % of the budget of today are used",
        "the budget of this month is used up",
        "18 messages failed for good",
    ):
        health.get_by_text(said).wait_for()
    assert page.get_by_text(HOSTILE).first.is_visible()
    assert page.title() == "Waybill: operations"
    assert overflow(page) == 0
    screenshot(page, f"operator-busy-{width}-{scheme}")
    accessible(page)


@pytest.mark.parametrize(
    ("scopes", "told"),
    [(None, "not known here"), (("track", "manage"), "lacks the scope admin")],
)
def test_a_token_of_no_operator_is_told_so_and_not_kept(
    visit: Visit, stack: RunningStack, scopes: tuple[str, ...] | None, told: str
) -> None:
    token = "wb_nobody_has_ever_made_this_token"
    if scopes:
        with stack.member("curious", *scopes) as client:
            token = client.headers["Authorization"].removeprefix("Bearer ")
    page = visit(width=PHONE)
    enter(page, stack, token)
    page.get_by_role("alert").filter(has_text=told).wait_for()
    accessible(page)
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    assert page.get_by_label("Access token").input_value() == ""


def test_the_token_stays_in_the_tab_until_it_is_forgotten_and_in_no_address(
    visit: Visit, stack: RunningStack
) -> None:
    page = visit(width=DESKTOP)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    enter(page, stack)
    page.get_by_role("region", name="Health").wait_for()
    page.reload()
    page.get_by_role("region", name="Health").wait_for()
    page.get_by_role("button", name="Forget the token").click()
    page.get_by_label("Access token").wait_for()
    assert page.get_by_role("region", name="Health").count() == 0
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    page.reload()
    page.get_by_label("Access token").wait_for()
    assert [url for url in asked if stack.token in url] == []


def test_dead_letters_are_looked_at_and_go_back_once_that_is_confirmed(visit: Visit, scene: Scene) -> None:
    if not scene.left():
        scene.put_aside()
    page = visit(width=DESKTOP)
    enter(page, scene.stack)
    row(page, "Queues", "webhook").get_by_role("button").press("Enter")
    dialog = page.get_by_role("dialog", name="Failed in webhook")
    dialog.get_by_text(scene.webhook).wait_for()
    accessible(page)
    screenshot(page, "operator-failed")
    dialog.get_by_role("button", name="Send 1 back…").click()
    dialog.get_by_role("button", name="No", exact=True).click()
    assert scene.left() == 1
    row(page, "Queues", "webhook").get_by_role("button").click()
    dialog.get_by_role("button", name="Send 1 back…").click()
    dialog.get_by_role("button", name="Yes, send 1 back").click()
    page.get_by_role("status").filter(has_text="1 message went back to webhook.").wait_for()
    assert scene.left() == 0
    row(page, "Queues", "webhook").get_by_role("button").wait_for(state="detached")


def test_events_of_a_time_are_replayed_to_a_webhook_that_failed(visit: Visit, scene: Scene) -> None:
    scene.fail()
    page = visit(width=PHONE)
    enter(page, scene.stack)
    row(page, "Deliveries that fail", scene.webhook).get_by_role("button").click()
    dialog = page.get_by_role("dialog", name="Replay events")
    accessible(page)
    screenshot(page, "operator-replay")
    begin, until = (dialog.get_by_label(each).input_value() for each in ("From (UTC)", "Until (UTC)"))
    dialog.get_by_label("From (UTC)").fill(until)
    dialog.get_by_role("button", name="Send these events again").click()
    dialog.get_by_role("alert").filter(has_text="since is before until").wait_for()

    scene.receiver.behave = well
    # What is proposed has what failed in it.
    dialog.get_by_label("From (UTC)").fill(begin)
    dialog.get_by_role("button", name="Send these events again").click()
    page.get_by_role("status").filter(has_text="are on their way again, as series r").wait_for()
    wait_until(lambda: scene.receiver.handled[scene.event])
    # What it answers is written down after it has answered.
    wait_until(lambda: not scene.failing())


def test_it_asks_again_by_itself_while_it_is_seen_and_less_often_while_nobody_answers(
    visit: Visit, stack: RunningStack
) -> None:
    page = visit(width=DESKTOP)
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def count() -> int:
        return sum(url.endswith("/v1/operations") for url in asked)

    enter(page, stack)
    page.get_by_role("region", name="Health").wait_for()
    assert count() == 1
    with page.expect_response("**/v1/operations"):
        page.clock.run_for(31_000)
    page.get_by_role("button", name="Refresh").and_(page.locator(":enabled")).wait_for()
    page.route("**/v1/operations", lambda route: route.abort())
    page.clock.run_for(31_000)
    page.get_by_text("Waybill cannot be reached. Asked again in 60 s.").wait_for()
    tried = count()
    page.clock.run_for(31_000)
    assert count() == tried
    page.unroute("**/v1/operations")
    with page.expect_response("**/v1/operations"):
        page.clock.run_for(31_000)
    page.get_by_text("as of").wait_for()
