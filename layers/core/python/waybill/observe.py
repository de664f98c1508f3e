"""Logs and metrics through Powertools, one JSON line an event, and nothing personal in any.

No event text, phone or token is ever handed to the logger; exceptions of the outside world are logged by type and place.
"""

from __future__ import annotations

import traceback
from threading import Lock
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from waybill.errors import OUTCOMES

if TYPE_CHECKING:
    from waybill.budgets import Budget
    from waybill.calls import Call
    from waybill.circuit import Circuit
    from waybill.dispatch import Run
    from waybill.errors import WaybillError

logger: Final = Logger()
metrics: Final = Metrics()
_counting: Final = Lock()
"""Powertools counts for one thread; a batch has ten."""


def flush() -> None:
    """Write what was counted, once a request; most requests count nothing and write no line."""
    if metrics.metric_set:
        metrics.flush_metrics()


def on_call(call: Call) -> None:
    """An upstream call: a metric per outcome, and an alarm's metric for what only the operator can mend."""
    error = OUTCOMES.get(call.outcome)
    with _counting:
        metrics.add_metric("UpstreamCalls", MetricUnit.Count, 1)
        if error is not None:
            metrics.add_metric("UpstreamFailures", MetricUnit.Count, 1)
        if error is not None and error.operator:
            metrics.add_metric("UpstreamConfiguration", MetricUnit.Count, 1)
        if call.unknown_codes:
            metrics.add_metric("UnknownStatusCodes", MetricUnit.Count, len(call.unknown_codes))
    logger.info(
        "upstream call",
        extra={
            "courier": call.courier,
            "number": call.number,
            "member": call.member,
            "cause": call.cause,
            "outcome": call.outcome,
            "unknown_codes": [code[:16] for code in call.unknown_codes],
        },
    )


def on_circuit(circuit: Circuit) -> None:
    """Kuaidi100 refuses everything: no function calls any more, but for one probe now and then."""
    metrics.add_metric("CircuitOpened", MetricUnit.Count, 1)
    logger.error("circuit opened", extra={"code": circuit.code})


def on_budget(budget: Budget, percent: int) -> None:
    """So much of a budget is used, for the first time in its period."""
    metrics.add_metric("BudgetWarnings", MetricUnit.Count, 1)
    logger.warning(
        "budget warning",
        extra={
            "scope": budget.scope or "all",
            "period": budget.period,
            "limit": budget.limit,
            "percent": percent,
        },
    )


def on_run(run: Run) -> None:
    """A run of the dispatch: how late the oldest parcel was, how many were sent, and whether the circuit is open."""
    metrics.add_metric("RefreshLag", MetricUnit.Seconds, run.lag)
    metrics.add_metric("Dispatched", MetricUnit.Count, run.sent)
    metrics.add_metric("CircuitOpen", MetricUnit.Count, int(run.circuit_open))
    if run.sent or run.fault:
        logger.info(
            "dispatch",
            extra={
                "lag": round(run.lag),
                "sent": run.sent,
                "most": run.most,
                "fault": run.fault and type(run.fault).__name__,
            },
        )


def on_fault(fault: Exception) -> None:
    """A fault of ours: its type and where it happened. Its message stays out, which may quote a caller's data."""
    places = [
        f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_tb(fault.__traceback__)
    ]
    metrics.add_metric("Faults", MetricUnit.Count, 1)
    logger.error("unexpected fault", extra={"fault": type(fault).__name__, "places": places[-8:]})


def on_loss(error: WaybillError) -> None:
    """A paid answer reached its caller but not the store; the number's slot stays taken, so it is not asked again too soon."""
    metrics.add_metric("AnswersNotStored", MetricUnit.Count, 1)
    logger.error("answer not stored", extra={"cause": type(error.__cause__).__name__})


def on_copies_behind(error: WaybillError) -> None:
    """An answer was stored, but not shown in every list: each member's next look at the shipment mends its copy."""
    metrics.add_metric("CopiesBehind", MetricUnit.Count, 1)
    logger.warning("copies behind", extra={"cause": type(error.__cause__).__name__})
