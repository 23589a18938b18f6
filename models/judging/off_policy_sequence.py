"""What a policy gains over another, looked at after every lead, however often (anytime-valid).

Of each decision stands the doubly robust gain: what was foreseen of either policy, and of what came
beyond that, the part by which one makes the decision likelier than the other. Its mean is the gain
if the logged probabilities are those that were drawn with, whatever was foreseen, also while what
drew them was learning (Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro 2022). A bet of a
constant stake s on each gain x, centred by what earlier ones make expected, multiplies the capital
by 1 + s x. That over exp(s m) is a supermartingale for any means m, as 1 + s m <= exp(s m). Mixed
over a few stakes it bounds the sum of all means so far from below, at all times with one chance of
being wrong. (It is sharper than the empirical-Bernstein bound of that paper, which replaces the
logarithm of 1 + s x by less.) The bound from above is that from below with the policies exchanged.

**Gains that move.** Over a policy that learns, the gain becomes smaller. The interval is about its
mean over the decisions so far, and may grow again; it assumes no common mean.

**Ranges.** A bound from below needs gains that are bounded from below, so that values lie in a
known range. Large weights of the policy only add to a gain. They may be clipped, where what is
clipped away counts as the least that can come: the bound stays right, as it does for options that
the log could not choose. Weights of the other policy cost, and are clipped at 5, where what is
clipped away counts as the most that can come. What is foreseen is shrunk in a row where it could
take a gain below the range.

**Decisions of one lead** share what came of them, so that leads are counted and not rows: see
`lead_blocks`. What the outcomes of a lead teach the policy that took the decisions about other
leads, within the time of one block, is not allowed for.

**Which estimator.** IPS foresees nothing, SNIPS (as a martingale has it) the mean of all options,
DR what a model says; each with weights clipped or not. Whenever there are twice as many leads, what
each would have said of them chooses, by the mean squared error and the one-standard-error rule
(Breiman et al. 1984), for the leads to come: none is judged by a choice that it had a part in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from features.errors import EventsError, NotEnoughData
from models.judging.off_policy import Logged

__all__ = ["GainSequence", "LeadBlocks", "ValueRange", "gain_sequence", "lead_blocks"]

LEVEL: Final = 0.95
_BETS: Final = 0.9 * 0.5 ** np.arange(12)
"""What is staked, over the most that a block can cost."""
_SHARES: Final = np.array([8, 9, 7, 4, 3, 2, 1, 1, 1, 1, 1, 1]) / 39.0
_SLACK: Final = 0.25
"""What is foreseen may add to the least gain so much of the range of values."""
_CENTRE: Final = 0.05
"""How far from 0 the centre of deviations may lie, over the most that a block can cost."""
_MOST_AGAINST: Final = 5.0
_ESTIMATORS: Final = tuple(
    (kind, cap) for cap in (np.inf, 20.0, 5.0) for kind in ("SNIPS", "DR")
) + tuple(("IPS", cap) for cap in (np.inf, 20.0, 5.0))
"""What is foreseen, and where weights are clipped; what comes first is the simplest."""
_FIRST_CHOICE: Final = 50
_STEPS: Final = 8


@dataclass(frozen=True, eq=False, slots=True)
class ValueRange:
    """Between what the value of a decision lies, by the option that was chosen.

    Parameters
    ----------
    lowest, highest : shape (k,), in the unit of values; known before the decisions.
    """

    lowest: Floats
    highest: Floats

    @property
    def width(self) -> float:
        """The widest."""
        return float((self.highest - self.lowest).max())


@dataclass(frozen=True, eq=False, slots=True)
class LeadBlocks:
    """Decisions of a lead that are counted together.

    Parameters
    ----------
    block : shape (n,), 0, 1, ... in the order in which blocks come due; -1 is not counted.
    most : decisions that a block can hold.
    """

    block: Ints
    most: int

    def __len__(self) -> int:
        return int(self.block.max(initial=-1)) + 1


def lead_blocks(
    lead: Ints, at: Ints, *, span: int, window: int, most: int, until: int
) -> LeadBlocks:
    """Put the decisions of each lead into blocks that share no outcome.

    A block begins with a decision and holds the lead's decisions of a span, the first `most` of
    them. It is due when the last of them could be over, whatever came, so that the order of blocks
    knows no outcome. Decisions after the span and before it is due are left out: what came of them
    is partly what came of the block.

    Parameters
    ----------
    lead, at : shape (n,), whose decision, and when it was taken.
    span, window : how long a block takes decisions in, and how long after one something can come of
        it, in the unit of `at`.
    until : a block that is not due by then is not counted.
    """
    block = np.full(len(lead), -1, dtype=np.int64)
    begun: list[tuple[int, int]] = []  # whose it is, and when it began
    held = 0
    for row in np.lexsort([at, lead]).tolist():
        who, when = int(lead[row]), int(at[row])
        if not begun or begun[-1][0] != who or when > begun[-1][1] + span + window:
            begun.append((who, when))
            held = 0
        if when <= begun[-1][1] + span and held < most:
            block[row] = len(begun) - 1
            held += 1
    due = np.array([when + span + window for _, when in begun], dtype=np.int64)
    place = np.empty(len(begun), dtype=np.int64)
    place[np.argsort(due, kind="stable")] = np.arange(len(begun))
    place[due > until] = -1
    return LeadBlocks(np.where(block >= 0, place[block], -1) if begun else block, most)


@dataclass(frozen=True, eq=False, slots=True)
class GainSequence:
    """The gain a decision, on average over the decisions so far, after each block of a lead.

    Parameters
    ----------
    value, low, high : shape (blocks,); any interval, and all of them together, at the level.
    evidence : shape (blocks,), the logarithm of an e-value against no gain.
    decisions : shape (blocks,), how many were counted.
    left_out : decisions that are in no block.
    estimator : what tells the next bound from below.
    """

    value: Floats
    low: Floats
    high: Floats
    evidence: Floats
    decisions: Ints
    left_out: int
    estimator: str

    @property
    def better(self) -> int | None:
        """The first block after which the gain was surely above 0; None if it never was."""
        return _first(self.low > 0.0)

    @property
    def worse(self) -> int | None:
        """The first block after which it was surely below 0; None if it never was."""
        return _first(self.high < 0.0)


def _first(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int | None:
    return int(mask.argmax()) if mask.any() else None


def gain_sequence(
    logged: Logged,
    target: Floats,
    baseline: Floats,
    predicted: Floats,
    blocks: LeadBlocks,
    worth: ValueRange,
    *,
    level: float = LEVEL,
) -> GainSequence:
    """What a policy would have brought a decision more than another one, told as blocks come due.

    Parameters
    ----------
    target, baseline : shape (n, k), the probabilities with which either would have chosen, by what
        was known at each decision. Where the baseline is `logged.probability` its weights are 1.
    predicted : shape (n, k), the value expected of each option, told from what is in earlier
        blocks, or was known before the first, alone.
    worth : between what values lie.

    Raises
    ------
    EventsError : an array has another shape, or a value leaves its range; names the first row.
    NotEnoughData : no block is due.
    """
    _refuse(logged, (target, baseline, predicted), blocks, worth, level)
    keep = blocks.block >= 0
    rows = _Rows.of(
        logged.rows(keep), predicted[keep], blocks.block[keep], len(blocks), blocks.most, worth
    )
    sides = [
        _Side.of(rows, one[keep], other[keep], level)
        for one, other in ((target, baseline), (baseline, target))
    ]
    counted = np.bincount(rows.block, minlength=len(blocks)).cumsum()
    low, high = sides[0].bound / counted, -sides[1].bound / counted
    value = 0.5 * (sides[0].total - sides[1].total) / counted
    return GainSequence(
        value=np.clip(value, np.minimum(low, high), np.maximum(low, high)),
        low=low,
        high=high,
        evidence=np.logaddexp(sides[0].evidence, sides[1].evidence) - np.log(2.0),
        decisions=counted,
        left_out=int((~keep).sum()),
        estimator=sides[0].estimator,
    )


def _refuse(
    logged: Logged,
    arrays: tuple[Floats, ...],
    blocks: LeadBlocks,
    worth: ValueRange,
    level: float,
) -> None:
    if not 0.0 < level < 1.0:
        raise EventsError(f"a level lies between 0 and 1, not at {level:g}")
    if len(blocks) == 0:
        raise NotEnoughData("no lead's decisions are over: nothing to compare yet")
    for name, one in zip(("target", "baseline", "predicted"), arrays, strict=True):
        if one.shape != logged.probability.shape:
            raise EventsError(f"`{name}` has shape {one.shape}, not {logged.probability.shape}")
    if blocks.block.shape != logged.chosen.shape:
        raise EventsError(f"blocks have shape {blocks.block.shape}, not {logged.chosen.shape}")
    low, high = worth.lowest[logged.chosen], worth.highest[logged.chosen]
    outside = ~((low <= logged.value) & (logged.value <= high))
    if outside.any():
        row = int(outside.argmax())
        raise EventsError(
            f"row {row}: the value {logged.value[row]:g} is not in [{low[row]:g}, {high[row]:g}]"
        )


# ---------------------------------------------------------------------------------------- the gains


@dataclass(frozen=True, eq=False, slots=True)
class _Rows:
    """The decisions that are counted. Values are above the lowest of the chosen option.

    Parameters
    ----------
    foreseen : by the name of an estimator, shape (n, k), above the lowest, within the range.
    """

    logged: Logged
    above: Floats
    foreseen: dict[str, Floats]
    block: Ints
    blocks: int
    most: int
    lowest: Floats
    range: Floats

    @classmethod
    def of(
        cls,
        logged: Logged,
        predicted: Floats,
        block: Ints,
        blocks: int,
        most: int,
        worth: ValueRange,
    ) -> _Rows:
        above = logged.value - worth.lowest[logged.chosen]
        width = worth.highest - worth.lowest
        total = np.bincount(block, above, blocks).cumsum()
        count = np.bincount(block, minlength=blocks).cumsum()
        earlier = np.concatenate([[0.0], (total / count)[:-1]])[block]
        foreseen = {
            "SNIPS": np.minimum(earlier[:, None], width),
            "DR": np.clip(predicted - worth.lowest, 0.0, width),
            "IPS": np.zeros_like(predicted),
        }
        return cls(logged, above, foreseen, block, blocks, most, worth.lowest, width)

    def by_block(self, each: Floats) -> Floats:
        """Shape (blocks,): sums of a figure of each decision."""
        return np.bincount(self.block, each, self.blocks).astype(np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class _Side:
    """The gain of one policy over another from below.

    Parameters
    ----------
    total, bound : shape (blocks,), all gains so far, and the least that they can be in truth.
    """

    total: Floats
    bound: Floats
    evidence: Floats
    estimator: str

    @classmethod
    def of(cls, rows: _Rows, policy: Floats, other: Floats, level: float) -> _Side:
        cost = rows.most * _most_cost(rows, other)
        told = np.stack(
            [
                rows.by_block(_gains(rows, policy, other, rows.foreseen[kind], cap))
                for kind, cap in _ESTIMATORS
            ]
        )
        gained, last = _chosen(told)
        total = gained.cumsum()
        count = np.arange(1.0, len(total) + 1.0)
        before = np.concatenate([[0.0], (total / count)[:-1]])
        centre = np.clip(before, -_CENTRE * cost, _CENTRE * cost)
        unit = (1.0 + _CENTRE) * cost
        won = np.log1p(((gained - centre) / unit)[:, None] * _BETS).cumsum(axis=0) + np.log(_SHARES)
        needed = np.log(2.0 / (1.0 - level))  # each side has half of what may go wrong
        expected = centre.cumsum()
        bound = expected + unit * _least(won, needed)
        kind, cap = _ESTIMATORS[last]
        name = kind if np.isinf(cap) else f"{kind}, weights up to {cap:g}"
        return cls(total, bound, _log_sum(won + (expected / unit)[:, None] * _BETS), name)


def _most_cost(rows: _Rows, other: Floats) -> float:
    """How far below 0 the gain of a decision can be, by any estimator."""
    widest = float(rows.range.max())
    apart = float(rows.lowest.max() - rows.lowest.min())
    against = 1.0 if _is_logged(rows, other) else 1.0 + _MOST_AGAINST
    return (against + _SLACK) * widest + apart


def _is_logged(rows: _Rows, policy: Floats) -> bool:
    return bool(np.array_equal(policy, rows.logged.probability))


def _gains(rows: _Rows, policy: Floats, other: Floats, foreseen: Floats, cap: float) -> Floats:
    """Shape (n,): the gain of each decision, in expectation no more than the true one."""
    logged = rows.logged
    could = logged.probability > 0.0
    against = np.inf if _is_logged(rows, other) else _MOST_AGAINST
    weight, counter = (
        np.minimum(np.divide(one, logged.probability, out=np.zeros_like(one), where=could), highest)
        for one, highest in ((policy, cap), (other, against))
    )
    more = weight - counter
    # What is clipped away, or could not be chosen, is the least; of the other policy the most.
    certain = (policy - other) @ rows.lowest
    certain -= np.maximum(other - counter * logged.probability, 0.0) @ rows.range
    nothing = certain + np.where(could, np.minimum(more * rows.range, 0.0), 0.0).min(axis=1)
    ahead = (more * logged.probability * foreseen).sum(axis=1)
    surprise = np.where(more > 0.0, -more * foreseen, more * (rows.range - foreseen))
    least = certain + ahead + np.where(could, surprise, np.inf).min(axis=1)
    part = _part(nothing, least, -_most_cost(rows, other))
    at = np.arange(len(logged))
    beyond = rows.above - part * foreseen[at, logged.chosen]
    found: Floats = certain + part * ahead + more[at, logged.chosen] * beyond
    return found


def _part(nothing: Floats, all_of_it: Floats, least: float) -> Floats:
    """How much of what is foreseen can be used, so that no gain is below the least.

    The lowest gain is concave in that part: it lies above the line between none and all of it.
    """
    room = np.maximum(nothing - least, 0.0)
    drop = np.maximum(nothing - all_of_it, 0.0)
    return np.where(drop > room, room / np.where(drop > 0.0, drop, 1.0), 1.0)


# -------------------------------------------------------------------------------------- the choice


def _chosen(told: Floats) -> tuple[Floats, int]:
    """Shape (blocks,): the gains of the estimators that were chosen; and the last one chosen.

    Parameters
    ----------
    told : shape (estimators, blocks).
    """
    gained = told[0].copy()
    best, start = 0, _FIRST_CHOICE
    while start < told.shape[1]:
        best = _best(told[:, :start])
        gained[start : 2 * start] = told[best, start : 2 * start]
        start *= 2
    return gained, best


def _best(told: Floats) -> int:
    """The simplest estimator whose mean squared error is within a standard error of the least."""
    n = told.shape[1]
    free = [_ESTIMATORS.index((kind, np.inf)) for kind, _ in _ESTIMATORS]
    missing = told - told[free]
    bias = np.maximum(missing.mean(axis=1) ** 2 - missing.var(axis=1) / n, 0.0)
    squares = (told - told.mean(axis=1, keepdims=True)) ** 2
    error = squares.mean(axis=1) / n + bias
    least = int(error.argmin())
    allowed = error[least] + squares[least].std() / n**1.5
    return int((error <= allowed).argmax())


# --------------------------------------------------------------------------------------- the bound


def _log_sum(logs: Floats) -> Floats:
    most = logs.max(axis=1)
    summed: Floats = most + np.log(np.exp(logs - most[:, None]).sum(axis=1))
    return summed


def _least(won: Floats, needed: float) -> Floats:
    """Shape (n,): the least that a sum of means can be, where capital would be `needed`.

    The logarithm of capital is convex in that sum and falls, so that Newton's steps from where one
    bettor alone has enough never pass the crossing: an early end makes the interval wider, never
    wrong.
    """
    least: Floats = ((won - needed) / _BETS).max(axis=1)
    for _ in range(_STEPS):
        logs = won - least[:, None] * _BETS
        summed = _log_sum(logs)
        slope = (np.exp(logs - summed[:, None]) * _BETS).sum(axis=1)
        least = least + np.maximum(summed - needed, 0.0) / slope
    return least
