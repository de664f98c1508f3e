"""What the document says in more than one place: headers, and what each status of an error means."""

from __future__ import annotations

from typing import Any, Final, get_args

from waybill.freshness import Source

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": {
        "description": "Names this request. Tell it to whoever looks into a problem.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The same as long as nothing changed. Send it as `If-None-Match`.",
        "required": True,
        "schema": {"type": "string", "pattern": '^(W/)?"[0-9a-f]{32}"$'},
    },
    "Age": {
        "description": "How many seconds ago the courier was asked.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "Cache-Control": {
        "description": "Who may keep this answer, and for how long.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Vary": {
        "description": "On what else of the request the answer depends.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where what was made is from now on: a path on this host, the stage included.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "X-Waybill-Source": {
        "description": "Where the answer came from (`freshness.source`). Left out where there is no parcel to show.",
        "schema": {"type": "string", "enum": list(get_args(Source))},
    },
    "X-Waybill-Fetched-At": {
        "description": "When the courier was asked. Left out where there is no parcel to show.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "Content-Security-Policy": {
        "description": "What the page may load, which is nothing of other hosts.",
        "required": True,
        "schema": {"type": "string"},
    },
    "X-Robots-Tag": {
        "description": "That search engines may not keep it.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Come back after this many seconds.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Policy": {
        "description": "The limit that was exceeded, where it is one of requests (draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "The scheme that is wanted.",
        "required": True,
        "schema": {"type": "string"},
    },
}

ERRORS: Final[dict[int, str]] = {
    400: "Something of the request is missing or not as it should be; `error_trace` names it.",
    401: "The access token is missing, unknown, revoked or expired.",
    403: "The access token lacks the scope.",
    404: "There is nothing of this name, or it is not yours.",
    409: "It contradicts what is there, or another request is still at work on it.",
    410: "Events that were asked for are no longer kept.",
    413: "The request is too large.",
    415: "The body is not JSON, or its Content-Type does not say so.",
    422: "The request can be read, and not be done: `error_code` says why.",
    429: "Too many requests, or too many wrong phone numbers for one parcel.",
    500: "A fault of ours.",
    503: "Nothing is known yet and Kuaidi100 did not answer, or the service cannot take the request now.",
    504: "The service took too long.",
}
ERROR_HEADERS: Final[dict[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit-Policy"),
    503: ("Retry-After",),
    504: ("Retry-After",),
}
OPTIONAL_ERROR_HEADERS: Final[dict[int, tuple[str, ...]]] = {409: ("Retry-After",), 422: ("Retry-After",)}
"""There where it helps to come back."""

BY_GATEWAY: Final[dict[int, tuple[str, ...]]] = {
    400: ("BAD_REQUEST_PARAMETERS",),
    401: ("UNAUTHORIZED", "ACCESS_DENIED"),
    404: ("RESOURCE_NOT_FOUND",),
    413: ("REQUEST_TOO_LARGE",),
    429: ("THROTTLED",),
    500: ("AUTHORIZER_FAILURE",),
    503: ("INTEGRATION_FAILURE",),
    504: ("INTEGRATION_TIMEOUT",),
}
"""The gateway's own answers of each status, by type of gateway response; each is an example of the document."""
