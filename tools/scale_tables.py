"""The tables of docs/scale.md, as `tools.scale` works them out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tools import cost

if TYPE_CHECKING:
    from tools.scale import Limited, Scale


def tables(scale: Scale) -> str:
    """The tables of docs/scale.md."""
    measured = scale.measured
    queue = scale.calls_a_day * cost.REFRESH.queue
    load = [
        ("parcels that are new, a day", f"{scale.shipments / scale.days:,.0f}"),
        ("calls per parcel", f"{measured['calls_per_parcel']:g}"),
        ("days that a parcel is followed", f"{scale.days:.1f}"),
        ("calls to Kuaidi100 a day", f"{scale.calls_a_day:,.0f}"),
        ("calls a second, average and busiest hour", f"{scale.calls_a_second:,.0f} and {scale.peak:,.0f}"),
        ("requests to SQS a day, at one message a batch", f"{queue:,.0f}"),
        ("seconds of a batch of fifty", f"{scale.batch_seconds:.2f}"),
        ("batches at once in the busiest hour", f"{math.ceil(scale.workers):,}"),
    ]
    parts = [
        (
            part.name,
            f"{part.asked:,.0f}",
            f"{part.limit:,.0f}",
            f"{100 * part.used:,.0f} %",
            _raised(part),
            part.do,
        )
        for part in sorted(scale.parts, key=lambda part: -part.used)
    ]
    money = [(name, f"{many:,.0f}", f"{dollars:,.2f}") for name, many, dollars in scale.money]
    total = sum(dollars for _, _, dollars in scale.money)
    (first, at), (last, end) = scale.first_limit, scale.last_limit
    return "\n\n".join(
        (
            cost.table((f"{scale.shipments:,} active shipments", ""), load),
            cost.table(
                ("what is limited", "busiest hour", "limit", "used", "raised to", "at the limit"), parts
            ),
            f"**First limit of all: {first.name}, at {_rounded(at)} active shipments: {first.do}.**",
            f"**First limit when settings and quotas are raised: {last.name}, at {_rounded(end)} active shipments: {last.do}.**",
            cost.table(
                ("a day", "count", "US dollars at AWS"), [*money, ("**all**", "", f"**{total:,.2f}**")]
            ),
        )
    )


def _raised(part: Limited) -> str:
    if part.most == part.limit:
        return "-"
    return f"{part.most:,.0f}" if math.isfinite(part.most) else "what AWS grants"


def _rounded(number: float) -> str:
    """Two digits of it, which is all that is known."""
    size = 10 ** (int(math.log10(number)) - 1)
    return f"{number // size * size:,.0f}"
