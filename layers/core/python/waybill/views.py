"""How a parcel is shown: contract A's shape, and the native one with its ETag. Pure."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from waybill import statuses
from waybill.couriers import find
from waybill.model import PENDING

if TYPE_CHECKING:
    from waybill import answers
    from waybill.couriers import Courier
    from waybill.lookup import Found
    from waybill.model import Area, Event, Lang, Parcel
    from waybill.numbers import Candidate


def contract_a(found: Found, lang: Lang) -> answers.SuccessA:
    """`{code, message, data: {status, statusDesc, traces: [{time, desc}]}}`, traces newest first."""
    parcel = found.parcel
    status, description = _contract_a_status(parcel, lang)
    return {
        "code": "SUCCESS",
        "message": "success",
        "data": {
            "status": status,
            "statusDesc": description,
            "traces": [{"time": local_time(event.time), "desc": event.text} for event in parcel.events],
        },
    }


def _contract_a_status(parcel: Parcel, lang: Lang) -> tuple[str, str]:
    if parcel.status == PENDING or parcel.state is None:
        name = statuses.status_name(PENDING, lang)
        return name, name
    code, _ = statuses.resolve(statuses.code_of(parcel))
    if lang == "en":
        return statuses.status_name(code.status, lang), code.name_en
    return code.contract_a_status, code.contract_a_desc


def local_time(time: str | None) -> str:
    return time[:19].replace("T", " ") if time else ""


def native(found: Found, lang: Lang) -> answers.Parcel:
    """The whole parcel with its freshness. Every field is always there; what is not known is null or empty."""
    parcel = found.parcel
    courier = find(parcel.courier)
    return {
        "courier": {"code": parcel.courier, "name": courier.name(lang) if courier else parcel.courier},
        "number": parcel.number,
        "status": parcel.status,
        "substatus": parcel.substatus,
        "status_name": status_name(parcel, lang),
        "terminal": parcel.terminal,
        "raw": {"state": parcel.state},
        "lang": parcel.lang,
        "events": [_event(event) for event in parcel.events],
        "route": _route(parcel),
        "eta": _eta(parcel),
        "milestones": [
            {
                "status": each.status,
                "substatus": each.substatus,
                "occurrence": each.occurrence,
                "occurred_at": each.occurred_at,
                "event_id": each.event_id,
            }
            for each in parcel.milestones
        ],
        "freshness": {
            "source": found.source,
            "fetched_at": instant(found.fetched_at),
            "age_seconds": int(found.age),
            "next_allowed_at": instant(found.next_allowed_at),
            "next_refresh_at": instant(max(found.fresh_until, found.next_allowed_at)),
            "reason": found.reason,
        },
    }


def status_name(parcel: Parcel, lang: Lang) -> str:
    if parcel.substatus is None or parcel.state is None:
        return statuses.status_name(parcel.status, lang)
    return statuses.resolve(statuses.code_of(parcel))[0].name(lang)


def etag(parcel: answers.Parcel) -> str:
    """Covers everything shown but the freshness, of which only when the answer was fetched."""
    covered = {**parcel, "freshness": parcel["freshness"]["fetched_at"]}
    text = json.dumps(covered, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def origin(found: Found) -> dict[str, str]:
    """Headers that say where an answer came from, for contracts whose bodies have no room for it."""
    return {"X-Waybill-Source": found.source, "X-Waybill-Fetched-At": instant(found.fetched_at)}


def instant(epoch: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(int(epoch), UTC).isoformat().replace("+00:00", "Z")


def _event(event: Event) -> answers.Event:
    return {
        "id": event.id,
        "time": event.time,
        "time_zone": event.zone,
        "text": event.text,
        "status": event.status,
        "substatus": event.substatus,
        "code": event.code,
        "location": event.location,
        "area": _area(event.area),
    }


def _area(area: Area | None) -> answers.Area | None:
    return {"code": area.code, "name": area.name, "lng": area.lng, "lat": area.lat} if area else None


def _route(parcel: Parcel) -> answers.Route | None:
    route = parcel.route
    if route is None:
        return None
    return {
        "origin": _area(route.origin),
        "current": _area(route.current),
        "destination": _area(route.destination),
    }


def _eta(parcel: Parcel) -> answers.Eta | None:
    eta = parcel.eta
    if eta is None:
        return None
    return {
        "arrives_at": eta.arrives_at,
        "total_time": eta.total_time,
        "remaining_time": eta.remaining_time,
        "probability": eta.probability,
        "stops": [{"arrives": stop.arrives, "leaves": stop.leaves, "name": stop.name} for stop in eta.stops],
    }


def all_statuses(lang: Lang) -> answers.Statuses:
    """Our statuses with the vendor's codes that lead to each."""
    return {
        "statuses": [
            {
                "status": status,
                "name": statuses.status_name(status, lang),
                "codes": [
                    {
                        "code": code.code,
                        "state": code.state,
                        "substatus": code.substatus,
                        "name": code.name(lang),
                        "terminal": code.terminal,
                    }
                    for code in statuses.codes().values()
                    if code.status == status
                ],
            }
            for status in statuses.NAMES
        ]
    }


def candidates(number: str, found: list[Candidate], lang: Lang) -> answers.Candidates:
    return {
        "number": number,
        "candidates": [
            {
                "courier": {"code": each.courier.code, "name": each.courier.name(lang)},
                "confidence": each.confidence,
                "check_digit": each.check_digit,
                "requires_phone": each.courier.requires_phone,
            }
            for each in found
        ],
    }


def couriers(found: list[Courier], lang: Lang) -> answers.Couriers:
    return {
        "couriers": [
            {
                "code": each.code,
                "name": each.name(lang),
                "name_zh": each.name_zh,
                "name_en": each.name_en or None,
                "category": each.category,
                "requires_phone": each.requires_phone,
            }
            for each in found
        ],
        "next_cursor": None,
    }
