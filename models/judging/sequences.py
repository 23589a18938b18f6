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

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats
from features.errors import EventsError

__all__ = [
    "Sequence",
    "effect_sequence",
    "expected_outcomes",
    "mean_sequence",
    "relative_risk_sequence",
]

LEVEL: Final = 0.95
_BETS: Final = 0.00125 * 2.0 ** np.arange(10)
"""What is staked, in standard deviations: an effect of d of these is found soonest with d staked.

From 0.001 (which takes a million leads to see) to 0.6, each at most sqrt(2) from the next."""
_SHARES: Final = np.array([1, 1, 2, 4, 9, 12, 12, 7, 3, 1]) / 52.0
"""How the capital is shared among the bettors: most to effects that 100 to 10,000 leads show."""
_MOST: Final = 0.75
"""The part of the capital that a single lead can cost, at most."""
_NODES: Final = 24
_ROUNDS: Final = 20
_BANK: Final = 32
"""Leads after which a common factor is taken out: one lead's of up to 1e9 does not overflow."""
_NOTHING: Final = -1e4
_MOST_RISK: Final = 200.0
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
        _Ends(loss=within[1] - lowest, node=_nodes(*within)),
        _Ends(loss=highest - within[0], node=-_nodes(*within)[::-1]),
    )
    per = np.ones(len(observed))
    low, high, evidence = _watched(observed, per, scale, ends, null=0.0, level=level)
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
    node = _shares_of_ratio()
    ends = _Ends(loss, node), _Ends(win, -node[::-1])
    low, high, evidence = _watched(
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


# ----------------------------------------------------------------------------------------- betting


@dataclass(frozen=True, eq=False, slots=True)
class _Ends:
    """One side of the interval.

    Parameters
    ----------
    loss : shape (n,), what a stake of 1 can cost at most, wherever the mean is.
    node : shape (m,), ascending: candidates at which the capital is followed.
    """

    loss: Floats
    node: Floats


def _nodes(lowest: float, highest: float) -> Floats:
    """Candidates from one end to the other, the closer the nearer to 0."""
    apart = np.geomspace(1e-3, 1.0, _NODES)
    below = -apart[::-1] * -lowest if lowest < 0.0 else np.empty(0)
    above = apart * highest if highest > 0.0 else np.empty(0)
    return np.concatenate([below, [0.0], above])


def _shares_of_ratio() -> Floats:
    """What share of all that comes is the first arm's, at ratios evenly spread in logarithms."""
    ratio = np.exp(np.linspace(-np.log(_MOST_RISK), np.log(_MOST_RISK), 2 * _NODES + 1))
    share = ratio / (1.0 + ratio)
    share[_NODES] = 0.5
    return np.concatenate([[0.0], share, [1.0]])


def _watched(
    gained: Floats,
    per: Floats,
    scale: Floats,
    ends: tuple[_Ends, _Ends],
    *,
    null: float,
    level: float,
) -> tuple[Floats, Floats, Floats]:
    """Low, high and evidence where `gained - m * per` has a mean of 0 at the true m."""
    needed = np.log(2.0 / (1.0 - level))  # each side has half of what may go wrong
    bounds, capitals = [], []
    for sign, end in zip((1.0, -1.0), ends, strict=True):
        stake = np.minimum(_BETS / scale[:, None], _MOST / end.loss[:, None])
        at = int(np.flatnonzero(end.node == sign * null)[0])
        bound, capital = np.empty(len(gained)), np.empty(len(gained))
        _bet(sign * gained, per, stake, end.node, at, _SHARES, needed, (bound, capital))
        bounds.append(bound)
        capitals.append(capital)
    low, high = _apart(bounds[0], -bounds[1])
    return low, high, np.logaddexp(*capitals) - np.log(2.0)


def _apart(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The bounds until they would cross; from there on, as they were."""
    crossed = low > high
    if not crossed.any():
        return low, high
    last = max(int(crossed.argmax()) - 1, 0)
    low, high = low.copy(), high.copy()
    low[last:], high[last:] = low[last], high[last]
    return low, high


@numba.njit(cache=True, nogil=True)
def _bet(
    gained: Floats,
    per: Floats,
    stake: Floats,
    node: Floats,
    null: int,
    share: Floats,
    needed: float,
    out: tuple[Floats, Floats],
) -> None:
    """Bet that the mean is above each candidate; fill the bound, and the capital at the null.

    Capital at a candidate m is a mixture of products of 1 + stake (gained - m per). Of each bettor
    it is log-concave in m, so that between two candidates it is at least the straight line through
    the logarithms: the bound found so is never too high.
    """
    bound, capital = out
    held = np.empty((len(share), len(node)))  # of each bettor, over the exponential of banked
    for bettor in range(len(share)):
        held[bettor] = share[bettor]
    banked = np.zeros(len(node))
    lowest, at = node[0], 0
    for row in range(len(gained)):
        _settle(held, gained[row] - node * per[row], stake[row])
        if row % _BANK == _BANK - 1:
            _take_out(held, banked)
        capital[row] = _total(held, banked, null)
        while at < len(node) - 1 and _total(held, banked, at + 1) >= needed:
            at += 1
            lowest = max(lowest, node[at])
        # Between two candidates that are not out, nothing is.
        if at < len(node) - 1 and _total(held, banked, at) >= needed:
            left = _logs(banked[at], held[:, at])
            right = _logs(banked[at + 1], held[:, at + 1])
            lowest = _crossing(left, right, node[at], node[at + 1], lowest, needed)
        bound[row] = lowest


@numba.njit(cache=True, nogil=True)
def _settle(held: Floats, edge: Floats, stake: Floats) -> None:
    """What each bettor has after a lead that brought so much at each candidate."""
    for bettor in range(len(stake)):
        for candidate in range(len(edge)):
            held[bettor, candidate] *= 1.0 + stake[bettor] * edge[candidate]


@numba.njit(cache=True, nogil=True)
def _take_out(held: Floats, banked: Floats) -> None:
    """Make the richest bettor's part 1 at each candidate, and keep what it was divided by."""
    for candidate in range(len(banked)):
        most = held[:, candidate].max()
        held[:, candidate] /= most
        banked[candidate] += np.log(most)


@numba.njit(cache=True, nogil=True)
def _total(held: Floats, banked: Floats, candidate: int) -> float:
    """The logarithm of all capital at a candidate."""
    return float(banked[candidate] + np.log(held[:, candidate].sum()))


@numba.njit(cache=True, nogil=True)
def _logs(banked: float, held: Floats) -> Floats:
    """The logarithm of what each bettor holds; who has next to nothing is left out."""
    logs = np.full(len(held), _NOTHING)
    for bettor in range(len(held)):
        if held[bettor] > 0.0:
            logs[bettor] = banked + np.log(held[bettor])
    return logs


@numba.njit(cache=True, nogil=True)
def _crossing(
    left: Floats, right: Floats, begin: float, end: float, lowest: float, needed: float
) -> float:
    """How far right of `lowest`, which is out, the capital is `needed` still."""
    slope = (right - left) / (end - begin)
    if _on_line(left, slope, lowest - begin) < needed:
        return lowest
    beyond = end
    for _ in range(_ROUNDS):
        middle = 0.5 * (lowest + beyond)
        if _on_line(left, slope, middle - begin) < needed:
            beyond = middle
        else:
            lowest = middle
    return lowest


@numba.njit(cache=True, nogil=True)
def _on_line(left: Floats, slope: Floats, along: float) -> float:
    """The logarithm of all capital, where each bettor's logarithm is a straight line."""
    most = -np.inf
    for bettor in range(len(left)):
        most = max(most, left[bettor] + slope[bettor] * along)
    total = 0.0
    for bettor in range(len(left)):
        total += np.exp(left[bettor] + slope[bettor] * along - most)
    return float(most + np.log(total))
