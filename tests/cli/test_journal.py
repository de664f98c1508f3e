from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cli.exits import Misuse
from cli.journal import SUFFIX, Done, Journal
from cli.rows import Bad

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://api.example"
DONE = Done(99, 0, (Bad(7, "phone", "None.", "Write one."),))


def opened(
    file: Path, digest: str = "d", url: str = URL, who: str = "wb_mine", *, restart: bool = False
) -> Journal:
    return Journal.open(file, digest, url, who, restart=restart)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


def test_what_was_done_is_known_again_with_the_same_keys(file: Path) -> None:
    first = opened(file)
    first.add(3, DONE)
    key = first.key(4)
    first.close()
    again = opened(file)
    assert again.done == {3: DONE}
    assert again.key(4) == key
    assert not again.finished


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_a_batch_that_was_not_done(file: Path, cut: int) -> None:
    journal = opened(file)
    journal.add(0, DONE)
    journal.add(1, DONE)
    journal.close()
    path = file.with_name(file.name + SUFFIX)
    path.write_bytes(path.read_bytes()[:-cut])
    again = opened(file)
    assert again.done == {0: DONE}
    again.add(1, DONE)
    again.close()
    with closing(opened(file)) as last:
        assert last.done == {0: DONE, 1: DONE}


def test_two_imports_of_one_file_do_not_meet(file: Path) -> None:
    journal = opened(file)
    with pytest.raises(Misuse, match="Another import"):
        opened(file)
    journal.close()
    opened(file).close()


def test_a_file_that_changed_in_the_middle_is_noticed_and_can_begin_anew(file: Path) -> None:
    journal = opened(file)
    journal.add(0, DONE)
    journal.close()
    with pytest.raises(Misuse, match="has changed"):
        opened(file, "other")
    with pytest.raises(Misuse, match="was for https://api"):
        opened(file, url="https://elsewhere.example")
    anew = opened(file, "other", restart=True)
    assert anew.done == {}
    assert anew.id != journal.id


def test_a_file_that_changed_after_its_import_is_another_one(file: Path) -> None:
    journal = opened(file)
    journal.finish()
    journal.close()
    with closing(opened(file)) as again:
        assert again.finished
    with closing(opened(file, "other")) as another:
        assert not another.finished


def test_nobody_goes_on_with_the_import_of_another_token(file: Path) -> None:
    opened(file).close()
    assert "wb_mine" not in file.with_name(file.name + SUFFIX).read_text()
    with pytest.raises(Misuse, match="begun with another token") as refused:
        opened(file, who="wb_anothers")
    assert "--restart" in refused.value.advice
    with closing(opened(file)) as mine:
        mine.finish()
    with closing(opened(file, who="wb_anothers")) as another:
        assert not another.finished


def test_a_jwt_is_another_each_hour_and_goes_on(file: Path) -> None:
    opened(file, who="ey.first").close()
    opened(file, who="ey.second").close()


def test_what_is_no_journal_is_left_alone(file: Path) -> None:
    path = file.with_name(file.name + SUFFIX)
    path.write_text("mine\n")
    with pytest.raises(Misuse, match="cannot be read"):
        opened(file)
    assert path.read_text() == "mine\n"
