"""Which of our languages a reader likes best. Pure."""

from __future__ import annotations

from typing import Final, get_args

from waybill.model import Lang

LANGS: Final[tuple[Lang, ...]] = get_args(Lang)


def liked(accepted: str) -> Lang | None:
    """The best of ours in an Accept-Language (RFC 9110, 12.5.4); None for who names none of them."""
    best: tuple[float, Lang | None] = (0.0, None)
    for each in accepted.lower().split(","):
        tag, _, weight = each.strip().partition(";")
        quality = _quality(weight)
        for lang in LANGS:
            if tag.split("-")[0].strip() == lang and quality > best[0]:
                best = (quality, lang)
    return best[1]


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
