"""What passes by itself the five examples ask again, never sooner than they were told, and not for ever."""

from __future__ import annotations

from dataclasses import replace

from local.serving import free_port
from tests import receivers
from tests.examples.tracking import ARGUMENTS, BUSY, DOWN, FOUND, SHOWN, Runs, asking, says
from tests.receivers import Received, Receiver, Reply


def test_what_passes_is_asked_again_and_never_sooner_than_told(runs: Runs, language: str) -> None:
    behave = receivers.first(
        [says(429, BUSY, Retry_After="1"), Reply(silent=True), says(503, DOWN)], says(200, FOUND)
    )
    done = runs.of(language, "again", asking(behave))
    assert (done.status, done.out) == (0, SHOWN)
    told, cut, down = done.err.splitlines()
    assert told.startswith("TOO_MANY_REQUESTS: 等一等, wait. Asking again in 1.")
    assert cut.startswith("NETWORK: ")
    assert down.startswith("UPSTREAM_UNAVAILABLE: 快递100 did not answer. Asking again in ")
    first, second, third = done.waits
    # Half of a back-off that doubles is certain, the rest is chance; the first was told to wait for a second besides.
    assert first >= 1.25
    assert second >= 0.5
    assert third >= 1


def test_after_four_tries_it_gives_up(runs: Runs, language: str) -> None:
    done = runs.of(language, "up", asking(receivers.answering(says(500, DOWN))))
    assert (done.status, done.out, len(done.requests)) == (5, "", 4)
    *again, last = done.err.splitlines()
    assert [" Asking again in " in line for line in again] == [True] * 3
    assert last == "UPSTREAM_UNAVAILABLE: 快递100 did not answer."
    assert {request.body for request in done.requests} == {done.requests[0].body}


def test_who_cannot_connect_gives_up_too(runs: Runs, language: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = runs.of(language, "refused", lambda example: example.run(url, *ARGUMENTS))
    assert (done.status, done.out) == (5, "")
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["NETWORK"] * 4


def hanging_second(receiver: Receiver, received: Received) -> Reply:
    if received.place == 1:
        receiver.closing.wait(60)
    return says(200, FOUND) if received.place else says(503, DOWN)


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(runs: Runs, language: str) -> None:
    """Not the first one: a process that has just begun may take half a second until its first request arrives."""
    done = runs.of(language, "hanging", asking(hanging_second, WAYBILL_TIMEOUT="3"))
    # On a busy machine an answer may be late again.
    assert (done.status, done.out, len(done.requests) >= 3) == (0, SHOWN, True)
    down, late = done.err.splitlines()[:2]
    assert down.startswith("UPSTREAM_UNAVAILABLE: ")
    assert late.startswith("NETWORK: ")
    # The time-out and the shortest wait, less the time that the request took to arrive.
    assert done.waits[1] >= 3


def test_an_answer_that_breaks_off_is_asked_for_again(runs: Runs, language: str) -> None:
    cut = [replace(reply, cut=8) for reply in (says(200, FOUND), says(503, DOWN))]
    done = runs.of(language, "cut", asking(receivers.first(cut, says(200, FOUND))))
    assert (done.status, done.out, len(done.requests)) == (0, SHOWN, 3)
    assert [" Asking again in " in line for line in done.err.splitlines()] == [True] * 2


def test_an_answer_that_nobody_can_read_is_none(runs: Runs, language: str) -> None:
    halves = [b"<html>", b'{"code": "SUCCESS", "data": {"status": "\xe5', b""]
    behave = receivers.first([Reply(200, half) for half in halves], says(200, FOUND))
    done = runs.of(language, "halves", asking(behave))
    assert (done.status, done.out, len(done.requests)) == (0, SHOWN, 4)
    again = [line.partition(" Asking again in ")[0] for line in done.err.splitlines()]
    assert again == ["HTTP_200: The answer is not Waybill's."] * 3
