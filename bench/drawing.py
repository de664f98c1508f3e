"""The curve of a bench as SVG: delay over calls per parcel, a line through the fixed intervals, a dot for each other policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from waybill.statuses import status_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waybill.model import Status

STATUSES: Final[tuple[Status, ...]] = ("delivered", "out_for_delivery")
WIDTH: Final = 460
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 44, 48
CALLS: Final = (2, 5, 10, 20, 50, 100, 200)
DELAYS: Final = (1, 3, 10, 30, 100, 300, 1000)
COLOURS: Final = {"adaptive": "#c2410c", "oracle": "#15803d"}
FIXED_COLOUR: Final = "#475569"


def curve(rows: Sequence[dict[str, Any]]) -> str:
    """A panel for each status of `STATUSES`; solid is the median, dashed the 95th percentile; both axes are logarithmic."""
    panels = "".join(
        f'<g transform="translate({index * WIDTH} 0)">{_panel(rows, status)}</g>'
        for index, status in enumerate(STATUSES)
    )
    width = WIDTH * len(STATUSES)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="{width}" height="{HEIGHT}" fill="#fff"/>{panels}</svg>\n'
    )


def _panel(rows: Sequence[dict[str, Any]], status: Status) -> str:
    parts = [f'<text x="{LEFT}" y="22" font-size="14">{status_name(status, "en")}: delay of seeing it</text>']
    for calls in CALLS:
        x = _x(calls)
        parts.append(f'<path d="M{x} {TOP}V{HEIGHT - BOTTOM}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{calls}</text>')
    for delay in DELAYS:
        y = _y(delay)
        parts.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{delay}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH) // 2}" y="{HEIGHT - 12}" text-anchor="middle">calls per parcel</text>'
    )
    parts.append(f'<text x="12" y="{TOP - 8}">minutes, median (solid) and 95th percentile (dashed)</text>')
    for share, dashes in (("p50", ""), ("p95", ' stroke-dasharray="4 3"')):
        points = [_point(row, status, share) for row in rows]
        fixed = [
            point
            for row, point in zip(rows, points, strict=True)
            if point and row["policy"].startswith("fixed")
        ]
        line = " ".join(f"{x},{y}" for x, y in sorted(fixed))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{FIXED_COLOUR}"{dashes}/>')
        for row, point in zip(rows, points, strict=True):
            if point:
                parts.append(_dot(row["policy"], *point, named=share == "p50"))
    return "".join(parts)


def _dot(policy: str, x: float, y: float, *, named: bool) -> str:
    colour = COLOURS.get(policy, FIXED_COLOUR)
    label = (
        f'<text x="{x + 6}" y="{y - 6}" fill="{colour}">{policy.removeprefix("fixed-")}</text>'
        if named
        else ""
    )
    return f'<circle cx="{x}" cy="{y}" r="{5 if policy in COLOURS else 3}" fill="{colour}"/>{label}'


def _point(row: dict[str, Any], status: Status, share: str) -> tuple[float, float] | None:
    delay = row["delay_seconds"][status][share]
    return None if delay is None else (_x(row["calls_per_parcel"]), _y(delay / 60))


def _x(calls: float) -> float:
    return _scaled(calls, CALLS[0], CALLS[-1], LEFT, WIDTH - RIGHT)


def _y(minutes: float) -> float:
    return _scaled(minutes, DELAYS[0], DELAYS[-1], HEIGHT - BOTTOM, TOP)


def _scaled(value: float, low: float, high: float, start: float, end: float) -> float:
    """On a logarithmic axis, kept within it."""
    share = math.log(min(max(value, low), high) / low) / math.log(high / low)
    return round(start + share * (end - start), 1)
