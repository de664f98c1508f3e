"""Everybody who waits is told, once: also while functions are killed, in two languages, and next to a dead endpoint."""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from local.options import Options
from tests import loopback, receivers
from tests.loopback import wait_until
from tests.parcels import script
from tests.receivers import Receiver
from tests.telling import telling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    import httpx

    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack
    from tests.telling import Telling

PARCELS = 10
KILLS = 9


@pytest.fixture(scope="module")
def told(start_stack: StartStack) -> Iterator[Telling]:
    """Parcels that have come to their end, of which three bad endpoints and a feed were told while functions were killed."""
    with (
        start_stack(SIM_SPEED="6000") as stack,
        telling(stack, PARCELS, seed=7, stretch=0.25) as run,
    ):
        run.wait(600, kills=KILLS, seed=7)
        yield run


def feed(client: httpx.Client) -> list[dict[str, Any]]:
    """All events of a member, page by page."""
    events: list[dict[str, Any]] = []
    after = 0
    while True:
        body = client.get("/v1/events", params={"after": after, "limit": 40}).raise_for_status().json()
        events += body["events"]
        if not body["events"]:
            return events
        after = body["next_after"]


def test_every_milestone_arrives_at_every_endpoint_with_a_good_signature(told: Telling) -> None:
    assert {name for _, name in told.proof.kills} == {"publish", "fanout", "webhook"}
    assert told.missing() == {"slow": [], "unlucky": [], "down at first": []}
    assert sum(told.born.values()) > 3 * PARCELS
    for name, receiver in told.receivers.items():
        assert told.told(name) == told.born, "no milestone is two events"
        assert receiver.unverified == []


def test_no_event_is_handled_twice_but_by_kills_in_the_one_window(told: Telling) -> None:
    twice = Counter(
        count - 1 for receiver in told.receivers.values() for count in receiver.handled.values() if count > 1
    )
    killed = sum(name == "webhook" for _, name in told.proof.kills)
    # A killed worker had up to ten deliveries at work.
    assert sum(twice.values()) <= 10 * killed
    assert set(twice) <= set(range(1, killed + 1))


def test_the_feed_has_each_of_them_once_in_an_order_without_gaps(told: Telling) -> None:
    with told.proof.stack.client() as client:
        events = feed(client)
    assert [each["sequence"] for each in events] == list(range(1, len(events) + 1))
    milestones = [each for each in events if each["type"] != "parcel.stalled"]
    assert len({each["id"] for each in events}) == len(events)
    assert (
        Counter(
            (each["data"]["number"], each["data"]["status"], each["data"]["occurrence"])
            for each in milestones
        )
        == told.born
    )
    assert not any(each["data"]["backfill"] for each in milestones)


def test_a_replay_sends_exactly_its_range_again(told: Telling) -> None:
    receiver = told.receivers["unlucky"]
    receiver.behave = receivers.well
    with told.proof.stack.client() as client:
        times = sorted(each["timestamp"] for each in feed(client))
        since, until = times[len(times) // 4], times[len(times) // 2]
        wanted = {each["id"] for each in feed(client) if since <= each["timestamp"] < until}
        (webhook,) = [
            each for each in client.get("/v1/webhooks").json()["webhooks"] if each["url"] == receiver.url
        ]
        # A message whose worker was killed comes back, and sends its event a second time.
        wait_until(lambda: told.proof.stack.idle("WebhookQueue", "SlowWebhookQueue"))
        before = len(receiver.requests)
        answer = client.post(f"/v1/webhooks/{webhook['id']}/replay", json={"since": since, "until": until})
        assert answer.status_code == 202, answer.text
        receiver.wait_for(before + len(wanted))
        log = f"/v1/webhooks/{webhook['id']}/deliveries"
        series = answer.json()["replay"]

        def logged() -> set[str]:
            shown = client.get(log, params={"limit": 100}).raise_for_status().json()["deliveries"]
            return {
                each["event_id"]
                for each in shown
                if each["series"] == series and each["state"] == "delivered"
            }

        wait_until(lambda: logged() == wanted)
    assert {each.id for each in receiver.requests[before:]} == wanted
    assert len(receiver.requests) == before + len(wanted)


# ---- Letters


def mails(stack: RunningStack, to: str) -> list[EmailMessage]:
    found = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in sorted((stack.state / "mailbox").glob("*.eml"))
    ]
    return [mail for mail in found if mail["To"] == to]


def line(code: str, hours: float) -> dict[str, Any]:
    return {"at": hours * 3600, "text": f"快件 {code}", "text_en": f"Parcel {code}", "status_code": code}


@pytest.mark.parametrize(
    ("lang", "subject", "body"), [("zh", "运输中", "物流轨迹"), ("en", "In transit", "Timeline")]
)
def test_a_customer_gets_letters_in_its_language_until_it_wants_no_more(
    told: Telling, lang: str, subject: str, body: str
) -> None:
    stack = told.proof.stack
    number, to = f"YT77{time.time_ns() % 10**11:011}", f"customer-{lang}@example.com"
    script(stack, number, line("103", 1))
    notify = {"email": to, "events": ["in_transit", "delivered"], "lang": lang}
    with stack.member(f"mails-{lang}", "track", "manage") as client:
        shipment = {
            "order_id": f"mail-{lang}",
            "tracking_number": number,
            "courier": "yuantong",
            "notify": notify,
        }
        assert client.post("/v1/shipments", json=shipment).status_code == 201
        wait_until(lambda: mails(stack, to))
        (mail,) = mails(stack, to)
        assert subject in mail["Subject"]
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text is not None
        assert html is not None
        for part in (text.get_content(), html.get_content()):
            assert number in part
            assert body in part
        link = re.fullmatch(r"<(http://127\.0\.0\.1:\d+/v1/unsubscribe/[^>]+)>", mail["List-Unsubscribe"])
        assert link is not None
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert link[1] in text.get_content()
        with loopback.client() as reader:
            page = reader.get(link[1], headers={"Accept-Language": lang})
            assert page.status_code == 200
            assert "<form" in page.text
            assert reader.post(link[1], data={"List-Unsubscribe": "One-Click"}).status_code == 200
        script(stack, number, line("103", -1), line("5", 1), line("301", 2))
        delivered = {"type": "parcel.delivered", "number": number}

        def come() -> bool:
            return any(
                {"type": each["type"], "number": each["data"].get("number")} == delivered
                for each in feed(client)
            )

        wait_until(come)
        wait_until(lambda: ends(stack, number) == ["sent", "unsubscribed"])
    assert len(mails(stack, to)) == 1


def ends(stack: RunningStack, number: str) -> list[str]:
    """What became of the letters about a parcel."""
    lines = [line for line in stack.log("mail").splitlines() if '"letter"' in line and number in line]
    return [found[1] for line in lines if (found := re.search(r'"end":"(\w+)"', line))]


def test_while_as_many_receivers_hang_as_may_be_tried_at_once_a_quick_one_hears(
    start_stack: StartStack,
) -> None:
    workers = "2"
    at_once = Options.read({"WAYBILL_WORKERS": workers}).slow_workers
    with (
        start_stack(WAYBILL_WORKERS=workers, WAYBILL_SCHEDULE="off") as stack,
        stack.member("waiting", "track", "manage") as client,
        ExitStack() as running,
    ):
        dead = [running.enter_context(Receiver(behave=receivers.slow(1.2))) for _ in range(at_once)]
        well = running.enter_context(Receiver())
        hooks = {}
        for receiver in (well, *dead):
            answer = client.post("/v1/webhooks", json={"url": receiver.url, "events": ["*"]})
            receiver.secrets = (answer.json()["secret"],)
            hooks[receiver] = f"/v1/webhooks/{answer.json()['id']}"

        def happen(receiver: Receiver) -> None:
            assert client.post(f"{hooks[receiver]}/test").status_code == 202

        def known(receiver: Receiver) -> None:
            """By an answer, so that a process runs for each, and it counts as what it is."""
            happen(receiver)
            log = f"{hooks[receiver]}/deliveries"
            delivered = {"state": "delivered"}
            wait_until(lambda: client.get(log, params=delivered).raise_for_status().json()["deliveries"])

        with ThreadPoolExecutor(len(hooks)) as threads:
            list(threads.map(known, hooks))
        for receiver in dead:
            receiver.behave = receivers.hanging()
            happen(receiver)
            receiver.wait_for(2)  # so that each is in a batch of its own, and holds it up
        for _ in range(4):
            happen(well)
        well.wait_for(5)
        log = client.get(f"{hooks[dead[0]]}/deliveries").json()["deliveries"]
        assert [each["state"] for each in log] == ["delivered"], "it hangs still: nobody waited for its end"
    assert set(well.handled.values()) == {1}
