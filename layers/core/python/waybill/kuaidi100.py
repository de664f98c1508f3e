"""Kuaidi100's realtime query: sign, ask, and turn whatever comes back into one `Answer` or one error of the tree.

httpx and pydantic are imported here and nowhere below the functions, so that an answer from the cache never pays for them.

One call has one wall deadline over connecting, sending and reading, which neither a slow drip nor a slow connect can stretch: the
call runs as a coroutine that is cancelled when its time is up. All calls of a client, from however many threads, run on one event
loop (`loops`), so they share its connections.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Annotated, Any, Final

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from waybill import privacy, statuses
from waybill.loops import Loop
from waybill.model import Answer, Area, Eta, Event, Parcel, PredictedStop, Query, Route, event_id, instant
from waybill.outcomes import REFUSALS, NoResult, NotSent, OutcomeUnknown, UnlistedCode

if TYPE_CHECKING:
    from typing import Self

    from waybill.model import Zone

QUERY_URL: Final = "https://poll.kuaidi100.com/poll/query.do"
MAX_BODY_BYTES: Final = 1_000_000
SHANGHAI: Final = timezone(timedelta(hours=8))
YEARS: Final = range(2000, 2100)
"""What is dated otherwise has no date: couriers fill in 0001 or 9999 where they know none."""
BEHIND: Final = frozenset({"已经过节点", "当前停留节点"})
"""Nodes of the predicted route that the parcel has passed, or where it is."""
_NO_TIME: Final[tuple[None, Zone]] = (None, "assumed")
_DIGESTS: Final = {"MD5": hashlib.md5, "SHA256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Credentials:
    customer: str
    key: str

    def __repr__(self) -> str:
        return "Credentials(***)"


def to_param(query: Query) -> str:
    """The JSON text of `param`: serialised once, then signed and posted as it is. Empty optional fields are left out."""
    fields = {
        "com": query.com,
        "num": query.num,
        "phone": query.phone,
        "from": query.origin,
        "to": query.to,
        "resultv2": query.resultv2,
        "show": query.show,
        "order": query.order,
        "lang": query.lang,
    }
    return json.dumps({k: v for k, v in fields.items() if v}, ensure_ascii=False, separators=(",", ":"))


def sign(param: str, credentials: Credentials, sign_type: str = "MD5") -> str:
    """`UPPER(digest(param + key + customer))` over UTF-8 (vendor's page, section 1.3)."""
    return _DIGESTS[sign_type](f"{param}{credentials.key}{credentials.customer}".encode()).hexdigest().upper()


class Client:
    """Asks `query.do` over one connection pool, for as long as the container is warm. Any number of threads may use it at once.

    Seconds are wall seconds. `transport` is the seam for tests; certificates are always checked.
    """

    def __init__(
        self,
        *,
        url: str = QUERY_URL,
        connect: float = 3.0,
        read: float = 10.0,
        deadline: float = 12.0,
        sign_type: str = "MD5",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._deadline = deadline
        self._sign_type = sign_type
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(read, connect=connect),
            headers={"Accept-Encoding": "identity", "User-Agent": "waybill"},
            follow_redirects=False,
            trust_env=False,
        )
        self._loop = Loop("kuaidi100")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections; a call that is still in flight ends as OutcomeUnknown."""
        self._loop.close(self._http.aclose)

    def query(self, query: Query, credentials: Credentials) -> Answer:
        """Ask once; never retries.

        Raises:
            NotSent: no connection could be made, so the vendor knows nothing of the call.
            OutcomeUnknown: sent, and then no answer, no end of it, or one that nobody can read.
            Refused: the class of the returnCode.
        """
        call = self._loop.start(self._post(query, credentials))
        try:
            return parse(call.result(), query)
        except CancelledError as error:
            raise OutcomeUnknown("the client was closed") from error

    async def _post(self, query: Query, credentials: Credentials) -> bytes:
        param = to_param(query)
        form = {
            "customer": credentials.customer,
            "sign": sign(param, credentials, self._sign_type),
            "param": param,
        }
        if self._sign_type != "MD5":
            form["signType"] = self._sign_type
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._http.stream("POST", self._url, data=form) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise OutcomeUnknown(f"HTTP {response.status_code}")
                return await _read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(type(error).__name__) from error
        except (httpx.TransportError, TimeoutError) as error:
            raise OutcomeUnknown(type(error).__name__) from error


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise OutcomeUnknown(f"answer over {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _text(value: object) -> str | None:
    """A string whatever the vendor typed the field as; null and absent are None. Half an emoji becomes a question mark."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip() or None


def _masked(value: object) -> str | None:
    """As `_text`, without names and phone numbers: couriers write them where nobody expects them."""
    text = _text(value)
    return (privacy.mask(text) or None) if text else None


_Text = Annotated[str | None, BeforeValidator(_text)]
"""What is compared or read as a time or a number, and goes no further as it came."""
_Masked = Annotated[str | None, BeforeValidator(_masked)]
"""What is kept as it came."""


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Row(_Tolerant):
    time: _Text = None
    ftime: _Text = None
    context: _Masked = None
    statusCode: _Masked = None  # noqa: N815 - the vendor's name
    areaCode: _Masked = None  # noqa: N815 - the vendor's name
    areaName: _Masked = None  # noqa: N815 - the vendor's name
    areaCenter: _Text = None  # noqa: N815 - the vendor's name
    location: _Masked = None


class _Place(_Tolerant):
    number: _Masked = None
    name: _Masked = None


class _Stop(_Tolerant):
    arriveTime: _Text = None  # noqa: N815 - the vendor's name
    leaveTime: _Text = None  # noqa: N815 - the vendor's name
    province: _Masked = None
    city: _Masked = None
    district: _Masked = None
    name: _Masked = None
    state: _Text = None


def _list(value: object) -> list[object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _places(value: object) -> dict[str, object]:
    return {k: v for k, v in value.items() if isinstance(v, dict)} if isinstance(value, dict) else {}


class _Reply(_Tolerant):
    returnCode: _Text = None  # noqa: N815 - the vendor's name
    message: _Text = None
    status: _Text = None
    state: _Masked = None
    nu: _Text = None
    data: Annotated[list[_Row], BeforeValidator(_list)] = []
    routeInfo: Annotated[dict[str, _Place], BeforeValidator(_places)] = {}  # noqa: N815 - the vendor's name
    arrivalTime: _Text = None  # noqa: N815 - the vendor's name
    totalTime: _Masked = None  # noqa: N815 - the vendor's name
    remainTime: _Masked = None  # noqa: N815 - the vendor's name
    probability: _Masked = None
    predictedRoute: Annotated[list[_Stop], BeforeValidator(_list)] = []  # noqa: N815 - the vendor's name


def parse(body: bytes, query: Query) -> Answer:
    """One body of `query.do` as an answer, whatever its Content-Type said.

    Raises:
        Refused: the class of the returnCode, or of a `status` that stands in for one.
        OutcomeUnknown: not a JSON object, or the answer to another number.
    """
    reply = _decode(body)
    code = reply.returnCode or ""
    if not code and not reply.data and reply.status not in {None, "200"}:
        code = reply.status or ""
    if code and code != "200":
        raise REFUSALS[code]() if code in REFUSALS else UnlistedCode(code[:16])
    if not reply.data:
        if reply.status == "200":
            raise NoResult("no events")
        raise OutcomeUnknown("neither events nor a returnCode")
    if reply.nu and reply.nu.upper() != query.num.upper():
        raise OutcomeUnknown("the answer to another number")
    try:
        return _answer(reply, query)
    except (ValueError, OverflowError) as error:
        raise OutcomeUnknown(f"unreadable answer: {type(error).__name__}") from error


def _decode(body: bytes) -> _Reply:
    """UTF-8 as documented; GB18030, which Chinese servers fall back to, where it is not."""
    try:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = body.decode("gb18030")
        data: Any = json.loads(text, strict=False)
        if not isinstance(data, dict):
            raise OutcomeUnknown("not a JSON object")
        return _Reply.model_validate(data)
    except (ValueError, RecursionError, ValidationError) as error:
        raise OutcomeUnknown(f"unreadable answer: {type(error).__name__}") from error


def _answer(reply: _Reply, query: Query) -> Answer:
    unknown: set[str] = set()

    def resolve(raw: str) -> statuses.Code:
        code, known = statuses.resolve(raw)
        if not known:
            unknown.add(raw)
        return code

    events: dict[str, Event] = {}
    for row in reply.data:
        event = _event(row, resolve(row.statusCode) if row.statusCode else None)
        events.setdefault(event.id, event)
    as_sent = list(events.values()) if query.order == "desc" else list(events.values())[::-1]
    newest_first = sorted(as_sent, key=instant, reverse=True)
    state = resolve(reply.state or newest_first[0].code or "0")
    if state.code == state.state and newest_first[0].code:
        # Only the family was sent: the newest event says which of it, as long as it agrees.
        latest = resolve(newest_first[0].code)
        state = latest if latest.state == state.state else state
    parcel = Parcel(
        courier=query.com,
        number=query.num,
        status=state.status,
        substatus=state.substatus,
        terminal=state.terminal,
        state=reply.state or state.code,
        lang=query.lang,
        events=tuple(newest_first),
        route=_route(reply.routeInfo),
        eta=_eta(reply),
    )
    return Answer(parcel, tuple(sorted(unknown)))


def _event(row: _Row, code: statuses.Code | None) -> Event:
    time, zone = _time(row.ftime) or _time(row.time) or _NO_TIME
    text = row.context or ""
    return Event(
        id=event_id(time, text, row.statusCode),
        time=time,
        zone=zone,
        text=text,
        code=row.statusCode,
        status=code.status if code else None,
        substatus=code.substatus if code else None,
        location=row.location,
        area=_area(row.areaCode, row.areaName, row.areaCenter),
    )


def _time(text: str | None) -> tuple[str, Zone] | None:
    """ISO 8601 and where its zone came from; None for a text that is no time, or none of `YEARS`. Naive times are Asia/Shanghai."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(re.sub(r"[/.](?=\d{1,2}[/.\s])|(?<=\d{4})[/.]", "-", text))
    except ValueError:
        return None
    if time.year not in YEARS:
        return None
    if time.tzinfo is None:
        return time.replace(tzinfo=SHANGHAI).isoformat(timespec="seconds"), "assumed"
    return time.isoformat(timespec="seconds"), "given"


def _iso(text: str | None) -> str | None:
    time = _time(text)
    return time[0] if time else None


def _area(code: str | None, name: str | None, center: str | None = None) -> Area | None:
    if code is None and name is None:
        return None
    point = re.fullmatch(r"(-?\d{1,3}(?:\.\d+)?)\s*,\s*(-?\d{1,2}(?:\.\d+)?)", center or "")
    return Area(code, name, *(float(part) for part in point.groups())) if point else Area(code, name)


def _route(places: dict[str, _Place]) -> Route | None:
    origin, current, destination = (
        _area(place.number, place.name) if (place := places.get(end)) else None
        for end in ("from", "cur", "to")
    )
    return Route(origin, current, destination) if origin or current or destination else None


def _eta(reply: _Reply) -> Eta | None:
    ahead = [stop for stop in reply.predictedRoute if stop.state not in BEHIND]
    if not (reply.arrivalTime or reply.remainTime or ahead):
        return None
    return Eta(
        arrives_at=_iso(reply.arrivalTime and f"{reply.arrivalTime}:00:00"),
        total_time=reply.totalTime,
        remaining_time=reply.remainTime,
        probability=reply.probability,
        stops=tuple(
            PredictedStop(
                arrives=_iso(stop.arriveTime),
                leaves=_iso(stop.leaveTime),
                name=stop.name or " ".join(filter(None, (stop.province, stop.city, stop.district))),
            )
            for stop in ahead
        ),
    )
