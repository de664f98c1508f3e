"""The words for why a parcel is looked at when it is, or no more, and what they say. Pure.

Apart from `schedule`, whose tables and rates nobody loads who only shows a shipment.
"""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "first_look": ("首次查询", "first look"),
    "not_found_yet": ("尚无轨迹，逐步放缓", "no trace yet, asking less and less often"),
    "collection_due": ("等待揽收", "collection is due"),
    "under_way": ("运输途中", "under way"),
    "in_customs": ("清关中", "in customs"),
    "near_recipient": ("接近派件网点", "near the recipient's station"),
    "tour_due": ("即将派送", "about to go out for delivery"),
    "on_tour": ("派送中", "out for delivery"),
    "waits_for_pickup": ("等待取件", "waits to be picked up"),
    "attempt_failed": ("等待再次派送", "another attempt is due"),
    "problem": ("疑难件，等待处理", "a problem, to be solved"),
    "returning": ("退回途中", "on its way back"),
    "cancelling": ("撤销中", "being cancelled"),
    "with_another": ("已转其他快递公司", "with another courier"),
    "signature_check": ("签收后复查", "a last look, should the signature be disputed"),
}
"""Why a check comes when it comes, in Chinese and English."""

ENDS: Final = {
    "delivered": ("已签收", "delivered"),
    "returned": ("已退回", "returned"),
    "cancelled": ("已销单", "cancelled"),
    "expired": ("60 天无更新", "silent for 60 days"),
    "never_found": ("30 天未查到", "not found for 30 days"),
    "nobody_waits": ("无人关注", "nobody waits for it"),
}
"""Why no check comes any more."""

PAUSES: Final = {
    "phone_needed": ("等待核实手机号", "waits for a phone number that the courier accepts"),
    "courier_gone": ("快递公司已不支持", "Kuaidi100 has this courier no more"),
}
"""Why no check comes until somebody does something about it."""


def text_of(word: str, lang: str) -> str:
    """What a word of any of these tables says to a reader."""
    zh, en = {**REASONS, **ENDS, **PAUSES}[word]
    return zh if lang == "zh" else en
