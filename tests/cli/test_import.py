"""A file of rows into a running stack, however often the import is broken off."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from cli.journal import SUFFIX
from tests.cli.conftest import environment, error, started
from tests.parcels import new_number, new_order

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Server, Waybill
    from tests.stacks import RunningStack

ROWS = int(os.environ.get("IMPORT_ROWS", "2000"))
BATCH = "POST /v1/shipments/batch"
GIVE_UP_SECONDS = 1500


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["order_id,tracking_number,courier,phone", *rows, ""]))
    return path


def report(path: Path) -> list[dict[str, str]]:
    with path.with_name(f"{path.stem}.errors.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


@pytest.fixture
def token(waybill: Waybill) -> str:
    """Of a member who has nothing yet."""
    made = waybill("tokens", "create", "--member", new_order(), "--scopes", "track,manage")
    return made.stdout.strip()


def test_bad_rows_are_told_mended_and_imported_by_themselves(
    waybill: Waybill, token: str, file: Path
) -> None:
    good, phone = new_number(), new_number("SF")
    write(
        file,
        f"A-1,{good},,",
        f"A-2,{phone},shunfeng,",
        "A-3,short,,",
        f"A-4,{new_number()},nosuchcourier,",
        "A-5,1234567890123,,",
    )
    ended = waybill("shipments", "import", str(file), "--json", WAYBILL_TOKEN=token)
    assert ended.exit_code == 4
    assert json.loads(ended.stdout) == {
        "file": str(file),
        "rows": 5,
        "registered": 1,
        "existing": 0,
        "bad": 4,
        "errors": str(file.with_name("orders.errors.csv")),
    }
    told = report(file)
    assert [(each["line"], each["error_field"]) for each in told] == [
        ("3", "phone"),
        ("4", "tracking_number"),
        ("5", "courier"),
        ("6", "courier"),
    ]
    assert all(each["error"] and each["what_to_do"] for each in told)
    errors = file.with_name("orders.errors.csv")
    mended = errors.read_text(encoding="utf-8-sig").replace("shunfeng,", "shunfeng,8000")
    errors.write_text(mended.replace("short", new_number()).replace("nosuchcourier", "yto"), encoding="utf-8")
    again = waybill("shipments", "import", str(errors), "--json", WAYBILL_TOKEN=token)
    assert (json.loads(again.stdout)["registered"], json.loads(again.stdout)["bad"]) == (3, 1)
    assert [each["order_id"] for each in report(errors)] == ["A-5"]


def test_what_is_there_is_not_registered_twice_and_what_differs_is_told(
    waybill: Waybill, token: str, file: Path
) -> None:
    number = new_number()
    write(file, f"A,{number},yto,", f"A,{number},yto,1234")
    first = waybill("shipments", "import", str(file), "--json", WAYBILL_TOKEN=token)
    assert json.loads(first.stdout)["bad"] == 1
    assert "PATCH" in report(file)[0]["what_to_do"]
    done = waybill("shipments", "import", str(file), "--json", WAYBILL_TOKEN=token)
    assert json.loads(done.stdout) == json.loads(first.stdout)
    assert "--restart" in done.stderr
    anew = waybill("shipments", "import", str(file), "--json", "--restart", WAYBILL_TOKEN=token)
    assert (json.loads(anew.stdout)["existing"], json.loads(anew.stdout)["registered"]) == (1, 0)


def test_a_report_that_is_being_mended_is_not_written_over(waybill: Waybill, token: str, file: Path) -> None:
    write(file, "A,no,,")
    waybill("shipments", "import", str(file), WAYBILL_TOKEN=token)
    errors = file.with_name("orders.errors.csv")
    errors.write_text("mended")
    assert waybill("shipments", "import", str(file), WAYBILL_TOKEN=token).exit_code == 4
    assert errors.read_text() == "mended"


def test_a_report_of_before_is_kept_by_another_name(server: Server, file: Path) -> None:
    errors = file.with_name("orders.errors.csv")
    errors.write_text("mine")
    for kept in ("orders.errors.csv.1", "orders.errors.csv.2"):
        ended = server.run("shipments", "import", str(write(file, "A,no,,")), "--restart")
        assert f"{kept} now" in ended.stderr
        assert [each["order_id"] for each in report(file)] == ["A"]
    assert file.with_name("orders.errors.csv.1").read_text() == "mine"
    assert len(list(file.parent.glob("*.errors.csv*"))) == 3


def test_a_file_that_is_called_like_a_report_stays_beside_an_import_in_which_all_is_well(
    server: Server, file: Path
) -> None:
    errors = file.with_name("orders.errors.csv")
    errors.write_text("mine")
    server.answer(BATCH, answered(1))
    ended = server.run("shipments", "import", str(write(file, f"A,{new_number()},yto,")))
    assert ended.exit_code == 0, ended.stderr
    assert errors.read_text() == "mine"
    assert "left as it is" in ended.stderr


def answered(rows: int, **more: Any) -> dict[str, Any]:
    results = [{"index": place, "status": 201, "shipment": {}} for place in range(rows)]
    return {"results": results, "registered": rows, "existing": 0, "refused": 0, **more}


def test_a_batch_that_takes_too_long_is_sent_in_halves(server: Server, file: Path) -> None:
    write(file, *(f"A-{place},{new_number()},yto," for place in range(4)))
    server.answer(BATCH, error("INTERNAL_ERROR", "Ours."), 500)
    server.answer(BATCH, answered(2))
    ended = server.run("shipments", "import", str(file), "--json")
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["registered"] == 4
    sent = [[each["order_id"] for each in body["shipments"]] for _, body, _ in server.asked]
    assert sent == [["A-0", "A-1", "A-2", "A-3"], ["A-0", "A-1"], ["A-2", "A-3"]]
    assert len({headers["Idempotency-Key"] for _, _, headers in server.asked}) == 3


def test_rows_that_could_not_be_stored_are_sent_again(server: Server, file: Path) -> None:
    write(file, f"A,{new_number()},yto,")
    lost = {"index": 0, "status": 503, **error("STORE_UNAVAILABLE", "Ours.")}
    server.answer(BATCH, {"results": [lost], "registered": 0, "existing": 0, "refused": 1})
    server.answer(BATCH, answered(1))
    ended = server.run("shipments", "import", str(file), "--json")
    assert ended.exit_code == 0, ended.stderr
    assert len({headers["Idempotency-Key"] for _, _, headers in server.asked}) == 1


def test_a_refusal_ends_it_and_the_same_command_goes_on(server: Server, file: Path) -> None:
    write(file, *(f"A-{place},{new_number()},yto," for place in range(150)))
    server.answer(BATCH, answered(100))
    server.answer(BATCH, error("UNAUTHORIZED", "No valid token."), 401)
    server.answer(BATCH, answered(50))
    ended = server.run("shipments", "import", str(file), "--json", "--parallel", "1")
    assert ended.exit_code == 1
    assert "100 of 150 rows are done. The same command goes on from here." in ended.stderr
    again = server.run("shipments", "import", str(file), "--json", "--parallel", "1")
    assert (again.exit_code, json.loads(again.stdout)["registered"]) == (0, 150)
    assert len(server.asked) == 3


def until(process: Any, journal: Path, enough: float) -> None:
    """Wait until so many batches are written down."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not (journal.exists() and journal.read_bytes().count(b'{"batch"') >= enough):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_an_import_that_is_broken_off_twice_registers_every_good_row_once(
    stack: RunningStack, token: str, file: Path
) -> None:
    """`IMPORT_ROWS=10000`: one of a hundred bad, half of those so that only the API sees it."""
    orders = [f"big-{place}" for place in range(ROWS)]
    bad = {
        place: ("no,yto" if place % 200 == 50 else f"{new_number()},nosuchcourier")
        for place in range(50, ROWS, 100)
    }
    write(
        file, *(f"{order},{bad.get(place) or f'{new_number()},yto'}," for place, order in enumerate(orders))
    )
    environ = {**environment(stack), "WAYBILL_TOKEN": token}
    journal = file.with_name(file.name + SUFFIX)
    batches = ROWS // 100

    for number, share in ((signal.SIGINT, 0.25), (signal.SIGKILL, 0.6)):
        process = started(["shipments", "import", str(file), "--json"], environ)
        until(process, journal, share * batches)
        process.send_signal(number)
        said, told = process.communicate(timeout=GIVE_UP_SECONDS)
        assert said == ""
        assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), told
        assert journal.read_bytes().count(b'{"batch"') < batches

    process = started(["shipments", "import", str(file), "--json"], environ)
    said, told = process.communicate(timeout=GIVE_UP_SECONDS)
    assert process.returncode == 4, told
    assert "Going on" in told
    ended = json.loads(said)
    assert (ended["rows"], ended["bad"]) == (ROWS, len(bad))
    assert ended["registered"] + ended["existing"] == ROWS - len(bad)
    assert [int(each["line"]) - 2 for each in report(file)] == sorted(bad)
    listed = started(["shipments", "export", "--json"], environ)
    said, told = listed.communicate(timeout=GIVE_UP_SECONDS)
    assert listed.returncode == 0, told
    shown = [json.loads(line)["order_id"] for line in said.splitlines()]
    assert sorted(shown) == sorted(order for place, order in enumerate(orders) if place not in bad)
