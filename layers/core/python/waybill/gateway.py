"""API Gateway's REST proxy events in, its answers out; and the one place where errors become HTTP.

The gateway has matched the route: `event["resource"]` is the path pattern of the template. Wrong methods come by ANY, unknown
paths by `/{proxy+}`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from waybill.errors import (
    CourierAmbiguous,
    InvalidBody,
    InvalidField,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestError,
    ServiceError,
    UnsupportedMediaType,
    WaybillError,
)
from waybill.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Handler = Callable[["Request"], "Response"]

MAX_BODY_BYTES: Final = 16 * 1024
REASONS: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    410: "GONE",
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
    """One request as the gateway passed it on. Header names are lower case.

    `base` is what stands before `/v1` in its path; `address` is where the API was asked, as
    `https://host/stage`.
    """

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
    base: str = ""
    address: str = ""

    def json_object(self, limit: int = MAX_BODY_BYTES) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            UnsupportedMediaType: another Content-Type than application/json (a merge patch is JSON, too).
            PayloadTooLarge: over `limit` bytes.
            InvalidField: not JSON, not UTF-8, or not an object.
        """
        if self._media_type() not in {"application/json", "application/merge-patch+json"}:
            raise UnsupportedMediaType(
                "Send the body as JSON, with the header Content-Type: application/json."
            )
        data = self._bytes()
        if len(data) > limit:
            raise PayloadTooLarge(f"The body has more than {limit} bytes.")
        try:
            value = json.loads(data.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidField("body", "The body is not JSON in UTF-8.") from error
        if not isinstance(value, dict):
            raise InvalidField("body", "The body is JSON, but not an object: {...}.")
        return value

    def form(self, limit: int = MAX_BODY_BYTES) -> dict[str, str]:
        """The body as a page's form sends it, or a mail program (RFC 8058, section 3.1); of a field that is there twice, the last.

        Raises:
            UnsupportedMediaType: neither application/x-www-form-urlencoded nor multipart/form-data.
            PayloadTooLarge: over `limit` bytes.
            InvalidField: not UTF-8.
        """
        media_type = self._media_type()
        if media_type not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            raise UnsupportedMediaType("Send the body as a form: application/x-www-form-urlencoded.")
        data = self._bytes()
        if len(data) > limit:
            raise PayloadTooLarge(f"The body has more than {limit} bytes.")
        try:
            if media_type == "multipart/form-data":
                return _multipart(self.headers["content-type"], data)
            return dict(parse_qsl(data.decode(), errors="strict"))
        # The standard library's parser of mail raises all of these over headers that contradict themselves.
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise InvalidField("body", "The body is not a form in UTF-8.") from error

    def _media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def _bytes(self) -> bytes:
        text = self.body or ""
        try:
            return base64.b64decode(text, validate=True) if self.is_base64 else text.encode()
        except (UnicodeEncodeError, binascii.Error) as error:
            raise InvalidField("body", "The body is not JSON in UTF-8.") from error


def _multipart(content_type: str, data: bytes) -> dict[str, str]:
    """The fields of a form as in RFC 7578."""
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + data)
    return {
        str(part.get_param("name", header="content-disposition")): bytes(
            part.get_payload(decode=True) or b""
        ).decode()
        for part in message.walk()
        if not part.is_multipart()
    }


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Response:
    """`final`: whether the same request would be answered the same later, so that an Idempotency-Key may keep the answer."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    final: bool = True


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
        base=base(context),
        address=address(event),
    )


def base(context: Mapping[str, Any]) -> str:
    """What stands before `/v1` in the path that was asked: the stage, or what a custom domain maps it to; locally nothing."""
    path = str(context.get("path", "")) if context.get("domainName") else ""
    return path[: max(0, path.rfind("/v1/"))]


def address(event: Mapping[str, Any]) -> str:
    """Where the API was asked, of an event of the gateway: with the stage, or with what a custom domain maps it to."""
    context = event.get("requestContext") or {}
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme = "http" if headers.get("x-forwarded-proto") == "http" else "https"
    if domain := context.get("domainName"):
        return f"{scheme}://{domain}{base(context)}"
    return f"{scheme}://{headers.get('host', 'localhost')}"


def route(request: Request, handlers: Mapping[tuple[str, str], Handler]) -> Response:
    """The answer of the request's handler; `handlers` has it by method and resource.

    Raises:
        NotFound, MethodNotAllowed: no handler.
    """
    if handler := handlers.get((request.method, request.resource)):
        return handler(request)
    if allowed := sorted(ROUTES.get(request.resource, ())):
        raise MethodNotAllowed(f"This path answers {', '.join(allowed)} only.", allowed)
    raise NotFound("There is nothing at this path. The paths are listed at /v1/docs.")


def conditional(request: Request, response: Response) -> Response:
    """A read with an ETag, over its body unless it has its own; 304 where the caller's copy is still good (RFC 9110, 13.1.2)."""
    if (
        request.method != "GET"
        or response.status != 200
        or "no-store" in response.headers.get("Cache-Control", "")
    ):
        return response
    tag = response.headers.get("ETag") or f'"{hashlib.sha256(text(response.body).encode()).hexdigest()[:32]}"'
    headers = {"Cache-Control": "private, no-cache", **response.headers, "ETag": tag}
    tags = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in tags or "*" in tags:
        return Response(304, None, headers)
    return Response(200, response.body, headers)


def preflight(request: Request) -> Response | None:
    """The answer to a browser that asks whether a page of another origin may send a request (Fetch standard, CORS)."""
    methods = ROUTES.get(request.resource)
    if request.method != "OPTIONS" or "access-control-request-method" not in request.headers or not methods:
        return None
    headers = {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Phone-Tail",
        "Access-Control-Max-Age": "7200",
    }
    return Response(204, None, headers)


def shared(response: Response, origin: str) -> Response:
    """The answer, readable by pages of this origin (`*` for all)."""
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Age, ETag, Location, Retry-After, X-Request-Id, X-Waybill-Fetched-At, X-Waybill-Source",
    }
    return Response(response.status, response.body, {**response.headers, **headers})


def write(response: Response, request_id: str) -> dict[str, Any]:
    """The answer as the gateway wants it: JSON in UTF-8, unescaped, with the request's id."""
    headers = {"X-Request-Id": request_id, **response.headers}
    body = ""
    if response.body is not None:
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
        body = text(response.body)
    return {"statusCode": response.status, "headers": headers, "body": body, "isBase64Encoded": False}


def text(body: Any) -> str:
    """A body as it is sent."""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))


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
    if trace := _trace(error):
        body["error_trace"] = trace
    if isinstance(error, CourierAmbiguous):
        body["candidates"] = error.candidates
    return Response(error.status, {"error": body}, _headers(error))


def refuse_b(error: WaybillError | None) -> Response:
    """The same error as contract B has it: whatever is wrong with the request but a scope or a method is its 400."""
    if not isinstance(error, RequestError) or error.status not in {400, 404, 422} or type(error) is NotFound:
        return refuse(error)
    body = {
        "code": "400000",
        "code_reason": "BAD_REQUEST",
        "message": "Bad Request",
        "error_code": error.code,
    }
    return Response(400, {"error": {**body, "error_trace": _trace(error)}}, _headers(error))


def _trace(error: WaybillError) -> list[dict[str, str]]:
    """Every field that is wrong, and how."""
    if isinstance(error, InvalidBody):
        return [{"field": field, "message": message} for field, message in error.faults]
    if isinstance(error, RequestError) and error.field:
        return [{"field": error.field, "message": error.message}]
    return []


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
