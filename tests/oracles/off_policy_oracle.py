"""The slow obvious version of `models.judging.off_policy`: one loop a figure, on lists.

Written from what the estimators are said to be, with the interval from the tables of a statistics
package. It knows nothing of influence arrays or of bincount, so it can be wrong in other ways only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import stats

__all__ = ["OracleDecision", "OracleEstimate", "oracle_disagreement", "oracle_gain", "oracle_value"]


@dataclass(frozen=True, slots=True)
class OracleDecision:
    """One decision with all that is known of it; lists have one entry an option."""

    logged: Sequence[float]
    target: Sequence[float]
    baseline: Sequence[float]
    predicted: Sequence[float]
    chosen: int
    value: float
    lead: int


@dataclass(frozen=True, slots=True)
class OracleEstimate:
    """A figure, its standard error, its interval."""

    value: float
    error: float
    low: float
    high: float


Policy = Callable[[OracleDecision], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Moves:
    """A figure, how far each decision moves it, its surprise, and how far each option would."""

    value: float
    each: list[float]
    surprise: list[float]
    options: list[list[float]]


def _weight(decision: OracleDecision, policy: Policy) -> float:
    return policy(decision)[decision.chosen] / decision.logged[decision.chosen]


def _options(decisions: Sequence[OracleDecision], policy: Policy, size: float) -> list[list[float]]:
    return [
        [
            wanted / chance / size if chance > 0 else 0.0
            for wanted, chance in zip(policy(one), one.logged, strict=True)
        ]
        for one in decisions
    ]


def _ips(decisions: Sequence[OracleDecision], policy: Policy) -> Moves:
    terms = [_weight(one, policy) * one.value for one in decisions]
    value = math.fsum(terms) / len(terms)
    return Moves(
        value,
        [(term - value) / len(terms) for term in terms],
        [one.value for one in decisions],
        _options(decisions, policy, len(decisions)),
    )


def _snips(decisions: Sequence[OracleDecision], policy: Policy) -> Moves:
    weights = [_weight(one, policy) for one in decisions]
    total = math.fsum(weights)
    value = math.fsum(w * one.value for w, one in zip(weights, decisions, strict=True)) / total
    return Moves(
        value,
        [w * (one.value - value) / total for w, one in zip(weights, decisions, strict=True)],
        [one.value - value for one in decisions],
        _options(decisions, policy, total),
    )


def _dr(decisions: Sequence[OracleDecision], policy: Policy) -> Moves:
    terms = []
    for one in decisions:
        expected = 0.0
        for probability, predicted in zip(policy(one), one.predicted, strict=True):
            expected += probability * predicted
        terms.append(expected + _weight(one, policy) * (one.value - one.predicted[one.chosen]))
    value = math.fsum(terms) / len(terms)
    return Moves(
        value,
        [(term - value) / len(terms) for term in terms],
        [one.value - one.predicted[one.chosen] for one in decisions],
        _options(decisions, policy, len(decisions)),
    )


ESTIMATORS = {"ips": _ips, "snips": _snips, "dr": _dr}


def _minus(one: Moves, other: Moves) -> Moves:
    return Moves(
        one.value - other.value,
        [a - b for a, b in zip(one.each, other.each, strict=True)],
        [(a + b) / 2 for a, b in zip(one.surprise, other.surprise, strict=True)],
        [
            [a - b for a, b in zip(mine, theirs, strict=True)]
            for mine, theirs in zip(one.options, other.options, strict=True)
        ],
    )


def _of_leads(decisions: Sequence[OracleDecision], moves: Moves) -> list[float]:
    sums: dict[int, float] = {}
    for decision, move in zip(decisions, moves.each, strict=True):
        sums[decision.lead] = sums.get(decision.lead, 0.0) + move
    return list(sums.values())


def _error(sums: Sequence[float]) -> float:
    return math.sqrt(len(sums) / (len(sums) - 1) * math.fsum(each**2 for each in sums))


def _estimate(decisions: Sequence[OracleDecision], moves: Moves) -> OracleEstimate:
    """Student's interval; on each side, in quadrature, three times the most extreme lead's move.

    Or what was likely to come and did not, where that is more.
    """
    value, sums = moves.value, _of_leads(decisions, moves)
    error = _error(sums)
    quantile = float(stats.t.ppf(0.975, len(sums) - 1))
    half = quantile * error
    together = math.fsum(each**2 for each in sums) / math.fsum(each**2 for each in moves.each)
    quantile *= math.sqrt(together)
    above = max(3 * max(0.0, *sums), _lacking(decisions, moves, 1, quantile))
    below = max(-3 * min(0.0, *sums), _lacking(decisions, moves, -1, quantile))
    low = value - math.sqrt(half**2 + below**2)
    high = value + math.sqrt(half**2 + above**2)
    return OracleEstimate(value, error, low, high)


def _lacking(
    decisions: Sequence[OracleDecision], moves: Moves, side: int, quantile: float
) -> float:
    """Over all weights from which on options count by their mean: the least sum of both parts."""
    n, seen = len(decisions), 0.0
    expected: list[tuple[float, float, float]] = []
    for one, surprise, options in zip(decisions, moves.surprise, moves.options, strict=True):
        seen += max(0.0, side * options[one.chosen] * surprise) ** 2
        for chance, scale in zip(one.logged, options, strict=True):
            of_all = [max(0.0, side * scale * other) for other in moves.surprise]
            brings = math.fsum(of_all) / n
            square = math.fsum(move**2 for move in of_all) / n
            expected.append((abs(scale), chance * brings, chance * square))
    expected.sort(reverse=True)
    heavy, light = 0.0, math.fsum(square for _, _, square in expected)
    least = quantile * math.sqrt(max(0.0, light - seen))
    for at, (weight, brings, square) in enumerate(expected):
        heavy, light = heavy + brings, light - square
        if at + 1 == len(expected) or expected[at + 1][0] != weight:
            least = min(least, 3 * heavy + quantile * math.sqrt(max(0.0, light - seen)))
    return least


def _target(decision: OracleDecision) -> Sequence[float]:
    return decision.target


def _baseline(decision: OracleDecision) -> Sequence[float]:
    return decision.baseline


def oracle_value(decisions: Sequence[OracleDecision]) -> dict[str, OracleEstimate | float]:
    """The three estimates of the target's value, and what `PolicyValue` says beside them."""
    weights = [_weight(one, _target) for one in decisions]
    supported = [
        probability
        for one in decisions
        for probability, logged in zip(one.target, one.logged, strict=True)
        if logged > 0
    ]
    return {
        **{name: _estimate(decisions, of(decisions, _target)) for name, of in ESTIMATORS.items()},
        "effective_sample_size": math.fsum(weights) ** 2 / math.fsum(w**2 for w in weights),
        "largest_weight": max(weights),
        "support": math.fsum(supported) / math.fsum(p for one in decisions for p in one.target),
        "matched": float(sum(one.target[one.chosen] > 0 for one in decisions)),
    }


def oracle_gain(decisions: Sequence[OracleDecision]) -> dict[str, OracleEstimate]:
    """The three estimates of the target's value less the baseline's."""
    return {
        name: _estimate(decisions, _minus(of(decisions, _target), of(decisions, _baseline)))
        for name, of in ESTIMATORS.items()
    }


def oracle_disagreement(decisions: Sequence[OracleDecision], *, of_gain: bool) -> float:
    """Standard errors of the paired difference between DR and SNIPS."""
    dr, snips = _dr(decisions, _target), _snips(decisions, _target)
    if of_gain:
        dr = _minus(dr, _dr(decisions, _baseline))
        snips = _minus(snips, _snips(decisions, _baseline))
    apart = _minus(dr, snips)
    return abs(apart.value) / _error(_of_leads(decisions, apart))
