"""The slow obvious version of `models.scores.recalibration`: matrices, dictionaries, one loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.scores.recalibration import Arrivals

__all__ = ["oracle_moves"]

_NO_CHANGE = "no change"


@dataclass
class _Estimate:
    half_life: float
    theta: Any
    curve: Any


def oracle_moves(arrivals: Arrivals, typical: float) -> list[tuple[float, float]]:
    """Intercept and slope after each outcome."""
    prior = np.diag([1 / 0.5**2, 1 / 0.2**2])
    estimates = [_Estimate(h, np.zeros(2), prior.copy()) for h in (150.0, 600.0, 2500.0)]
    first: dict[Any, float] = {one.half_life: 0.1 / 3 for one in estimates} | {_NO_CHANGE: 0.9}
    share, first_trust = dict(first), {"believed": 0.9, _NO_CHANGE: 0.1}
    trust = dict(first_trust)
    believed: list[Any] = []
    moves = []
    for at in range(len(arrivals.happened)):
        z, y, counts = (
            float(column[at]) for column in (arrivals.log_odds, arrivals.happened, arrivals.weight)
        )
        x = np.array([1.0, z - typical])
        losses: dict[Any, float] = {_NO_CHANGE: counts * _loss(z, y)}
        losses |= {one.half_life: counts * _loss(z + one.theta @ x, y) for one in estimates}
        share = _shared(share, losses, first, 0.001)
        known = [i for i in range(at) if arrivals.known_at[i] <= arrivals.as_of[at]]
        told = z + (believed[known[-1]] @ x if known else 0.0)
        both = {"believed": counts * _loss(told, y), _NO_CHANGE: losses[_NO_CHANGE]}
        trust = _shared(trust, both, first_trust, 0.0001)
        for one in estimates:
            kept = 0.5 ** (counts / one.half_life)
            p = 1 / (1 + math.exp(-(z + one.theta @ x)))
            spread = counts * max(p * (1 - p), 1e-12)
            one.curve = kept * one.curve + (1 - kept) * prior + spread * np.outer(x, x)
            down = counts * (p - y) * x + (1 - kept) * prior @ one.theta
            one.theta = one.theta - np.linalg.solve(one.curve, down)
        mean = sum((share[one.half_life] * one.theta for one in estimates), np.zeros(2))
        believed.append(np.array([np.clip(mean[0], -3.0, 3.0), np.clip(mean[1], -0.9, 0.9)]))
        shift, turn = trust["believed"] * believed[-1]
        moves.append((shift - turn * typical, 1.0 + turn))
    return moves


def _loss(z: float, y: float) -> float:
    p = 1 / (1 + math.exp(-z))
    return -math.log(p if y else 1 - p)


def _shared(
    share: dict[Any, float], losses: dict[Any, float], first: dict[Any, float], part: float
) -> dict[Any, float]:
    told = {name: share[name] * math.exp(-losses[name]) for name in share}
    total = sum(told.values())
    return {name: (1 - part) * told[name] / total + part * first[name] for name in share}
