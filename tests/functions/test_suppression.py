"""The suppression function as Lambda loads it: the page behind the link in a letter, and what SES says of addresses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.functions.conftest import App, Context, error, load, sample
from waybill.shipments import Registration, Shipment
from waybill.suppression import ALL, Recipient, Suppressions

if TYPE_CHECKING:
    import io

    from tests.functions.conftest import Answer

KEY = b"k" * 64
PATH = "/v1/unsubscribe/{token}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SHIP = Shipment("acme", "1001", "yuantong", "YT7450353838751", Registration(), 1.0, 1.0)
WHO = Recipient.of(KEY, SHIP, "someone@example.com")
ONE_CLICK = "List-Unsubscribe=One-Click"


@pytest.fixture
def suppression(aws: None, monkeypatch: pytest.MonkeyPatch) -> App:  # noqa: ARG001 - in force, not used
    make: Any = boto3.client  # typed for the services whose types are installed
    make("secretsmanager").create_secret(Name="address-key", SecretString=KEY.decode())
    monkeypatch.setenv("ADDRESS_KEY_SECRET", "address-key")
    return App(load("suppression"))


def send(suppression: App, method: str, token: str = "", **parts: Any) -> Answer:
    return suppression.send(
        method, PATH, path={"token": token or WHO.token(KEY)}, member="", scopes="", **parts
    )


def stopped() -> dict[str, str]:
    """What is stored of who is not written to: what, and why."""
    items = boto3.client("dynamodb").scan(TableName="tracking")["Items"]
    return {f"{item['pk']['S']}/{item['sk']['S']}": item["why"]["S"] for item in items}


def key(what: str, recipient: Recipient = WHO) -> str:
    return f"SUPPRESSED#{recipient.address}/{what}"


@pytest.mark.parametrize(
    ("accepted", "lang", "word"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "退订"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en", "Unsubscribe"),
        ("en;q=0.2, zh-TW;q=0.7", "zh-CN", "退订"),
        ("fr, zh;q=0", "en", "Unsubscribe"),
        ("fr;q=x", "en", "Unsubscribe"),
        ("", "en", "Unsubscribe"),
    ],
)
def test_the_link_leads_to_a_page_that_asks_in_the_readers_language(
    suppression: App, accepted: str, lang: str, word: str
) -> None:
    answer = send(suppression, "GET", headers={"Accept-Language": accepted})
    assert answer.status == 200
    assert f'<html lang="{lang}">' in answer.text
    assert word in answer.text
    assert re.findall(r'<button name="(\w+)" value="(\w+)">', answer.text) == [
        ("scope", "shipment"),
        ("scope", "member"),
    ]


def test_a_scanner_that_follows_the_link_stops_nothing(suppression: App) -> None:
    for _ in range(3):
        assert send(suppression, "GET").status == 200
    assert stopped() == {}


def test_the_page_is_kept_by_nobody_loads_nothing_and_tells_nobody_where_it_was(suppression: App) -> None:
    answer = send(suppression, "GET")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "form-action 'self'" in policy
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert not re.search(r"<script|<link|<img|src=|href=|style=|https?:", answer.text)


def test_the_click_of_a_mail_program_stops_all_mails_of_the_member(suppression: App) -> None:
    for _ in range(2):
        answer = send(suppression, "POST", headers=FORM, body=ONE_CLICK)
        assert answer.status == 200
    assert stopped() == {key(WHO.of_member): "unsubscribed"}


def test_the_click_may_come_as_a_form_of_parts(suppression: App) -> None:
    body = (
        '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
        '--x\r\nContent-Disposition: form-data; name="more"\r\n\r\n\r\n--x--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert send(suppression, "POST", headers=headers, body=body).status == 200
    assert stopped() == {key(WHO.of_member): "unsubscribed"}


def test_the_sample_event_is_read_and_its_token_was_never_made(suppression: App) -> None:
    event = sample("unsubscribe")
    assert suppression.app.handler(event, Context())["statusCode"] == 404
    event["pathParameters"] = {"token": WHO.token(KEY)}
    assert suppression.app.handler(event, Context())["statusCode"] == 200
    assert stopped() == {key(WHO.of_member): "unsubscribed"}


def test_a_body_in_base64_is_read(suppression: App) -> None:
    body = base64.b64encode(ONE_CLICK.encode()).decode()
    assert send(suppression, "POST", headers=FORM, body=body, base64=True).status == 200
    assert stopped() == {key(WHO.of_member): "unsubscribed"}


@pytest.mark.parametrize(
    ("scope", "what", "words"),
    [
        ("shipment", WHO.of_shipment, "no more mails about this parcel"),
        ("member", WHO.of_member, "no more mails from this sender"),
    ],
)
def test_each_button_stops_what_it_says(suppression: App, scope: str, what: str, words: str) -> None:
    answer = send(suppression, "POST", headers=FORM, body=f"scope={scope}")
    assert words in answer.text
    assert "<button" not in answer.text
    assert stopped() == {key(what): "unsubscribed"}
    assert Suppressions(boto3.client("dynamodb"), "tracking").stop(WHO) == "unsubscribed"


def test_a_button_for_one_parcel_stops_no_other(suppression: App) -> None:
    send(suppression, "POST", headers=FORM, body="scope=shipment")
    other = Recipient.of(
        KEY, Shipment("acme", "2", "yuantong", "YT1", Registration(), 1.0, 1.0), "someone@example.com"
    )
    assert Suppressions(boto3.client("dynamodb"), "tracking").stop(other) is None


@pytest.mark.parametrize(
    "token", ["x", "A" * 78, WHO.token(b"another key"), f"{WHO.token(KEY)[:-2]}AA", "退订"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_was_never_made_is_not_found_and_does_nothing(
    suppression: App, method: str, token: str
) -> None:
    answer = send(suppression, method, token, headers=FORM, body=ONE_CLICK)
    assert answer.status == 404
    assert "<form" not in answer.text
    assert "This link does not work" in answer.text
    assert stopped() == {}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (FORM, "scope=everything", 400),
        (FORM, "", 400),
        (FORM, None, 400),
        (FORM, "scope=%ff", 400),
        (FORM, f"scope=member&x={'x' * 20_000}", 413),
        ({"Content-Type": "application/json"}, '{"scope": "member"}', 415),
        ({}, ONE_CLICK, 415),
    ],
)
def test_what_is_no_form_of_ours_is_refused_in_the_words_of_the_api(
    suppression: App, headers: dict[str, str], body: str | None, status: int
) -> None:
    answer = send(suppression, "POST", headers=headers, body=body)
    assert answer.status == status
    assert error(answer)["message"]
    assert stopped() == {}


def test_another_method_is_refused_with_those_that_there_are(suppression: App) -> None:
    answer = send(suppression, "PUT")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_no_log_holds_a_token(suppression: App, logs: io.StringIO) -> None:
    send(suppression, "GET")
    send(suppression, "POST", headers=FORM, body=ONE_CLICK)
    assert "unsubscribe" in logs.getvalue()
    assert WHO.token(KEY)[:20] not in logs.getvalue()


# ---- What SES says


def feedback(suppression: App, *bodies: str) -> list[str]:
    """The messages that come back."""
    records = [{"messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]
    answer = suppression.app.handler({"Records": records}, Context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def bounce(kind: str = "Permanent", address: str = "Someone@Example.com") -> str:
    who = [{"emailAddress": address, "action": "failed", "status": "5.1.1"}]
    return json.dumps({"eventType": "Bounce", "bounce": {"bounceType": kind, "bouncedRecipients": who}})


def test_a_permanent_bounce_and_a_complaint_stop_all_mails_to_the_address(suppression: App) -> None:
    who = [{"emailAddress": "other@example.com"}]
    complaint = json.dumps({"eventType": "Complaint", "complaint": {"complainedRecipients": who}})
    assert feedback(suppression, bounce(), complaint, bounce()) == []
    other = Recipient.of(KEY, SHIP, "other@example.com")
    assert stopped() == {key(ALL): "bounce", key(ALL, other): "complaint"}


def test_a_bounce_that_passes_stops_nothing(suppression: App) -> None:
    assert feedback(suppression, bounce("Transient")) == []
    assert stopped() == {}


def test_what_nobody_understands_comes_back_alone_and_is_not_quoted(
    suppression: App, logs: io.StringIO
) -> None:
    assert feedback(suppression, "not json", bounce(), '{"eventType": "Open"}') == ["m0", "m2"]
    assert stopped() == {key(ALL): "bounce"}
    assert "not json" not in logs.getvalue()
    assert "xample.com" not in logs.getvalue()


def test_a_store_that_does_not_answer_brings_the_message_back(suppression: App) -> None:
    boto3.client("dynamodb").delete_table(TableName="tracking")
    assert feedback(suppression, bounce()) == ["m0"]
