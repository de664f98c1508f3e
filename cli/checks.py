"""What `doctor` looks at. Each check says how it is, what was found, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from cli.api import duration
from cli.exits import Failure, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.api import Api
    from cli.frame import Session

State = Literal["ok", "warn", "fail"]
_SKEW_WARNED: Final = 60.0
_SKEW_FAILED: Final = 300.0
"""Signatures of webhooks are good for five minutes."""
_LAG_WARNED: Final = 300.0
_LAG_FAILED: Final = 3600.0
_TRIES: Final = 2
_SCOPES: Final = {
    "track": "/v1/statuses",
    "manage": "/v1/webhooks",
    "admin": "/v1/operations",
}
"""A read that each scope is needed for."""
_OF_OPERATORS: Final = ("kuaidi100", "refreshes", "attention", "budget", "deliveries", "queues")


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    found: str
    advice: str = ""

    def view(self) -> dict[str, Any]:
        return asdict(self)


def examined(session: Session) -> list[Check]:
    """All checks that make sense, one after another; behind an API that is not there, none does."""
    open_api = session.open_client(session.url, _TRIES)
    found = [*_reach(open_api)]
    if found[0].state == "fail":
        return found
    scopes, checks = _token(session)
    found += checks
    if "admin" in scopes:
        found += _operations(session)
    else:
        found += [
            Check(name, "warn", "Not checked.", "It takes a token with the scope admin.")
            for name in _OF_OPERATORS
        ]
    if session.stack and session.stack.simulator:
        found += _simulator(session, session.stack.simulator)
    return found


def _reach(api: Api) -> Iterator[Check]:
    try:
        asked = datetime.now(UTC)
        answer = api.ask("GET", "/v1/health")
        answered = datetime.now(UTC)
        yield Check("api", "ok", f"It answers within {(answered - asked).total_seconds() * 1000:.0f} ms.")
    except Failure as failure:
        yield Check("api", "fail", failure.message, failure.advice)
        return
    try:
        theirs = parsedate_to_datetime(answer.headers["date"])
        skew = abs((theirs - (asked + (answered - asked) / 2)).total_seconds())
    except (KeyError, ValueError, TypeError):
        yield Check("clock", "warn", "The answer has no date, so the clocks cannot be compared.")
        return
    state: State = "ok" if skew < _SKEW_WARNED else "warn" if skew < _SKEW_FAILED else "fail"
    advice = "" if state == "ok" else "Set this machine's clock by NTP: signatures and tokens depend on it."
    # A date of HTTP has whole seconds.
    yield Check("clock", state, f"This machine and the API are {max(0.0, skew - 1):.0f} s apart.", advice)


def _token(session: Session) -> tuple[set[str], list[Check]]:
    """The scopes that the token has, and what is to be said of it."""
    scopes: set[str] = set()
    try:
        api = session.client(_TRIES)
        for scope, path in _SCOPES.items():
            try:
                api.get(path)
                scopes.add(scope)
            except Refused as refused:
                if refused.status not in {403, 404}:
                    raise
                if refused.status == 404:
                    # An API without this route: whether the token has the scope is to be seen elsewhere.
                    scopes |= {scope} if api.get("/v1/usage")["by_member"] is not None else set()
    except Failure as failure:
        return scopes, [Check("token", "fail", failure.message, failure.advice)]
    if not scopes:
        return scopes, [
            Check("token", "fail", "It is valid, and allows nothing.", "Ask for one with the scope track.")
        ]
    return scopes, [Check("token", "ok", f"It is valid, with {', '.join(sorted(scopes))}.")]


def _operations(session: Session) -> Iterator[Check]:
    try:
        said = session.client(_TRIES).get("/v1/operations")
    except Failure as failure:
        missing = isinstance(failure, Refused) and failure.status == 404
        found = "this Waybill does not tell operators yet." if missing else failure.message
        for name in _OF_OPERATORS:
            yield Check(name, "warn", f"Not checked: {found}", "Update it." if missing else failure.advice)
        return
    looks: dict[str, Callable[[Any], Check]] = {
        "upstream": _upstream,
        "refresh": _refreshes,
        "attention": _attention,
        "usage": _budget,
        "deliveries": _deliveries,
        "queues": _queues,
    }
    for part, look in looks.items():
        yield look(said[part])


def _upstream(said: Any) -> Check:
    if said["secret"] != "ok":  # noqa: S105 - whether there is one
        return Check(
            "kuaidi100",
            "fail",
            "Its customer and key are missing.",
            "Put them into the secret: aws secretsmanager put-secret-value, as docs/operations.md has it.",
        )
    if said["circuit"] == "closed":
        return Check("kuaidi100", "ok", "The secret is there, and calls are made.")
    why = f" ({said['reason']})" if said["reason"] else ""
    return Check(
        "kuaidi100",
        "warn" if said["circuit"] == "probing" else "fail",
        f"No calls are made: the circuit is {said['circuit']}{why}.",
        "See to the account at Kuaidi100: its key and its credit. A probe closes the circuit by itself.",
    )


def _refreshes(said: Any) -> Check:
    lag = float(said["lag_seconds"])
    found = f"{'More than ' if said['more'] else ''}{said['due']} parcels are due, the oldest for {duration(lag)}."
    if lag < _LAG_WARNED:
        return Check("refreshes", "ok", found)
    return Check(
        "refreshes",
        "fail" if lag >= _LAG_FAILED else "warn",
        found,
        "See whether the dispatch runs, and raise RefreshConcurrency.",
    )


def _attention(said: Any) -> Check:
    count = len(said["shipments"])
    if not count:
        return Check("attention", "ok", "No shipment needs to be looked at.")
    found = f"{'More than ' if said['more'] else ''}{count} shipments need to be looked at."
    return Check(
        "attention",
        "warn",
        found,
        "Those of all members are on the operator's page, /v1/operations; your own: waybill shipments list --attention",
    )


def _budget(said: Any) -> Check:
    parts, state = [], "ok"
    for name, part in (("today", said["today"]), ("this month", said["month"])):
        if part["budget"]:
            parts.append(f"{part['calls']} of {part['budget']} calls {name}")
            if part["left"] <= 0:
                state = "fail"
            elif part["left"] <= part["budget"] / 5 and state == "ok":
                state = "warn"
        else:
            parts.append(f"{part['calls']} calls {name}")
    advice = "" if state == "ok" else "Raise the budget, or wait for the next one: waybill usage"
    return Check("budget", state, f"{', '.join(parts)}.", advice)  # type: ignore[arg-type] # one of the three


def _deliveries(said: Any) -> Check:
    failing = [each for each in said if each["failing_since"] or each["state"] == "disabled"]
    if not said:
        return Check("deliveries", "ok", "No delivery fails.")
    first = (failing or said)[0]
    last = first["last_status"] or first["last_error"] or first["state"]
    what = (
        f"{len(failing)} webhooks fail"
        if failing
        else f"{len(said)} webhooks have deliveries that were given up"
    )
    return Check(
        "deliveries",
        "warn",
        f"{what}; {first['member']}'s {first['webhook_id']}: {last}.",
        "Once the endpoint is well, its member sends again what was given up: waybill webhooks resume ID",
    )


def _queues(said: Any) -> Check:
    failed = {each["queue"]: each["failed"] for each in said if each["failed"]}
    if not failed:
        return Check("queues", "ok", "No message failed for good.")
    parts = ", ".join(f"{count} in {queue}" for queue, count in failed.items())
    return Check(
        "queues",
        "fail",
        f"Messages failed for good: {parts}.",
        "Look at them (waybill dlq list QUEUE), mend the reason, then waybill dlq redrive QUEUE",
    )


def _simulator(session: Session, url: str) -> Iterator[Check]:
    try:
        broken = session.open_client(url, _TRIES).get("/_sim/violations")
    except Failure as failure:
        yield Check("simulator", "fail", failure.message, failure.advice)
        return
    if broken:
        yield Check(
            "simulator", "fail", f"{len(broken)} calls broke a rule of Kuaidi100.", "waybill sim violations"
        )
    else:
        yield Check("simulator", "ok", "No call broke a rule of Kuaidi100.")
