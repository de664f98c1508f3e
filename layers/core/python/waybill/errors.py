"""Everything that can go wrong, as one tree. Each error says what is wrong and what to do; one that can be retried says when.

::

    WaybillError
    ├── RequestError                the caller can mend it
    │   ├── InvalidField            400, names the field
    │   │   └── TrackingNumberRequired
    │   ├── InvalidBody             400, names every field that is wrong
    │   ├── NotFound                404
    │   │   ├── OrderNotFound       404
    │   │   ├── WebhookNotFound     404
    │   │   └── EventNotFound       404
    │   ├── MethodNotAllowed        405
    │   ├── ShipmentExists          409
    │   ├── ShipmentAmbiguous       409
    │   ├── RequestInProgress       409, when to come back
    │   ├── TooManyWebhooks         409
    │   ├── EventsGone              410
    │   ├── PayloadTooLarge         413
    │   ├── UnsupportedMediaType    415
    │   ├── Forbidden               403
    │   ├── IdempotencyKeyReused    422
    │   ├── NotForwarded            422
    │   ├── EventUnknown            422
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
    │   ├── StoreUnavailable        503
    │   ├── QueueUnavailable        503; where it is the dispatch, its next run tries again
    │   └── TopicUnavailable        503; likewise
    ├── AddressRefused              a webhook's host leads to where nothing may be sent; its delivery fails
    ├── InProgress                  another worker is at the same message, which comes back until that one is done
    ├── OutOfTime                   a worker has no time left for a message, which comes back
    ├── MailRefused                 SES never takes this letter
    ├── MailUnavailable             SES takes no letters now, or did not answer: it comes back
    ├── ConfigurationError          the operator can mend it; raised at start
    ├── TokenChanged                the operator can look and try again; raised by the admin command
    ├── IssuerUnavailable           nobody can say whether a JWT is right; the gateway answers 500
    └── UpstreamError               what one call to Kuaidi100 came to: `outcomes`
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


class WebhookNotFound(NotFound):
    """No such webhook of this member; whether another member has it is not told."""

    code = "WEBHOOK_NOT_FOUND"
    field = "webhook_id"


class EventNotFound(NotFound):
    """No such event of this member, or none that the webhook may hear."""

    code = "EVENT_NOT_FOUND"
    field = "event_id"


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


class TooManyWebhooks(RequestError):
    status = 409
    code = "TOO_MANY_WEBHOOKS"


class EventsGone(RequestError):
    """Events after the one that the caller saw last are no longer kept."""

    status = 410
    code = "EVENTS_GONE"
    field = "after"


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


class EventUnknown(RequestError):
    """There is no event of this type."""

    status = 422
    code = "EVENT_UNKNOWN"
    field = "events"


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


class QueueUnavailable(ServiceError):
    code = "QUEUE_UNAVAILABLE"


class TopicUnavailable(ServiceError):
    code = "TOPIC_UNAVAILABLE"


class AddressRefused(WaybillError):
    pass


class InProgress(WaybillError):
    pass


class OutOfTime(WaybillError):
    pass


class MailRefused(WaybillError):
    pass


class MailUnavailable(WaybillError):
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
