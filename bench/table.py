"""The results as one table: what was measured, and of what there is a goal, whether it is met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Goal:
    """`least` or `most` that a result is to be, and what it says."""

    says: str
    least: float = float("-inf")
    most: float = float("inf")

    @property
    def text(self) -> str:
        if self.least == self.most:
            return f"{self.most:g}"
        return f"<= {self.most:g}" if self.most < float("inf") else f">= {self.least:g}"

    def met(self, result: float) -> bool:
        return self.least <= result <= self.most


GOALS: Final = {
    "cold_start_ratio_bare": Goal("cold start of query / of a bare function, processor time", most=1.5),
    "cold_start_ratio_usual": Goal("cold start of query / of the usual stack, processor time", most=0.5),
    "warm_cpu_ratio_bare": Goal("cached read / bare GetItem, processor time", most=1.5),
    "warm_wall_ratio_bare": Goal("cached read / bare GetItem, wall time", most=1.5),
    "aws_calls_cached_read": Goal("requests to AWS of a cached read", least=1, most=1),
    "worker_efficiency": Goal("parcels a second of one worker / (in flight / latency)", least=0.85),
    "dispatch_read_ratio": Goal("items that a run of the dispatch reads / items due", most=1.1),
    "dead_beside_p95_ratio_quick": Goal(
        "time to 95 of 100 events beside dead endpoints / well ones: quick one", most=1.2
    ),
    "dead_beside_p95_ratio_slow": Goal("the same of one that takes 1.5 s", most=1.2),
    "dead_beside_p95_ratio_unlucky": Goal("the same of one that fails three of ten", most=1.2),
    "dying_beside_p95_ratio_quick": Goal(
        "beside endpoints that die meanwhile / well ones: quick one", most=1.2
    ),
    "dying_beside_p95_ratio_slow": Goal("the same of one that takes 1.5 s", most=1.2),
    "dying_beside_p95_ratio_unlucky": Goal("the same of one that fails three of ten", most=1.2),
    "slow_dying_beside_p95_ratio_quick": Goal(
        "beside endpoints that take 1.5 s and die meanwhile / that live: quick one", most=1.2
    ),
    "slow_dying_beside_p95_ratio_slow": Goal("the same of one that takes 1.5 s", most=1.2),
    "slow_dying_beside_p95_ratio_unlucky": Goal("the same of one that fails three of ten", most=1.2),
    "upstream_calls_200_cold": Goal("calls to Kuaidi100 for 200 readers of a new number", least=1, most=1),
}


def table(results: Mapping[str, Any]) -> str:
    """All results, those with goals first. What was left out of a run has no row."""
    with_goals = [name for name in GOALS if name in results]
    lines = [f"{'':<40}{'measured':>12}  {'goal':<9}", ""]
    for name in with_goals:
        goal = GOALS[name]
        verdict = "met" if goal.met(results[name]) else "not met"
        lines.append(f"{name:<40}{results[name]:>12g}  {goal.text:<9}{verdict:<9}{goal.says}")
    lines.append("")
    lines += [f"{name:<40}{result!s:>12}" for name, result in results.items() if name not in GOALS]
    return "\n".join(lines)
