"""`track` and `watch`: one parcel, now or as it goes on."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import quote

import typer
from rich.live import Live

from cli import pictures
from cli.api import body_of
from cli.exits import Misuse, Refused
from cli.frame import command
from waybill import numbers, phones
from waybill.errors import InvalidField
from waybill.shipments import ORDER_ID

if TYPE_CHECKING:
    from cli.api import Api
    from cli.frame import Session

_COURIER: Final = r"[0-9A-Za-z_]{1,64}"
_UNKNOWN: Final = "ORDER_NOT_FOUND"
PhoneTail = Annotated[
    str | None,
    typer.Option(
        "--phone-tail",
        envvar="WAYBILL_PHONE_TAIL",
        show_envvar=True,
        help="Last four digits of the phone, where the courier demands one; - asks for them.",
    ),
]
Language = Annotated[Literal["zh", "en"] | None, typer.Option("--lang", help="Language of names.")]


def add_to(app: typer.Typer) -> None:
    command(app)(track)
    command(app)(watch)


def track(
    session: Session,
    courier: Annotated[
        str, typer.Argument(metavar="COURIER|NUMBER", help="The courier's code, auto, or left out.")
    ],
    number: Annotated[
        str | None, typer.Argument(metavar="NUMBER", help="The tracking number.", show_default=False)
    ] = None,
    phone_tail: PhoneTail = None,
    lang: Language = None,
    max_age: Annotated[
        int | None,
        typer.Option(min=0, max=99_999_999, help="Oldest answer that will do, in seconds."),
    ] = None,
) -> None:
    """Where a parcel is: waybill track NUMBER, or waybill track COURIER NUMBER."""
    courier, number = (numbers.AUTO, courier) if number is None else (courier, number)
    path = _parcel(courier, number)
    parcel = session.api.get(path, {"lang": lang, "max_age": max_age}, **_phone(phone_tail))
    session.screen.show(parcel, pictures.parcel(parcel))


def watch(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="NUMBER|ORDER", help="A tracking number or an order's id.")],
    courier: Annotated[str, typer.Option(help="The courier's code, for a number.")] = numbers.AUTO,
    phone_tail: PhoneTail = None,
    lang: Language = None,
    every: Annotated[
        float,
        typer.Option(
            min=0.2,
            max=3600,
            help="Seconds between two looks; Kuaidi100 is asked once in 31 minutes at most.",
        ),
    ] = 10.0,
) -> None:
    """Follow a parcel until its journey ends, or until Ctrl-C.

    At a terminal the picture changes; elsewhere there is a line for each change.
    """
    sight = _found(session.api, what, courier, {"lang": lang}, _phone(phone_tail))
    if session.screen.json or not sys.stdout.isatty():
        _lines(session, sight, every)
        return
    with Live(pictures.parcel(sight.body), console=session.screen.out) as live:
        while not sight.body["terminal"]:
            time.sleep(every)
            if sight.look():
                live.update(pictures.parcel(sight.body))


@dataclass
class Sight:
    """A parcel or shipment as it was seen last."""

    api: Api
    path: str
    query: dict[str, Any]
    headers: dict[str, str]
    body: Any = None
    tag: str = ""

    def look(self) -> bool:
        """Whether there is another answer than before."""
        known = {"If-None-Match": self.tag} if self.tag else {}
        answer = self.api.ask("GET", self.path, query=self.query, headers={**self.headers, **known})
        if answer.status_code == 304:
            return False
        self.body, self.tag = body_of(answer), answer.headers.get("etag", "")
        return True

    @property
    def news(self) -> tuple[Any, ...]:
        """What makes a line of its own when it changes."""
        parcel = self.body.get("parcel") or self.body
        events = parcel.get("events") or [{}]
        return self.body["status"], self.body["substatus"], events[0].get("id")


def _lines(session: Session, sight: Sight, every: float) -> None:
    told = None
    while True:
        if sight.news != told:
            told = sight.news
            if session.screen.json:
                session.screen.show(sight.body)
            else:
                session.screen.write(pictures.line(sight.body))
        if sight.body["terminal"]:
            return
        time.sleep(every)
        sight.look()


def _found(api: Api, what: str, courier: str, query: dict[str, Any], headers: dict[str, str]) -> Sight:
    """The shipment of an order that is called so, or else the parcel of this number."""
    if courier == numbers.AUTO and re.fullmatch(ORDER_ID, what):
        sight = Sight(api, f"/v1/shipments/{quote(what, safe='')}", {}, {})
        try:
            sight.look()
        except Refused as refused:
            if refused.name != _UNKNOWN:
                raise
        else:
            return sight
    sight = Sight(api, _parcel(courier, what), query, headers)
    sight.look()
    return sight


def _parcel(courier: str, number: str) -> str:
    if not re.fullmatch(_COURIER, courier):
        raise Misuse(
            f"{courier!r} can be no courier's code.", "Leave it out, or look for it in GET /v1/couriers?q="
        )
    try:
        return f"/v1/parcels/{courier}/{numbers.normalise(number)}"
    except InvalidField as error:
        raise Misuse(error.message, "Write it as the courier does.") from error


def _phone(given: str | None) -> dict[str, str]:
    if not given:
        return {}
    text = typer.prompt("Phone", hide_input=True, err=True) if given == "-" else given
    try:
        return {"X-Phone-Tail": phones.tail(text)}
    except InvalidField as error:
        raise Misuse(error.message) from error
