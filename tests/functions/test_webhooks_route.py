"""The routes of webhooks: what they take, what they answer, and what leaves for the queues."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook as Verifier

from tests.functions.conftest import ENVIRONMENT, error
from tests.functions.webhooking import ALL, NOBODYS, URL, act, create, made, sent, shown
from waybill import notifications, signing
from waybill.webhooks import LIMIT

if TYPE_CHECKING:
    from tests.functions.conftest import App

KEY = b"w" * 64


def test_a_new_webhook_is_answered_with_its_secret_which_nothing_else_shows(manage: App) -> None:
    answer = create(manage, events=["parcel.delivered", "parcel.stalled"], description="仓库")
    assert answer.status == 201
    body = answer.body
    assert answer.headers["Location"] == f"/v1/webhooks/{body['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    secret, view = body["secret"], {key: value for key, value in body.items() if key != "secret"}
    assert (view["events"], view["description"]) == (["parcel.delivered", "parcel.stalled"], "仓库")
    assert (view["state"], view["reason"], view["operator"]) == ("active", None, False)
    assert shown(manage, body["id"]) == view
    listed = manage.send("GET", ALL).body
    assert listed == {"webhooks": [view], "next_cursor": None}
    assert secret not in act(manage, "PATCH", body["id"], body={"description": None}).text


def test_what_is_signed_with_the_key_verifies_with_what_was_shown(manage: App) -> None:
    body = made(manage)
    wall = datetime.now(tz=UTC).timestamp()
    headers = signing.sign(KEY, body["id"], (1,), "evt_1", b"{}", wall)
    assert Verifier(body["secret"]).verify("{}", headers) == {}
    v1a = next(each for each in headers["webhook-signature"].split() if each.startswith("v1a,"))
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(body["public_key"].removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{{}}".encode()
    public.verify(base64.b64decode(v1a.removeprefix("v1a,")), content)


def test_the_same_idempotency_key_makes_one_webhook_and_no_answer_is_kept_with_its_secret(
    manage: App,
) -> None:
    key = {"Idempotency-Key": "k1"}
    first, second = create(manage, headers=key), create(manage, headers=key)
    assert first.status == second.status == 201
    assert first.body == second.body
    assert len(manage.send("GET", ALL).body["webhooks"]) == 1
    cache = boto3.client("dynamodb").scan(TableName="cache")
    assert first.body["secret"] not in json.dumps(cache["Items"], default=str)
    other = create(manage, headers=key, url="https://93.184.215.14/other")
    assert error(other)["error_code"] == "IDEMPOTENCY_KEY_REUSED"


def test_one_webhook_too_many_is_refused_with_what_to_do(manage: App) -> None:
    ids = [made(manage)["id"] for _ in range(LIMIT)]
    refused = create(manage)
    assert refused.status == 409
    assert error(refused)["error_code"] == "TOO_MANY_WEBHOOKS"
    assert str(LIMIT) in error(refused)["message"]
    assert act(manage, "DELETE", ids[0]).status == 204
    assert create(manage).status == 201


@pytest.mark.parametrize(
    ("events", "status", "code", "word"),
    [
        (["parcel.lost"], 422, "EVENT_UNKNOWN", "parcel.lost"),
        (["parcel.delivered", "budget"], 422, "EVENT_UNKNOWN", "'budget'"),
        (["*", "nope"], 422, "EVENT_UNKNOWN", "'nope'"),
        (["x" * 65], 422, "EVENT_UNKNOWN", "x" * 64),
        (["nope"] * 40, 422, "EVENT_UNKNOWN", "'nope'"),
        ([""], 422, "EVENT_UNKNOWN", "''"),
        (["parcel.delivered"] * 40, 400, "INVALID_PARAMETER", "once"),
        (["nope", 7], 400, "INVALID_PARAMETER", ""),
        (["parcel.delivered", "parcel.delivered"], 400, "INVALID_PARAMETER", "once"),
        (["*", "parcel.delivered"], 400, "INVALID_PARAMETER", "alone"),
        ([], 400, "INVALID_PARAMETER", ""),
        ("*", 400, "INVALID_PARAMETER", ""),
        ([7], 400, "INVALID_PARAMETER", ""),
        (["circuit.opened"], 403, "FORBIDDEN", "admin"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_events_that_cannot_be_heard_are_refused_by_name(
    manage: App, method: str, events: Any, status: int, code: str, word: str
) -> None:
    if method == "POST":
        answer = create(manage, events=events)
    else:
        answer = act(manage, "PATCH", made(manage)["id"], body={"events": events})
    assert answer.status == status, answer.text
    refused = error(answer)
    assert refused["error_code"] == code
    assert word in refused["message"]
    if status == 422:
        assert refused["code_reason"] == "UNPROCESSABLE_ENTITY"
        assert refused["error_trace"][0]["field"] == "events"
        assert "/v1/openapi.json" in refused["message"]


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.215.14/hook",
        "https://10.0.0.1/hook",
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://user:pass@93.184.215.14/",
        "https://93.184.215.14/#fragment",
        "ftp://93.184.215.14/",
        "hook",
        "",
        7,
        None,
    ],
)
def test_a_url_that_must_not_be_asked_is_refused(manage: App, url: Any) -> None:
    for answer in (create(manage, url=url), act(manage, "PATCH", made(manage)["id"], body={"url": url})):
        assert answer.status == 400, answer.text
        assert error(answer)["error_trace"][0]["field"] == "url"


@pytest.mark.parametrize("found", [[], ["10.1.2.3"], ["93.184.215.14", "::1"]])
def test_a_host_is_refused_all_of_whose_addresses_are_not_public(
    manage: App, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "waybill.hosts.socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (each, 0)) for each in found]
    )
    refused = create(manage, url="https://hooks.example.com/waybill")
    assert refused.status == 400
    assert error(refused)["error_trace"][0]["field"] == "url"
    assert manage.send("GET", ALL).body["webhooks"] == []


def test_fields_that_are_not_there_are_refused(manage: App) -> None:
    refused = create(manage, colour="red")
    assert (refused.status, error(refused)["error_trace"][0]["field"]) == (400, "colour")


def test_who_may_manage_is_asked_of_every_route(manage: App) -> None:
    for method, resource in manage.app.WEBHOOKS.routes():
        answer = manage.send(method, resource, path={"webhook_id": NOBODYS}, scopes="track admin")
        assert answer.status == 403, (method, resource)
        assert "manage" in error(answer)["message"]


def test_anothers_webhook_is_like_none(manage: App) -> None:
    foreign = made(manage, member="other")["id"]
    bodies = {("PATCH", ""): {"description": "mine"}, ("POST", "replay"): {"since": "2026-01-01T00:00:00Z"}}
    for method, what in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "secret"),
        ("POST", "test"),
        ("POST", "pause"),
        ("POST", "resume"),
        ("GET", "deliveries"),
        ("POST", "replay"),
    ):
        body = bodies.get((method, what))
        answers = [act(manage, method, id_, what, body) for id_ in (foreign, NOBODYS, "nonsense")]
        assert [each.status for each in answers] == [404] * 3, (method, what)
        assert len({each.text for each in answers}) == 1
        assert error(answers[0])["error_code"] == "WEBHOOK_NOT_FOUND"
    assert act(manage, "GET", foreign, member="other").body["description"] == ""
    assert manage.send("GET", ALL).body["webhooks"] == []
    assert sent("FANOUT_QUEUE") == sent("WEBHOOK_QUEUE") == []


def test_a_patch_changes_what_it_names(manage: App) -> None:
    before = made(manage, description="a")
    before.pop("secret")
    url = "https://93.184.215.14/new"
    answer = act(manage, "PATCH", before["id"], body={"url": url, "events": ["parcel.exception"]})
    assert (
        answer.body == {**before, "url": url, "events": ["parcel.exception"]} == shown(manage, before["id"])
    )
    assert act(manage, "PATCH", before["id"], body={"description": None}).body["description"] == ""
    assert act(manage, "PATCH", before["id"], body={}).status == 200


def test_another_url_is_not_blamed_for_what_the_one_before_failed(manage: App) -> None:
    id_ = made(manage)["id"]
    hooks = manage.app.WEBHOOKS.webhooks
    hooks.failing(hooks.get("member", id_), 1_790_000_000.0)
    same = act(manage, "PATCH", id_, body={"url": URL, "description": "a"}).body
    assert same["failing_since"] == notifications.instant(1_790_000_000.0)
    assert act(manage, "PATCH", id_, body={"url": f"{URL}/new"}).body["failing_since"] is None
    assert shown(manage, id_)["failing_since"] is None
    hooks.disable(hooks.get("member", id_), "gone", 1_790_000_000.0)
    assert act(manage, "PATCH", id_, body={"url": URL}).body["failing_since"] is not None


def test_an_admin_makes_and_leads_an_operators_webhook(manage: App) -> None:
    admin = "manage admin"
    hook = made(manage, events=["circuit.opened"], scopes=admin)
    assert hook["operator"]
    assert manage.app.WEBHOOKS.webhooks.operators() == ["member"]
    elsewhere = {"url": "https://93.184.215.14/else"}
    assert act(manage, "PATCH", hook["id"], body=elsewhere).status == 403
    assert act(manage, "PATCH", hook["id"], body=elsewhere, scopes=admin).status == 200
    plain = made(manage, member="second")
    changed = act(
        manage, "PATCH", plain["id"], body={"events": ["circuit.opened"]}, scopes=admin, member="second"
    )
    assert changed.body["operator"]
    assert manage.app.WEBHOOKS.webhooks.operators() == ["member", "second"]


def test_a_rotated_secret_signs_beside_the_one_before_for_a_day(manage: App) -> None:
    before = made(manage)
    answer = act(manage, "POST", before["id"], "secret")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body["secret"] != before["secret"]
    assert answer.body["public_key"] != before["public_key"]
    until = datetime.fromisoformat(answer.body["previous_until"])
    assert timedelta(hours=23, minutes=59) < until - datetime.now(tz=UTC) <= timedelta(hours=24)
    stands = shown(manage, before["id"])
    assert (stands["secret_version"], stands["public_key"]) == (2, answer.body["public_key"])
    assert stands["previous_until"] == answer.body["previous_until"]


def test_a_rotation_with_an_idempotency_key_happens_once_for_each_webhook(manage: App) -> None:
    first, second = made(manage)["id"], made(manage)["id"]
    key = {"Idempotency-Key": "rotate-1"}
    answers = [act(manage, "POST", each, "secret", headers=key) for each in (first, first, second)]
    assert answers[0].body == answers[1].body != answers[2].body
    assert answers[2].body["id"] == second
    assert [shown(manage, each)["secret_version"] for each in (first, second)] == [2, 2]


def test_a_test_event_goes_to_this_webhook_alone(manage: App) -> None:
    hook = made(manage)
    answer = act(manage, "POST", hook["id"], "test")
    assert answer.status == 202
    (message,) = sent("FANOUT_QUEUE")
    assert (message["kind"], message["member"], message["webhook"]) == ("member", "member", hook["id"])
    assert message["notification"]["type"] == "webhook.test"
    assert message["notification"]["id"] == answer.body["event_id"]
    assert message["notification"]["data"] == {"webhook_id": hook["id"], "url": URL, "reason": "test"}


def test_a_webhook_is_paused_and_resumed(manage: App) -> None:
    id_ = made(manage)["id"]
    assert act(manage, "POST", id_, "pause").body["state"] == "paused"
    assert act(manage, "POST", id_, "pause").body["state"] == "paused"
    resumed = act(manage, "POST", id_, "resume").body
    assert (resumed["state"], resumed["resent"], resumed["more"]) == ("active", 0, False)


def test_a_disabled_one_stays_so_until_it_is_resumed(manage: App) -> None:
    id_ = made(manage)["id"]
    hooks = manage.app.WEBHOOKS.webhooks
    hooks.failing(hooks.get("member", id_), 1_790_000_000.0)
    hooks.disable(hooks.get("member", id_), "failing", 1_790_000_000.0)
    paused = act(manage, "POST", id_, "pause").body
    assert (paused["state"], paused["reason"]) == ("disabled", "failing")
    assert paused["failing_since"] == notifications.instant(1_790_000_000.0)
    act(manage, "POST", id_, "resume")
    stands = shown(manage, id_)
    assert (stands["state"], stands["reason"], stands["failing_since"]) == ("active", None, None)


@pytest.mark.parametrize(("what", "body"), [("test", None), ("replay", {"since": "2026-03-01T09:00:00Z"})])
def test_without_a_queue_nothing_is_promised(manage: App, what: str, body: Any) -> None:
    id_ = made(manage)["id"]
    boto3.client("sqs").delete_queue(QueueUrl=ENVIRONMENT["FANOUT_QUEUE"])
    answer = act(manage, "POST", id_, what, body)
    assert answer.status == 503
    assert error(answer)["error_code"] == "QUEUE_UNAVAILABLE"
    assert answer.headers["Retry-After"] == "2"
