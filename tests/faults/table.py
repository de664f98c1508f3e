"""The faults, as data: what goes wrong in each, and which may make a delivery come again (docs/reliability.md tells why)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

ALL: Final = (
    "authorizer",
    "query",
    "manage",
    "page",
    "events",
    "operator",
    "docs",
    "dispatch",
    "refresh",
    "publish",
    "fanout",
    "webhook",
    "mail",
    "suppression",
)
CALLED: Final = ("authorizer", "query", "manage", "page", "events", "operator", "docs", "suppression")
QUEUED: Final = ("refresh", "fanout", "webhook", "mail", "suppression")


@dataclass(frozen=True, slots=True)
class Fault:
    """A row. `upstream` is ordered of the simulator for the row's parcels, `trouble` of AWS and the runner; `kills` are functions.

    `secret` is what stands in the secret meanwhile; `key` the vendor's new key, which comes into the secret when the fault ends.
    `again`: a delivery under way may come again, with the same id, as the documented window has it. Faults of one `run`
    happen at once, to parcels of their own.
    """

    name: str
    upstream: dict[str, Any] = field(default_factory=dict)
    trouble: tuple[dict[str, Any], ...] = ()
    kills: tuple[str, ...] = ()
    secret: str = ""
    key: str = ""
    again: bool = False
    run: int = 0
    parcels: int = 2
    seconds: float = 6.0

    @property
    def restarts(self) -> bool:
        """Whether it takes effect in new processes only: those that there are end when it begins and when it ends."""
        return bool(self.secret) or any("skew" in each for each in self.trouble)


def _of(functions: tuple[str, ...], **order: Any) -> tuple[dict[str, Any], ...]:
    return tuple({"function": each, **order} for each in functions)


FAULTS: Final = (
    Fault("Kuaidi100 answers 501, a fault of its own", {"code": "501"}, run=1),
    Fault("Kuaidi100 answers 502, busy", {"code": "502"}, run=1),
    Fault("Kuaidi100 answers 503, wrong signature", {"code": "503"}, run=4),
    Fault("Kuaidi100 answers 601, no quota", {"code": "601"}, run=3),
    Fault("Kuaidi100 takes the request and never answers", {"kind": "timeout"}, run=1),
    Fault("Kuaidi100 resets the connection", {"kind": "reset"}, run=1),
    Fault("Kuaidi100 answers with a page of HTML", {"kind": "html"}, run=1),
    Fault("Kuaidi100 breaks off in the middle of its answer", {"kind": "truncated"}, run=1),
    Fault("Kuaidi100 answers in drops, for half a minute", {"kind": "slow"}, run=1),
    Fault("Kuaidi100 answers in GBK and says UTF-8", {"kind": "wrong_charset"}, run=1),
    Fault("Kuaidi100 answers with 10 MB", {"kind": "huge"}, run=1),
    Fault("Kuaidi100's clock is 90 minutes ahead", {"kind": "wrong_clock"}, run=1),
    Fault(
        "DynamoDB throttles four requests of ten",
        trouble=({"service": "dynamodb", "kind": "throttled", "rate": 0.4},),
        again=True,
        run=2,
    ),
    Fault("DynamoDB fails", trouble=({"service": "dynamodb", "kind": "failing"},), again=True, run=7),
    Fault(
        "DynamoDB does what it is asked and its answers get lost, two of ten",
        trouble=({"service": "dynamodb", "kind": "lost", "rate": 0.2},),
        again=True,
        run=8,
    ),
    Fault(
        "DynamoDB takes one request of ten and never answers",
        trouble=({"service": "dynamodb", "kind": "silent", "rate": 0.1},),
        again=True,
        run=8,
    ),
    Fault("SQS fails", trouble=({"service": "sqs", "kind": "failing"},), run=6),
    Fault(
        "SQS takes messages and its answers get lost, half of them",
        trouble=({"service": "sqs", "kind": "lost", "rate": 0.5},),
        run=2,
    ),
    Fault("SNS fails", trouble=({"service": "sns", "kind": "failing"},), run=11),
    Fault(
        "SES takes no letters for now, half of them",
        trouble=({"service": "ses", "kind": "throttled", "rate": 0.5},),
        run=12,
    ),
    Fault(
        "SES takes letters and its answers get lost",
        trouble=({"service": "ses", "kind": "lost"},),
        again=True,
        run=12,
    ),
    Fault("Every message of a queue comes twice, at once", trouble=_of(QUEUED, kind="duplicated"), run=2),
    Fault("Messages of queues overtake each other", trouble=_of(QUEUED, kind="reordered"), run=5),
    Fault(
        "Records of the stream come twice and overtake each other",
        trouble=(*_of(("publish",), kind="duplicated"), *_of(("publish",), kind="reordered")),
        run=2,
    ),
    Fault("What callers wait for is killed", kills=CALLED, seconds=12, run=3),
    Fault("Dispatch and refresh are killed", kills=("dispatch", "refresh", "refresh"), run=4),
    Fault(
        "What tells is killed",
        kills=("publish", "fanout", "webhook", "mail", "suppression"),
        again=True,
        seconds=12,
        run=10,
    ),
    Fault(
        "Every other invocation times out in the middle of its work",
        trouble=_of(ALL, kind="timed_out", rate=0.5),
        again=True,
        run=9,
    ),
    Fault("The secret has no key in it", secret='{"customer": "", "key": ""}', run=5),
    Fault("The key is rotated at Kuaidi100, and six seconds later in the secret", key="ROTATED", run=10),
    Fault(
        "Clocks differ: query's is 20 s behind, refresh's 20 s ahead, dispatch's 60 s",
        trouble=(
            {"function": "query", "skew": -20},
            {"function": "refresh", "skew": 20},
            {"function": "dispatch", "skew": 60},
        ),
        run=9,
    ),
)
QUICK: Final = (1, 2)
"""The runs that are among the tests: everything that Kuaidi100 does, and what AWS does now and then."""


def runs(*numbers: int) -> dict[int, list[Fault]]:
    """The faults of these runs, or of all."""
    chosen = numbers or sorted({fault.run for fault in FAULTS})
    return {number: [fault for fault in FAULTS if fault.run == number] for number in chosen}
