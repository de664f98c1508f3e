"""Runs the examples through the code that serves the API: real handlers and stores, over tables on moto.

Kuaidi100 says of each number what stands here. Time stands still and nothing is random: the same code gives the same answers.
"""

from __future__ import annotations

import itertools
import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import boto3
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped, unused-ignore] # comes without types

from tools.openapi import links, notices, operating, operations, table, unsubscribing
from waybill import deliveries, gateway, kuaidi100, operation_fields, operator_page
from waybill.accounting import Accounting
from waybill.api import Api
from waybill.budgets import Limits
from waybill.cache import Cache
from waybill.clock import Clock
from waybill.concerns import Concerns
from waybill.credentials import Secrets
from waybill.dead_letters import DeadLetters
from waybill.deliveries import Deliveries, Progress, Try
from waybill.documents import Documents
from waybill.due import DueIndex
from waybill.errors import WaybillError
from waybill.event_feed import EventFeed
from waybill.feed import Entry, Feed
from waybill.flights import Flights
from waybill.following import Following
from waybill.lease import Rules
from waybill.ledger import Ledger
from waybill.lessons import Lessons
from waybill.lookup import Lookup
from waybill.management import Management
from waybill.member_budgets import MemberBudgets
from waybill.member_settings import MemberSettings
from waybill.messages import Delivery
from waybill.operations import Operations
from waybill.orders import Orders
from waybill.outcomes import OutcomeUnknown, ServerBusy, WrongPhone
from waybill.parcel_page import ParcelPage
from waybill.parcels import Parcels
from waybill.polls import Polls
from waybill.queues import Queue
from waybill.reflection import Reflection
from waybill.registration import Shipments
from waybill.replays import Replays
from waybill.shares import Shares
from waybill.sharing import Sharing
from waybill.slots import Slots
from waybill.spending import Spending
from waybill.suppression import Suppressions
from waybill.unsubscribing import Unsubscribing
from waybill.watches import Watches
from waybill.webhook_management import WebhookManagement
from waybill.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.openapi.table import Example, Operation, Sent
    from waybill.gateway import Handler
    from waybill.model import Answer, Query

    Handlers = Mapping[tuple[str, str], Handler]

ROOT: Final = Path(__file__).parents[2]
NOW: Final = notices.NOW
REQUEST_ID: Final = "5c9f2a7e-8d1b-4e36-9f0a-2b7c6d5e4f31"
FORM: Final = "application/x-www-form-urlencoded"
ADDRESS: Final = "https://api.example.com"
LIMITS: Final = Limits(day=1000, month=20_000, member_day=200)
_REFUSALS: Final = {table.NATIVE: gateway.refuse, table.A: gateway.refuse_a, table.B: gateway.refuse_b}


@dataclass(frozen=True, slots=True)
class Told:
    """What an example came to."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return (
            json.loads(self.text)
            if self.headers["Content-Type"].startswith("application/json")
            else self.text
        )


def run(operation: Operation, example: Example) -> Told:
    """What the code answers to an example, within `aws`.

    Raises:
        ValueError: another status than the example says.
    """
    handlers = _handlers()
    for sent in example.before:
        _ask(handlers, _operation(sent.operation) if sent.operation else operation, sent)
    told = _ask(handlers, operation, example.sent)
    if told.status != example.status:
        raise ValueError(
            f"{operation.id}, {example.name}: {told.status} instead of {example.status}: {told.text}"
        )
    return told


@cache
def template() -> dict[str, Any]:
    """template.yaml as it is written, with the short tags (`!Ref x`) in their long form (`{"Ref": "x"}`)."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


def _operation(wanted: str) -> Operation:
    (found,) = [each for each in operations.OPERATIONS if each.id == wanted]
    return found


def _ask(handlers: Handlers, operation: Operation, sent: Sent) -> Told:
    headers = dict(sent.headers)
    if operation.body is not None:
        headers.setdefault("Content-Type", operation.media_types[0])
    request = gateway.read(
        {
            "httpMethod": operation.method,
            "resource": operation.path,
            "headers": headers,
            "pathParameters": dict(sent.path),
            "queryStringParameters": dict(sent.query),
            "body": _body(operation, sent),
            "requestContext": {
                "requestId": REQUEST_ID,
                "authorizer": {"member": notices.MEMBER, "scopes": sent.scopes},
            },
        }
    )
    # As `service` does it, which would log, and want a function's environment for that.
    try:
        response = gateway.conditional(request, gateway.route(request, handlers))
    except WaybillError as error:
        response = _REFUSALS[operation.contract](error)
    answer = gateway.write(response, REQUEST_ID)
    return Told(answer["statusCode"], answer["headers"], answer["body"])


def _body(operation: Operation, sent: Sent) -> str:
    if isinstance(sent.body, str):
        return sent.body
    if operation.media_types == (FORM,):
        return urlencode(sent.body)
    return json.dumps(sent.body)


@contextmanager
def aws() -> Iterator[None]:
    """An AWS in memory, for as many examples as there are."""
    try:
        with mock_aws():
            yield
    finally:
        _dynamodb.cache_clear()


@cache
def _dynamodb() -> Any:
    return boto3.client("dynamodb", region_name="us-east-1")


def _tables(name: str) -> None:
    """The tables of the template, anew."""
    for kind, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
            properties = {key: resource["Properties"][key] for key in wanted if key in resource["Properties"]}
            _dynamodb().create_table(TableName=name + kind, **properties)


def _handlers() -> Handlers:
    """Every handler of every function, over empty tables."""
    name = uuid.uuid4().hex
    _tables(name)
    tracking = f"{name}TrackingTable"
    results, watches = Cache(_dynamodb(), f"{name}CacheTable"), Watches(_dynamodb(), tracking)
    parcels = Parcels(_dynamodb(), tracking)
    secrets, flights = _Secrets("", ""), itertools.count()
    reflection = Reflection(watches, secrets.tail_hash, _now, _ignore)
    lookup = Lookup(
        store=results,
        flights=Flights(
            slots=Slots(
                _dynamodb(),
                f"{name}CacheTable",
                f"{name}TrackingTable",
                Spending(_dynamodb(), f"{name}TrackingTable", _ignore),
                _ignore,
            ),
            query=upstream,
            secrets=secrets,
            rules=Rules(),
            now=_now,
            holder=lambda: str(next(flights)),
            budgets=lambda _: (),
            on_call=_ignore,
            on_circuit=_ignore,
        ),
        tail_hash=secrets.tail_hash,
        now=_now,
        pause=_ignore,
        on_known=Following(
            parcels=parcels,
            reflection=reflection,
            lessons=Lessons(_dynamodb(), tracking, _now),
            gap=Rules().gap,
            now=_now,
            on_loss=_ignore,
        ),
        on_loss=_ignore,
    )
    shipments = Shipments(watches, results.known, _now)
    accounting = Accounting(
        ledger=Ledger(_dynamodb(), tracking, Clock()),
        spending=Spending(_dynamodb(), tracking, _ignore),
        member_budgets=MemberBudgets(_dynamodb(), tracking),
        limits=LIMITS,
        now=_now,
    )
    return {
        **Api(lookup, "zh").routes(),
        **Orders(shipments, lookup, reflection, parcels.row).routes(),
        **Management(shipments, parcels, lambda _, answer: answer(), "zh").routes(),
        **accounting.routes(),
        **_sharing(shipments, parcels, Shares(_dynamodb(), tracking)),
        **_telling(tracking, f"{name}CacheTable"),
        **Documents(ADDRESS).routes(),
    }


def _telling(tracking: str, cache_table: str) -> Handlers:
    """The handlers of all that is told, over one event that was delivered with its second try."""
    event = notices.samples()["parcel.delivered"]
    feed, log = Feed(_dynamodb(), tracking, cache_table, _now, _ignore), Deliveries(_dynamodb(), tracking)
    feed.append(notices.MEMBER, [Entry(event)])
    progress = Progress(Delivery(notices.MEMBER, notices.WEBHOOK, 1), event["id"], event["type"])
    progress = deliveries.tried(progress, Try(NOW, 214, 503, None, "Busy"))
    log.put(deliveries.delivered(progress, Try(NOW + 5, 131, 204)), NOW)
    webhooks = Webhooks(_dynamodb(), tracking)
    queue = Queue(operating.Sqs(), "", _ignore)
    replays = Replays(feed, queue, queue, _hex, _now)
    management = WebhookManagement(
        webhooks=webhooks,
        deliveries=log,
        concerns=Concerns(_dynamodb(), tracking),
        replays=replays,
        settings=MemberSettings(_dynamodb(), tracking),
        fanout=queue,
        outgoing=queue,
        key=lambda: unsubscribing.KEY,
        lookup=lambda *_: ["93.184.215.14"],
        once=lambda _, answer: answer(),
        random_hex=_hex,
        now=_now,
        wall=_now,
    )
    operating.prepare(Watches(_dynamodb(), tracking), webhooks, log)
    overseen = Operations(
        concerns=Concerns(_dynamodb(), tracking),
        watches=Watches(_dynamodb(), tracking),
        webhooks=webhooks,
        deliveries=log,
        due=DueIndex(_dynamodb(), tracking),
        circuit=lambda: None,
        credentials=_ignore,
        ledger=Ledger(_dynamodb(), tracking, Clock()),
        spending=Spending(_dynamodb(), tracking, _ignore),
        limits=LIMITS,
        queues={name: DeadLetters(operating.Sqs(), "", "", queue) for name in operation_fields.QUEUES},
        replays=replays,
        now=_now,
        wall=_now,
        monotonic=_now,
        threads=ThreadPoolExecutor(1),
    )
    polls = Polls(_dynamodb(), cache_table, 0, _now)
    return {
        **management.routes(),
        **overseen.routes(),
        **operator_page.ROUTES,
        **EventFeed(feed, polls, webhooks.join_operators, _now, _ignore).routes(),
        **Unsubscribing(Suppressions(_dynamodb(), tracking), lambda: unsubscribing.KEY, _now).routes(),
    }


def _sharing(shipments: Shipments, parcels: Parcels, shares: Shares) -> Handlers:
    return {
        **Sharing(shipments, shares, lambda: links.TOKEN, _now, ADDRESS).routes(),
        **ParcelPage(shares, parcels, _now, _now).routes(),
    }


class _Secrets(Secrets):
    """The two secrets, as if they had been read."""

    def _read(self, name: str, *, force: bool = False) -> str:  # noqa: ARG002 - there is one text for both
        return json.dumps({"customer": "example", "key": "example"})


def _hex(size: int) -> str:
    return "0123456789abcdef0123"[: 2 * size]


def _now() -> float:
    return NOW


def _ignore(*_: object) -> None:
    pass


def upstream(query: Query, _credentials: tuple[str, str]) -> Answer:
    match query.num:
        case table.NO_TRACE:
            return kuaidi100.parse(_said({"status": "500", "message": "查询无结果"}), query)
        case table.BUSY:
            raise ServerBusy
        case table.LOST:
            raise OutcomeUnknown
        case table.PHONE_BOUND if query.phone != "8000":
            raise WrongPhone
        case table.FORWARDED:
            return kuaidi100.parse(
                _said(_journey(query, "7", _row("2026-02-27 08:30:00", "7", "快件已转投邮政"))), query
            )
    english = query.lang == "en"
    rows = [
        _row(
            "2026-02-28 17:05:12",
            "301",
            "Delivered, signed by the recipient" if english else "已签收，签收人：本人",
        ),
        _row(
            "2026-02-28 09:12:40",
            "5",
            "Out for delivery" if english else "【北京朝阳公司】派件中，派件员：张三，电话13800000001",
        ),
        _row("2026-02-25 20:41:03", "103", "Collected in Shenzhen" if english else "【广东深圳公司】已揽收"),
    ]
    return kuaidi100.parse(_said(_journey(query, "301", *rows)), query)


def _journey(query: Query, state: str, *rows: dict[str, str]) -> dict[str, Any]:
    ends = {
        "from": {"number": "CN440300000000", "name": "广东,深圳市"},
        "cur": {"number": "CN110105000000", "name": "北京,朝阳区"},
        "to": {"number": "CN110105000000", "name": "北京,朝阳区"},
    }
    return {
        "status": "200",
        "message": "ok",
        "state": state,
        "nu": query.num,
        "data": list(rows),
        "routeInfo": ends,
    }


def _row(time: str, code: str, text: str) -> dict[str, str]:
    return {"ftime": time, "time": time, "statusCode": code, "context": text}


def _said(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply).encode()


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """What the gateway answers by itself, as the template says."""

    status: int
    headers: dict[str, str]
    body: Any


def gateway_answers() -> dict[str, GatewayAnswer]:
    """By type of gateway response. Header values are constants, or "" for what differs from request to request."""
    responses = template()["Resources"]["Api"]["Properties"]["GatewayResponses"]
    return {
        kind: GatewayAnswer(
            response["StatusCode"],
            {
                name: value[1:-1] if re.fullmatch(r"'.*'", str(value)) else ""
                for name, value in response["ResponseParameters"]["Headers"].items()
            },
            json.loads(response["ResponseTemplates"]["application/json"]),
        )
        for kind, response in responses.items()
    }
