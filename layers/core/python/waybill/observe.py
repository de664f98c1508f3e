"""Logs and metrics through Powertools, one JSON line an event, and nothing personal in any.

No event text, phone or token is ever handed to the logger; exceptions of the outside world are logged by type and place. A line is
plain ASCII, so that nothing in it ends it, steers a terminal that shows it, or cannot be written.
"""

from __future__ import annotations

import json
import traceback
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from waybill.errors import WaybillError
from waybill.outcomes import OUTCOMES

if TYPE_CHECKING:
    from waybill.budgets import Budget
    from waybill.calls import Call
    from waybill.circuit import Circuit
    from waybill.deliveries import State, Try
    from waybill.dispatch import Run, Sent
    from waybill.messages import Delivery, Letter

logger: Final = Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
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


def on_letter(letter: Letter, end: str) -> None:
    """What became of a letter to a customer. To whom it went is in no log."""
    with _counting:
        if end == "sent":
            metrics.add_metric("MailsSent", MetricUnit.Count, 1)
        if end == "refused":
            metrics.add_metric("MailsRefused", MetricUnit.Count, 1)
    logger.info(
        "letter",
        extra={
            "member": letter.member,
            "courier": letter.courier,
            "number": letter.number,
            "sequence": letter.sequence,
            "end": end,
        },
    )


def on_run(run: Run) -> None:
    """A run of the dispatch: how late the oldest parcel was, how many went, if the circuit is open; the same of what is told."""
    metrics.add_metric("RefreshLag", MetricUnit.Seconds, run.lag)
    metrics.add_metric("Dispatched", MetricUnit.Count, run.sent)
    metrics.add_metric("CircuitOpen", MetricUnit.Count, int(run.circuit_open))
    metrics.add_metric("OutboxLag", MetricUnit.Seconds, run.outbox_lag)
    metrics.add_metric("Republished", MetricUnit.Count, run.republished)
    metrics.add_metric("DueAgain", MetricUnit.Count, run.again)
    if run.sent or run.again or run.republished or run.fault:
        logger.info(
            "dispatch",
            extra={
                "lag": round(run.lag),
                "sent": run.sent,
                "most": run.most,
                "parts": run.parts,
                "again": run.again,
                "outbox_lag": round(run.outbox_lag),
                "republished": run.republished,
                "fault": run.fault and type(run.fault).__name__,
            },
        )


def on_part(part: Sent) -> None:
    """What a run of the dispatch had another run send; how late the oldest was, that one has told."""
    metrics.add_metric("Dispatched", MetricUnit.Count, part.count)
    fault = part.fault and type(part.fault).__name__
    logger.info("dispatched a part", extra={"sent": part.count, "fault": fault})


def on_unread_record(position: str) -> None:
    """A record of the table's stream that nobody can read; its position is all that is known of it."""
    metrics.add_metric("Faults", MetricUnit.Count, 1)
    logger.error("unreadable record", extra={"position": position})


def on_unmarked(error: WaybillError) -> None:
    """A notification was published and not marked, so the dispatch publishes it once more; who receives it drops the second."""
    with _counting:
        metrics.add_metric("PublishedAgain", MetricUnit.Count, 1)
    logger.warning("published but not marked", extra={"cause": type(error.__cause__).__name__})


def on_fault(fault: Exception) -> None:
    """A fault of ours: its type and where it happened. Its message stays out, which may quote a caller's data."""
    places = [
        f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_tb(fault.__traceback__)
    ]
    metrics.add_metric("Faults", MetricUnit.Count, 1)
    logger.error("unexpected fault", extra={"fault": type(fault).__name__, "places": places[-8:]})


def on_message_failed(message: str, fault: Exception) -> None:
    """A queue's message could not be done and comes back; one that nobody can read ends in the dead-letter queue."""
    if isinstance(fault, WaybillError):
        logger.warning("message failed", extra={"message_id": message, "error": type(fault).__name__})
    else:
        on_fault(fault)


def on_delivery(delivery: Delivery, attempt: Try, state: State) -> None:
    """A try to deliver an event to a webhook. What was posted, and where to, is in no log."""
    with _counting:
        if state == "delivered":
            metrics.add_metric("DeliveriesSucceeded", MetricUnit.Count, 1)
        else:
            metrics.add_metric("DeliveriesFailed", MetricUnit.Count, 1)
        if state == "parked":
            metrics.add_metric("DeliveriesParked", MetricUnit.Count, 1)
        metrics.add_metric("DeliveryMs", MetricUnit.Milliseconds, attempt.ms)
    logger.info(
        "delivery",
        extra={
            "webhook": delivery.webhook,
            "sequence": delivery.sequence,
            "state": state,
            "status": attempt.status,
            "error": attempt.error,
            "ms": attempt.ms,
        },
    )


def on_loss(error: WaybillError) -> None:
    """A paid answer reached its caller but not the store; the number's slot stays taken, so it is not asked again too soon."""
    metrics.add_metric("AnswersNotStored", MetricUnit.Count, 1)
    logger.error("answer not stored", extra={"cause": type(error.__cause__).__name__})


def on_copies_behind(error: WaybillError) -> None:
    """An answer was stored, but not shown in every list: each member's next look at the shipment mends its copy."""
    metrics.add_metric("CopiesBehind", MetricUnit.Count, 1)
    logger.warning("copies behind", extra={"cause": type(error.__cause__).__name__})
