"""How a command ends. One table of exit codes, and an error for each of those that are reached by an error.

Failure
+-- Refused       the API understood, and will not
+-- Misuse        what was asked can be nothing; nothing was sent
+-- Unreachable   nobody answered, or somebody who is not Waybill
+-- Partly        some rows or checks failed
+-- Interrupted   Ctrl-C, where there is something to say of it
"""

from __future__ import annotations

from typing import ClassVar, Final

CODES: Final = {
    0: "All is done.",
    1: "The API refused; it says why.",
    2: "The command was called wrongly, or a file cannot be used.",
    3: "The API, the simulator or AWS does not answer.",
    4: "Done, but some rows or checks failed, and each is told.",
    130: "Broken off with Ctrl-C.",
}


class Failure(Exception):
    """Ends the command. `advice` says what to do."""

    code: ClassVar[int]

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class Refused(Failure):
    """`status` is HTTP's, `name` the API's `error_code`, `faults` are pairs of a field and what is wrong with it."""

    code = 1

    def __init__(
        self,
        message: str,
        advice: str = "",
        *,
        status: int = 0,
        name: str = "",
        faults: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message, advice)
        self.status = status
        self.name = name
        self.faults = faults


class Misuse(Failure):
    code = 2


class Unreachable(Failure):
    code = 3


class Partly(Failure):
    code = 4


class Interrupted(Failure):
    code = 130
