"""The slow obvious version of the calibration: Newton's method, bisection, pooled blocks.

Written from what the calibration is said to do. A lead's points are told apart from another's by
its number alone; what the steps share is found from all points by the textbook's logistic
regression with a Gaussian prior. For the Venn-ABERS pair there is a second oracle, the package of
that name; it knows no weights, so that a weight is as many rows.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

with np.errstate():  # the package silences numpy for good when it is imported
    from venn_abers import VennAbers  # type: ignore[import-untyped]

__all__ = [
    "OracleCalibration",
    "Point",
    "oracle_calibration",
    "oracle_curve",
    "oracle_firm",
    "oracle_pair",
    "package_pair",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """A lead on a step, with the margin of a model that has not seen it, and what came of it.

    Of an interval each counts with its weight; what is served is told here of points alike.
    """

    lead: int
    step: int
    margin: float
    happened: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class OracleCalibration:
    """What is served at each step, and how far the margins are believed.

    Parameters
    ----------
    z : the slope in its standard errors.
    typical : the log-odds of the typical lead of each step.
    slope : of each step, how much of a margin's distance from the typical one is believed.
    """

    z: float
    typical: list[float]
    slope: list[float]


def chance(log_odds: float) -> float:
    """A probability, without an overflow at either end."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    return math.exp(log_odds) / (1.0 + math.exp(log_odds))


def oracle_firm(z: float) -> float:
    """The share of a slope that firm shrinkage leaves (Gao and Bruce 1997, thresholds 2.5 and 5).

    A slope that points the wrong way is none.
    """
    if z < 2.5:
        return 0.0
    left = z if z > 5.0 else 5.0 * (z - 2.5) / (5.0 - 2.5)
    return left / z if left > 0.0 else 0.0


def oracle_calibration(
    points: Sequence[Point],
    rates: Sequence[float],
    typical_margin: Sequence[float],
    leads_at_step: Sequence[float],
) -> OracleCalibration:
    """Between the rate of a step and what the margin says there, by how much was learned."""
    steps = range(len(rates))
    intercepts, slope = _regression(points, len(rates))
    said = [intercepts[at] + slope * typical_margin[at] for at in steps]
    z = _slope_in_errors(points, said, slope, typical_margin)
    weight = [oracle_firm(z) * leads_at_step[at] / (leads_at_step[at] + 5.0) for at in steps]
    at_rate = [math.log(rate / (1.0 - rate)) for rate in rates]
    between = [(1.0 - weight[at]) * at_rate[at] + weight[at] * said[at] for at in steps]

    def mean_served(level: float) -> float:
        served = []
        for point in points:
            own = weight[point.step]
            distance = point.margin - typical_margin[point.step]
            served.append(chance(between[point.step] + own * level + own * slope * distance))
        return math.fsum(served) / len(served)

    # Where a rate and what the margins say lie far apart, the mean of what is served between them
    # is not the mean of what the regression says: a level is added, step by step by its weight.
    wanted = [chance(intercepts[point.step] + slope * point.margin) for point in points]
    level = _root(mean_served, math.fsum(wanted) / len(wanted)) if any(weight) else 0.0
    return OracleCalibration(
        z,
        [between[at] + weight[at] * level for at in steps],
        [weight[at] * slope for at in steps],
    )


def _regression(points: Sequence[Point], n_steps: int) -> tuple[list[float], float]:
    """Each step's intercept, and the slope, where the posterior is highest.

    A step's intercept is one for all and its own, both expected within 0.2 of nothing; of the slope
    nothing is expected. A lead speaks once: its points share one voice, as many as leads have on
    average.
    """
    voice = len({point.lead for point in points}) / len(points)
    rows = np.zeros((len(points), n_steps + 2))
    for at, point in enumerate(points):
        rows[at, point.step] = 1.0
        rows[at, n_steps] = 1.0
        rows[at, n_steps + 1] = point.margin
    happened = np.array([float(point.happened) for point in points])
    precision = np.diag([1.0 / 0.2**2] * (n_steps + 1) + [0.0])

    def loss(values: Floats) -> float:
        log_odds = rows @ values
        surprise = sum(
            np.logaddexp(0.0, -x if y else x) for x, y in zip(log_odds, happened, strict=True)
        )
        return float(voice * surprise + 0.5 * values @ precision @ values)

    values = np.array([0.0] * (n_steps + 1) + [1.0])
    for _ in range(100):
        told = np.array([chance(x) for x in rows @ values])
        gradient = voice * rows.T @ (told - happened) + precision @ values
        curvature = voice * (rows.T * (told * (1.0 - told))) @ rows + precision
        step = np.linalg.solve(curvature + 1e-12 * np.eye(len(values)), gradient)
        size = 1.0
        while loss(values - size * step) > loss(values) + 1e-9:
            size /= 2.0
        values = values - size * step
        if np.abs(step).max() < 1e-10:
            break
    return [float(values[at] + values[n_steps]) for at in range(n_steps)], float(values[-1])


def _slope_in_errors(
    points: Sequence[Point], said: Sequence[float], slope: float, typical: Sequence[float]
) -> float:
    """The slope by its standard error: the sandwich's, with the scores of a lead summed first."""
    information = 0.0
    score: dict[int, float] = {}
    for point in points:
        distance = point.margin - typical[point.step]
        told = chance(said[point.step] + slope * distance)
        information += told * (1.0 - told) * distance**2
        score[point.lead] = score.get(point.lead, 0.0) + (point.happened - told) * distance
    meat = math.fsum(each**2 for each in score.values())
    if information == 0.0 or meat == 0.0:
        return 0.0
    return slope / math.sqrt(meat / information**2)


def _root(rising: Callable[[float], float], wanted: float) -> float:
    low, high = -1.0, 1.0
    while rising(low) > wanted:
        low *= 2.0
    while rising(high) < wanted:
        high *= 2.0
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2.0


# ---------------------------------------------------------------------------------------- Intervals


def oracle_curve(
    probability: Sequence[float], points: Sequence[Point], seed: int, drawings: int = 200
) -> tuple[list[float], list[float], list[float]]:
    """A grid of probabilities, and the ends of the interval at each.

    Points of like probability are counted together, so that there are at most 1000 groups; points
    of the same probability are in one. The grid is 128 quantiles.

    In each drawing every lead weighs anew, and with them one that is added at the score: the ends
    are the lowest but 5 % of what that one is told as a failure, and the highest but 5 % of what it
    is told as a success. A score has no lower an end than one below it.
    """
    groups = _grouped(probability)
    weighed = [[(probability[at], points[at].weight) for at in group] for group in groups]
    middle = [
        math.fsum(score * weight for score, weight in row) / math.fsum(weight for _, weight in row)
        for row in weighed
    ]
    grid = _parted(sorted(_quantile(probability, at / 127) for at in range(128)))
    own = _points_a_lead(groups, points)
    draw = np.random.default_rng(seed)
    leads = sorted({point.lead for point in points})
    told: list[list[tuple[float, float]]] = [[] for _ in grid]
    for _ in range(drawings):
        *drawn, added = draw.exponential(size=len(leads) + 1).tolist()
        times = dict(zip(leads, drawn, strict=True))
        told_by = [[points[at] for at in each] for each in groups]
        rows = [[(times[one.lead] * one.weight, one.happened) for one in row] for row in told_by]
        sizes = [math.fsum(weight for weight, _ in row) for row in rows]
        reached = [math.fsum(weight for weight, happened in row if happened) for row in rows]
        of_lead = [added * each for each in own]
        for place, score in enumerate(grid):
            told[place].append(oracle_pair(middle, reached, sizes, score, of_lead))
    low = [_quantile([failure for failure, _ in pairs], 0.05) for pairs in told]
    high = [_quantile([success for _, success in pairs], 0.95) for pairs in told]
    return (
        grid,
        [min(*low[at:], score) for at, score in enumerate(grid)],
        [max(*high[: at + 1], score) for at, score in enumerate(grid)],
    )


def _grouped(probability: Sequence[float]) -> list[list[int]]:
    """The rows by like probability, at most 1000 times; those of one are together."""
    order = sorted(range(len(probability)), key=lambda at: probability[at])
    size = math.ceil(len(order) / 1000)
    groups: list[list[int]] = []
    former, first, number = -1.0, 0, -1
    for place, at in enumerate(order):
        if probability[at] - former > 1e-12 * probability[at]:
            first = place
        former = probability[at]
        if first // size != number:
            number = first // size
            groups.append([])
        groups[-1].append(at)
    return groups


def _parted(rising: Sequence[float]) -> list[float]:
    """Without those that only rounding parts from the one before."""
    before = [-1.0, *rising]
    return [one for former, one in zip(before, rising, strict=False) if one - former > 1e-12 * one]


def _points_a_lead(groups: Sequence[Sequence[int]], points: Sequence[Point]) -> list[float]:
    """Of each group, what a lead's points weigh in the groups that are pooled with it.

    It is the root of the mean over leads of the square of what their points weigh there.
    """
    told_by = [[points[at] for at in group] for group in groups]
    blocks = [
        (math.fsum(one.weight for one in row if one.happened), math.fsum(one.weight for one in row))
        for row in told_by
    ]
    rising = _rising(blocks)
    found = {}
    for rate in set(rising):
        rows = [one for at, row in enumerate(told_by) if rising[at] == rate for one in row]
        of_lead = dict.fromkeys((one.lead for one in rows), 0.0)
        for one in rows:
            of_lead[one.lead] += one.weight
        found[rate] = math.sqrt(math.fsum(of**2 for of in of_lead.values()) / len(of_lead))
    return [found[rate] for rate in rising]


def oracle_pair(
    middle: Sequence[float],
    reached: Sequence[float],
    sizes: Sequence[float],
    score: float,
    of_lead: Sequence[float] | None = None,
) -> tuple[float, float]:
    """What isotonic regression says of a lead that is added, as a failure and as a success.

    It counts with those that have its score, up to rounding, and weighs as a lead does there; at a
    score that none has, as one does at the next score below, if a failure, or above. (1 without.)
    """
    there = [abs(value - score) <= score * 1e-12 for value in middle]
    below = sum(value < score for value, same in zip(middle, there, strict=True) if not same)
    beside = (below if any(there) else max(below - 1, 0), min(below, len(middle) - 1))
    pair = []
    for outcome, like in zip((0.0, 1.0), beside, strict=True):
        added = of_lead[like] if of_lead else 1.0
        blocks = list(zip(reached, sizes, strict=True))
        own = (outcome * added, added)
        for value, weight in blocks[below : below + sum(there)]:
            own = (own[0] + value, own[1] + weight)
        blocks[below : below + sum(there)] = [own]
        pair.append(_rising(blocks)[below])
    return pair[0], pair[1]


def package_pair(
    middle: Sequence[float], reached: Sequence[int], sizes: Sequence[int], scores: Sequence[float]
) -> Floats:
    """The same at each score, shape (n, 2), by the package `venn-abers` from a row a lead."""
    rows, outcomes = [], []
    for score, successes, size in zip(middle, reached, sizes, strict=True):
        rows += [score] * size
        outcomes += [1] * successes + [0] * (size - successes)
    model = VennAbers()
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # of divisions by nothing, which the package passes over
        model.fit(_both_classes(rows), np.array(outcomes))
        _, pairs = model.predict_proba(_both_classes(scores))
    return np.asarray(pairs, dtype=np.float64)


def _both_classes(probability: Sequence[float]) -> Floats:
    return np.array([[1.0 - each, each] for each in probability])


def _rising(blocks: Sequence[tuple[float, float]]) -> list[float]:
    """Isotonic regression of (sum, weight) pairs: neighbours that fall are one, until none do."""
    pooled: list[tuple[float, float, int]] = []
    for total, weight in blocks:
        pooled.append((total, weight, 1))
        while len(pooled) > 1 and _mean(pooled[-2]) >= _mean(pooled[-1]):
            last, before = pooled.pop(), pooled.pop()
            pooled.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    return [_mean(block) for block in pooled for _ in range(block[2])]


def _mean(block: tuple[float, float, int]) -> float:
    return block[0] / block[1]


def _quantile(values: Sequence[float], share: float) -> float:
    """Between the two values around the place of the share."""
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    before = min(int(place), len(ranked) - 2) if len(ranked) > 1 else 0
    after = min(before + 1, len(ranked) - 1)
    return ranked[before] + (place - before) * (ranked[after] - ranked[before])
