"""Every function may do all that it does: a stack whose functions act in their own roles, driven in every way that reaches AWS.

What is proved, of template.yaml's roles as they are deployed: each action on each table, index, queue, topic and secret by the
emulator (AUTH=true), and the keys that conditions hold an action to by `local.rights`. Whatever is refused fails the test, also
where a function makes nothing of it; what is needed and was never asked for is seen by a result that is missing.

What is not proved: what Lambda does with a function's role on its behalf (receiving from queues and the stream, leaving what
failed, logs), which the emulator does as itself; sending by SES, whose place the mailbox takes; the key behind the topic; that
the dispatch has itself run, for which too little is due; and the summing up of a day of the ledger, since no day ends meanwhile.
That no role allows too much is told by tests/template/test_roles.py.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx

from tests import loopback
from tests.loopback import wait_until
from tests.receivers import Receiver, Reply, answering, first, slow, well
from waybill import notifications, outbox
from waybill.circuit import Circuit
from waybill.member_budgets import MemberBudgets

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import StartStack
    from tests.receivers import Behaviour
    from tests.stacks import RunningStack

SPEED: Final = 600
HOUR: Final = 3600.0
REFUSED: Final = re.compile(r".*(?:AccessDenied|not authorized).*", re.IGNORECASE)


def again(answer: httpx.Response) -> bool:
    """Whether the store was too slow, or the same request, which had been answered so, is still at work."""
    return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE or "REQUEST_IN_PROGRESS" in answer.text


class Driver:
    """A stack in use: `acme` registers and is told, `admin` may see everything."""

    def __init__(self, stack: RunningStack, ends: ExitStack) -> None:
        self.stack = stack
        self.acme = ends.enter_context(stack.member("acme", "track", "manage"))
        self.admin = ends.enter_context(stack.client())
        self._ends = ends
        self._dynamodb = stack.aws("dynamodb")
        self._tracking = stack.output("TrackingTable")

    # ---- What is done

    def ask(
        self, method: str, path: str, content: Any = None, *, by: httpx.Client | None = None, **more: Any
    ) -> Any:
        """The answer's content; anything but a success fails the test, or "ask again" that stays or comes of a refusal."""
        client = by or self.acme
        answer = client.request(method, path, json=content, **more)
        until = time.monotonic() + loopback.DONE
        while again(answer) and time.monotonic() < until:
            assert self.stack.log("denied") == ""
            time.sleep(0.5)
            answer = client.request(method, path, json=content, **more)
            if method == "DELETE" and answer.status_code == httpx.codes.NOT_FOUND:
                return None  # by the request before, whose answer was late
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer.text

    def script(self, number: str, *lines: tuple[float, str]) -> None:
        """Give a parcel a journey of hours from now and vendor's codes."""
        events = [{"at": at * HOUR, "text": f"快件 {code}", "status_code": code} for at, code in lines]
        url = f"{self.stack.simulator}/_sim/journeys/yuantong/{number}"
        loopback.put(url, json={"events": events}).raise_for_status()

    def ask_about(self, number: str, *, by: httpx.Client | None = None) -> None:
        asked = {"expCode": "yuantong", "expNo": number}
        assert self.ask("POST", "/v1/track", asked, by=by)["code"] == "SUCCESS"

    def register(self, number: str, *, by: httpx.Client | None = None, **more: Any) -> None:
        new = {"order_id": f"o-{number}", "tracking_number": number, **more}
        for _ in range(2):
            self.ask("POST", "/v1/shipments", new, by=by, headers={"Idempotency-Key": f'"{number}"'})

    def write_to(self, address: str, number: str, *, by: httpx.Client | None = None) -> None:
        """Have a customer told of a parcel that has been seen already, so that there is something to tell."""
        self.script(number, (-2, "103"))
        self.ask_about(number, by=by)
        self.register(number, by=by, notify={"email": address, "events": ["*"], "lang": "en"})

    def endpoint(self, behave: Behaviour, *events: str) -> tuple[str, Receiver]:
        """A new webhook's path, and who answers it."""
        receiver = self._ends.enter_context(Receiver(behave=behave))
        made = self.ask("POST", "/v1/webhooks", {"url": receiver.url, "events": events})
        receiver.secrets = (made["secret"],)
        return f"/v1/webhooks/{made['id']}", receiver

    def write(self, item: dict[str, Any]) -> None:
        self._dynamodb.put_item(TableName=self._tracking, Item=item)

    def due_now(self, item: dict[str, Any]) -> None:
        self._dynamodb.update_item(
            TableName=self._tracking,
            Key={name: item[name] for name in ("pk", "sk")},
            UpdateExpression="SET due_at = :now",
            ExpressionAttributeValues={":now": {"N": str(self.now())}},
        )

    # ---- What is seen

    def wait(self, condition: Callable[[], Any]) -> None:
        """Until it is so."""

        def is_so() -> Any:
            assert self.stack.log("denied") == ""
            return condition()

        wait_until(is_so)

    def now(self) -> float:
        clock = loopback.get(f"{self.stack.simulator}/_sim/clock").json()
        return float(clock["now"])

    def items(self, beginning: str, sk: str = "") -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._tracking, ConsistentRead=True)
        return [
            item
            for page in pages
            for item in page["Items"]
            if item["pk"]["S"].startswith(beginning) and item["sk"]["S"].startswith(sk)
        ]

    def told(self, kind: str, number: str | None = None, *, by: httpx.Client | None = None) -> int:
        """How many events of a type are in a member's feed, or of a type and about a parcel."""
        events = self.ask("GET", "/v1/events", by=by)["events"]
        return sum(each["type"] == kind and number in {None, each["data"].get("number")} for each in events)

    def deliveries(self, path: str, state: str) -> list[Any]:
        return list(self.ask("GET", f"{path}/deliveries", params={"state": state})["deliveries"])

    def dead_letters(self, queue: str) -> str:
        """The URL of the dead-letter queue of a queue."""
        sqs = self.stack.aws("sqs")
        asked = {"QueueUrl": self.stack.output(queue), "AttributeNames": ["RedrivePolicy"]}
        policy = json.loads(sqs.get_queue_attributes(**asked)["Attributes"]["RedrivePolicy"])
        name = policy["deadLetterTargetArn"].rpartition(":")[2]
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def mails(self, to: str) -> list[email.message.EmailMessage]:
        mails = [
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            for file in sorted((self.stack.state / "mailbox").glob("*.eml"))
        ]
        return [mail for mail in mails if mail["To"] == to]


def test_every_function_may_do_all_that_it_does(start_stack: StartStack) -> None:
    steps = (
        follow,
        follow_with_a_phone,
        deliver,
        put_off,
        disable,
        listen,
        publish_late,
        exhaust_a_budget,
        write,
        operate,
    )
    with (
        start_stack(SIM_SPEED=str(SPEED), WAYBILL_IAM="on", WAYBILL_WORKERS="2") as stack,
        ExitStack() as ends,
        ThreadPoolExecutor(len(steps)) as threads,
    ):
        driver = Driver(stack, ends)
        for done in [threads.submit(step, driver) for step in steps]:
            done.result()
        open_the_circuit(driver)
        logs = {file.name: file.read_text(errors="replace") for file in stack.state.glob("logs/*.log")}
    assert logs.get("denied.log", "") == ""
    assert {name: found for name, log in logs.items() if (found := REFUSED.findall(log))} == {}


def follow(driver: Driver) -> None:
    """query, manage, dispatch, refresh; and the whole way of what happens, to an endpoint and the feed."""
    path, receiver = driver.endpoint(answering(Reply()), "*")
    number, other = "YT9900000000001", "YT9900000000002"
    driver.script(number, (-2, "103"), (1, "1001"), (2, "5"), (3, "301"))
    driver.register(number)
    driver.ask_about(other)
    driver.ask("GET", f"/v1/parcels/yuantong/{other}")
    driver.ask("POST", "/v1/shipments/batch", {"shipments": [{"order_id": "o-2", "tracking_number": other}]})
    driver.ask("PATCH", "/v1/shipments/o-2", {"tags": ["summer"]})
    driver.ask("GET", "/v1/shipments/o-2")
    driver.ask("GET", "/v1/tracking/get/o-2")
    driver.ask("GET", "/v1/tracking/get", params={"tracking_number": other})
    for search in (
        "",
        "tag=summer",
        "status=in_transit",
        "courier=yuantong",
        "updated_since=2020-01-01T00:00:00Z",
    ):
        driver.ask("GET", f"/v1/shipments?{search}")
    shared = urlsplit(driver.ask("POST", "/v1/shipments/o-2/share", {"days": 1})["url"]).path
    for shown in (shared, f"{shared}/badge.svg"):
        assert "<svg" in driver.ask("GET", shown)
    driver.ask("DELETE", "/v1/shipments/o-2/share")
    assert driver.acme.get(shared).status_code == httpx.codes.NOT_FOUND
    driver.ask("POST", "/v1/shipments/o-2/complete")
    driver.ask("DELETE", "/v1/shipments/o-2")
    for client in (driver.acme, driver.admin):
        assert driver.ask("GET", "/v1/usage", by=client)["total"]["calls"]
    # Nobody else has asked about it.
    driver.wait(lambda: number in {call["number"] for call in driver.stack.calls()})
    driver.wait(lambda: driver.ask("POST", f"/v1/shipments/o-{number}/refresh")["status"] == "delivered")
    driver.wait(lambda: driver.told("parcel.delivered", number))
    driver.wait(lambda: "parcel.delivered" in {each.event["type"] for each in receiver.requests})
    driver.ask("DELETE", path)


def follow_with_a_phone(driver: Driver) -> None:
    number = "SF7444700499701"
    driver.register(number, courier="shunfeng", phone="13800008000")
    driver.wait(lambda: driver.told("parcel.in_transit", number))
    driver.ask("GET", f"/v1/parcels/shunfeng/{number}", headers={"X-Phone-Tail": "8000"})


def deliver(driver: Driver) -> None:
    """Fail once and be tried again, replay one event and a time, pause and resume, rotate, delete."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(driver.now() - HOUR))
    path, receiver = driver.endpoint(first([Reply(500)]), "webhook.test")
    driver.ask("GET", "/v1/webhooks")
    driver.ask("PATCH", path, {"description": "orders"})
    event = driver.ask("POST", f"{path}/test")["event_id"]
    driver.wait(lambda: driver.deliveries(path, "delivered"))
    assert [reply.status for reply in receiver.replies] == [500, 204]

    driver.ask("POST", f"{path}/replay", {"event_id": event})
    driver.wait(lambda: receiver.handled[event] == 2)
    driver.ask("POST", f"{path}/replay", {"since": since})
    driver.wait(lambda: receiver.handled[event] == 3)

    driver.ask("POST", f"{path}/pause")
    kept = driver.ask("POST", f"{path}/test")["event_id"]
    driver.wait(lambda: driver.deliveries(path, "parked"))
    assert driver.ask("POST", f"{path}/resume")["resent"] == 1
    driver.wait(lambda: receiver.handled[kept] == 1)

    rotated = driver.ask("POST", f"{path}/secret")
    assert driver.ask("GET", path)["secret_version"] == rotated["secret_version"] == 2
    driver.ask("DELETE", path)


def put_off(driver: Driver) -> None:
    """Of four at once one finds a place at a slow endpoint; the others wait, untried."""
    path, receiver = driver.endpoint(slow(8), "webhook.test")
    driver.ask("POST", f"{path}/pause")
    for _ in range(4):
        driver.ask("POST", f"{path}/test")
    driver.wait(lambda: len(driver.deliveries(path, "parked")) == 4)
    assert driver.ask("POST", f"{path}/resume")["resent"] == 4
    log = f"DELIVERY#{path.rpartition('/')[2]}#"
    driver.wait(lambda: any("wanted_at" in each for each in driver.items(log)))
    driver.wait(lambda: len(receiver.handled) == 4)
    driver.wait(lambda: len(driver.deliveries(path, "delivered")) == 4)


def disable(driver: Driver) -> None:
    path, _ = driver.endpoint(answering(Reply(410)), "webhook.test")
    driver.ask("POST", f"{path}/test")
    driver.wait(lambda: driver.told("webhook.disabled"))
    assert driver.ask("GET", path)["state"] == "disabled"


def listen(driver: Driver) -> None:
    last = driver.ask("GET", "/v1/events", by=driver.admin)["next_after"]
    waited = driver.ask("GET", "/v1/events", by=driver.admin, params={"after": last, "wait": 1})
    assert waited["next_after"] >= last
    assert [item["sk"]["S"] for item in driver.items("OPERATORS")] == ["demo"]


def publish_late(driver: Driver) -> None:
    """What the stream left is the dispatch's."""
    told = notifications.of_circuit(Circuit.opened("601", "h1", driver.now()))
    key = {"pk": {"S": "CIRCUIT#1"}, "sk": {"S": f"NOTICE#{told['id']}"}}
    driver.write(key)
    # The stream's mapping takes new items only. To the dispatch ten wall seconds are long enough.
    driver.write({**key, **outbox.entry(told, driver.now() - 11 * SPEED)})
    driver.wait(lambda: not driver.items("CIRCUIT#1"))
    # A run says what it did when it is over.
    driver.wait(lambda: re.search(r'"republished":[1-9]', driver.stack.log("dispatch")))


def exhaust_a_budget(driver: Driver) -> None:
    MemberBudgets(driver.stack.aws("dynamodb"), driver.stack.output("TrackingTable")).put("frugal", 1, None)
    with driver.stack.member("frugal", "track", "manage") as frugal:
        driver.ask_about("YT9900000000003", by=frugal)
        driver.wait(lambda: driver.told("budget.exhausted", by=frugal))


def write(driver: Driver) -> None:
    """Write to customers, have a letter wait for the morning, and leave alone who wants none or cannot be reached."""
    driver.write_to("customer@example.com", "YT9900000000011")
    driver.write_to("bounce@simulator.amazonses.com", "YT9900000000012")
    driver.wait(lambda: driver.mails("customer@example.com"))
    (letter,) = driver.mails("customer@example.com")
    link = urlsplit(re.findall(r"<(http[^>]+)>", letter["List-Unsubscribe"])[0]).path
    driver.ask("GET", link)
    body = letter.get_body(("plain",))
    assert body is not None
    (page,) = re.findall(r"http://127\.0\.0\.1:\d+(/v1/t/[\w-]+)", body.get_content())
    assert "YT9900000000011" in driver.ask("GET", page)
    driver.ask("POST", link, data={"List-Unsubscribe": "One-Click"})
    # One by the bounce, one by the click.
    driver.wait(lambda: len(driver.items("SUPPRESSED#")) == 2)

    hour = time.gmtime(driver.now()).tm_hour
    # All day but for a minute, which is nearly a day away.
    night = {"from": f"{(hour - 1) % 24:02}:00", "to": f"{(hour - 2) % 24:02}:59", "zone": "UTC"}
    with driver.stack.member("sleeper", "track", "manage") as sleeper:
        driver.ask("PATCH", "/v1/settings", {"quiet_hours": night}, by=sleeper)
        assert driver.ask("GET", "/v1/settings", by=sleeper)["quiet_hours"] == night
        driver.write_to("sleeper@example.com", "YT9900000000013", by=sleeper)
        driver.wait(lambda: driver.items("LETTER#"))
        assert not driver.mails("sleeper@example.com")
        driver.ask("PATCH", "/v1/settings", {"quiet_hours": None}, by=sleeper)
    driver.due_now(driver.items("LETTER#")[0])
    driver.wait(lambda: driver.mails("sleeper@example.com"))


def operate(driver: Driver) -> None:
    """See all of it, look at what failed, send it back, and replay one event and a time."""
    failed = driver.dead_letters("WebhookQueue")
    sqs = driver.stack.aws("sqs")
    path, receiver = driver.endpoint(answering(Reply(500)), "webhook.test")
    hook = path.rpartition("/")[2]
    event = driver.ask("POST", f"{path}/test")["event_id"]

    def seen() -> list[Any]:
        state = driver.ask("GET", "/v1/operations", by=driver.admin)
        assert state["upstream"]["secret"] == "ok"
        return [each for each in state["deliveries"] if each["webhook_id"] == hook and each["waiting"]]

    driver.wait(seen)
    driver.script("YT9900000000021", (-2, "2"))
    driver.register("YT9900000000021")
    driver.ask("GET", "/v1/shipments/o-YT9900000000021")
    shipments = driver.ask("GET", "/v1/operations", by=driver.admin)["attention"]["shipments"]
    assert "o-YT9900000000021" in {each["order_id"] for each in shipments}

    letter = {"member": "acme", "webhook": hook, "sequence": 1, "series": ""}
    sqs.send_message(QueueUrl=failed, MessageBody=json.dumps(letter))
    queue = "/v1/operations/queues/webhook"
    (message,) = driver.ask("GET", f"{queue}/failed", by=driver.admin)["messages"]
    assert message["body"] == letter
    assert driver.ask("POST", f"{queue}/redrive", {}, by=driver.admin) == {"moved": 1, "kept": 0}

    receiver.behave = well
    replay = f"/v1/operations/webhooks/acme/{hook}/replay"
    driver.ask("POST", replay, {"event_id": event}, by=driver.admin)
    driver.wait(lambda: receiver.handled[event])
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(driver.now() - HOUR))
    driver.ask("POST", replay, {"since": since}, by=driver.admin)
    driver.ask("DELETE", path)


def open_the_circuit(driver: Driver) -> None:
    """At the end: nothing is asked after it."""
    faults = f"{driver.stack.simulator}/_sim/faults"
    before = driver.told("circuit.opened", by=driver.admin)
    loopback.put(faults, json={"code": "601", "rate": 1}).raise_for_status()
    answer = driver.acme.post("/v1/track", json={"expCode": "yuantong", "expNo": "YT9900000000004"})
    assert answer.status_code == 503, answer.text
    driver.wait(lambda: driver.told("circuit.opened", by=driver.admin) > before)
