"""Answers that API Gateway gives by itself, by the template's gateway responses.

The emulator renders most of them; these are for what it does not do: the limits of size and time, and what it says of a function
that failed.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html: default status and message.
_DEFAULTS = {
    "BAD_REQUEST_PARAMETERS": (400, "Bad request"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "INTEGRATION_FAILURE": (504, "Internal server error"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
    "DEFAULT_4XX": (400, "Bad request"),
    "DEFAULT_5XX": (500, "Internal server error"),
}
_DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'
_VARIABLE = re.compile(r"\$(?:\{([\w.]+)\}|([\w.]+))")
_HEADER = "gatewayresponse.header."


class GatewayResponses:
    """The customised responses of an API: `{type: {statusCode, responseParameters, responseTemplates}}`."""

    def __init__(self, customised: Mapping[str, Any]) -> None:
        self._customised = customised

    def render(self, kind: str, request_id: str | None = None) -> Response:
        """The answer for `kind`. A type that is not customised takes its family's default, as at AWS."""
        request_id = request_id or str(uuid.uuid4())
        status, message = _DEFAULTS[kind]
        family = "DEFAULT_4XX" if status < 500 else "DEFAULT_5XX"
        chosen = self._customised.get(kind) or self._customised.get(family) or {}
        variables = {
            "context.error.message": message,
            "context.error.messageString": json.dumps(message),
            "context.error.responseType": kind,
            "context.requestId": request_id,
        }
        template = chosen.get("responseTemplates", {}).get("application/json", _DEFAULT_TEMPLATE)
        body = _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), template)
        headers = {"x-amzn-requestid": request_id}
        for name, source in chosen.get("responseParameters", {}).items():
            value = source[1:-1] if source.startswith("'") else variables.get(source)
            if name.startswith(_HEADER) and value is not None:
                headers[name.removeprefix(_HEADER)] = value
        return Response(body, int(chosen.get("statusCode") or status), headers, media_type="application/json")
