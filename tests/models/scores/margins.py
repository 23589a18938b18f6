"""Points with margins, and what is made of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.special import expit

from models.scores.calibration import (
    Calibrator,
    calibrate,
)
from models.scores.step_rates import StepRates
from models.scores.venn_abers import Unseen
from tests.oracles.calibration_oracle import (
    Point,
)

PRIOR = StepRates.prior(np.array([0.4]))
RATE = -0.5
"""The log-odds of a lead whose margin is zero."""


def planted(seed, *, tells, leads=200, per_lead=5):
    """Lead, margin, outcome: all points of a lead are alike, so that a lead is one observation."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(0.0, 1.0, leads)
    happened = (rng.random(leads) < expit(RATE + tells * margin)).astype(np.float64)
    lead = np.repeat(np.arange(leads), per_lead)
    return lead, margin[lead], happened[lead]


def alike(happened, lead) -> Unseen:
    """Points that count alike, of one step."""
    zeros = np.zeros(len(lead))
    return Unseen(zeros.astype(np.int64), zeros, happened, lead, zeros + 1.0)


def fitted(lead, margin, happened, *, position=None, prior=PRIOR, seed=0) -> Calibrator:
    position = np.zeros(len(lead), dtype=np.int64) if position is None else position
    rates = prior.updated(position, happened, lead)
    typical = np.full(len(prior.mean), margin.mean())
    stood = [len(np.unique(lead[position == at])) for at in range(len(prior.mean))]
    there = np.array(stood, dtype=np.float64)
    points = Unseen(position, margin, happened, lead, np.ones(len(lead)))
    return calibrate(rates, points, typical, there, seed)


def probability(calibrator, margin, position=0):
    at = np.full(len(margin), position)
    return expit(calibrator.log_odds(at, margin))


def interval(calibrator, chance, position=0):
    return calibrator.interval(np.full(len(chance), position), chance)


def slope(calibrator):
    """That of the rung on which the planted leads stand."""
    return float(calibrator.slope[0])


def columns(points):
    """Lead, step, margin and outcome of points, as arrays."""
    return (
        np.array([point.lead for point in points], dtype=np.int64),
        np.array([point.step for point in points], dtype=np.int64),
        np.array([point.margin for point in points], dtype=np.float64),
        np.array([point.happened for point in points], dtype=np.float64),
    )


@st.composite
def worlds(draw, most_leads=60):
    """Points of some leads, one of whom may have very many; rates before them; typical margins.

    The margins tell much, little or nothing, are small or huge, and often tie.
    """
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps, leads = draw(st.integers(1, 3)), draw(st.integers(2, most_leads))
    tells, scale = (draw(st.sampled_from(of)) for of in ([0.0, 0.7, 1.5, 3.0], [0.3, 1.0, 8.0]))
    lead = np.repeat(np.arange(leads), draw(st.integers(1, 5)))
    lead = np.append(lead, np.full(draw(st.sampled_from([0, 0, 80])), leads // 2))
    step = chance.integers(0, steps, len(lead))
    margin = np.round(chance.normal(0.0, 1.0, len(lead)) * 4) / 4
    log_odds = chance.normal(0.0, 1.5, steps)[step] + tells * margin
    happened = chance.random(len(lead)) < expit(log_odds)
    rows = (column.tolist() for column in (lead, step, scale * margin, happened))
    points = [Point(*row) for row in zip(*rows, strict=True)]
    prior = StepRates.prior(chance.uniform(0.02, 0.98, steps))
    return points, prior, scale * chance.normal(size=steps)
