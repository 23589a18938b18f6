"""A policy's gain as a gate may look at it each day: the sequence, and what it is told from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.arrays import Floats
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from models.judging.off_policy import Logged
from models.judging.off_policy_sequence import (
    LeadBlocks,
    ValueRange,
    gain_sequence,
    lead_blocks,
)
from training.policies.decisions import Decisions
from training.policies.predicted_values import foreseen_values

__all__ = ["WatchedGain", "Watching", "watched_gain", "watching"]

_SPAN: Final = 1.0 / 3.0
"""Of a window, in which a lead's block takes decisions: a month where purchases take three. Longer
ones hold more decisions of a lead, and are judged later."""
_USUAL: Final = 90.0
"""Percent of earlier blocks that hold no more decisions than a block can."""
_MOST: Final = 4
"""What a block can hold where there are no earlier ones, and at most three times as many."""
_TO_LEARN_RANGE: Final = 50
"""Blocks that tell between what amounts lie, and nothing else, where no earlier decision does."""


@dataclass(frozen=True, slots=True)
class WatchedGain:
    """What a policy gains a decision over another, by an interval that holds at all looks together.

    Parameters
    ----------
    leads : blocks of leads' decisions that were counted (a lead that comes back has several).
    decisions, left_out : that were counted, and that are in no block that is due.
    evidence : the logarithm of an e-value against no gain.
    better_after, worse_after : leads after which the gain was first surely above 0, or below; None
        if it never was.
    estimator : what tells the next bound from below.
    lowest, highest : between what values were taken to lie, costs not taken off.
    beyond : decisions that came to less or more; they count as the nearest of the two.
    """

    leads: int
    decisions: int
    left_out: int
    value: float
    low: float
    high: float
    evidence: float
    better_after: int | None
    worse_after: int | None
    estimator: str
    lowest: float
    highest: float
    beyond: int


@dataclass(frozen=True, eq=False, slots=True)
class Watching:
    """What a sequence counts of a period, settled without any outcome of it.

    Parameters
    ----------
    blocks : of the judged decisions.
    lowest, highest : between what values lie, costs not taken off; None where no earlier decision
        tells.
    """

    blocks: LeadBlocks
    lowest: float | None
    highest: float | None

    def rows(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Watching:
        """Of some of the decisions, by mask."""
        return replace(self, blocks=replace(self.blocks, block=self.blocks.block[keep]))


def watching(ladder: Ladder, decisions: Decisions, start: int, until: int) -> Watching:
    """How the decisions after `start` are counted, by what was known then.

    Parameters
    ----------
    decisions : all that were drawn; what comes back has the rows of those after `start`.
    until : microseconds; blocks that are not due by then are not counted.
    """
    longest = max(ladder.value_horizon_days, *(goal.horizon_days for goal in ladder.goals))
    window = round(longest * DAY_US)
    span = round(_SPAN * window)
    later = decisions.as_of > start
    before = decisions.rows(~later)
    usual = lead_blocks(
        before.lead, before.as_of, span=span, window=window, most=len(decisions), until=until
    )
    most = _MOST
    if len(usual):
        sizes = np.bincount(usual.block[usual.block >= 0])
        most = int(np.clip(np.ceil(np.percentile(sizes, _USUAL)), 1, 3 * _MOST))
    blocks = lead_blocks(
        decisions.lead[later],
        decisions.as_of[later],
        span=span,
        window=window,
        most=most,
        until=until,
    )
    if not ladder.value.gains:
        return Watching(blocks, 0.0, 1.0)
    seen = before.value[before.as_of + window <= start]
    if len(seen) == 0 or seen.max() <= min(0.0, seen.min()):
        return Watching(blocks, None, None)
    return Watching(blocks, min(0.0, float(seen.min())), float(seen.max()))


def watched_gain(
    raw: Logged,
    matrix: Floats,
    watch: Watching,
    policies: tuple[Floats, Floats],
    *,
    worth: float,
    cost: Floats,
    paid: Floats,
    binary: bool,
) -> WatchedGain | None:
    """The gain of a policy over another; None where no lead's block is due, or nothing came yet.

    Parameters
    ----------
    raw : decisions with values of which no costs were taken off.
    matrix : shape (n, d), the signals at each.
    policies : the probabilities of the policy, and of the other one; each of shape (n, k).
    worth, paid : the net value is worth * value - paid, shape (n,).
    cost : shape (k,), what each option costs where it reaches its lead, and is paid for.
    binary : values are 0 and 1.
    """
    blocks, lowest, highest = watch.blocks, watch.lowest, watch.highest
    if lowest is None or highest is None:
        first = (blocks.block >= 0) & (blocks.block < _TO_LEARN_RANGE)
        lowest, highest = (
            min(0.0, float(raw.value[first].min(initial=0.0))),
            float(raw.value[first].max(initial=0.0)),
        )
        blocks = replace(blocks, block=np.maximum(blocks.block - _TO_LEARN_RANGE, -1))
    if len(blocks) == 0 or highest <= lowest:
        return None
    beyond = (raw.value < lowest) | (raw.value > highest)
    held = replace(raw, value=np.clip(raw.value, lowest, highest))
    is_spared = bool((paid < cost[raw.chosen]).any())
    foreseen = foreseen_values(matrix, held, blocks.block, binary=binary)
    found = gain_sequence(
        replace(held, value=worth * held.value - paid),
        *policies,
        worth * foreseen - cost,
        blocks,
        ValueRange(worth * lowest - cost, worth * highest - (0.0 if is_spared else 1.0) * cost),
    )
    return WatchedGain(
        leads=len(blocks),
        decisions=int(found.decisions[-1]),
        left_out=found.left_out,
        value=float(found.value[-1]),
        low=float(found.low[-1]),
        high=float(found.high[-1]),
        evidence=float(found.evidence[-1]),
        better_after=_leads(found.better),
        worse_after=_leads(found.worse),
        estimator=found.estimator,
        lowest=lowest,
        highest=highest,
        beyond=int(beyond.sum()),
    )


def _leads(at: int | None) -> int | None:
    return None if at is None else at + 1
