"""Everything that can go wrong, as one tree. Each error says what is wrong and what to do; one that can be retried says when.

::

    WaybillError
    ├── RequestError                the caller can mend it
    │   ├── InvalidField            400, names the field
    │   │   └── TrackingNumberRequired
    │   ├── InvalidBody             400, names every field that is wrong
    │   ├── NotFound                404
    │   │   └── OrderNotFound       404
    │   ├── MethodNotAllowed        405
    │   ├── ShipmentExists          409
    │   ├── ShipmentAmbiguous       409
    │   ├── RequestInProgress       409, when to come back
    │   ├── PayloadTooLarge         413
    │   ├── UnsupportedMediaType    415
    │   ├── Forbidden               403
    │   ├── IdempotencyKeyReused    422
    │   ├── NotForwarded            422
    │   ├── CourierUnknown          422
    │   ├── CourierAmbiguous        422, with candidates
    │   ├── PhoneRequired           422
    │   ├── PhoneMismatch           422
    │   ├── PhoneUnverified         422, when to come back
    │   └── RateLimited             429, when to come back
    ├── ServiceError                the caller can only come back
    │   ├── UpstreamUnavailable     503
    │   │   └── CircuitOpen         503, when the next call may be made
    │   ├── UpstreamUnknown         503
    │   ├── BudgetExhausted         503, when the next budget begins
    │   └── StoreUnavailable        503
    ├── QueueUnavailable            the dispatch gave back what it could not send; its next run tries again
    ├── ConfigurationError          the operator can mend it; raised at start
    ├── TokenChanged                the operator can look and try again; raised by the admin command
    ├── IssuerUnavailable           nobody can say whether a JWT is right; the gateway answers 500
    └── UpstreamError               what one call to Kuaidi100 came to; never leaves the lookup
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


class WaybillError(Exception):
    """The root. `message` is written for the one who has to act on it."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class RequestError(WaybillError):
    """`field` names what of the request has to be mended, where it is one thing."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "INVALID_PARAMETER"
    field: str | None = None


class InvalidField(RequestError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TrackingNumberRequired(InvalidField):
    """Contract B was asked for neither an order nor a number."""

    code = "TRACKING_NUMBER_REQUIRED"


class InvalidBody(RequestError):
    """`faults` are `(field, what is wrong with it)`, all that were found."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(f"{field}: {message}" for field, message in faults))
        self.faults = faults


class NotFound(RequestError):
    status = 404
    code = "NOT_FOUND"


class OrderNotFound(NotFound):
    """No such order or number of this member; whether another member has it is not told."""

    code = "ORDER_NOT_FOUND"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class MethodNotAllowed(RequestError):
    status = 405
    code = "METHOD_NOT_ALLOWED"

    def __init__(self, message: str, allowed: list[str]) -> None:
        super().__init__(message)
        self.allowed = allowed


class ShipmentExists(RequestError):
    status = 409
    code = "SHIPMENT_EXISTS"


class ShipmentAmbiguous(RequestError):
    """The order has several parcels and none was named."""

    status = 409
    code = "SHIPMENT_AMBIGUOUS"
    field = "tracking_number"


class RequestInProgress(RequestError):
    status = 409
    code = "REQUEST_IN_PROGRESS"
    field = "Idempotency-Key"


class PayloadTooLarge(RequestError):
    status = 413
    field = "body"


class UnsupportedMediaType(RequestError):
    status = 415
    field = "Content-Type"


class Forbidden(RequestError):
    status = 403
    code = "FORBIDDEN"


class IdempotencyKeyReused(RequestError):
    status = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    field = "Idempotency-Key"


class NotForwarded(RequestError):
    status = 422
    code = "NOT_FORWARDED"


class CourierUnknown(RequestError):
    status = 422
    code = "COURIER_UNKNOWN"
    field = "courier"


class CourierAmbiguous(RequestError):
    """The number fits several couriers, or none. `candidates` are `{courier, name, confidence}`, best first."""

    status = 422
    code = "COURIER_AMBIGUOUS"
    field = "courier"

    def __init__(self, message: str, candidates: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.candidates = candidates


class PhoneRequired(RequestError):
    status = 422
    code = "PHONE_REQUIRED"
    field = "phone"


class PhoneMismatch(RequestError):
    status = 422
    code = "PHONE_MISMATCH"
    field = "phone"


class PhoneUnverified(RequestError):
    status = 422
    code = "PHONE_UNVERIFIED"
    field = "phone"


class RateLimited(RequestError):
    status = 429
    code = "RATE_LIMITED"


class ServiceError(WaybillError):
    """`why_stale` is why the last answer is served, where there is one, though the rule would allow a call."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "UPSTREAM_UNAVAILABLE"
    why_stale: ClassVar[str] = "no_call_possible"


class UpstreamUnavailable(ServiceError):
    pass


class CircuitOpen(UpstreamUnavailable):
    """Kuaidi100 refuses all calls until the operator has mended something; only one is made now and then, to see."""

    why_stale = "circuit_open"


class UpstreamUnknown(ServiceError):
    code = "UPSTREAM_UNKNOWN"


class BudgetExhausted(ServiceError):
    code = "BUDGET_EXHAUSTED"
    why_stale = "budget_exhausted"


class StoreUnavailable(ServiceError):
    code = "STORE_UNAVAILABLE"


class QueueUnavailable(WaybillError):
    pass


class ConfigurationError(WaybillError):
    pass


class TokenChanged(WaybillError):
    pass


class IssuerUnavailable(WaybillError):
    pass


MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


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
    outcome = "400"
    action = "Kuaidi100 does not know this courier code, or the account has no credit. Check the code; retrying does not help."
    waits = (HOUR, 6 * HOUR, DAY)
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
