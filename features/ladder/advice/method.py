"""All that the micro-commitment method advises about a ladder."""

from __future__ import annotations

from features.ladder.advice.advice import Advice
from features.ladder.advice.offers import on_offers, over_limits
from features.ladder.advice.rules import (
    commitments,
    losses,
    never_due,
    not_held_back,
    restarts,
    shared_rules,
    unknown_channels,
    unknown_topics,
)
from features.ladder.advice.rungs import few_offers, on_pairs, too_heavy
from features.ladder.controls import Controls
from features.ladder.ladder import Ladder
from features.ladder.words import in_percent

__all__ = ["advise", "controls_said"]


def advise(ladder: Ladder) -> tuple[Advice, ...]:
    """What the method would do otherwise: on steps, on pairs of steps, then on offers."""
    return (
        *restarts(ladder),
        *losses(ladder),
        *few_offers(ladder),
        *shared_rules(ladder),
        *on_pairs(ladder),
        *too_heavy(ladder),
        *on_offers(ladder),
        *unknown_channels(ladder),
        *unknown_topics(ladder),
        *over_limits(ladder),
        *commitments(ladder),
        *not_held_back(ladder),
        *never_due(ladder),
    )


def controls_said(controls: Controls) -> str:
    """Whether what Rung is worth will be known, in a sentence; nothing is advised against."""
    standing = controls.standing
    if standing is None:
        return (
            "What Rung is worth is not measured: [controls] no_ask = 0.05 would leave one lead in"
            " twenty unasked, by lot, to compare with."
        )
    shares = ", ".join(f"{in_percent(arm.share)} {arm.id}" for arm in standing.arms)
    return f"What Rung is worth is measured, by lot: {shares}. `rung experiment judge` tells."
