"""`shipments import`: a file of rows into Waybill, however often it is broken off.

Rows go in batches of a hundred, always the same ones, some at once. Each has a key that is its own for good, so a batch that was
sent and never answered is sent again and answered as it would have been. What cannot be registered is told in a file that can be
mended and imported by itself.
"""

from __future__ import annotations

import csv
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli import rows, sheet
from cli.api import refused
from cli.exits import Failure, Interrupted, Misuse, Partly, Refused, Unreachable
from cli.frame import command
from cli.journal import Done, Journal
from cli.rows import MEND, REPORT, Bad, Good
from cli.screen import facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from cli.api import Api
    from cli.frame import Session
    from cli.screen import Screen
    from cli.sheet import Sheet

TRIES: Final = 8
_FIRST_PAUSE: Final = 1.0
_LOOK: Final = 0.2
"""Seconds between two looks whether Ctrl-C was pressed."""
_OVERDUE: Final = frozenset({500, 502, 504})
"""What the gateway says of a request that took too long."""
_ADVICE: Final = {
    "SHIPMENT_EXISTS": "The order has this parcel with other content. Change it there (PATCH), or delete it first.",
    "COURIER_AMBIGUOUS": "Write the courier's code into the column courier.",
    "COURIER_UNKNOWN": "Write a code that GET /v1/couriers?q= finds, or leave the cell empty.",
    "PHONE_REQUIRED": "Write the sender's or the recipient's phone into the column phone.",
}
_AGAIN: Final = "The same command goes on from here."


@dataclass(frozen=True, slots=True)
class Total:
    """Rows that are good, and those that are bad without being sent."""

    good: int
    bad: tuple[Bad, ...]


def add_to(app: typer.Typer) -> None:
    command(app, "import")(import_)


def import_(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Rows; the first names the columns.")],
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Batches at once.")] = 4,
    *,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, whatever was done before.")] = False,
) -> None:
    """Register the rows of a CSV file: order_id, tracking_number, and maybe courier, phone, from, to, lang, tags, email, ...

    Broken off, it goes on where it was when it is called again. Bad rows are told in FILE.errors.csv: mend and import that.
    """
    given = sheet.examine(file)
    total = _counted(given)
    with closing(Journal.open(file, given.digest, session.url, session.token, restart=restart)) as journal:
        if journal.finished:
            session.screen.say("This file has been imported; --restart does it again.")
        else:
            _register(session, given, journal, total.good, parallel)
            if sheet.digest_of(file) != given.digest:
                raise Misuse(
                    f"{file.name} was changed while it was imported; the rows that it had are registered.",
                    "Import it again with --restart: nothing is registered twice.",
                )
        refusals = [bad for done in journal.done.values() for bad in done.bad]
        bad = sorted((*total.bad, *refusals), key=lambda each: each.line)
        errors = given.path.with_name(f"{given.path.stem}.errors.csv")
        # Whoever imports again may be mending the report of the first time.
        if bad and not (journal.finished and errors.exists()):
            _report(session.screen, given, bad, errors)
        elif not bad and errors.exists():
            session.screen.say(f"{errors.name} is left as it is: no row of this import is bad.")
        journal.finish()
    registered = sum(done.registered for done in journal.done.values())
    existing = sum(done.existing for done in journal.done.values())
    said = {"registered": registered, "existing": existing, "bad": len(bad)}
    session.screen.show(
        {
            "file": str(file),
            "rows": total.good + len(total.bad),
            **said,
            "errors": str(errors) if bad else None,
        },
        facts((name, str(count)) for name, count in said.items()),
    )
    if bad:
        raise Partly(
            f"{len(bad)} rows are bad: {errors} tells why.", "Mend the rows there, and import that file."
        )


def _counted(given: Sheet) -> Total:
    good, bad = 0, []
    for row in given.parsed():
        if isinstance(row, Bad):
            bad.append(row)
        else:
            good += 1
    return Total(good, tuple(bad))


def _register(session: Session, given: Sheet, journal: Journal, count: int, parallel: int) -> None:
    """Send every batch that is not done, and write down what becomes of it.

    Raises:
        Interrupted: Ctrl-C; what was under way is written down.
        Failure: nothing more can be sent.
    """
    screen, before = session.screen, _rows_done(journal)
    if journal.done:
        screen.say(f"Going on: {before} of {count} rows are done.")
    batches = rows.batches(row for row in given.parsed() if isinstance(row, Good))
    left = (each for each in enumerate(batches) if each[0] not in journal.done)
    under_way: dict[Future[Done], tuple[int, int]] = {}
    failure: Failure | None = None
    with (
        _interrupts(screen) as stop,
        _progress(screen, count, before) as advance,
        ThreadPoolExecutor(parallel) as pool,
    ):
        api = session.client(TRIES, _pause(stop))
        while True:
            room = 0 if failure or stop.is_set() else parallel - len(under_way)
            for number, batch in islice(left, room):
                under_way[pool.submit(_sent, api, batch, journal.key(number))] = number, len(batch)
            if not under_way:
                break
            for each in wait(under_way, timeout=_LOOK, return_when=FIRST_COMPLETED).done:
                number, size = under_way.pop(each)
                try:
                    journal.add(number, each.result())
                    advance(size)
                except Failure as error:
                    failure = failure or error
    done = _rows_done(journal)
    if stop.is_set():
        raise Interrupted(f"Broken off: {done} of {count} rows are done.", _AGAIN)
    if failure:
        failure.advice = f"{failure.advice} {done} of {count} rows are done. {_AGAIN}".strip()
        raise failure


def _rows_done(journal: Journal) -> int:
    return sum(each.registered + each.existing + len(each.bad) for each in journal.done.values())


def _sent(api: Api, batch: list[Good], key: str) -> Done:
    """What becomes of a batch. One that is too much for a slow service is sent in halves, each with a key of its own."""
    try:
        return _answered(api, batch, key)
    except Refused as error:
        if error.status not in _OVERDUE or len(batch) == 1:
            raise
    middle = len(batch) // 2
    first, second = _sent(api, batch[:middle], f"{key}a"), _sent(api, batch[middle:], f"{key}b")
    return Done(
        first.registered + second.registered, first.existing + second.existing, first.bad + second.bad
    )


def _answered(api: Api, batch: list[Good], key: str) -> Done:
    """What an answer says of each row. One that lacks some for want of Waybill's own store is not kept: the same is sent again."""
    body = {"shipments": [row.shipment for row in batch]}
    for attempt in range(TRIES):
        answer = api.send("POST", "/v1/shipments/batch", body, key=key)
        results = answer["results"]
        if all(each["status"] < 500 for each in results):
            bad = [
                _bad(batch[each["index"]], each["error"], each["status"])
                for each in results
                if "error" in each
            ]
            return Done(answer["registered"], answer["existing"], tuple(bad))
        if attempt < TRIES - 1:
            api.pause(_FIRST_PAUSE * 2**attempt)
    raise Unreachable(
        "Waybill could not store some rows, again and again.", "See what is wrong: waybill doctor"
    )


def _bad(row: Good, error: Any, status: int) -> Bad:
    said = refused(error, status)
    field = said.faults[0][0] if said.faults else "row"
    return Bad(row.line, field, said.message, _ADVICE.get(said.name, MEND))


def _report(screen: Screen, given: Sheet, bad: list[Bad], target: Path) -> None:
    """Write FILE.errors.csv, whole or not at all. Who knows whose the one of before is: it is kept under another name."""
    by_line = {each.line: each for each in bad}
    passed_over = [place for place, name in enumerate(given.names) if name in REPORT]
    part = target.with_name(f"{target.name}.part")
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8-sig", newline=""
    ) as file:
        writer = csv.writer(file)
        writer.writerow([*REPORT, *_without(given.first, passed_over)])
        for row in given.cells(set(by_line)):
            each = by_line[row.line]
            told = (each.line, each.field, each.message, each.advice)
            writer.writerow([*told, *map(sheet.guarded, _without(row.cells, passed_over))])
        file.flush()
        os.fsync(file.fileno())
    if target.exists():
        names = (target.with_name(f"{target.name}.{number}") for number in count(1))
        kept = next(name for name in names if not name.exists())
        target.rename(kept)
        screen.say(f"The {target.name} that was there is {kept.name} now.")
    part.replace(target)


def _without(cells: tuple[str, ...], places: list[int]) -> list[str]:
    return [cell for place, cell in enumerate(cells) if place not in places]


@contextmanager
def _interrupts(screen: Screen) -> Iterator[threading.Event]:
    """Set by Ctrl-C, so that it never falls into the midst of writing; a second one ends at once."""
    stop = threading.Event()

    def pressed(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(Interrupted.code)
        stop.set()
        screen.say("Finishing what is under way; Ctrl-C again ends at once.", "yellow")

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _pause(stop: threading.Event) -> Callable[[float], None]:
    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise Interrupted("Broken off.", "")

    return pause


@contextmanager
def _progress(screen: Screen, count: int, done: int) -> Iterator[Callable[[int], None]]:
    """A bar at a terminal, which moves on by as many rows as it is told."""
    columns = (
        TextColumn("Registering"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=screen.err, disable=not screen.err.is_terminal)
    with bar:
        task = bar.add_task("", total=count, completed=done)
        yield lambda size: bar.advance(task, size)
