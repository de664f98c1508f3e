"""What every function behind the API does with an event: route it, refuse in the words of its contract, log one line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from waybill import gateway, observe
from waybill.errors import RequestError, WaybillError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from waybill.gateway import Handler, Request, Response

_CONTRACTS: Final[dict[str, Callable[[WaybillError | None], Response]]] = {
    "/v1/track": gateway.refuse_a,
    "/v1/tracking/get": gateway.refuse_b,
    "/v1/tracking/get/{order_id}": gateway.refuse_b,
}


@dataclass(frozen=True, slots=True)
class Service:
    """`handlers` by method and resource; `cors_origin` is whose pages may read the answers, "" for none."""

    handlers: Mapping[tuple[str, str], Handler]
    cors_origin: str = ""

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """API Gateway's answer to its event, whatever happens."""
        request = gateway.read(event)
        started = time.perf_counter()
        refuse = _CONTRACTS.get(request.resource, gateway.refuse)
        error: WaybillError | None = None
        try:
            response = self._answer(request)
        except WaybillError as raised:
            response, error = refuse(raised), raised
        except Exception as fault:  # noqa: BLE001 - the last line of defence: nothing of a fault of ours reaches a client
            observe.on_fault(fault)
            response = refuse(None)
        if self.cors_origin:
            response = gateway.shared(response, self.cors_origin)
        observe.logger.info(
            "request",
            extra={
                "request_id": request.request_id,
                "route": f"{request.method} {request.resource}",
                "member": request.member,
                "status": response.status,
                "error": getattr(error, "code", None)
                if isinstance(error, RequestError)
                else error and type(error).__name__,
                "source": response.headers.get("X-Waybill-Source"),
                "ms": round((time.perf_counter() - started) * 1000, 1),
            },
        )
        observe.flush()
        return gateway.write(response, request.request_id)

    def _answer(self, request: Request) -> Response:
        if self.cors_origin and (response := gateway.preflight(request)):
            return response
        return gateway.conditional(request, gateway.route(request, self.handlers))
