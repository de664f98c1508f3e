"""API Gateway's REST proxy events in, its answers out; and the one place where errors become HTTP.

The gateway has matched the route: `event["resource"]` is the path pattern of the template. Wrong methods come by ANY, unknown
paths by `/{proxy+}`.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from waybill.errors import (
    CourierAmbiguous,
    InvalidField,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestError,
    ServiceError,
    UnsupportedMediaType,
    WaybillError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_BODY_BYTES: Final = 16 * 1024
REASONS: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE_ENTITY",
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
}
_CONTRACT_A_CODES: Final = {
    "COURIER_AMBIGUOUS": "COURIER_UNKNOWN",
    "STORE_UNAVAILABLE": "UPSTREAM_UNAVAILABLE",
    "METHOD_NOT_ALLOWED": "INVALID_PARAMETER",
}
"""What contract A has no word for, by the nearest that it has."""
_CONTRACT_A_FIELDS: Final = {"courier": "expCode", "number": "expNo"}
INTERNAL_MESSAGE: Final = "Api Error, please contact customer service"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the gateway passed it on. Header names are lower case."""

    method: str
    resource: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str | None
    is_base64: bool
    member: str
    scopes: frozenset[str]
    request_id: str

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            UnsupportedMediaType: another Content-Type than application/json.
            PayloadTooLarge: over 16 KB.
            InvalidField: not JSON, not UTF-8, or not an object.
        """
        media_type = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type != "application/json":
            raise UnsupportedMediaType(
                "Send the body as JSON, with the header Content-Type: application/json."
            )
        data = self._bytes()
        if len(data) > MAX_BODY_BYTES:
            raise PayloadTooLarge(f"The body has more than {MAX_BODY_BYTES} bytes.")
        try:
            value = json.loads(data.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidField("body", "The body is not JSON in UTF-8.") from error
        if not isinstance(value, dict):
            raise InvalidField("body", "The body is JSON, but not an object: {...}.")
        return value

    def _bytes(self) -> bytes:
        text = self.body or ""
        try:
            return base64.b64decode(text, validate=True) if self.is_base64 else text.encode()
        except (UnicodeEncodeError, binascii.Error) as error:
            raise InvalidField("body", "The body is not JSON in UTF-8.") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def read(event: Mapping[str, Any]) -> Request:
    context = event.get("requestContext") or {}
    authorizer = context.get("authorizer") or {}
    return Request(
        method=str(event.get("httpMethod", "")),
        resource=str(event.get("resource", "")),
        path=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        body=event.get("body"),
        is_base64=bool(event.get("isBase64Encoded")),
        member=str(authorizer.get("member", "")),
        scopes=frozenset(str(authorizer.get("scopes", "")).split()),
        request_id=str(context.get("requestId", "")),
    )


def route(request: Request, routes: Mapping[tuple[str, str], Callable[[Request], Response]]) -> Response:
    """The answer of the request's handler; `routes` has it by method and resource.

    Raises:
        NotFound, MethodNotAllowed: no handler.
    """
    if handler := routes.get((request.method, request.resource)):
        return handler(request)
    if allowed := sorted(method for method, resource in routes if resource == request.resource):
        raise MethodNotAllowed(f"This path answers {', '.join(allowed)} only.", allowed)
    raise NotFound("There is nothing at this path. The paths are listed in the documentation.")


def write(response: Response, request_id: str) -> dict[str, Any]:
    """The answer as the gateway wants it: JSON in UTF-8, unescaped, with the request's id."""
    headers = {"X-Request-Id": request_id, **response.headers}
    body = ""
    if response.body is not None:
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
        body = json.dumps(response.body, ensure_ascii=False, separators=(",", ":"))
    return {"statusCode": response.status, "headers": headers, "body": body, "isBase64Encoded": False}


def refuse(error: WaybillError | None) -> Response:
    """An error in the `{"error": {...}}` envelope; None stands for a fault of ours, which tells nothing of itself."""
    if not isinstance(error, RequestError | ServiceError):
        return Response(
            500, {"error": {"code": "500999", "code_reason": "API_ERROR", "message": INTERNAL_MESSAGE}}
        )
    body: dict[str, Any] = {
        "code": f"{error.status}000",
        "code_reason": REASONS[error.status],
        "message": error.message,
        "error_code": error.code,
    }
    if isinstance(error, RequestError) and error.field:
        body["error_trace"] = [{"field": error.field, "message": error.message}]
    if isinstance(error, CourierAmbiguous):
        body["candidates"] = error.candidates
    return Response(error.status, {"error": body}, _headers(error))


def refuse_a(error: WaybillError | None) -> Response:
    """The same error as contract A has it: `{code, message, data: null}`."""
    if not isinstance(error, RequestError | ServiceError):
        return Response(500, {"code": "INTERNAL_ERROR", "message": INTERNAL_MESSAGE, "data": None})
    message = error.message
    if isinstance(error, RequestError) and error.field:
        message = f"{_CONTRACT_A_FIELDS.get(error.field, error.field)}: {message}"
    if isinstance(error, CourierAmbiguous) and error.candidates:
        message += " Candidates: " + ", ".join(each["code"] for each in error.candidates) + "."
    return Response(
        error.status,
        {"code": _CONTRACT_A_CODES.get(error.code, error.code), "message": message, "data": None},
        _headers(error),
    )


def _headers(error: WaybillError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    return headers
