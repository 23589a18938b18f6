"""Intervals that may be looked at after every lead, and all of which hold together (anytime-valid).

A fixed interval misses the truth in 5 % of looks; who looks each day until it is sure is wrong far
more often. Here somebody bets against each candidate for the mean. If it is the true one, no bet
wins in expectation, and the capital reaches 40 with a chance of 1 in 40 at most, ever (Ville 1939).
What was beaten so once is out for good: a confidence sequence by betting (Waudby-Smith and Ramdas
2024). A few bettors who differ only in how much they stake share the capital (a mixture), so that
small effects and large ones are both found.

The order must not know the outcomes. A yes that is told at once and a no that is told when its time
is over are put in the order of the times, not of the telling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats
from features.errors import EventsError
from models.judging.trials.betting import Ends, nodes, shares_of_ratio, watched

__all__ = [
    "Sequence",
    "effect_sequence",
    "expected_outcomes",
    "mean_sequence",
    "relative_risk_sequence",
]

LEVEL: Final = 0.95
_FIRST_FIT: Final = 50
_GROWTH: Final = 1.2
_PENALTY: Final = 10.0


@dataclass(frozen=True, eq=False, slots=True)
class Sequence:
    """A figure after each observation, with an interval that holds at all of them together.

    Parameters
    ----------
    value, low, high : shape (n,). Intervals never grow; `value` is the estimate of then, moved into
        its interval. An interval that would be empty (once in 20 sequences at most, or where what
        was assumed is wrong) stays as it was.
    evidence : shape (n,), the logarithm of an e-value against `null`: its exponential exceeds x
        at any time with a chance of at most 1 / x if `null` is the truth.
    null : what stands for no difference: 0 for an effect, 1 for a ratio.
    """

    value: Floats
    low: Floats
    high: Floats
    evidence: Floats
    null: float = 0.0

    def __len__(self) -> int:
        return len(self.value)

    @property
    def decided(self) -> int | None:
        """The index of the first observation after which `null` is outside; None if it never is."""
        outside = (self.low > self.null) | (self.high < self.null)
        return int(outside.argmax()) if outside.any() else None


def mean_sequence(
    observed: Floats,
    lowest: Floats,
    highest: Floats,
    *,
    scale: Floats,
    within: tuple[float, float] = (-1.0, 1.0),
    level: float = LEVEL,
) -> Sequence:
    """The mean of observations whose ranges were known before each was drawn.

    Each has the same mean, given those before it. Where means differ from one observation to the
    next, `low` is below the largest and `high` above the smallest of them; evidence against 0 is
    right as long as no mean is other than 0.

    Parameters
    ----------
    observed : shape (n,).
    lowest, highest : shape (n,), between which each lies; may depend on earlier ones only.
    scale : shape (n,), about how far each is from its mean, above 0, told from earlier ones only.
        A bad guess makes intervals wider, never wrong.
    within : where the mean can be; holds 0.

    Raises
    ------
    EventsError : an array has another shape, or an observation is outside its range.
    """
    _refuse_level(level)
    for name, one in (("lowest", lowest), ("highest", highest), ("scale", scale)):
        _refuse_other_shape(name, one, observed.shape)
    _refuse(~((lowest <= observed) & (observed <= highest)), "the observation is not in its range")
    _refuse(~((scale > 0.0) & np.isfinite(scale)), "the scale is not above 0")
    if not within[0] <= 0.0 <= within[1]:
        raise EventsError(f"`within` is {within}: it has to hold 0")
    ends = (
        Ends(loss=within[1] - lowest, node=nodes(*within)),
        Ends(loss=highest - within[0], node=-nodes(*within)[::-1]),
    )
    per = np.ones(len(observed))
    low, high, evidence = watched(observed, per, scale, ends, null=0.0, level=level)
    value = np.clip(np.cumsum(observed) / _counts(len(observed)), low, high)
    return Sequence(value, low, high, evidence)


def effect_sequence(
    treated: Bools,
    share: Floats,
    outcome: Floats,
    expected: Floats | None = None,
    *,
    level: float = LEVEL,
) -> Sequence:
    """How much more an arm comes to than another, both drawn by lot, exactly and at all times.

    What is watched is the augmented score of each lead (Robins, Rotnitzky and Zhao 1994): the lot
    is known, so that its mean is the effect whatever was expected. With no effect on anyone it
    stays exact when outcomes drift over time.

    Parameters
    ----------
    treated : shape (n,), who of the two arms' leads is in the first arm; in the order in which
        outcomes came due (see above).
    share : shape (n,), the probability in (0, 1) with which each was put there; among the two arms.
    outcome : shape (n,), in [0, 1].
    expected : shape (n, 2), the outcome in [0, 1] expected of each in the second arm and in the
        first, from earlier leads (and its own covariates) only: see `expected_outcomes`. Without
        it, the mean of the earlier ones.

    Raises
    ------
    EventsError : an array has another shape or leaves its range; names the first row.
    """
    _refuse_arms(treated, share, outcome)
    if expected is None:
        mean = _mean_before(outcome)
        expected = np.column_stack([mean, mean])
    _refuse_other_shape("expected", expected, (len(outcome), 2))
    inside = np.all((expected >= 0.0) & (expected <= 1.0), axis=1)
    _refuse(np.asarray(~inside), "`expected` is not in [0, 1]")
    # The score depends on one mixture of the two expectations only.
    middle = (1.0 - share) * expected[:, 1] + share * expected[:, 0]
    score = np.where(treated, 1.0 / share, -1.0 / (1.0 - share)) * (outcome - middle)
    highest = np.maximum((1.0 - middle) / share, middle / (1.0 - share))
    lowest = -np.maximum(middle / share, (1.0 - middle) / (1.0 - share))
    score = np.clip(score, lowest, highest)  # but for rounding it is there
    variance = _mean_before((outcome - middle) ** 2, first=0.25) / (share * (1.0 - share))
    return mean_sequence(score, lowest, highest, scale=np.sqrt(variance), level=level)


def relative_risk_sequence(
    treated: Bools, share: Floats, outcome: Floats, *, level: float = LEVEL
) -> Sequence:
    """How many times as much an arm comes to as another, both drawn by lot, at all times.

    A ratio of r means that, counted by 1 / the probability of its arm, r / (1 + r) of all that
    comes is the first arm's; whoever comes to nothing says nothing of it. That share is bet on.
    Evidence is against a ratio of 1. It is right for a ratio that stays, whatever the rates do.

    Parameters
    ----------
    treated, share, outcome : as for `effect_sequence`.

    Returns
    -------
    Sequence : `high` is infinite while the second arm may come to nothing; `value` is NaN while
        neither came to anything.

    Raises
    ------
    EventsError : as for `effect_sequence`.
    """
    _refuse_level(level)
    _refuse_arms(treated, share, outcome)
    first = np.where(treated, outcome / share, 0.0)
    second = np.where(treated, 0.0, outcome / (1.0 - share))
    loss, win = 1.0 / (1.0 - share), 1.0 / share
    # The variance of (1 - s) first - s second at s = 1/2.
    variance = 0.25 * _mean_before(outcome**2) / (share * (1.0 - share))
    node = shares_of_ratio()
    ends = Ends(loss, node), Ends(win, -node[::-1])
    low, high, evidence = watched(
        first, first + second, np.sqrt(variance), ends, null=0.5, level=level
    )
    total, other = np.cumsum(first), np.cumsum(second)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high, ratio = low / (1.0 - low), high / (1.0 - high), total / other
    return Sequence(np.clip(ratio, low, high), low, high, evidence, null=1.0)


def expected_outcomes(covariates: Floats, treated: Bools, share: Floats, outcome: Floats) -> Floats:
    """Shape (n, 2), in [0, 1]: what was to be expected of each lead, told by earlier leads alone.

    A ridge regression that is fitted anew whenever there are a fifth more leads, first at 50. It
    minimises the spread of the scores of `effect_sequence` and foresees the same in both arms,
    which is all that those scores make use of.

    Parameters
    ----------
    covariates : shape (n, d), known before each was put into its arm; NaN where absent.
    treated, share, outcome : as for `effect_sequence`.

    Raises
    ------
    EventsError : as for `effect_sequence`.
    """
    _refuse_arms(treated, share, outcome)
    n = len(outcome)
    if covariates.ndim != 2 or len(covariates) != n:
        raise EventsError(f"`covariates` has shape {covariates.shape}, not ({n}, columns)")
    found = _mean_before(outcome)
    weight = np.where(treated, share, 1.0 - share) ** -2.0
    start = _FIRST_FIT
    while start < n:
        stop = min(n, int(np.ceil(start * _GROWTH)))
        earlier = _Ridge.of(covariates[:start], outcome[:start], weight[:start])
        found[start:stop] = earlier.predict(covariates[start:stop])
        start = stop
    clipped = np.clip(found, 0.0, 1.0)
    return np.column_stack([clipped, clipped])


# ------------------------------------------------------------------------------------- predictions


@dataclass(frozen=True, eq=False, slots=True)
class _Ridge:
    """A regression on standardised columns; what is absent counts as the mean."""

    middle: Floats
    spread: Floats
    slope: Floats
    base: float

    @classmethod
    def of(cls, covariates: Floats, outcome: Floats, weight: Floats) -> _Ridge:
        known = np.isfinite(covariates)
        size = np.maximum(known.sum(axis=0), 1)
        middle = np.where(known, covariates, 0.0).sum(axis=0) / size
        apart = np.where(known, covariates - middle, 0.0)
        spread = np.sqrt((apart**2).sum(axis=0) / size)
        columns = apart / np.where(spread > 0.0, spread, 1.0)
        weight = weight / weight.mean()
        # The weighted means are taken off, so that they are not shrunk.
        base, shift = (float(np.average(outcome, weights=weight)), weight @ columns / weight.sum())
        centred = columns - shift
        gram = (centred * weight[:, None]).T @ centred + _PENALTY * np.eye(columns.shape[1])
        slope = np.linalg.solve(gram, centred.T @ (weight * (outcome - base)))
        return cls(middle, spread, slope, base - float(shift @ slope))

    def predict(self, covariates: Floats) -> Floats:
        apart = np.where(np.isfinite(covariates), covariates - self.middle, 0.0)
        # A column that never varied says nothing, whatever it becomes.
        scaled = np.divide(apart, self.spread, out=np.zeros_like(apart), where=self.spread > 0.0)
        predicted: Floats = scaled @ self.slope + self.base
        return predicted


def _mean_before(values: Floats, first: float = 0.5) -> Floats:
    """Shape (n,): the mean of `first` and all earlier values."""
    total = np.concatenate([[first], values[:-1]]).cumsum()
    return total[: len(values)] / _counts(len(values))


def _counts(n: int) -> Floats:
    return np.arange(1.0, n + 1.0)


# ---------------------------------------------------------------------------------------- checking


def _refuse(wrong: Bools, problem: str) -> None:
    if wrong.any():
        raise EventsError(f"row {int(wrong.argmax())}: {problem}")


def _refuse_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise EventsError(f"a level lies between 0 and 1, not at {level:g}")


def _refuse_other_shape(name: str, array: npt.NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise EventsError(f"`{name}` has shape {array.shape}, not {shape}")


def _refuse_arms(treated: Bools, share: Floats, outcome: Floats) -> None:
    if outcome.ndim != 1:
        raise EventsError(f"`outcome` has shape {outcome.shape}, not (leads,)")
    _refuse_other_shape("treated", treated, outcome.shape)
    _refuse_other_shape("share", share, outcome.shape)
    _refuse(~((share > 0.0) & (share < 1.0)), "the share of an arm is not between 0 and 1")
    _refuse(~((outcome >= 0.0) & (outcome <= 1.0)), "the outcome is not in [0, 1]")
