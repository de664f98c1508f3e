"""The canary: people who exist nowhere else go through every path of a running stack, and then everything it has left is searched.

`python -m tests.attacks.canary --people 10000` (among `make attacks`); a small one is among the tests. Each person is given to the
stack in one way only, and `kept.KEPT` says where those of that way may be found again. Whoever is found elsewhere has leaked.
"""

from __future__ import annotations

import argparse
import base64
import email
import email.policy
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests import loopback
from tests.attacks.kept import KEPT, OUTSIDE, TOLD, WAYS
from tests.attacks.people import CHINESE, ENGLISH, Person, Search, people
from tests.loopback import DONE, wait_until
from tests.proofs import COURIER, HOUR
from tests.receivers import Receiver, Reply
from tests.stacks import ROOT, RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import EmailMessage

    import httpx

    from tests.receivers import Received

SPEED: Final = 600
MEMBER: Final = "canary"
AT_ONCE: Final = 4
PAGE: Final = 100
OPERATOR: Final = "operator@example.com"


@dataclass
class Canary:
    """One run over a stack."""

    stack: RunningStack
    receiver: Receiver
    search: Search
    given: dict[str, set[str]] = field(default_factory=dict)
    """The names and phones of each way."""
    found: dict[str, set[str]] = field(default_factory=dict)
    """Whom a place holds."""
    numbers: list[str] = field(default_factory=list)
    answers: dict[str, Person] = field(default_factory=dict)
    """Whom the endpoint names when it is told of a parcel."""
    customers: set[str] = field(default_factory=set)
    begun: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.begun:6.0f} s  {what}", file=sys.stderr, flush=True)

    def look(self, place: str, *texts: str) -> None:
        self.found.setdefault(place, set()).update(*map(self.search, texts))

    def leaks(self) -> dict[str, int]:
        """How many names and phones are where they should not be, by their way and the place."""
        counts = Counter(
            f"{way} -> {place}"
            for place, found in self.found.items()
            for way, given in self.given.items()
            if place not in KEPT[way]
            for _ in found & given
        )
        return dict(counts)

    def client(self, *scopes: str) -> httpx.Client:
        return self.stack.member(MEMBER, "track", "manage", *scopes)

    def delivered(self) -> bool:
        """Whether the endpoint has heard of the end of every journey, every customer has a letter, and nothing is under way."""
        ends = {
            each.event["data"]["number"]
            for each in self.receiver.heard().values()
            if each.event["type"] == "parcel.delivered"
        }
        return (
            ends == set(self.numbers)
            and self.customers <= {letter["To"] for letter in self.letters()}
            and self.stack.idle("FanoutQueue", "WebhookQueue", "SlowWebhookQueue", "MailQueue")
        )

    def letters(self) -> Iterator[EmailMessage]:
        for file in (self.stack.state / "mailbox").glob("*.eml"):
            yield email.message_from_bytes(file.read_bytes(), policy=email.policy.default)

    # ---- In

    def answer(self, _receiver: Receiver, received: Received) -> Reply:
        """What the endpoint says: 200, and who the parcel is for."""
        person = self.answers.get(received.event["data"].get("number"), Person("", "", ""))
        return Reply(200, f"{person.name} {person.phone}".encode())

    def send(self, crowd: list[Person], seed: int) -> None:
        """Everybody into the stack; what it answers at once is looked at."""
        rng, each = random.Random(seed), iter(crowd)
        with self.client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
            sending = []
            for place in itertools.count():
                group = list(itertools.islice(each, TOLD + len(WAYS)))
                if not group:
                    break
                told, others = group[:TOLD], dict(zip(WAYS, group[TOLD:], strict=False))
                self._give("told", *told)
                for way, person in others.items():
                    self._give(way, person)
                number = f"YT{seed:04}{place:08}"
                self.numbers.append(number)
                if "endpoint" in others:
                    self.answers[number] = others["endpoint"]
                self._script(number, told, rng)
                sending.append(pool.submit(self._use, client, number, others))
            for done, sent in enumerate(sending, 1):
                sent.result()
                if done % 50 == 0 or done == len(sending):
                    self.say(f"{done} of {len(sending)} parcels are registered and asked for")

    def _give(self, way: str, *persons: Person) -> None:
        names = {
            part for person in persons for part in (person.name.split() if person.latin else [person.name])
        }
        self.given.setdefault(way, set()).update(names, (person.phone for person in persons))

    def _script(self, number: str, told: list[Person], rng: random.Random) -> None:
        said = [person.said(rng.choice(ENGLISH if person.latin else CHINESE)) for person in told]
        codes = ["103", *["1002"] * len(said), "5", "301"]
        lines = [
            {
                "at": (place - len(said) + 2) * HOUR,
                "text": text,
                "text_en": text,
                "status_code": codes[place],
                "location": said[-1 - place],
                "area_name": said[-1 - place],
            }
            for place, text in enumerate(said)
        ]
        lines[-1] |= {"status_code": "301"}
        url = f"{self.stack.simulator}/_sim/journeys/{COURIER}/{number}"
        loopback.put(url, json={"events": lines}).raise_for_status()

    def _use(self, client: httpx.Client, number: str, others: Mapping[str, Person]) -> None:
        """Register the parcel, and ask for it in every way."""
        nobody = Person("Nemo", "", "")
        who = {way: others.get(way, nobody) for way in WAYS}
        header = who["header"]
        headers: dict[str, Any] = {
            "User-Agent": header.phone or "x",
            "Idempotency-Key": f"{header.phone}-{number}",
            "X-Client": header.name.encode(),
        }
        order = f"{who['order'].phone or 'none'}-{number}"
        customer = f"m{who['email'].phone}@example.com"
        self.customers.add(customer)
        shipment = {
            "order_id": order,
            "tracking_number": number,
            "courier": COURIER,
            "phone": who["phone"].phone or "8000",
            "tags": ["canary"],
            "metadata": {"buyer": who["metadata"].name, "phone": who["metadata"].phone},
            "notify": {"email": customer, "events": ["*"]},
        }
        self.look(
            "answer", client.post("/v1/shipments", json=shipment, headers=headers).raise_for_status().text
        )
        body = {"expCode": COURIER, "expNo": number, "phone": who["phone"].phone or "8000"}
        self.look("answer", client.post("/v1/track", json=body, headers=headers).raise_for_status().text)
        tail = {**headers, "X-Phone-Tail": who["phone"].phone}
        self.look(
            "answer", client.get(f"/v1/parcels/{COURIER}/{number}", headers=tail).raise_for_status().text
        )
        bad = who["refused"]
        for answer in (
            client.post(
                "/v1/shipments", json={**shipment, "order_id": bad.name, bad.name: 1, "phone": bad.name}
            ),
            client.get("/v1/tracking/get", params={"tracking_number": bad.name, "courier": bad.phone}),
            client.get(f"/v1/parcels/{COURIER}/{bad.name}"),
            client.get("/v1/shipments", params={"cursor": bad.phone, "tag": "#" + bad.name}),
            client.post(
                "/v1/webhooks", json={"url": f"https://{bad.phone}/{bad.name}", "events": [bad.name]}
            ),
            client.get(f"/v1/t/{bad.phone}"),
        ):
            assert 400 <= answer.status_code < 500, answer.text
            self.look("refusal", answer.text, str(answer.headers))

    # ---- Out

    def look_everywhere(self) -> None:
        for request in self.receiver.requests:
            self.look("webhook", request.body.decode(), str(request.headers))
        self._look_at_files()
        self._look_at_tables()
        self._look_at_queues()
        with self.client() as client:
            self._look_at_answers(client)
        with self.client("pii") as client:
            for page in _pages(client, "/v1/shipments", tag="canary"):
                self.look("answer to who has the scope pii", page.text)
        with self.stack.member("operator", "admin") as operator:
            self.look("operations", operator.get("/v1/operations").raise_for_status().text)
            for queue in ("webhook", "slow-webhook", "mail", "fanout", "refresh"):
                self.look(
                    "operations",
                    operator.get(f"/v1/operations/queues/{queue}/failed").raise_for_status().text,
                )

    def _look_at_files(self) -> None:
        for file in (self.stack.state / "logs").iterdir():
            self.look(f"log {file.stem}", file.read_text(errors="replace"))
        for letter in self.letters():
            texts = [part.get_content() for part in letter.walk() if part.get_content_maintype() == "text"]
            whose = "operator" if letter["To"] == OPERATOR else "customer"
            self.look(f"mail to the {whose}", *letter.values(), *map(str, texts))

    def erase(self) -> dict[str, int]:
        """How many names and phones each place still has, when the operator has erased the member."""
        queues = self.stack.aws("sqs").list_queues().get("QueueUrls", [])
        tables = [
            *("--table", self.stack.output("TrackingTable")),
            *("--cache", self.stack.output("CacheTable")),
        ]
        given = [each for url in queues for each in ("--queue", url)]
        aws = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        subprocess.run(
            [
                *(sys.executable, "-m", "tools.admin", "members", "erase", *tables, "--member", MEMBER),
                *("--endpoint-url", self.stack.emulator, "--at-once", *given),
            ],
            cwd=ROOT,
            env={**os.environ, **aws},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.say("the member is erased")
        self.found.clear()
        self._look_at_files()
        self._look_at_tables()
        self._look_at_queues()
        return {place: len(found) for place, found in self.found.items() if found}

    def _look_at_tables(self) -> None:
        pages = self.stack.aws("dynamodb").get_paginator("scan")
        for table in ("Tracking", "Cache"):
            for page in pages.paginate(TableName=self.stack.output(f"{table}Table")):
                for item in page["Items"]:
                    pk, sk = (item.get(name, {"S": ""})["S"].partition("#")[0] for name in ("pk", "sk"))
                    kind = sk if pk in {"PARCEL", "MEMBER"} else pk
                    self.look(f"table {table} {kind}", *_texts(item))

    def _look_at_queues(self) -> None:
        sqs = self.stack.aws("sqs")
        for url in sqs.list_queues().get("QueueUrls", []):
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                self.look(f"queue {url.split('-')[-2]}", *(each["Body"] for each in messages))

    def _look_at_answers(self, client: httpx.Client) -> None:
        orders = []
        for page in _pages(client, "/v1/shipments", tag="canary"):
            self.look("answer", page.text)
            orders += [each["order_id"] for each in page.json()["shipments"]]
        after = 0
        while (
            events := client.get("/v1/events", params={"after": after, "limit": 40})
            .raise_for_status()
            .json()["events"]
        ):
            self.look("feed", json.dumps(events, ensure_ascii=False))
            after = events[-1]["sequence"]
        (webhook,) = client.get("/v1/webhooks").json()["webhooks"]
        for page in _pages(client, f"/v1/webhooks/{webhook['id']}/deliveries"):
            self.look("webhook's log", page.text)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda order_id: self._look_at_order(client, order_id), orders))

    def _look_at_order(self, client: httpx.Client, order_id: str) -> None:
        order = f"/v1/shipments/{order_id}"
        for path in (order, f"/v1/tracking/get/{order_id}"):
            self.look("answer", client.get(path).raise_for_status().text)
        self._look_at_page(client.post(f"{order}/share", json={}).raise_for_status().json()["url"])

    def _look_at_page(self, url: str) -> None:
        for lang in ("zh", "en"):
            for place, path in (("page", ""), ("badge", "/badge.svg")):
                answer = loopback.get(f"{url}{path}", params={"lang": lang})
                self.look(place, answer.raise_for_status().text, str(answer.headers))


def _pages(client: httpx.Client, path: str, **asked: str) -> Iterator[httpx.Response]:
    """Every page of a list."""
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        page = client.get(path, params={**asked, "limit": PAGE, **cursor}).raise_for_status()
        following = page.json()["next_cursor"]
        cursor = {"cursor": following} if following else None
        yield page


def _texts(value: Any) -> Iterator[str]:
    """All texts within an item, as they are and as they were before they were compressed."""
    match value:
        case dict():
            yield from itertools.chain.from_iterable(map(_texts, value.values()))
        case list() | set() | tuple():
            yield from itertools.chain.from_iterable(map(_texts, value))
        case bytes():
            with suppress(zlib.error):
                yield zlib.decompress(value, 47).decode()
        case str():
            yield value
            if value.startswith(("{", "[")):
                with suppress(ValueError):
                    yield from _texts(json.loads(value))
            with suppress(ValueError, zlib.error):
                yield zlib.decompress(base64.b64decode(value, validate=True), 47).decode()


@contextmanager
def canary(stack: RunningStack, count: int, seed: int = 1) -> Iterator[Canary]:
    """A run of `count` people up to the last event of the last of them, and everything looked at."""
    crowd = people(count, seed)
    random.Random(seed).shuffle(crowd)
    with Receiver() as receiver:
        run = Canary(stack, receiver, Search(crowd))
        receiver.behave = run.answer
        with run.client() as client:
            made = client.post("/v1/webhooks", json={"url": receiver.url, "events": ["*"]})
            receiver.secrets = (made.raise_for_status().json()["secret"],)
        run.send(crowd, seed)
        wait_until(run.delivered, DONE + count / 2)
        run.say("all are delivered, and it has been told")
        run.look_everywhere()
        run.say("everything has been looked at")
        yield run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), SIM_SPEED=str(SPEED), WAYBILL_OPERATOR_EMAIL=OPERATOR) as stack,
        canary(stack, given.people, given.seed) as run,
    ):
        leaks = run.leaks()
        places = {place: len(found) for place, found in sorted(run.found.items())}
        erased = run.erase()
        told = {
            "people": given.people,
            "parcels": len(run.numbers),
            "seconds": round(time.monotonic() - begun),
            "places": places,
            "leaks": leaks,
            "left_when_erased": erased,
        }
    print(json.dumps(told, indent=2, ensure_ascii=False))
    return 1 if leaks or erased.keys() - OUTSIDE else 0


if __name__ == "__main__":
    sys.exit(main())
