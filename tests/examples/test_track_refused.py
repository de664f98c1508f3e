"""What does not pass by itself the five examples ask once, say in a line, and end with a code for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests import receivers
from tests.examples.tracking import (
    ARGUMENTS,
    BUSY,
    DELIVERED,
    DOWN,
    FOUND,
    TOKEN,
    UNANSWERED,
    Example,
    Outcome,
    Runs,
    asking,
    says,
)
from tests.receivers import Reply

if TYPE_CHECKING:
    from tests.stacks import RunningStack


def test_an_unknown_courier_is_refused_with_the_apis_code_and_message(
    parcels: RunningStack, runs: Runs, language: str
) -> None:
    unknown = ("龙猫快递", "YT8900000000004")

    def run(example: Example) -> Outcome:
        return example.run(parcels.api, *unknown, WAYBILL_TOKEN=parcels.token)

    done = runs.of(language, "courier", run)
    with parcels.client() as client:
        answer = client.post("/v1/track", json={"expCode": unknown[0], "expNo": unknown[1]}).json()
    assert answer["code"] == "COURIER_UNKNOWN"
    assert (done.status, done.out) == (3, "")
    assert done.err == f"COURIER_UNKNOWN: {answer['message']}\n"


def test_a_wrong_token_has_an_exit_code_of_its_own(parcels: RunningStack, runs: Runs, language: str) -> None:
    done = runs.of(language, "token", lambda example: example.run(parcels.api, *DELIVERED))
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith("UNAUTHORIZED: The access token is unknown")
    assert TOKEN not in done.err


def test_a_wait_that_is_too_long_is_left_to_the_user(
    parcels: RunningStack, runs: Runs, language: str
) -> None:
    """Kuaidi100 fails, and Waybill asks nobody before the next minute. Who asks together waits less, so each has its own parcel."""
    numbers = iter(UNANSWERED)

    def run(example: Example) -> Outcome:
        return example.run(parcels.api, "yuantong", next(numbers), WAYBILL_TOKEN=parcels.token)

    done = runs.of(language, "upstream", run)
    assert (done.status, done.out) == (5, "")
    (line,) = done.err.splitlines()
    assert line.startswith("UPSTREAM_UNAVAILABLE: ")
    assert "Come back in " in line


# ---- Against a server that behaves badly


REFUSED: Final[dict[str, tuple[Reply, int, str]]] = {
    "refused": (says(422, {**DOWN, "code": "COURIER_UNKNOWN"}, Retry_After="1"), 3, "COURIER_UNKNOWN: "),
    "later": (says(503, DOWN, Retry_After="31"), 5, "UPSTREAM_UNAVAILABLE: "),
    "far later": (says(429, BUSY, Retry_After="86400"), 5, "TOO_MANY_REQUESTS: "),
    "forbidden": (says(403, {"error": {"code_reason": "FORBIDDEN", "message": "No."}}), 4, "FORBIDDEN: No."),
    "page": (Reply(404, "<h1>找不到</h1>".encode()), 3, "HTTP_404: The answer is not Waybill's."),
    "list": (Reply(400, b'["code"]'), 3, "HTTP_400: The answer is not Waybill's."),
    "redirect": (Reply(307, headers={"Location": "/v1/track"}), 3, "HTTP_307: The answer is not Waybill's."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_pass_is_asked_once(runs: Runs, language: str, name: str) -> None:
    reply, status, begins = REFUSED[name]
    done = runs.of(language, f"once: {name}", asking(receivers.answering(reply)))
    assert (done.status, done.out, len(done.requests)) == (status, "", 1)
    (line,) = done.err.splitlines()
    assert line.startswith(begins)
    assert ("Come back in " in line) == ("later" in name)


WRONG_CALLS: Final[dict[str, tuple[tuple[str, ...], dict[str, str]]]] = {
    "no number": (("yuantong",), {}),
    "too much": (("yuantong", "YT7450353838751", "13800008000"), {}),
    "no token": (ARGUMENTS, {"WAYBILL_TOKEN": ""}),
    "no url": (ARGUMENTS, {"WAYBILL_URL": "127.0.0.1"}),
    "no time": (ARGUMENTS, {"WAYBILL_TIMEOUT": "soon"}),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_wrong_call_asks_nobody_and_says_how_to_call(runs: Runs, language: str, name: str) -> None:
    arguments, environment = WRONG_CALLS[name]
    behave = receivers.answering(says(200, FOUND))
    done = runs.of(language, f"wrong: {name}", asking(behave, *arguments, **environment))
    assert (done.status, done.out, done.requests) == (2, "", [])
    assert done.err.startswith("usage: ")
    assert "WAYBILL_TOKEN" in done.err
