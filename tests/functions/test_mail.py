"""The mail function as Lambda loads it: from a message of the queue to what SES gets, and what becomes of failures."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from tests.functions.conftest import App, Context, load
from waybill import messages, notifications
from waybill.errors import ConfigurationError
from waybill.feed import Entry, Feed
from waybill.messages import Letter
from waybill.model import Event, Milestone, Parcel
from waybill.notification_settings import MailSettings
from waybill.shipments import Registration, Shipment
from waybill.watches import Watches

if TYPE_CHECKING:
    import io

NOW = 1_800_000_000.0
SENDER = "no-reply@shop.example"
LINE = Event("e1", "2027-01-15T16:00:00+08:00", "given", "已签收", "301")


@pytest.fixture
def mail(aws: None, monkeypatch: pytest.MonkeyPatch) -> App:  # noqa: ARG001 - in force, not used
    make: Any = boto3.client  # typed for the services whose types are installed
    make("secretsmanager").create_secret(Name="address-key", SecretString="k" * 64)
    boto3.client("sesv2").create_email_identity(EmailIdentity=SENDER)
    monkeypatch.setenv("ADDRESS_KEY_SECRET", "address-key")
    monkeypatch.setenv("MAIL_FROM", f"圆通 Shop <{SENDER}>")
    monkeypatch.setenv("MAIL_CONFIGURATION_SET", "waybill")
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://api.example.com/prod/")
    return App(load("mail"))


def happened(number: str, address: str = "someone@example.com", member: str = "acme") -> Letter:
    """A shipment, an event of its parcel in the member's feed, and the letter that is asked for."""
    dynamodb = boto3.client("dynamodb")
    notify = {"email": address, "events": ["delivered"], "lang": "zh"}
    ship = Shipment(member, "1001", "yuantong", number, Registration(notify=notify), NOW, NOW)
    assert Watches(dynamodb, "tracking").create(ship) is None
    parcel = Parcel("yuantong", number, "delivered", terminal=True, events=(LINE,))
    told = notifications.of_milestone(parcel, Milestone("delivered", LINE.time or "", LINE.id), NOW)
    feed = Feed(dynamodb, "tracking", "cache", lambda: NOW)
    (sequence,) = feed.append(member, [Entry(notifications.of_shipment(told, ship))])
    return Letter(member, "1001", "yuantong", number, sequence)


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]}


def deliver(mail: App, *letters: Letter) -> list[str]:
    """The messages that come back."""
    answer = mail.app.handler(batch(*map(messages.write_letter, letters)), Context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def sent() -> list[Any]:
    return list(ses_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"].sent_messages)


def metric(written: str, name: str) -> list[float]:
    lines = [json.loads(line) for line in written.splitlines() if f'"{name}"' in line]
    return [value for line in lines for value in line[name]]


def answers(mail: App, status: int, error: str, *, times: int = 1) -> list[str]:
    """SES answers with an error, so many times; the calls that were made."""
    calls: list[str] = []

    def answer(model: Any, **_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        calls.append(model.name)
        if len(calls) > times:
            return None
        said = {"Code": error, "Message": "Address someone@example.com is not verified."}
        parsed = {"Error": said, "ResponseMetadata": {"HTTPStatusCode": status}}
        return AWSResponse("", status, {}, None), parsed  # type: ignore[arg-type] # no body

    mail.app.SESV2.meta.events.register("before-call.sesv2.SendEmail", answer)
    return calls


def test_a_letter_reaches_ses_whole(mail: App, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Any] = []
    mail.app.SESV2.meta.events.register(
        "provide-client-params.sesv2.SendEmail", lambda params, **_: asked.append(params)
    )
    assert deliver(mail, happened(number)) == []
    (message,) = sent()
    read = email.message_from_string(message.raw_data, policy=email.policy.default)
    assert read["To"] == "someone@example.com"
    assert read["From"] == f"圆通 Shop <{SENDER}>"
    assert str(read["List-Unsubscribe"]).startswith("<https://api.example.com/prod/v1/unsubscribe/")
    assert read["Subject"] == f"已签收：1001 (圆通速递 {number})"
    assert asked[0]["ConfigurationSetName"] == "waybill"
    assert asked[0]["Destination"] == {"ToAddresses": ["someone@example.com"]}
    assert metric(capsys.readouterr().out, "MailsSent") == [1]


def test_what_fails_of_a_batch_comes_back_alone_and_what_was_sent_is_sent_no_more(
    mail: App, number: str, logs: io.StringIO
) -> None:
    letter = messages.write_letter(happened(number))
    answer = mail.app.handler(batch("not json", letter, "{}"), Context())
    assert {each["itemIdentifier"] for each in answer["batchItemFailures"]} == {"m0", "m2"}
    assert len(sent()) == 1
    assert deliver(mail, messages.read_letter(letter)) == []
    assert len(sent()) == 1
    assert "not json" not in logs.getvalue()


def test_ten_letters_of_a_batch_are_on_their_way_at_once(mail: App, number: str) -> None:
    together = threading.Barrier(10, timeout=30)
    letters = [happened(f"{number}{place}") for place in range(10)]

    def meet(**_: object) -> None:
        together.wait()

    mail.app.SESV2.meta.events.register("before-call.sesv2.SendEmail", meet)
    assert deliver(mail, *letters) == [], "one that waited for the others in vain would have failed"
    assert len(sent()) == 10


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, "TooManyRequestsException"),
        (400, "SendingPausedException"),
        (400, "AccountSuspendedException"),
        (404, "NotFoundException"),
        (500, "InternalFailure"),
    ],
)
def test_what_ses_does_not_take_now_comes_back(mail: App, number: str, status: int, error: str) -> None:
    answers(mail, status, error)
    letter = happened(number)
    assert deliver(mail, letter) == ["m0"]
    assert sent() == []
    assert deliver(mail, letter) == []
    assert len(sent()) == 1


@pytest.mark.parametrize("fault", [EndpointConnectionError, ReadTimeoutError])
def test_a_ses_that_cannot_be_reached_brings_the_letter_back(
    mail: App, number: str, fault: type[Exception]
) -> None:
    calls: list[str] = []

    def away(request: Any, **_: object) -> None:
        calls.append(request.url)
        if len(calls) == 1:
            raise fault(endpoint_url=request.url)  # type: ignore[call-arg] # both take it

    mail.app.SESV2.meta.events.register_first("before-send.sesv2", away)
    letter = happened(number)
    assert deliver(mail, letter) == ["m0"]
    assert len(calls) == 1, "what was sent and not answered is not sent again at once"
    assert deliver(mail, letter) == []
    assert len(sent()) == 1


@pytest.mark.parametrize(
    "error", ["MessageRejected", "MailFromDomainNotVerifiedException", "BadRequestException"]
)
def test_what_ses_never_takes_is_counted_and_not_tried_again(
    mail: App, number: str, error: str, capsys: pytest.CaptureFixture[str], logs: io.StringIO
) -> None:
    calls, letter = answers(mail, 400, error, times=9), happened(number)
    assert deliver(mail, letter) == []
    assert metric(capsys.readouterr().out, "MailsRefused") == [1]
    assert deliver(mail, letter) == []
    assert len(calls) == 1
    assert "refused" in logs.getvalue()
    assert "someone" not in logs.getvalue()


def test_no_log_and_no_key_of_a_table_holds_an_address(mail: App, number: str, logs: io.StringIO) -> None:
    assert deliver(mail, happened(number)) == []
    items = boto3.client("dynamodb").scan(TableName="cache")["Items"]
    assert any(item["pk"]["S"].startswith("SENT#") for item in items)
    for place in (logs.getvalue(), str(items)):
        assert "someone" not in place


def test_without_a_sender_messages_are_dropped_with_a_word(
    mail: App,  # noqa: ARG001 - its environment
    number: str,
    monkeypatch: pytest.MonkeyPatch,
    logs: io.StringIO,
) -> None:
    monkeypatch.setenv("MAIL_FROM", "")
    monkeypatch.setenv("PUBLIC_BASE_URL", "")
    assert deliver(App(load("mail")), happened(number)) == []
    assert sent() == []
    assert [json.loads(line).get("end") for line in logs.getvalue().splitlines()] == ["no sender", None]


def test_who_sends_mail_has_to_say_where_its_links_lead(environment: dict[str, str]) -> None:
    variables = {**environment, "ADDRESS_KEY_SECRET": "key", "MAIL_FROM": SENDER, "PUBLIC_BASE_URL": ""}
    with pytest.raises(ConfigurationError, match="PUBLIC_BASE_URL"):
        MailSettings.read(variables)
