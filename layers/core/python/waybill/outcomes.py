"""What one call to Kuaidi100 can come to but an answer: a class for each, with what to do and when to ask again.

::

    UpstreamError                   never leaves the lookup
    ├── NotSent
    ├── OutcomeUnknown
    └── Refused                 one class per returnCode
        ├── CompanyNotFound     400
        ├── WrongPhone          408
        ├── NoResult            500
        ├── ServerFault         501
        ├── ServerBusy          502
        ├── BadSignature        503
        ├── QuotaExhausted      601
        └── UnlistedCode        any other
"""

from __future__ import annotations

from typing import ClassVar, Final

from waybill.errors import HOUR, MINUTE, WaybillError


class UpstreamError(WaybillError):
    """One failed call to Kuaidi100.

    `outcome` is the word that is remembered with the number; `action` says what to do next; `waits` says when to ask again, in
    seconds, for the first, second, ... failure in a row; the last one repeats. No waits: the gap alone rules.
    `operator` marks what only the operator can mend. Source: the vendor's section 1.9.
    """

    outcome: ClassVar[str]
    action: ClassVar[str]
    waits: ClassVar[tuple[float, ...]] = ()
    operator: ClassVar[bool] = False

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{self.action} ({detail})" if detail else self.action)
        self.detail = detail


class NotSent(UpstreamError):
    """No connection: the request surely was not sent, so the slot is given back."""

    outcome = "not_sent"
    action = "Kuaidi100 could not be reached. Ask again shortly; if it stays so, check the function's way out to the internet."
    waits = (5.0, 15.0, MINUTE)


class OutcomeUnknown(UpstreamError):
    """Time-out, broken connection or an answer nobody can read: the courier may have been asked, so the slot stays taken."""

    outcome = "unknown"
    action = (
        "Kuaidi100 was asked and its answer was lost. The number can be asked again once its gap is over."
    )


class Refused(UpstreamError):
    """Kuaidi100 answered with a returnCode other than 200; `outcome` is that code."""


class CompanyNotFound(Refused):
    """The account is not recharged, or Kuaidi100 has dropped a courier of our table: what a caller sends was looked up there.

    It cannot be told which, so the waits are short enough for all numbers to be back soon after a recharge.
    """

    outcome = "400"
    action = (
        "Kuaidi100 refuses this courier, or the account has no credit. The operator has to recharge it, or look the courier up "
        "in Kuaidi100's table."
    )
    waits = (MINUTE, 5 * MINUTE, 30 * MINUTE)
    operator = True


class WrongPhone(Refused):
    outcome = "408"
    action = "The courier did not accept the phone number. Send the sender's or the recipient's; only its last four digits count."


class NoResult(Refused):
    """The courier was asked and has no trace yet: a status (pending), not a failure."""

    outcome = "500"
    action = "The courier has no trace of the number yet. Check courier and number; asking again soon does not help."
    waits = (0.0, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR)


class ServerFault(Refused):
    outcome = "501"
    action = "Kuaidi100 had a fault of its own. Ask again in a minute."
    waits = (MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE)


class ServerBusy(Refused):
    outcome = "502"
    action = "Kuaidi100 is busy or the account's concurrency is exceeded. Ask again in a minute, with fewer calls at once."
    waits = ServerFault.waits


class BadSignature(Refused):
    outcome = "503"
    action = (
        "Kuaidi100 did not accept the signature. The operator has to check customer and key in the secret."
    )
    waits = (MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE, 30 * MINUTE)
    operator = True


class QuotaExhausted(Refused):
    outcome = "601"
    action = "The Kuaidi100 account has no quota left. The operator has to recharge it."
    waits = BadSignature.waits
    operator = True


class UnlistedCode(Refused):
    """A returnCode that the vendor's page does not list: it may have reached the courier, so it is held to the gap."""

    outcome = "unlisted"
    action = "Kuaidi100 answered with a code that its documentation does not list."
    waits = ()


REFUSALS: Final[dict[str, type[Refused]]] = {
    error.outcome: error
    for error in (
        CompanyNotFound,
        WrongPhone,
        NoResult,
        ServerFault,
        ServerBusy,
        BadSignature,
        QuotaExhausted,
    )
}

OUTCOMES: Final[dict[str, type[UpstreamError]]] = {
    **REFUSALS,
    **{error.outcome: error for error in (NotSent, OutcomeUnknown, UnlistedCode)},
}
"""Every failed outcome by the word it is remembered with."""
